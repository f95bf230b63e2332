//! Further parties of a call: agents reached in person, numbers dialled, and
//! what the one who leads the call wants of them.

use call::{Command, HandOver, Input, QueueNode, RINGBACK, Seat, Unheard};
use proto::acd::v1::{Caller, caller_event, caller_request::Reach};
use proto::line::v1::{self as line, command, seats, target, to_line};
use sip::locate::in_order;
use types::{
    AgentId, E164, HangupCause, LegId, OfferOutcome, Purpose, ReservationId, Supervision, Target, TenantId,
};

use super::Driver;
use crate::line::{Device, Line};
use crate::outbound::{Dialling, Route, Way};
use crate::queue::Place;
use crate::trunk::Directory;

/// An agent who is wanted in person: our session in the ACD.
pub struct Reaching {
    pub place: Place,
    pub reservation: Option<ReservationId>,
    pub agent: AgentId,
    pub purpose: Purpose,
    /// The ACD knows how it ended.
    pub told: bool,
}

/// What a party can be asked to.
pub(super) enum To {
    Party(Target),
    Queue(Box<QueueNode>),
}

impl To {
    /// A queue is nobody to talk with.
    pub(super) fn party(self) -> Option<Target> {
        match self {
            To::Party(target) => Some(target),
            To::Queue(_) => None,
        }
    }
}

impl Driver {
    /// A further party is to be reached.
    pub(super) async fn invite(&mut self, leg: LegId, target: Target, purpose: Purpose) {
        match target {
            Target::Agent { agent } => {
                let ledger = self.call.ledger();
                let wraps_up = matches!(purpose, Purpose::Transfer | Purpose::Consult);
                let queue = ledger.queue.as_ref().filter(|_| wraps_up);
                let reach = Reach {
                    agent: agent.to_string(),
                    call: ledger.call.to_string(),
                    queue: queue.map(ToString::to_string).unwrap_or_default(),
                    // Who is called by a colleague is asked, who calls or supervises is not.
                    engage: purpose == Purpose::Supervise
                        || purpose == Purpose::Dial && leg != *self.call.customer(),
                    caller: Some(self.card()),
                };
                let signals = self.signals.clone();
                let place = self.shared.queues.reach(&self.tenant, reach, leg.clone(), signals).await;
                let reaching = Reaching { place, reservation: None, agent, purpose, told: false };
                self.reaching.insert(leg, reaching);
            }
            Target::Number { number } => self.dial(leg, number).await,
            Target::Queue { .. } => {
                let outcome = OfferOutcome::DeviceOffline;
                self.inputs.push_back(Input::LineRefused { leg, outcome });
            }
        }
    }

    /// What agents see of the caller before the answer.
    pub(super) fn card(&self) -> Caller {
        let ledger = self.call.ledger();
        Caller {
            number: ledger.from.clone(),
            name: ledger.caller_name.clone().unwrap_or_default(),
            did: ledger.did.as_ref().map(ToString::to_string).unwrap_or_default(),
            did_label: ledger.did_label.clone(),
            path: ledger.path.clone(),
        }
    }

    /// The ACD on an agent who is wanted in person.
    pub(super) async fn on_reached(&mut self, leg: LegId, what: caller_event::What) {
        match what {
            caller_event::What::Reserved(reserved) => {
                let Ok(reservation) = reserved.reservation.parse::<ReservationId>() else { return };
                let Ok(agent) = reserved.agent.parse() else { return };
                let Some(reaching) = self.reaching.get_mut(&leg) else { return };
                reaching.reservation = Some(reservation.clone());
                self.ring(leg, agent, &reserved.line, reservation).await;
                self.keep();
            }
            caller_event::What::Withdrawn(withdrawn) => {
                let Some(reaching) = self.reaching.get_mut(&leg) else { return };
                reaching.told = true;
                let outcome = types::named(&withdrawn.outcome).unwrap_or(OfferOutcome::Withdrawn);
                self.input(Input::LineRefused { leg, outcome }).await;
            }
            caller_event::What::Overflow(overflow) => {
                let outcome = match overflow.reason.as_str() {
                    "busy" | "not_available" => OfferOutcome::Declined,
                    _ => OfferOutcome::DeviceOffline,
                };
                self.input(Input::LineRefused { leg, outcome }).await;
            }
            caller_event::What::Position(_) => {}
        }
    }

