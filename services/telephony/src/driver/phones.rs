//! What an agent's phone begins by itself while it is in a call: a consultation by
//! a second call, handed over by REFER with Replaces (RFC 5589 §7), and a call that
//! moves to another phone of the agent (INVITE with Replaces, RFC 3891).
//!
//! The phone stays one party of the call with one leg at the gateway: whichever of
//! its dialogs spoke last has the sound.

use bytes::Bytes;
use call::{Command, Input, Placement};
use proto::line::v1::{self as line, target};
use sip::{Answer, Event};
use types::{AgentId, CallId, LegId, OfferOutcome, RecordingId, Target, TenantId};

use super::parties::{new_leg, resolve};
use super::{Driver, PhoneLeg, Signal};
use crate::line::{Device, Line};
use crate::trunk::{Directory, Phone};

/// An INVITE of an agent's phone that belongs to a call.
pub struct Dialled {
    /// Refused if nobody takes it.
    pub leg: PhoneLeg,
    /// The phone's user name.
    pub username: String,
    /// The user part of what was dialled.
    pub to: String,
    pub offer: Option<Bytes>,
    /// The dialog whose place it takes.
    pub replaces: Option<sip::LegId>,
}

/// A second dialog of a phone with its call.
pub struct Second {
    leg: PhoneLeg,
    kind: Kind,
}

enum Kind {
    /// The gateway is asked where the sound goes, by this operation; then somebody
    /// is consulted, or the first dialog is over.
    Opening { op: u64, then: Option<Target> },
    /// This party is consulted by it.
    Consults(LegId),
}

impl Second {
    /// As a successor of this process needs it; one that opens is opened anew.
    pub fn kept(&self) -> Option<(sip::LegId, LegId)> {
        match &self.kind {
            Kind::Consults(party) => Some((self.leg.leg(), party.clone())),
            Kind::Opening { .. } => None,
        }
    }

    /// One that a predecessor had.
    pub fn again(leg: PhoneLeg, party: LegId) -> Self {
        Self { leg, kind: Kind::Consults(party) }
    }

    pub fn leg(&self) -> sip::LegId {
        self.leg.leg()
    }
}

impl Driver {
    /// The agent's phone calls while it is in this call.
    pub(super) async fn on_dialled(&mut self, dialled: Dialled) {
        if let Err((dialled, code)) = self.open_second(dialled).await {
            tracing::info!(dialled.username, dialled.to, code, "a phone's second call is refused");
            let leg = dialled.leg.leg();
            let refuse = move |edge: &mut crate::edge::Edge, now| {
                let _ = edge.stack.endpoint.reject(now, leg, &Answer::new(code));
            };
            self.shared.edge.send(refuse).await;
        }
    }

    async fn open_second(&mut self, dialled: Dialled) -> Result<(), (Dialled, u16)> {
        let (party, then) = match self.may_open(&dialled) {
            Ok(allowed) => allowed,
            Err(code) => return Err((dialled, code)),
        };
        let (Some(line), Some(media)) = (self.lines.get_mut(&party), &mut self.media) else {
            return Err((dialled, 480));
        };
        let Dialled { leg, offer: Some(offer), .. } = dialled else { return Err((dialled, 488)) };
        let op = media.set_remote(&party, &offer, true).await;
        let (of, call) = (self.tenant.clone(), self.call.id().clone());
        let id = leg.leg();
        line.second = Some(Second { leg, kind: Kind::Opening { op, then } });
        self.shared.edge.send(move |edge, _| edge.belongs(id, &of, &call)).await;
        Ok(())
    }

    /// Whose second dialog it is to be, and whom to consult by it; or the status
    /// that refuses it.
    fn may_open(&self, dialled: &Dialled) -> Result<(LegId, Option<Target>), u16> {
        let party = match dialled.replaces {
            Some(replaced) => self.phone_party(replaced),
            None => self.call.lead().map(|(leg, _)| leg.clone()),
        };
        let party = party.ok_or(481_u16)?;
        let line = self.lines.get(&party).ok_or(481_u16)?;
        let Device::Phone { username, in_browser, .. } = &line.device else { return Err(403) };
        if *username != dialled.username || !line.accepted {
            return Err(403);
        }
        // The sound of a browser cannot go back to a first dialog: each is a peer of its own.
        if *in_browser || dialled.offer.as_deref().is_some_and(sip::sdp::is_webrtc) {
            return Err(488);
        }
        if line.second.is_some() {
            return Err(486);
        }
        match dialled.replaces {
            Some(_) => Ok((party, None)),
            None => Ok((party, Some(self.dialled_by_phone(&dialled.to).ok_or(404_u16)?))),
        }
    }

