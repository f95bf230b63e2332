//! The desks of this process: which tabs are open, what rings and talks.
//! Holds no call: a leg here is the way between a browser and the edge that
//! holds the call. A desk without tabs is parked: it keeps its call, and is soon
//! asked for no other; one that comes back is what it was.

use super::{
    message::{Offer, State, ToClient},
    one::{Desk, Leg, Pop, Tab, Wish},
};
use proto::{
    acd::v1::{DeviceRequest, device_request as ask},
    line::v1::{FromLine, HangUp, from_line},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// Messages that may wait for a tab; a slower one is closed.
pub const TAB_WAITING_MAX: usize = 256;
pub const LEG_WAITING_MAX: usize = 64;
const TABS_MAX: usize = 10;
const LEGS_MAX: usize = 4;
/// Requests that may wait for the ACD.
pub const ASKED_MAX: usize = 4_096;

/// Every desk with an open or a parked tab, by agent.
pub struct Desks {
    all: Mutex<HashMap<String, Desk>>,
    /// To the ACD.
    asked: mpsc::Sender<DeviceRequest>,
    /// `web:` and where line.v1 of this process is.
    line: String,
    absence: Absence,
    /// Moves when a hand goes up or down.
    hands: watch::Sender<u64>,
}

/// What becomes of a desk without tabs.
#[derive(Debug, Clone, Copy)]
pub struct Absence {
    /// After so long it is asked for no caller.
    pub away: Duration,
    /// After so long it is given up, and so is its call.
    pub parked: Duration,
}

/// The reason by which it is offline, as desks translate it.
const LOST: &str = "connection lost";

impl Desks {
    pub fn new(line: String, absence: Absence) -> (Arc<Desks>, mpsc::Receiver<DeviceRequest>) {
        let (asked, requests) = mpsc::channel(ASKED_MAX);
        let hands = watch::channel(0).0;
        (Arc::new(Desks { all: Mutex::default(), asked, line, absence, hands }), requests)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Desk>> {
        self.all.lock().expect("no panic while the lock is held")
    }

    fn ask(&self, tenant: &str, agent: &str, what: ask::What) -> Result<(), &'static str> {
        let request =
            DeviceRequest { session: agent.to_owned(), tenant: tenant.to_owned(), what: Some(what) };
        self.asked.try_send(request).map_err(|_| "the queue service is too far behind, try again")
    }

    // ── tabs ────────────────────────────────────────────────────────────────

    /// A tab opens and is told what goes on. `None`: too many are open.
    pub fn open(&self, tenant: &str, agent: &str, to: mpsc::Sender<ToClient>) -> Option<u64> {
        let mut all = self.all();
        let desk = all.entry(agent.to_owned()).or_insert_with(|| Desk::new(tenant));
        if desk.tabs.len() >= TABS_MAX {
            return None;
        }
        let id = desk.tabs.iter().map(|tab| tab.id + 1).max().unwrap_or(1);
        let phone = !desk.tabs.iter().any(|tab| tab.phone);
        let state = desk.state.clone().map(ToClient::State);
        let pops = desk.pops.iter().flat_map(|(reservation, pop)| pop.told(reservation));
        let hand = desk.hand_since.map(|_| ToClient::Hand { on: true });
        for message in state.into_iter().chain(pops).chain(hand) {
            let _ = to.try_send(message);
        }
        desk.tabs.push(Tab { id, to, phone });
        if std::mem::take(&mut desk.away) {
            desk.reclaims = desk.wish != Wish::Offline;
        }
        if phone {
            desk.tell_legs();
        }
        drop(all);
        let _ = self.ask(tenant, agent, ask::What::Watch(ask::Watch::default()));
        Some(id)
    }

    /// A tab closed. The last one parks the desk.
    pub fn close(self: &Arc<Self>, agent: &str, tab: u64) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return };
        desk.tabs.retain(|open| open.id != tab);
        desk.heir();
        if desk.tabs.is_empty() {
            desk.parkings += 1;
            let (desks, agent, parking) = (self.clone(), agent.to_owned(), desk.parkings);
            let Absence { away, parked } = self.absence;
            tokio::spawn(async move {
                tokio::time::sleep(away.min(parked)).await;
                desks.is_away(&agent, parking);
                tokio::time::sleep(parked.saturating_sub(away)).await;
                desks.abandon(&agent, parking);
            });
        }
    }

    /// A desk where nobody has been for a while gets no caller.
    fn is_away(&self, agent: &str, parking: u64) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent).filter(|desk| desk.is_parked(parking)) else { return };
        if !desk.talks() {
            self.leaves(agent, desk);
        }
    }

    /// The ACD hears that nobody is at the desk; who comes back is what they were.
    fn leaves(&self, agent: &str, desk: &mut Desk) {
        desk.away = true;
        let offline = ask::Offline { reason: LOST.to_owned() };
        let _ = self.ask(&desk.tenant, agent, ask::What::Offline(offline));
    }

    /// The agent is no more: the desk closes, what rings or talks on it ends.
    pub fn dismiss(&self, agent: &str) {
        let Some(desk) = self.all().remove(agent) else { return };
        for leg in desk.legs.values() {
            leg.say(from_line::What::HangUp(HangUp {}));
        }
        let _ = self.ask(&desk.tenant, agent, ask::What::Offline(ask::Offline::default()));
    }

    /// Nobody came back to a parked desk.
    fn abandon(&self, agent: &str, parking: u64) {
        let mut all = self.all();
        if !all.get(agent).is_some_and(|desk| desk.is_parked(parking)) {
            return;
        }
        let Some(desk) = all.remove(agent) else { return };
        for leg in desk.legs.values() {
            leg.say(from_line::What::HangUp(HangUp {}));
        }
        let offline = ask::Offline { reason: LOST.to_owned() };
        let _ = self.ask(&desk.tenant, agent, ask::What::Offline(offline));
    }

    /// The tab holds the phone from now on, or gives it up.
    pub fn phone(&self, agent: &str, tab: u64, owns: bool) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return };
        let had = desk.tabs.iter().any(|open| open.id == tab && open.phone);
        for open in &mut desk.tabs {
            open.phone = if open.id == tab { owns } else { open.phone && !owns };
        }
        if owns && !had {
            desk.tell_legs();
        }
    }

    // ── what the agent asks ─────────────────────────────────────────────────

    pub fn wish_available(&self, agent: &str) -> Result<(), &'static str> {
        let what = ask::What::Available(ask::Available { line: self.line.clone() });
        self.wish(agent, Wish::Available, what)
    }

    pub fn wish_aux(&self, agent: &str, reason: String) -> Result<(), &'static str> {
        let what = ask::What::Aux(ask::Aux { reason: reason.clone(), line: self.line.clone() });
        self.wish(agent, Wish::Aux(reason), what)
    }

    pub fn wish_offline(&self, agent: &str) -> Result<(), &'static str> {
        self.wish(agent, Wish::Offline, ask::What::Offline(ask::Offline::default()))
    }

    fn wish(&self, agent: &str, wish: Wish, what: ask::What) -> Result<(), &'static str> {
        let mut all = self.all();
        let desk = all.get_mut(agent).ok_or("the desk is closed")?;
        desk.wish = wish;
        desk.reclaims = false;
        self.ask(&desk.tenant, agent, what)
    }

    /// A supervisor's wish for the agent. Available needs a desk that is open here.
    pub fn force(&self, tenant: &str, agent: &str, wish: Wish) -> Result<(), &'static str> {
        let mut all = self.all();
        let what = match &wish {
            Wish::Available => ask::What::Available(ask::Available { line: self.line.clone() }),
            Wish::Aux(reason) => ask::What::Aux(ask::Aux { reason: reason.clone(), line: String::new() }),
            Wish::Offline => ask::What::Offline(ask::Offline::default()),
        };
        match all.get_mut(agent).filter(|desk| desk.tenant == tenant) {
            Some(desk) => (desk.wish, desk.reclaims) = (wish, false),
            None if wish == Wish::Available => return Err("the agent has no desk open"),
            None => {}
        }
        self.ask(tenant, agent, what)
    }

    /// The agent wants somebody to come, or no more.
    pub fn raise_hand(&self, agent: &str, on: bool) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return };
        desk.hand_since = on.then(|| desk.hand_since.unwrap_or_else(|| chassis::clock::now().millis()));
        desk.tell(ToClient::Hand { on });
        self.hands.send_modify(|moves| *moves += 1);
    }

    pub fn hands(&self) -> watch::Receiver<u64> {
        self.hands.subscribe()
    }

    /// Since when the hand is up.
    pub fn hand_since(&self, agent: &str) -> Option<i64> {
        self.all().get(agent)?.hand_since
    }

    pub fn finish_wrap_up(
        &self,
        agent: &str,
        call: String,
        disposition: Option<String>,
        note: Option<String>,
    ) -> Result<(), &'static str> {
        let (disposition, note) = (disposition.unwrap_or_default(), note.unwrap_or_default());
        let what = ask::What::FinishWrapUp(ask::FinishWrapUp { call, disposition, note });
        let all = self.all();
        let desk = all.get(agent).ok_or("the desk is closed")?;
        self.ask(&desk.tenant, agent, what)
    }

    /// Something said on a leg, to the edge that holds the call.
    pub fn say(&self, agent: &str, leg: &str, what: from_line::What) -> Result<(), &'static str> {
        let all = self.all();
        let leg = all.get(agent).and_then(|desk| desk.legs.get(leg)).ok_or("there is no such leg")?;
        match leg.say(what) {
            true => Ok(()),
            false => Err("the call is too far behind, try again"),
        }
    }

    // ── what the ACD tells ──────────────────────────────────────────────────

    /// The stream to the ACD was opened anew: it is asked what it knows.
    pub fn reattach(&self) {
        for (agent, desk) in self.all().iter_mut() {
            desk.reclaims = desk.wish != Wish::Offline && !desk.away;
            let line = if desk.reclaims { self.line.clone() } else { String::new() };
            let _ = self.ask(&desk.tenant, agent, ask::What::Watch(ask::Watch { line }));
        }
    }

    pub fn state_changed(&self, agent: &str, state: State) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return };
        if desk.reclaims && ["offline", "available", "aux"].contains(&state.state.as_str()) {
            desk.reclaims = false;
            let line = self.line.clone();
            let again = match desk.wish.clone() {
                Wish::Available => Some(ask::What::Available(ask::Available { line })),
                Wish::Aux(reason) => Some(ask::What::Aux(ask::Aux { reason, line })),
                Wish::Offline => None,
            };
            if let Some(what) = again {
                let _ = self.ask(&desk.tenant, agent, what);
            }
        }
        desk.state = Some(state.clone());
        desk.tell(ToClient::State(state.clone()));
        desk.follow(&state);
    }

    /// The tenant of the desk that is to see the offer; it waits for the contact.
    pub fn offer_arrived(&self, agent: &str, reservation: &str, call: &str) -> Option<String> {
        let mut all = self.all();
        let desk = all.get_mut(agent)?;
        let pop = Pop { call: call.to_owned(), offer: None, answered: false };
        desk.pops.insert(reservation.to_owned(), pop);
        Some(desk.tenant.clone())
    }

    /// Shows the offer, unless it has ended meanwhile.
    pub fn show(&self, agent: &str, offer: Offer) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return };
        let Some(pop) = desk.pops.get_mut(&offer.reservation) else { return };
        let reservation = offer.reservation.clone();
        pop.offer = Some(offer);
        pop.told(&reservation).into_iter().for_each(|message| desk.tell(message));
    }

    pub fn offer_ended(&self, agent: &str, reservation: &str, outcome: String) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return };
        desk.pops.remove(reservation);
        desk.tell(ToClient::OfferEnded { reservation: reservation.to_owned(), outcome });
    }

    /// False: no desk is open.
    pub fn tell(&self, agent: &str, message: ToClient) -> bool {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return false };
        desk.tell(message);
        !desk.tabs.is_empty()
    }

    // ── what the edge tells ─────────────────────────────────────────────────

    /// Rings the tab that holds the phone. False: there is none, or it is another tenant's.
    pub fn ring(
        &self,
        ring: &proto::line::v1::Ring,
        to_edge: mpsc::Sender<Result<FromLine, tonic::Status>>,
    ) -> bool {
        let mut all = self.all();
        let Some(desk) = all.get_mut(&ring.agent).filter(|desk| desk.tenant == ring.tenant) else {
            return false;
        };
        // A successor of the edge that rang: the browser's sound goes on meanwhile.
        if let Some(known) = desk.legs.get_mut(&ring.leg) {
            known.to_edge = to_edge;
            return true;
        }
        if !desk.tabs.iter().any(|tab| tab.phone) || desk.legs.len() >= LEGS_MAX {
            return false;
        }
        let leg = Leg {
            ring: ring.clone(),
            seats: Vec::new(),
            unheard: Vec::new(),
            to_edge,
            talking_since: None,
            held: false,
            muted: false,
        };
        let told = leg.told(&ring.leg);
        desk.legs.insert(ring.leg.clone(), leg);
        told.into_iter().for_each(|message| desk.tell_phone(message));
        true
    }

    /// The edge says something about a leg; kept for tabs that open later.
    pub fn leg_moved(&self, agent: &str, leg: &str, message: ToClient) {
        let mut all = self.all();
        let Some(desk) = all.get_mut(agent) else { return };
        let Some(known) = desk.legs.get_mut(leg) else { return };
        match &message {
            ToClient::Talking { since_ms, .. } => known.talking_since = Some(*since_ms),
            ToClient::Held { on, .. } => known.held = *on,
            ToClient::Muted { on, .. } => known.muted = *on,
            ToClient::Seats { seats, .. } => known.seats = seats.clone(),
            ToClient::Unheard { parties, .. } => known.unheard = parties.clone(),
            ToClient::Ended { .. } => drop(desk.legs.remove(leg)),
            _ => {}
        }
        // What kept the desk is over.
        let over = matches!(message, ToClient::Ended { .. }) && !desk.talks();
        if over && desk.tabs.is_empty() && !desk.away {
            self.leaves(agent, desk);
        }
        match message {
            ToClient::Sdp { .. } | ToClient::Renew { .. } => desk.tell_phone(message),
            _ => desk.tell(message),
        }
    }

    /// Whether this is still the way to the edge that holds the leg.
    pub fn is_held_by(
        &self,
        agent: &str,
        leg: &str,
        to_edge: &mpsc::Sender<Result<FromLine, tonic::Status>>,
    ) -> bool {
        let all = self.all();
        let known = all.get(agent).and_then(|desk| desk.legs.get(leg));
        known.is_some_and(|known| known.to_edge.same_channel(to_edge))
    }

    /// Legs of all desks, for the metrics.
    pub fn count(&self) -> (usize, usize) {
        let all = self.all();
        (all.len(), all.values().map(|desk| desk.legs.len()).sum())
    }
}