    /// The ACD hears how an agent's line took it.
    pub(super) async fn tell_reached(&mut self, leg: &LegId, outcome: OfferOutcome) {
        let Some(reaching) = self.reaching.get_mut(leg).filter(|reaching| !reaching.told) else { return };
        let Some(reservation) = &reaching.reservation else { return };
        reaching.told = true;
        match outcome {
            OfferOutcome::Answered => reaching.place.answered(reservation).await,
            outcome => reaching.place.offer_ended(reservation, outcome).await,
        }
    }

    /// The agent is free for the ACD.
    pub(super) async fn release_reached(&mut self, leg: &LegId) {
        if let Some(reaching) = self.reaching.remove(leg) {
            reaching.place.release(HangupCause::Normal).await;
        }
    }

    // ── numbers ─────────────────────────────────────────────────────────────

    async fn dial(&mut self, leg: LegId, number: E164) {
        let routes = self.shared.directory.borrow().routes(&self.tenant, &number, chassis::random::u128());
        let random = chassis::random::u128();
        let ways = move |edge: &mut crate::edge::Edge, now| {
            let devices = |name: &str| edge.devices.bindings(now, name);
            edge.carriers.ways(routes, devices, random)
        };
        let ways = self.shared.edge.ask(ways).await.unwrap_or_default();
        if ways.is_empty() {
            tracing::info!(%number, "no trunk takes calls to the outside");
        }
        let dialling = Dialling::new(number, ways);
        self.lines.insert(leg.clone(), Line::new(Device::Trunk(Box::new(dialling))));
        if let Some(media) = &mut self.media {
            media.add_rtp(&leg).await;
        }
    }

    /// Tries the next way to the number; refused when there is none.
    pub(super) async fn dial_next(&mut self, party: LegId) {
        loop {
            let Some(line) = self.lines.get_mut(&party) else { return };
            let (Some(sdp), Device::Trunk(dialling)) = (line.local.clone(), &mut line.device) else { return };
            let Some(way) = dialling.next(chassis::clock::now()) else {
                let outcome = dialling.outcome();
                return self.inputs.push_back(Input::LineRefused { leg: party, outcome });
            };
            let Some(flow) = way.flow else {
                self.locate(&party, way.route).await;
                continue;
            };
            let number = dialling.number.clone();
            dialling.taken = self.shared.circuit(&way.route, &number);
            if dialling.taken.is_none() {
                dialling.failed(503);
                continue;
            }
            let of = (self.tenant.clone(), self.call.ledger().call.clone());
            let leg = self.send_invite(&way, flow, &number, of, sdp).await;
            let Some(line) = self.lines.get_mut(&party) else { return };
            let Device::Trunk(dialling) = &mut line.device else { return };
            dialling.leg = leg;
            if dialling.leg.is_some() {
                return self.keep();
            }
            dialling.failed(503);
        }
    }

    /// Nobody has looked up the gateway's name yet: its servers are the next ways.
    async fn locate(&mut self, party: &LegId, route: Route) {
        let Some(located) = route.locate(&self.shared.names).await else { return };
        let random = chassis::random::u128();
        let flows = move |edge: &mut crate::edge::Edge, _| {
            let servers = edge.reachable(&route, located).map(|found| found.servers).unwrap_or_default();
            let servers = in_order(servers, |(target, _)| (target.rank, target.weight), random);
            servers.into_iter().map(|(_, flow)| flow).collect::<Vec<_>>()
        };
        let flows = self.shared.edge.ask(flows).await.unwrap_or_default();
        if let Some(Device::Trunk(dialling)) = self.lines.get_mut(party).map(|line| &mut line.device) {
            dialling.located(flows);
        }
    }

    async fn send_invite(
        &self,
        way: &Way,
        flow: sip::Flow,
        number: &E164,
        of: (TenantId, types::CallId),
        sdp: bytes::Bytes,
    ) -> Option<super::PhoneLeg> {
        let called = self.call.ledger().did.clone();
        let own = || self.shared.directory.borrow().own_number(&self.tenant);
        let presented = way.route.caller_id.clone().or(called).or_else(own)?;
        let (edge, signals) = (self.shared.edge.clone(), self.signals.clone());
        crate::outbound::invite(&edge, way, flow, (number, &presented), of, sdp, signals).await
    }