    /// A colleague by the name of their phone, or a number.
    fn dialled_by_phone(&self, user: &str) -> Option<Target> {
        let directory = self.shared.directory.borrow();
        let to = dialled(&directory, &self.tenant, user);
        resolve(&directory, &self.tenant, to).ok()?.party()
    }

    /// The gateway says where the sound of a second dialog goes; `false`: of none.
    pub(super) async fn second_ready(&mut self, party: &LegId, op: u64, sdp: &Bytes) -> bool {
        let Some(line) = self.lines.get_mut(party) else { return false };
        let opening = |second: &Second| matches!(second.kind, Kind::Opening { op: of, .. } if of == op);
        let Some(second) = line.second.take_if(|second| opening(second)) else { return false };
        let (leg, answer) = (second.leg(), Answer::new(200).sdp(sdp.clone()));
        let accept = move |edge: &mut crate::edge::Edge, now| {
            let _ = edge.stack.endpoint.accept(now, leg, &answer);
        };
        self.shared.edge.send(accept).await;
        match second.kind {
            Kind::Opening { then: Some(target), .. } => {
                let consulted = new_leg();
                line.second = Some(Second { leg: second.leg, kind: Kind::Consults(consulted.clone()) });
                let command = Command::Consult { leg: consulted, target };
                self.input(Input::Command { leg: party.clone(), command }).await;
            }
            // The phone that had the call is hung up by the drop of its leg.
            _ => {
                let held = line.held;
                line.move_to(second.leg);
                if held {
                    self.input(Input::SetHold { leg: party.clone(), on: false }).await;
                }
            }
        }
        true
    }

    /// The gateway cannot give the second dialog sound; `false`: it was none of them.
    pub(super) async fn second_failed(&mut self, op: u64) -> bool {
        let opening = |line: &Line| matches!(&line.second, Some(s) if matches!(s.kind, Kind::Opening { op: of, .. } if of == op));
        let Some(line) = self.lines.values_mut().find(|line| opening(line)) else { return false };
        let Some(second) = line.second.take() else { return false };
        let leg = second.leg();
        let refuse = move |edge: &mut crate::edge::Edge, now| {
            let _ = edge.stack.endpoint.reject(now, leg, &Answer::new(488));
        };
        self.shared.edge.send(refuse).await;
        true
    }

    /// Whose second dialog that is.
    pub(super) fn second_party(&self, leg: sip::LegId) -> Option<LegId> {
        let found = self.lines.iter().find(|(_, line)| line.second.as_ref().is_some_and(|s| s.leg() == leg));
        found.map(|(party, _)| party.clone())
    }

    /// What happens to a second dialog.
    pub(super) async fn on_second(&mut self, party: LegId, leg: sip::LegId, event: Event) {
        match event {
            Event::Ended { .. } | Event::Cancelled { .. } => {
                let Some(line) = self.lines.get_mut(&party) else { return };
                let consults = matches!(&line.second, Some(Second { kind: Kind::Consults(_), .. }));
                self.second_over(&party).await;
                if consults {
                    let held = self.lines.get(&party).is_some_and(|line| line.held);
                    self.input(Input::Command { leg: party.clone(), command: Command::Cancel }).await;
                    if held {
                        self.input(Input::SetHold { leg: party, on: true }).await;
                    }
                }
            }
            Event::Refer { replaces: Some(_), .. } => self.complete(party).await,
            Event::Refer { user, .. } => self.on_refer(party, user).await,
            Event::Offer { sdp, .. } => {
                let local = self.lines.get(&party).and_then(|line| line.local.clone());
                self.reoffered(leg, &party, sdp, local).await;
            }
            Event::OfferAnswered { sdp: Some(sdp), .. } => self.moved(&party, &sdp).await,
            Event::Info { content_type, body, .. } => {
                if let Some(key) = super::signals::relayed_key(&content_type, &body) {
                    self.input(Input::LineKey { leg: party, key }).await;
                }
            }
            _ => {}
        }
    }

    /// REFER with Replaces: the two calls of the phone become one without it.
    pub(super) async fn complete(&mut self, party: LegId) {
        self.input(Input::Command { leg: party, command: Command::Complete }).await;
    }

    /// The sound is back on the first dialog.
    pub(super) async fn second_over(&mut self, party: &LegId) {
        let Some(line) = self.lines.get_mut(party) else { return };
        if line.second.take().is_none() {
            return;
        }
        if let (Some(remote), Some(media)) = (line.remote.clone(), &mut self.media) {
            media.set_remote(party, &remote, false).await;
        }
    }

