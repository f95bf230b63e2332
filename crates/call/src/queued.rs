//! Waiting for an agent: music, the position, offers that ring.

use crate::{
    Call, Effect, Input, IvrInput, PlayId, QueueNode, Reserved,
    aggregate::{Phase, Step},
    promise::Dialogue,
    talking::Talking,
    while_in_flow::InFlow,
};
use serde::{Deserialize, Serialize};
use types::{fact::CallEvent, *};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Queued {
    pub(crate) node: QueueNode,
    pub(crate) sound: Sound,
    /// The best place told so far: a caller never hears a worse one.
    told: Option<u32>,
    /// What most callers at the present place do not wait longer than.
    wait: Option<Millis>,
    pub(crate) announce_at: Option<Timestamp>,
    /// What rings: one offer, or several by the strategy `ring_all`.
    pub(crate) rings: Vec<Ring>,
    /// The caller is asked about being called back.
    pub(crate) dialogue: Option<Dialogue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sound {
    /// Said once; music follows.
    Speech(PlayId),
    Music(PlayId),
    /// Nobody hears anything.
    Silence,
}

/// An offer that rings at an agent's line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ring {
    pub(crate) reservation: ReservationId,
    pub(crate) agent: AgentId,
    pub(crate) leg: LegId,
    /// The customer's leg, should the customer be called back.
    pub(crate) customer: LegId,
    pub(crate) attempt: u32,
    since: Timestamp,
    /// The ACD ends it sooner, unless its word is lost.
    until: Timestamp,
}

/// How much longer than the ACD says an offer may ring: a caller is never stuck
/// with one phone.
const RING_GRACE: Millis = 2_000;
/// Offers that ring at once; the ACD has fewer.
const RINGS_MAX: usize = 32;

impl Queued {
    /// Without a caller who hears.
    pub(crate) fn silent(node: QueueNode) -> Queued {
        Queued {
            node,
            sound: Sound::Silence,
            told: None,
            wait: None,
            announce_at: None,
            rings: Vec::new(),
            dialogue: None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let rings = self.rings.iter().map(|ring| ring.until).min();
        [self.announce_at, self.dialogue.as_ref().map(Dialogue::until), rings].into_iter().flatten().min()
    }

    fn rings(&self, leg: &LegId) -> bool {
        self.rings.iter().any(|ring| ring.leg == *leg)
    }

    /// The leg that rings by this reservation.
    fn reserved_as(&self, reservation: &ReservationId) -> Option<LegId> {
        let ring = self.rings.iter().find(|ring| ring.reservation == *reservation)?;
        Some(ring.leg.clone())
    }

    /// A leg that has rung for longer than it may.
    fn overdue(&self, now: Timestamp) -> Option<LegId> {
        let ring = self.rings.iter().find(|ring| ring.until <= now)?;
        Some(ring.leg.clone())
    }
}

impl Call {
    pub(crate) fn join(&mut self, step: &mut Step, node: QueueNode) {
        let (queue, priority) = (node.queue.clone(), node.priority);
        let (service_level, short_abandon) = (node.service_level, node.short_abandon);
        self.tell(step, CallEvent::Enqueued { queue: queue.clone(), priority, service_level, short_abandon });
        let needs = node.needs.clone();
        step.does(Effect::JoinQueue { queue, since: step.now, priority, needs });
        let sound = match node.welcome.is_empty() {
            true => Sound::Music(self.play(step, &node.music, true)),
            false => Sound::Speech(self.play(step, &node.welcome, false)),
        };
        let announce_at = (node.announce_every > 0).then_some(step.now + node.announce_every);
        self.phase = Phase::Queued(Box::new(Queued { sound, announce_at, ..Queued::silent(node) }));
    }