    /// A carrier's final answer other than 2xx: the next way, or the outcome.
    pub(super) async fn trunk_failed(&mut self, party: LegId, code: u16) {
        let Some(Device::Trunk(dialling)) = self.lines.get_mut(&party).map(|line| &mut line.device) else {
            return;
        };
        if let Some((route, flow)) = dialling.suspect(code) {
            self.shared.edge.send_now(move |edge, now| edge.carriers.suspect(now, &route, flow));
        }
        if dialling.failed(code) {
            return self.dial_next(party).await;
        }
        let outcome = dialling.outcome();
        self.input(Input::LineRefused { leg: party, outcome }).await;
    }

    // ── what the lead wants ─────────────────────────────────────────────────

    pub(super) async fn on_command(&mut self, leg: LegId, what: command::What) {
        let wanted = match what {
            command::What::Transfer(to) => self.hand_over(to).map(Command::Transfer),
            command::What::Consult(to) => {
                self.party(to).map(|(leg, target)| Command::Consult { leg, target })
            }
            command::What::Invite(to) => self.party(to).map(|(leg, target)| Command::Invite { leg, target }),
            command::What::Swap(_) => Ok(Command::Swap),
            command::What::Complete(_) => Ok(Command::Complete),
            command::What::Cancel(_) => Ok(Command::Cancel),
            command::What::Conference(_) => Ok(Command::Conference),
            command::What::Remove(leg) => {
                leg.parse().map(Command::Remove).map_err(|_| "there is no such party")
            }
        };
        match wanted {
            Ok(command) => self.input(Input::Command { leg, command }).await,
            Err(message) => self.refuse_command(&leg, message).await,
        }
    }

    /// The same, said by REST for whoever leads the call.
    pub(super) async fn on_outside_command(&mut self, agent: AgentId, what: command::What) {
        let lead = self.call.lead().filter(|(_, of)| *of == Some(&agent)).map(|(leg, _)| leg.clone());
        match (lead, what) {
            (Some(leg), what) => self.on_command(leg, what).await,
            (None, _) => tracing::info!(%agent, "a command of somebody who does not lead the call"),
        }
    }

    /// A supervisor comes in, or goes on another way.
    pub(super) async fn supervise(&mut self, agent: AgentId, how: Supervision) {
        let supervises = |r: &Reaching| r.purpose == Purpose::Supervise && r.agent == agent;
        let found = self.reaching.iter().find(|(_, r)| supervises(r)).map(|(leg, _)| leg.clone());
        let input = match found {
            Some(leg) => Input::SetSupervision { leg, how },
            None => Input::Supervise { leg: new_leg(), agent, how },
        };
        self.input(input).await;
    }

    /// A phone transfers by REFER: `user` is what its Refer-To names.
    pub(super) async fn on_refer(&mut self, leg: LegId, user: String) {
        let to = super::phones::dialled(&self.shared.directory.borrow(), &self.tenant, &user);
        self.on_command(leg, command::What::Transfer(to)).await;
    }