    /// Who was consulted by a second dialog is out: that dialog is over too, and a
    /// caller whom the phone holds goes on hearing music.
    pub(super) async fn consulted_left(&mut self, consulted: &LegId) {
        let consults = |line: &Line| matches!(&line.second, Some(s) if matches!(&s.kind, Kind::Consults(leg) if leg == consulted));
        let found = self.lines.iter().find(|(_, line)| consults(line));
        let Some((party, held)) = found.map(|(party, line)| (party.clone(), line.held)) else { return };
        self.second_over(&party).await;
        if held {
            self.inputs.push_back(Input::SetHold { leg: party, on: true });
        }
    }

    /// What the phone wanted cannot be done: its second call is over.
    pub(super) async fn consultation_refused(&mut self, party: &LegId) {
        let consults =
            |line: &&mut Line| matches!(&line.second, Some(Second { kind: Kind::Consults(_), .. }));
        if self.lines.get_mut(party).as_ref().is_some_and(consults) {
            self.second_over(party).await;
        }
    }

    /// An agent's phone that called takes part: what rings at others was there first.
    pub(super) async fn own_phone_ready(&mut self, party: LegId, leg: sip::LegId, sdp: Bytes) {
        let answer = Answer::new(200).sdp(sdp);
        let accept = move |edge: &mut crate::edge::Edge, now| edge.stack.endpoint.accept(now, leg, &answer);
        let accepted = self.shared.edge.ask(accept).await.is_some_and(|accepted| accepted.is_ok());
        if !accepted {
            let outcome = OfferOutcome::DeviceOffline;
            return self.input(Input::LineRefused { leg: party, outcome }).await;
        }
        if let Some(line) = self.lines.get_mut(&party) {
            line.accepted = true;
        }
        self.input(Input::LineAnswered(party)).await;
    }
}

impl Driver {
    /// The phone by which the agent called gave up before it was a line.
    pub(super) async fn on_own_phone(&mut self, leg: sip::LegId, event: &Event) {
        let own = self.own.as_ref().is_some_and(|own| own.leg.leg() == leg);
        if !own || !event.is_last() {
            return;
        }
        let lead = self.call.lead().map(|(lead, _)| lead.clone());
        if let Some(lead) = lead {
            self.input(Input::LineHungUp(lead)).await;
        }
    }
}

impl std::fmt::Debug for Dialled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialled")
            .field("username", &self.username)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl Dialled {
    /// As a call is told.
    pub fn signal(self) -> Signal {
        Signal::Dialled(Box::new(self))
    }
}

/// What an agent's call begins with; `Err`: why it cannot be.
pub fn placement(
    directory: &Directory,
    tenant: &TenantId,
    agent: AgentId,
    to: line::Target,
) -> Result<Placement, &'static str> {
    let name = directory.agent_name(tenant, &agent).ok_or("there is no such agent")?;
    let to = super::callee(directory, tenant, to)?;
    if to.agent() == Some(&agent) {
        return Err("nobody can call themselves");
    }
    let from = match &to {
        Target::Agent { .. } => name.to_owned(),
        Target::Number { number } => {
            directory.shown_to(tenant, number).map_or_else(String::new, String::from)
        }
        Target::Queue { .. } => return Err("a queue takes a transfer only"),
    };
    let (now, random) = (chassis::clock::now(), chassis::random::u128);
    Ok(Placement {
        call: CallId::new(now, random()),
        agent,
        agent_leg: LegId::new(now, random()),
        other_leg: LegId::new(now, random()),
        recording: RecordingId::new(now, random()),
        to,
        from,
        callback: None,
    })
}

/// The same for what a phone dialled: the name of a colleague's phone, or a number.
pub fn placement_by_phone(directory: &Directory, of: &Phone, user: &str) -> Result<Placement, &'static str> {
    placement(directory, &of.tenant, of.agent.clone(), dialled(directory, &of.tenant, user))
}

/// A colleague by the name of their phone, or a number.
pub(super) fn dialled(directory: &Directory, tenant: &TenantId, user: &str) -> line::Target {
    let phone = directory.phone(user).filter(|phone| phone.of.tenant == *tenant);
    let who = match phone {
        Some(phone) => target::Who::Agent(phone.of.agent.to_string()),
        None => target::Who::Number(user.to_owned()),
    };
    line::Target { who: Some(who) }
}
