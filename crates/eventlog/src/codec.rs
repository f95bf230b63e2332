//! Facts as bytes: the one translation between `types::fact` and events.v1.

use crate::{Error, Result};
use bytes::Bytes;
use prost::Message;
use proto::events::v1::{self as wire, agent_fact, call_fact};
use serde::de::DeserializeOwned;
use types::{Skill, Target, Timestamp, fact::*, name};

/// A fact that the log can carry.
pub trait Fact: Sized {
    type Wire: Message + Default;
    fn to_wire(&self) -> Self::Wire;
    fn from_wire(wire: Self::Wire) -> Result<Self>;
}

pub fn encode<F: Fact>(fact: &F) -> Bytes {
    fact.to_wire().encode_to_vec().into()
}

pub fn decode<F: Fact>(bytes: &[u8]) -> Result<F> {
    F::from_wire(F::Wire::decode(bytes)?)
}

fn named<T: DeserializeOwned>(name: String) -> Result<T> {
    types::named(&name).ok_or_else(|| Error::Fact(format!("{name:?} is not in the vocabulary")))
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T> {
    text.parse().map_err(|error: T::Err| Error::Fact(format!("{error}: {text:?}")))
}

fn some_id<T: std::str::FromStr<Err: std::fmt::Display>>(text: Option<String>) -> Result<Option<T>> {
    text.map(|text| id(&text)).transpose()
}

fn event<T>(event: Option<T>) -> Result<T> {
    event.ok_or_else(|| Error::Fact("a fact without an event".into()))
}

impl Fact for CallFact {
    type Wire = wire::CallFact;

    fn to_wire(&self) -> wire::CallFact {
        let event = Some(call_to_wire(&self.event));
        wire::CallFact { call_id: self.call.to_string(), seq: self.seq, at_ms: self.at.millis(), event }
    }

    fn from_wire(wire: wire::CallFact) -> Result<CallFact> {
        let event = call_from_wire(event(wire.event)?)?;
        Ok(CallFact {
            call: id(&wire.call_id)?,
            seq: wire.seq,
            at: Timestamp::from_millis(wire.at_ms),
            event,
        })
    }
}

fn target_to_wire(target: Target) -> Option<call_fact::Target> {
    let none = call_fact::Target::default();
    Some(match target {
        Target::Agent { agent } => call_fact::Target { agent_id: Some(agent.into()), ..none },
        Target::Queue { queue } => call_fact::Target { queue_id: Some(queue.into()), ..none },
        Target::Number { number } => call_fact::Target { number: Some(number.into()), ..none },
    })
}

fn target_from_wire(target: Option<call_fact::Target>) -> Result<Target> {
    let target = target.unwrap_or_default();
    match (target.agent_id, target.queue_id, target.number) {
        (Some(agent), ..) => Ok(Target::Agent { agent: id(&agent)? }),
        (_, Some(queue), _) => Ok(Target::Queue { queue: id(&queue)? }),
        (.., Some(number)) => Ok(Target::Number { number: id(&number)? }),
        _ => Err(Error::Fact("a target that is nobody".into())),
    }
}

/// `None`: who called.
fn party_from_wire(who: Option<call_fact::Target>) -> Result<Option<Target>> {
    who.map(|who| target_from_wire(Some(who))).transpose()
}

fn heard_to_wire(heard: Heard) -> call_fact::measured::Heard {
    call_fact::measured::Heard { lost: heard.lost, jitter_us: heard.jitter, mos: heard.mos.into() }
}

fn heard_from_wire(heard: call_fact::measured::Heard) -> Heard {
    let mos = u16::try_from(heard.mos).unwrap_or(u16::MAX);
    Heard { lost: heard.lost, jitter: heard.jitter_us, mos }
}

fn call_to_wire(event: &CallEvent) -> call_fact::Event {
    use call_fact::Event as W;
    match event.clone() {
        CallEvent::Offered { from, caller_name, did, did_label, trunk, flow, auto_connect } => {
            W::Offered(call_fact::Offered {
                from,
                caller_name,
                did: did.into(),
                did_label,
                trunk_id: trunk.into(),
                flow_id: flow.into(),
                auto_connect,
            })
        }
        CallEvent::Connected => W::Connected(call_fact::Connected {}),
        CallEvent::Placed { agent, to, from, callback } => W::Placed(call_fact::Placed {
            agent_id: agent.into(),
            to: target_to_wire(to),
            from,
            callback_id: callback.map(Into::into),
        }),
        CallEvent::Invited { leg, target, purpose } => W::Invited(call_fact::Invited {
            leg_id: leg.into(),
            target: target_to_wire(target),
            purpose: name(purpose),
        }),
        CallEvent::Joined { leg, target, purpose } => W::Joined(call_fact::Joined {
            leg_id: leg.into(),
            target: target_to_wire(target),
            purpose: name(purpose),
        }),
        CallEvent::Left { leg, target, outcome } => W::Left(call_fact::Left {
            leg_id: leg.into(),
            target: target_to_wire(target),
            outcome: name(outcome),
        }),
        CallEvent::Transferred { from, to, talk, hold } => W::Transferred(call_fact::Transferred {
            from_agent_id: from.map(Into::into),
            to: target_to_wire(to),
            talk_ms: talk,
            hold_ms: hold,
        }),
        CallEvent::Supervised { by, leg, how } => W::Supervised(call_fact::Supervised {
            by_agent_id: by.into(),
            leg_id: leg.into(),
            how: name(how),
        }),
        CallEvent::FellSilent { leg, who } => {
            W::FellSilent(call_fact::FellSilent { leg_id: leg.into(), who: who.and_then(target_to_wire) })
        }
        CallEvent::SilenceEnded { leg, who, silent } => W::SilenceEnded(call_fact::SilenceEnded {
            leg_id: leg.into(),
            who: who.and_then(target_to_wire),
            silent_ms: silent,
        }),
        CallEvent::Measured { leg, who, figures } => W::Measured(call_fact::Measured {
            leg_id: leg.into(),
            who: who.and_then(target_to_wire),
            received: figures.received,
            sent: figures.sent,
            near: figures.near.map(heard_to_wire),
            far: figures.far.map(heard_to_wire),
            round_trip_us: figures.round_trip,
        }),
        CallEvent::NodeEntered { flow, version, node, label, stage } => {
            W::NodeEntered(call_fact::NodeEntered {
                flow_id: flow.into(),
                version,
                node,
                label,
                stage: name(stage),
            })
        }
        CallEvent::KeysPressed { node, keys } => W::KeysPressed(call_fact::KeysPressed { node, keys }),
        CallEvent::Categorised { category } => {
            W::Categorised(call_fact::Categorised { category_id: category.into() })
        }
        CallEvent::Enqueued { queue, priority, service_level, short_abandon } => {
            W::Enqueued(call_fact::Enqueued {
                queue_id: queue.into(),
                priority,
                service_level_ms: service_level,
                short_abandon_ms: short_abandon,
            })
        }
        CallEvent::PositionChanged { queue, position } => {
            W::PositionChanged(call_fact::PositionChanged { queue_id: queue.into(), position })
        }
        CallEvent::Overflowed { queue, wait, reason } => {
            W::Overflowed(call_fact::Overflowed { queue_id: queue.into(), wait_ms: wait, reason })
        }
        CallEvent::CallbackAsked { queue, number, in_line } => W::CallbackAsked(call_fact::CallbackAsked {
            queue_id: queue.map(Into::into),
            number: number.to_string(),
            in_line,
        }),
        CallEvent::MessageLeft { queue, recording, duration } => W::MessageLeft(call_fact::MessageLeft {
            queue_id: queue.map(Into::into),
            recording_id: recording.into(),
            duration_ms: duration,
        }),
        CallEvent::AgentOffered { queue, agent, reservation, attempt } => {
            W::AgentOffered(call_fact::AgentOffered {
                queue_id: queue.into(),
                agent_id: agent.into(),
                reservation_id: reservation.into(),
                attempt,
            })
        }
        CallEvent::OfferEnded { queue, agent, reservation, outcome, ring } => {
            W::OfferEnded(call_fact::OfferEnded {
                queue_id: queue.into(),
                agent_id: agent.into(),
                reservation_id: reservation.into(),
                outcome: name(outcome),
                ring_ms: ring,
            })
        }
        CallEvent::AgentConnected { queue, agent, wait, attempt } => {
            W::AgentConnected(call_fact::AgentConnected {
                queue_id: queue.into(),
                agent_id: agent.into(),
                wait_ms: wait,
                attempt,
            })
        }
        CallEvent::Held { by } => W::Held(call_fact::Held { by: name(by) }),
        CallEvent::Retrieved { by, held } => {
            W::Retrieved(call_fact::Retrieved { by: name(by), held_ms: held })
        }
        CallEvent::RecordingStarted { recording } => {
            W::RecordingStarted(call_fact::RecordingStarted { recording_id: recording.into() })
        }
        CallEvent::RecordingStopped { recording } => {
            W::RecordingStopped(call_fact::RecordingStopped { recording_id: recording.into() })
        }
        CallEvent::Ended { cause, by, stage, queue, agent, wait, talk, hold, duration } => {
            W::Ended(call_fact::Ended {
                cause: name(cause),
                by: name(by),
                stage: name(stage),
                queue_id: queue.map(Into::into),
                agent_id: agent.map(Into::into),
                wait_ms: wait,
                talk_ms: talk,
                hold_ms: hold,
                duration_ms: duration,
            })
        }
    }
}

fn call_from_wire(event: call_fact::Event) -> Result<CallEvent> {
    use call_fact::Event as W;
    Ok(match event {
        W::Offered(e) => CallEvent::Offered {
            from: e.from,
            caller_name: e.caller_name,
            did: id(&e.did)?,
            did_label: e.did_label,
            trunk: id(&e.trunk_id)?,
            flow: id(&e.flow_id)?,
            auto_connect: e.auto_connect,
        },
        W::Connected(_) => CallEvent::Connected,
        W::Placed(e) => CallEvent::Placed {
            agent: id(&e.agent_id)?,
            to: target_from_wire(e.to)?,
            from: e.from,
            callback: some_id(e.callback_id)?,
        },
        W::Invited(e) => CallEvent::Invited {
            leg: id(&e.leg_id)?,
            target: target_from_wire(e.target)?,
            purpose: named(e.purpose)?,
        },
        W::Joined(e) => CallEvent::Joined {
            leg: id(&e.leg_id)?,
            target: target_from_wire(e.target)?,
            purpose: named(e.purpose)?,
        },
        W::Left(e) => CallEvent::Left {
            leg: id(&e.leg_id)?,
            target: target_from_wire(e.target)?,
            outcome: named(e.outcome)?,
        },
        W::Transferred(e) => CallEvent::Transferred {
            from: some_id(e.from_agent_id)?,
            to: target_from_wire(e.to)?,
            talk: e.talk_ms,
            hold: e.hold_ms,
        },
        W::Supervised(e) => {
            CallEvent::Supervised { by: id(&e.by_agent_id)?, leg: id(&e.leg_id)?, how: named(e.how)? }
        }
        W::FellSilent(e) => CallEvent::FellSilent { leg: id(&e.leg_id)?, who: party_from_wire(e.who)? },
        W::SilenceEnded(e) => {
            CallEvent::SilenceEnded { leg: id(&e.leg_id)?, who: party_from_wire(e.who)?, silent: e.silent_ms }
        }
        W::Measured(e) => CallEvent::Measured {
            leg: id(&e.leg_id)?,
            who: party_from_wire(e.who)?,
            figures: Figures {
                received: e.received,
                sent: e.sent,
                near: e.near.map(heard_from_wire),
                far: e.far.map(heard_from_wire),
                round_trip: e.round_trip_us,
            },
        },
        W::NodeEntered(e) => CallEvent::NodeEntered {
            flow: id(&e.flow_id)?,
            version: e.version,
            node: e.node,
            label: e.label,
            stage: named(e.stage)?,
        },
        W::KeysPressed(e) => CallEvent::KeysPressed { node: e.node, keys: e.keys },
        W::Categorised(e) => CallEvent::Categorised { category: id(&e.category_id)? },
        W::Enqueued(e) => CallEvent::Enqueued {
            queue: id(&e.queue_id)?,
            priority: e.priority,
            service_level: e.service_level_ms,
            short_abandon: e.short_abandon_ms,
        },
        W::PositionChanged(e) => CallEvent::PositionChanged { queue: id(&e.queue_id)?, position: e.position },
        W::Overflowed(e) => {
            CallEvent::Overflowed { queue: id(&e.queue_id)?, wait: e.wait_ms, reason: e.reason }
        }
        W::CallbackAsked(e) => CallEvent::CallbackAsked {
            queue: some_id(e.queue_id)?,
            number: id(&e.number)?,
            in_line: e.in_line,
        },
        W::MessageLeft(e) => CallEvent::MessageLeft {
            queue: some_id(e.queue_id)?,
            recording: id(&e.recording_id)?,
            duration: e.duration_ms,
        },
        W::AgentOffered(e) => CallEvent::AgentOffered {
            queue: id(&e.queue_id)?,
            agent: id(&e.agent_id)?,
            reservation: id(&e.reservation_id)?,
            attempt: e.attempt,
        },
        W::OfferEnded(e) => CallEvent::OfferEnded {
            queue: id(&e.queue_id)?,
            agent: id(&e.agent_id)?,
            reservation: id(&e.reservation_id)?,
            outcome: named(e.outcome)?,
            ring: e.ring_ms,
        },
        W::AgentConnected(e) => CallEvent::AgentConnected {
            queue: id(&e.queue_id)?,
            agent: id(&e.agent_id)?,
            wait: e.wait_ms,
            attempt: e.attempt,
        },
        W::Held(e) => CallEvent::Held { by: named(e.by)? },
        W::Retrieved(e) => CallEvent::Retrieved { by: named(e.by)?, held: e.held_ms },
        W::RecordingStarted(e) => CallEvent::RecordingStarted { recording: id(&e.recording_id)? },
        W::RecordingStopped(e) => CallEvent::RecordingStopped { recording: id(&e.recording_id)? },
        W::Ended(e) => CallEvent::Ended {
            cause: named(e.cause)?,
            by: named(e.by)?,
            stage: named(e.stage)?,
            queue: some_id(e.queue_id)?,
            agent: some_id(e.agent_id)?,
            wait: e.wait_ms,
            talk: e.talk_ms,
            hold: e.hold_ms,
            duration: e.duration_ms,
        },
    })
}

impl Fact for AgentFact {
    type Wire = wire::AgentFact;

    fn to_wire(&self) -> wire::AgentFact {
        let event = Some(agent_to_wire(&self.event));
        wire::AgentFact { agent_id: self.agent.to_string(), seq: self.seq, at_ms: self.at.millis(), event }
    }

    fn from_wire(wire: wire::AgentFact) -> Result<AgentFact> {
        let event = agent_from_wire(event(wire.event)?)?;
        Ok(AgentFact {
            agent: id(&wire.agent_id)?,
            seq: wire.seq,
            at: Timestamp::from_millis(wire.at_ms),
            event,
        })
    }
}

fn agent_to_wire(event: &AgentEvent) -> agent_fact::Event {
    match event.clone() {
        AgentEvent::StateChanged { from, to, spent, reason, call, queue, by } => {
            agent_fact::Event::StateChanged(agent_fact::StateChanged {
                from: name(from),
                to: name(to),
                spent_ms: spent,
                reason,
                call_id: call.map(Into::into),
                queue_id: queue.map(Into::into),
                by: name(by),
            })
        }
        AgentEvent::Offered { call, queue, reservation, attempt, decision } => {
            agent_fact::Event::Offered(agent_fact::Offered {
                call_id: call.into(),
                queue_id: queue.into(),
                reservation_id: reservation.into(),
                attempt,
                decision: Some(decision_to_wire(decision)),
            })
        }
        AgentEvent::WrappedUp { call, queue, disposition, note, spent, timed_out } => {
            agent_fact::Event::WrappedUp(agent_fact::WrappedUp {
                call_id: call.into(),
                queue_id: queue.into(),
                disposition_id: disposition.map(Into::into),
                note,
                spent_ms: spent,
                timed_out,
            })
        }
    }
}

fn agent_from_wire(event: agent_fact::Event) -> Result<AgentEvent> {
    Ok(match event {
        agent_fact::Event::StateChanged(e) => AgentEvent::StateChanged {
            from: named(e.from)?,
            to: named(e.to)?,
            spent: e.spent_ms,
            reason: e.reason,
            call: some_id(e.call_id)?,
            queue: some_id(e.queue_id)?,
            by: named(e.by)?,
        },
        agent_fact::Event::Offered(e) => AgentEvent::Offered {
            call: id(&e.call_id)?,
            queue: id(&e.queue_id)?,
            reservation: id(&e.reservation_id)?,
            attempt: e.attempt,
            decision: decision_from_wire(e.decision.unwrap_or_default())?,
        },
        agent_fact::Event::WrappedUp(e) => AgentEvent::WrappedUp {
            call: id(&e.call_id)?,
            queue: id(&e.queue_id)?,
            disposition: some_id(e.disposition_id)?,
            note: e.note,
            spent: e.spent_ms,
            timed_out: e.timed_out,
        },
    })
}

fn decision_to_wire(decision: Decision) -> agent_fact::Decision {
    let candidate = |of: Candidate| agent_fact::Candidate {
        agent_id: of.agent.into(),
        penalty: u32::from(of.penalty),
        skills: skills_to_wire(of.skills),
        score: of.score,
        idle_ms: of.idle,
    };
    agent_fact::Decision {
        rule: name(decision.rule),
        skill: decision.skill,
        needs: skills_to_wire(decision.needs),
        free: decision.free,
        candidates: decision.candidates.into_iter().map(candidate).collect(),
    }
}

fn decision_from_wire(wire: agent_fact::Decision) -> Result<Decision> {
    let candidate = |of: agent_fact::Candidate| {
        Ok(Candidate {
            agent: id(&of.agent_id)?,
            penalty: u8::try_from(of.penalty).unwrap_or(u8::MAX),
            skills: skills_from_wire(of.skills),
            score: of.score,
            idle: of.idle_ms,
        })
    };
    Ok(Decision {
        rule: named(wire.rule)?,
        skill: wire.skill,
        needs: skills_from_wire(wire.needs),
        free: wire.free,
        candidates: wire.candidates.into_iter().map(candidate).collect::<Result<_>>()?,
    })
}

fn skills_to_wire(skills: Vec<Skill>) -> Vec<agent_fact::Skill> {
    let skill = |skill: Skill| agent_fact::Skill { name: skill.name, level: u32::from(skill.level) };
    skills.into_iter().map(skill).collect()
}

fn skills_from_wire(skills: Vec<agent_fact::Skill>) -> Vec<Skill> {
    let level = |level: u32| u8::try_from(level).unwrap_or(u8::MAX);
    skills.into_iter().map(|skill| Skill { name: skill.name, level: level(skill.level) }).collect()
}

impl Fact for RecordingFact {
    type Wire = wire::RecordingFact;

    fn to_wire(&self) -> wire::RecordingFact {
        wire::RecordingFact {
            recording_id: self.recording.to_string(),
            call_id: self.call.to_string(),
            at_ms: self.at.millis(),
            duration_ms: self.duration,
            bytes: self.bytes,
            sha256: self.sha256.clone(),
        }
    }

    fn from_wire(wire: wire::RecordingFact) -> Result<RecordingFact> {
        Ok(RecordingFact {
            recording: id(&wire.recording_id)?,
            call: id(&wire.call_id)?,
            at: Timestamp::from_millis(wire.at_ms),
            duration: wire.duration_ms,
            bytes: wire.bytes,
            sha256: wire.sha256,
        })
    }
}

impl Fact for ConfigFact {
    type Wire = wire::ConfigFact;

    fn to_wire(&self) -> wire::ConfigFact {
        wire::ConfigFact {
            kind: name(self.kind),
            id: self.id.clone(),
            version: self.version,
            at_ms: self.at.millis(),
            actor: self.actor.clone(),
            body: self.body.clone(),
        }
    }

    fn from_wire(wire: wire::ConfigFact) -> Result<ConfigFact> {
        Ok(ConfigFact {
            kind: named(wire.kind)?,
            id: wire.id,
            version: wire.version,
            at: Timestamp::from_millis(wire.at_ms),
            actor: wire.actor,
            body: wire.body,
        })
    }
}