    fn hand_over(&self, to: line::Target) -> Result<HandOver, &'static str> {
        Ok(match self.resolve(to)? {
            To::Party(target) => HandOver::Party { leg: new_leg(), target },
            To::Queue(node) => HandOver::Queue(node),
        })
    }

    fn party(&self, to: line::Target) -> Result<(LegId, Target), &'static str> {
        match self.resolve(to)? {
            To::Party(target) => Ok((new_leg(), target)),
            To::Queue(_) => Err("a queue takes a transfer only"),
        }
    }

    fn resolve(&self, to: line::Target) -> Result<To, &'static str> {
        resolve(&self.shared.directory.borrow(), &self.tenant, to)
    }

    pub(super) async fn refuse_command(&self, leg: &LegId, message: &str) {
        if let Some(line) = self.lines.get(leg) {
            let message = message.to_owned();
            line.tell(to_line::What::Refusal(line::Refusal { message })).await;
        }
    }

    pub(super) async fn invite_failed(&self, leg: &LegId, target: &Target, outcome: OfferOutcome) {
        let name = self.name_of(Some(target)).1;
        let Some(line) = self.lines.get(leg) else { return };
        line.refer_ended(&self.shared.edge, 503);
        line.tell(to_line::What::InviteFailed(line::InviteFailed { name, outcome: types::name(outcome) }))
            .await;
    }

    pub(super) async fn show_seats(&self, leg: &LegId, seats: Vec<Seat>) {
        let Some(line) = self.lines.get(leg) else { return };
        let seats = seats.into_iter().map(|seat| {
            let ((kind, id), name) = self.name_of(seat.target.as_ref());
            let (kind, state) = (kind.to_owned(), seat.state.to_owned());
            seats::Seat { leg: seat.leg.to_string(), kind, id, name, state }
        });
        line.tell(to_line::What::Seats(line::Seats { seats: seats.collect() })).await;
    }

    pub(super) async fn show_unheard(&self, leg: &LegId, unheard: Vec<Unheard>) {
        let Some(line) = self.lines.get(leg) else { return };
        let parties = unheard.into_iter().map(|party| {
            let ((kind, _), name) = self.name_of(party.target.as_ref());
            let kind = if party.leg == *leg { "self" } else { kind }.to_owned();
            line::unheard::Party { leg: party.leg.to_string(), kind, name }
        });
        line.tell(to_line::What::Unheard(line::Unheard { parties: parties.collect() })).await;
    }

    /// The kind and id of a party, and what a person reads.
    fn name_of(&self, target: Option<&Target>) -> ((&'static str, String), String) {
        let directory: std::sync::Arc<Directory> = self.shared.directory.borrow().clone();
        match target {
            None => {
                let ledger = self.call.ledger();
                let name = ledger.caller_name.clone().unwrap_or_else(|| ledger.from.clone());
                (("caller", ledger.from.clone()), name)
            }
            Some(Target::Agent { agent }) => {
                let name = directory.agent_name(&self.tenant, agent).unwrap_or_default();
                (("agent", agent.to_string()), name.to_owned())
            }
            Some(Target::Number { number }) => (("number", number.to_string()), number.to_string()),
            Some(Target::Queue { queue }) => {
                let card = directory.queue(&self.tenant, queue);
                (("queue", queue.to_string()), card.map(|c| c.name.clone()).unwrap_or_default())
            }
        }
    }
}

pub(super) fn new_leg() -> LegId {
    LegId::new(chassis::clock::now(), chassis::random::u128())
}

/// Who that is, in this company.
pub(super) fn resolve(
    directory: &Directory,
    tenant: &TenantId,
    to: line::Target,
) -> Result<To, &'static str> {
    match to.who {
        Some(target::Who::Agent(agent)) => {
            let agent = agent.parse().map_err(|_| "there is no such agent")?;
            let known = directory.agent_name(tenant, &agent).is_some();
            known.then_some(To::Party(Target::Agent { agent })).ok_or("there is no such agent")
        }
        Some(target::Who::Queue(queue)) => {
            let queue = queue.parse().map_err(|_| "there is no such queue")?;
            let card = directory.queue(tenant, &queue).ok_or("there is no such queue")?;
            Ok(To::Queue(Box::new(QueueNode {
                queue,
                needs: Vec::new(),
                priority: 0,
                welcome: Vec::new(),
                music: vec![RINGBACK.to_owned()],
                announce_every: 0,
                service_level: card.service_level_ms,
                short_abandon: card.short_abandon_ms,
                callback: None,
            })))
        }
        Some(target::Who::Number(number)) => {
            let country = directory.country(tenant);
            let number = E164::from_dialled(&number, country);
            let number = number.map_err(|_| "this is no telephone number")?;
            if !directory.may_call(tenant, &number) {
                tracing::info!(%tenant, %number, "a number that no trunk may call");
                return Err("no trunk may call this number");
            }
            Ok(To::Party(Target::Number { number }))
        }
        None => Err("whom to reach is missing"),
    }
}

/// Whom an agent calls: a number or a colleague.
pub fn callee(directory: &Directory, tenant: &TenantId, to: line::Target) -> Result<Target, &'static str> {
    match resolve(directory, tenant, to)? {
        To::Party(target) => Ok(target),
        To::Queue(_) => Err("a queue takes a transfer only"),
    }
}
