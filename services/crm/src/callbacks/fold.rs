//! Facts → tasks. Called once for each fact, in the transaction of its call's row.

use super::store::{self, Lost};
use crate::{events, store::Told};
use chassis::random;
use eventlog::ConfigView;
use tenantdb::{Result, TenantTx};
use types::{
    fact::{CallEvent, CallFact},
    *,
};

/// How a task ends without anybody's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    CalledAgain,
    CalledBack,
}

impl How {
    pub fn name(self) -> &'static str {
        match self {
            How::CalledAgain => "called_again",
            How::CalledBack => "called_back",
        }
    }
}

/// An agent calls for a task.
pub async fn placed(tx: &mut TenantTx, fact: &CallFact, task: &CallbackId, agent: &AgentId) -> Result<()> {
    let id = AttemptId::new(fact.at, random::u128());
    store::attempt(tx, id.as_str(), (task, agent), &fact.call, fact.at).await
}

pub async fn fold(tx: &mut TenantTx, view: &ConfigView, fact: &CallFact, told: &Told) -> Result<()> {
    let inbound = told.direction == "inbound";
    match &fact.event {
        CallEvent::AgentConnected { .. } if inbound => {
            let number = events::number(view, tx.tenant(), &told.caller);
            through(tx, number, fact.at, How::CalledAgain, None).await
        }
        CallEvent::Joined { purpose: Purpose::Dial, target: Target::Number { number }, .. } => {
            let agent = told.agent.as_deref();
            store::reached(tx, &fact.call, fact.at, agent).await?;
            through(tx, Some(number.clone()), fact.at, How::CalledBack, agent).await
        }
        CallEvent::Ended { .. } if !inbound => store::not_reached(tx, &fact.call).await,
        CallEvent::Ended { cause, by, stage, wait, agent: None, .. }
            if lost(*by, *cause, *stage, told.queue.is_some()) =>
        {
            missed(tx, view, fact, told, (*stage, *wait)).await
        }
        _ => Ok(()),
    }
}

/// Whether a call that no agent answered is one that somebody must return. The
/// flow may let a caller go who got what was wanted; not one who had come as
/// far as a queue.
pub fn lost(by: Party, cause: HangupCause, stage: Stage, queued: bool) -> bool {
    match (by, cause) {
        _ if stage == Stage::SelfServed => false,
        (Party::Caller, _) => true,
        (_, HangupCause::FlowEnded) => queued,
        _ => true,
    }
}

async fn missed(
    tx: &mut TenantTx,
    view: &ConfigView,
    fact: &CallFact,
    told: &Told,
    (stage, wait): (Stage, Millis),
) -> Result<()> {
    let (at, number) = (fact.at, events::number(view, tx.tenant(), &told.caller));
    let stage = name(stage);
    let lost = Lost { call: &fact.call, told, stage: &stage, wait, at };
    let task = match number {
        Some(number) if store::reached_at(tx, &number).await? <= at.millis() => {
            let id = CallbackId::new(at, random::u128());
            Some(store::merge(tx, id.as_str(), &number, &lost).await?)
        }
        _ => None,
    };
    store::missed(tx, &lost, task.as_deref()).await
}

/// Somebody with this number talks with an agent: the task is done.
async fn through(
    tx: &mut TenantTx,
    number: Option<E164>,
    at: Timestamp,
    how: How,
    by: Option<&str>,
) -> Result<()> {
    match number {
        Some(number) => store::through(tx, &number, at, how, by).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_got_what_was_wanted_is_not_called_back() {
        use {HangupCause::*, Party::*, Stage::*};
        assert!(lost(Caller, Normal, Greeting, false) && lost(Caller, Cancelled, Ringing, true));
        assert!(!lost(Caller, Normal, SelfServed, false), "the flow had served the caller");
        assert!(!lost(System, FlowEnded, Menu, false), "the flow said all there was to say");
        assert!(lost(System, FlowEnded, Queue, true), "a queue that was full let the caller go");
        assert!(lost(System, MediaLost, Queue, true) && lost(System, Unavailable, Arriving, false));
    }
}
