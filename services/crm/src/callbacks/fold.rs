//! Facts → tasks. Called once for each fact, in the transaction of its call's row.

use super::{
    IN_LINE,
    store::{self, Lost},
};
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
        CallEvent::CallbackAsked { queue, number, in_line } => {
            asked(tx, fact, told, (Some(number), queue.as_ref()), *in_line, None).await
        }
        CallEvent::MessageLeft { queue, recording, .. } => {
            let number = events::number(view, tx.tenant(), &told.caller);
            asked(tx, fact, told, (number.as_ref(), queue.as_ref()), false, Some(recording)).await
        }
        CallEvent::AgentConnected { agent, .. } if inbound && told.asked => {
            store::kept(tx, &fact.call, fact.at, agent.as_str()).await
        }
        CallEvent::AgentConnected { .. } if inbound => {
            let number = events::number(view, tx.tenant(), &told.caller);
            through(tx, number, fact.at, How::CalledAgain, None).await
        }
        CallEvent::Joined { purpose: Purpose::Dial, target: Target::Number { number }, .. } if !inbound => {
            let agent = told.agent.as_deref();
            store::reached(tx, &fact.call, fact.at, agent).await?;
            through(tx, Some(number.clone()), fact.at, How::CalledBack, agent).await
        }
        CallEvent::Ended { .. } if !inbound => store::not_reached(tx, &fact.call).await,
        // The task is there already; nobody keeps the place any more.
        CallEvent::Ended { .. } if told.asked => store::out_of_line(tx, &fact.call).await,
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
    let queue = told.queue.as_deref();
    let lost = Lost { call: &fact.call, told, queue, stage: &stage, wait, at, what: "lost", recording: None };
    let task = match number {
        Some(number) if store::reached_at(tx, &number).await? <= at.millis() => {
            let id = CallbackId::new(at, random::u128());
            Some(store::merge(tx, id.as_str(), &number, &lost).await?)
        }
        _ => None,
    };
    store::missed(tx, &lost, task.as_deref()).await
}

/// The caller asked for a callback, or left a message.
async fn asked(
    tx: &mut TenantTx,
    fact: &CallFact,
    told: &Told,
    (number, queue): (Option<&E164>, Option<&QueueId>),
    in_line: bool,
    recording: Option<&RecordingId>,
) -> Result<()> {
    let lost = Lost {
        call: &fact.call,
        told,
        queue: queue.map(QueueId::as_str).or(told.queue.as_deref()),
        stage: &told.stage,
        wait: 0,
        at: fact.at,
        what: if recording.is_some() { "message" } else { "asked" },
        recording: recording.map(RecordingId::as_str),
    };
    let Some(number) = number else { return store::missed(tx, &lost, None).await };
    let id = CallbackId::new(fact.at, random::u128());
    let task = store::merge(tx, id.as_str(), number, &lost).await?;
    if in_line {
        store::in_line(tx, &task, &fact.call, fact.at + IN_LINE).await?;
    }
    store::missed(tx, &lost, Some(&task)).await
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