    pub(crate) fn while_queued(&mut self, step: &mut Step, input: Input) -> bool {
        if let Some(taken) = self.about_callback(step, &input) {
            return taken;
        }
        let Phase::Queued(queued) = &mut self.phase else { return false };
        match input {
            Input::PlayEnded(ended) if queued.sound == Sound::Speech(ended) => self.music(step),
            Input::Position { position, wait } => self.positioned(step, position, wait),
            Input::Announcement(prompts) if queued.rings.is_empty() => self.announce(step, &prompts),
            Input::Tick => self.waited(step),
            Input::Reserved(reserved) => self.ring(step, reserved),
            Input::Withdrawn { reservation, outcome } => match queued.reserved_as(&reservation) {
                Some(leg) => self.stop_ring(step, &leg, outcome),
                None => false,
            },
            Input::LineAnswered(leg) if queued.rings(&leg) => self.answered(step, &leg),
            Input::LineRefused { leg, outcome } if queued.rings(&leg) => self.refused(step, &leg, outcome),
            Input::LineHungUp(leg) if queued.rings(&leg) => {
                self.refused(step, &leg, OfferOutcome::DeviceOffline)
            }
            Input::MediaLost(leg) if queued.rings(&leg) => {
                self.refused(step, &leg, OfferOutcome::MediaFailed)
            }
            Input::Overflow(reason) => self.overflow(step, reason),
            _ => false,
        }
    }

    pub(crate) fn queued(&mut self) -> &mut Queued {
        match &mut self.phase {
            Phase::Queued(queued) => queued,
            other => unreachable!("queued, not {other:?}"),
        }
    }

    /// What is heard ends.
    pub(crate) fn stop_sound(&mut self, step: &mut Step) {
        let sound = std::mem::replace(&mut self.queued().sound, Sound::Silence);
        if let Sound::Music(play) | Sound::Speech(play) = sound {
            step.does(Effect::StopPlay(play));
        }
    }

    pub(crate) fn music(&mut self, step: &mut Step) -> bool {
        let music = self.queued().node.music.clone();
        let play = self.play(step, &music, true);
        self.queued().sound = Sound::Music(play);
        true
    }

    fn positioned(&mut self, step: &mut Step, position: u32, wait: Option<Millis>) -> bool {
        self.queued().wait = wait;
        let queue = self.queued().node.queue.clone();
        if self.ledger.position == Some(position) {
            return true;
        }
        self.tell(step, CallEvent::PositionChanged { queue, position });
        true
    }

    /// A deadline has come: of an offer, or of the next announcement.
    fn waited(&mut self, step: &mut Step) -> bool {
        let mut due = false;
        while let Some(leg) = self.queued().overdue(step.now) {
            due |= self.refused(step, &leg, OfferOutcome::NoAnswer);
        }
        if self.queued().announce_at.is_some_and(|at| at <= step.now) {
            due |= self.announcement_due(step);
        }
        due
    }

    fn announcement_due(&mut self, step: &mut Step) -> bool {
        let position = self.ledger.position;
        let queued = self.queued();
        queued.announce_at = Some(step.now + queued.node.announce_every);
        let better = position.filter(|p| queued.told.is_none_or(|told| *p <= told));
        let silent = matches!(queued.sound, Sound::Music(_)) && queued.rings.is_empty();
        let silent = silent && queued.dialogue.is_none();
        if let Some(position) = better.filter(|_| silent) {
            queued.told = Some(position);
            let queue = queued.node.queue.clone();
            let wait = queued.wait;
            let callback = queued.node.callback.as_ref().map(|terms| terms.key);
            step.does(Effect::AskAnnouncement { queue, position, wait, callback });
        }
        true
    }

    fn announce(&mut self, step: &mut Step, prompts: &[String]) -> bool {
        let Sound::Music(music) = self.queued().sound else { return false };
        if prompts.is_empty() {
            return true;
        }
        step.does(Effect::StopPlay(music));
        let play = self.play(step, prompts, false);
        self.queued().sound = Sound::Speech(play);
        true
    }

    fn ring(&mut self, step: &mut Step, reserved: Reserved) -> bool {
        let Reserved { reservation, agent, line, leg, customer, attempt, alone, ring_for } = reserved;
        let full = self.queued().rings.len() >= RINGS_MAX;
        let given_way = self.queued().rings.iter().find(|ring| full || ring.agent == agent);
        if alone {
            self.stop_ringing(step, OfferOutcome::Withdrawn);
        } else if let Some(leg) = given_way.map(|ring| ring.leg.clone()) {
            self.stop_ring(step, &leg, OfferOutcome::Withdrawn);
        }
        let queue = self.queued().node.queue.clone();
        let ring = Ring {
            reservation: reservation.clone(),
            agent: agent.clone(),
            leg: leg.clone(),
            customer,
            attempt,
            since: step.now,
            until: step.now + ring_for + RING_GRACE,
        };
        self.queued().rings.push(ring);
        let offered = CallEvent::AgentOffered {
            queue,
            agent: agent.clone(),
            reservation: reservation.clone(),
            attempt,
        };
        self.tell(step, offered);
        step.does(Effect::Ring { leg, agent, line, reservation });
        true
    }

