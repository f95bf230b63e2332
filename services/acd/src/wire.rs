//! Proto ↔ domain.

use crate::floor::Hand;
use proto::acd::v1::{caller_event, caller_request, device_event, device_request, *};
use routing::{Agent, Input, Offer, Reach, Reached, Winner};
use types::{Timestamp, *};

pub fn caller_input(tenant: TenantId, call: CallId, what: caller_request::What) -> Option<Input> {
    Some(match what {
        caller_request::What::Join(join) => Input::Join {
            tenant,
            call,
            queue: join.queue.parse().ok()?,
            since: Timestamp::from_millis(join.waiting_since_ms),
            priority: join.priority,
            needs: join.needs.into_iter().map(need).collect::<Option<_>>()?,
            preferred: join.preferred_agent.parse().ok().zip(Some(join.preferred_for_ms)),
        },
        caller_request::What::Answered(answered) => {
            let (agent, queue) = (answered.agent.parse().ok(), answered.queue.parse().ok());
            let by = agent.zip(queue).map(|(agent, queue)| Winner { tenant, agent, queue });
            Input::Answered { call, reservation: answered.reservation.parse().ok()?, by }
        }
        caller_request::What::OfferEnded(ended) => Input::OfferEnded {
            call,
            reservation: ended.reservation.parse().ok()?,
            outcome: named(&ended.outcome)?,
        },
        caller_request::What::Release(_) => Input::Release { call },
        caller_request::What::Reach(reach) => Input::Reach(Reach {
            tenant,
            session: call,
            call: reach.call.parse().ok()?,
            agent: reach.agent.parse().ok()?,
            queue: reach.queue.parse().ok(),
            engage: reach.engage,
        }),
    })
}

fn need(need: caller_request::Need) -> Option<Skill> {
    Some(Skill { name: need.skill, level: need.level.try_into().ok()? })
}

/// `None` for a watch, which changes nothing.
pub fn device_input(tenant: TenantId, agent: AgentId, what: device_request::What) -> Option<Input> {
    let some = |text: String| (!text.is_empty()).then_some(text);
    Some(match what {
        device_request::What::Available(available) => {
            Input::Available { tenant, agent, line: available.line }
        }
        device_request::What::Aux(aux) => {
            Input::Aux { tenant, agent, reason: aux.reason, line: some(aux.line) }
        }
        device_request::What::FinishWrapUp(done) => Input::FinishWrapUp {
            agent,
            call: done.call.parse().ok()?,
            disposition: done.disposition.parse().ok(),
            note: some(done.note),
        },
        device_request::What::Offline(offline) => {
            Input::Offline { agent, reason: some(offline.reason).unwrap_or_else(|| "signed out".into()) }
        }
        device_request::What::Watch(_) => return None,
    })
}

pub fn caller_event(call: &CallId, what: caller_event::What) -> CallerEvent {
    CallerEvent { session: call.to_string(), what: Some(what) }
}

pub fn device_event(agent: &AgentId, what: device_event::What) -> DeviceEvent {
    DeviceEvent { session: agent.to_string(), what: Some(what) }
}

pub fn state_of(agent: &Agent) -> device_event::What {
    let text = |id: &Option<CallId>| id.as_ref().map(ToString::to_string).unwrap_or_default();
    device_event::What::StateChanged(device_event::StateChanged {
        state: name(agent.state),
        since_ms: agent.since.millis(),
        reason: agent.reason.clone().unwrap_or_default(),
        call: text(&agent.call),
        queue: agent.queue.as_ref().map(ToString::to_string).unwrap_or_default(),
        until_ms: agent.until.map_or(0, Timestamp::millis),
        lent_to: agent.loan.as_ref().map(|loan| loan.queue.to_string()).unwrap_or_default(),
        lent_until_ms: agent.loan.as_ref().map_or(0, |loan| loan.until.millis()),
        deferred: agent.deferred.as_ref().map(|(state, _)| name(*state)).unwrap_or_default(),
    })
}

pub fn reserved(offer: &Offer, agent_name: &str, now: Timestamp) -> caller_event::What {
    caller_event::What::Reserved(caller_event::Reserved {
        reservation: offer.reservation.to_string(),
        agent: offer.agent.to_string(),
        agent_name: agent_name.to_owned(),
        line: offer.line.clone(),
        deadline_ms: offer.deadline.millis(),
        attempt: offer.attempt,
        ring_ms: offer.deadline.since(now),
        also: !offer.alone,
    })
}

/// What desks show of a queue.
#[derive(Debug, Clone, Default)]
pub struct Face {
    pub name: String,
    pub script: String,
}

pub fn offer(offer: &Offer, queue: Face, caller: Caller, hand: &Hand) -> device_event::What {
    let hand = if offer.assigned { hand.clone() } else { Hand::default() };
    device_event::What::Offer(device_event::Offer {
        reservation: offer.reservation.to_string(),
        call: offer.call.to_string(),
        queue: offer.queue.to_string(),
        queue_name: queue.name,
        caller: Some(caller),
        waiting_since_ms: offer.since.millis(),
        deadline_ms: offer.deadline.millis(),
        attempt: offer.attempt,
        script: queue.script,
        assigned_by: hand.by,
        own: hand.own,
    })
}

/// An agent reached in person, for whoever asked.
pub fn reached(reached: &Reached, agent_name: &str) -> caller_event::What {
    caller_event::What::Reserved(caller_event::Reserved {
        reservation: reached.reservation.to_string(),
        agent: reached.agent.to_string(),
        agent_name: agent_name.to_owned(),
        line: reached.line.clone(),
        deadline_ms: reached.deadline.millis(),
        attempt: 1,
        ring_ms: reached.deadline.since(reached.since),
        also: false,
    })
}

/// The same for the agent's device.
pub fn personal_offer(reached: &Reached, queue: Face, caller: Caller) -> device_event::What {
    device_event::What::Offer(device_event::Offer {
        reservation: reached.reservation.to_string(),
        call: reached.call.to_string(),
        queue: reached.queue.as_ref().map(ToString::to_string).unwrap_or_default(),
        queue_name: queue.name,
        caller: Some(caller),
        waiting_since_ms: reached.since.millis(),
        deadline_ms: reached.deadline.millis(),
        attempt: 1,
        script: queue.script,
        assigned_by: String::new(),
        own: false,
    })
}