    /// All offers are over.
    pub(crate) fn stop_ringing(&mut self, step: &mut Step, outcome: OfferOutcome) {
        while let Some(leg) = self.queued().rings.first().map(|ring| ring.leg.clone()) {
            self.stop_ring(step, &leg, outcome);
        }
    }

    /// One offer is over: the fact, and silence at the agent's line.
    fn stop_ring(&mut self, step: &mut Step, leg: &LegId, outcome: OfferOutcome) -> bool {
        let queue = self.queued().node.queue.clone();
        let Some(ring) = self.take_ring(leg) else { return false };
        self.offer_ended(step, queue, &ring, outcome);
        step.does(Effect::StopRinging { leg: ring.leg, outcome });
        true
    }

    fn take_ring(&mut self, leg: &LegId) -> Option<Ring> {
        let rings = &mut self.queued().rings;
        let at = rings.iter().position(|ring| ring.leg == *leg)?;
        Some(rings.remove(at))
    }

    pub(crate) fn offer_ended(
        &mut self,
        step: &mut Step,
        queue: QueueId,
        ring: &Ring,
        outcome: OfferOutcome,
    ) {
        let (agent, reservation) = (ring.agent.clone(), ring.reservation.clone());
        let ring = step.now.since(ring.since);
        self.tell(step, CallEvent::OfferEnded { queue, agent, reservation, outcome, ring });
    }

    fn refused(&mut self, step: &mut Step, leg: &LegId, outcome: OfferOutcome) -> bool {
        let ring = self.queued().rings.iter().find(|ring| ring.leg == *leg);
        let Some(reservation) = ring.map(|ring| ring.reservation.clone()) else { return false };
        self.stop_ring(step, leg, outcome);
        step.does(Effect::TellOfferEnded { reservation, outcome });
        true
    }

    /// The first to answer has the caller; what rings elsewhere stops.
    fn answered(&mut self, step: &mut Step, leg: &LegId) -> bool {
        let queue = self.queued().node.queue.clone();
        let Some(ring) = self.take_ring(leg) else { return false };
        self.stop_ringing(step, OfferOutcome::Withdrawn);
        if self.caller_gone && self.promise.is_some() {
            return self.call_back(step, ring);
        }
        // Who is still there needs no callback.
        self.promise = None;
        let node = self.queued().node.clone();
        self.stop_sound(step);
        self.offer_ended(step, queue.clone(), &ring, OfferOutcome::Answered);
        step.does(Effect::TellAnswered(ring.reservation));
        self.connect(step);
        let wait = self.ledger.enqueued_at.map_or(0, |since| step.now.since(since));
        let agent = ring.agent.clone();
        let connected =
            CallEvent::AgentConnected { queue, agent: agent.clone(), wait, attempt: ring.attempt };
        self.tell(step, connected);
        let caller = self.customer.clone();
        self.phase = Phase::Talking(Talking::new(ring.leg.clone(), agent, caller, node));
        self.bridge(step);
        step.does(Effect::LineTalking(ring.leg));
        self.start_recording(step);
        true
    }

    fn overflow(&mut self, step: &mut Step, reason: String) -> bool {
        self.stop_ringing(step, OfferOutcome::Withdrawn);
        self.stop_sound(step);
        let queue = self.queued().node.queue.clone();
        let wait = self.ledger.enqueued_at.map_or(0, |since| step.now.since(since));
        self.tell(step, CallEvent::Overflowed { queue, wait, reason: reason.clone() });
        match self.entry {
            Some(_) => self.ask(step, IvrInput::QueueLeft(reason)),
            // An agent called and handed the call to the queue: no flow leads on from there.
            None => {
                self.phase = Phase::InFlow(InFlow::Asking(None));
                self.end(step, Party::System, HangupCause::Unavailable)
            }
        }
    }
}
