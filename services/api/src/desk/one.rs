//! One desk: its tabs, what rings and talks on it, and what they are told.

use super::message::{Offer, Seat, State, ToClient, Unheard};
use proto::line::v1::{FromLine, from_line};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// What the agent wants to be, to be told again to an ACD that forgot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Offline,
    Available,
    Aux(String),
}

pub struct Desk {
    pub tenant: String,
    pub tabs: Vec<Tab>,
    pub wish: Wish,
    /// The ACD is another one, or lost our stream: it must hear the wish again.
    pub reclaims: bool,
    pub state: Option<State>,
    pub pops: BTreeMap<String, Pop>,
    pub legs: BTreeMap<String, Leg>,
    pub hand_since: Option<i64>,
    /// Counts the times that the last tab closed, to tell parkings apart.
    pub parkings: u64,
    /// Nobody has been here for so long that the ACD was told.
    pub away: bool,
}

/// What the agent sees of a caller: while it rings, and after the answer until the call is wrapped up.
pub struct Pop {
    pub call: String,
    /// Absent while the CRM is asked who calls.
    pub offer: Option<Offer>,
    pub answered: bool,
}

impl Pop {
    pub fn told(&self, reservation: &str) -> Vec<ToClient> {
        let shown = self.offer.iter().map(|offer| ToClient::Offer(Box::new(offer.clone())));
        let over = self.answered.then(|| answered(reservation));
        shown.chain(over).collect()
    }
}

fn answered(reservation: &str) -> ToClient {
    ToClient::OfferEnded { reservation: reservation.to_owned(), outcome: "answered".into() }
}

pub struct Tab {
    pub id: u64,
    pub to: mpsc::Sender<ToClient>,
    pub phone: bool,
}

pub struct Leg {
    pub ring: proto::line::v1::Ring,
    pub seats: Vec<Seat>,
    pub unheard: Vec<Unheard>,
    pub to_edge: mpsc::Sender<Result<FromLine, tonic::Status>>,
    pub talking_since: Option<i64>,
    pub held: bool,
    pub muted: bool,
}

impl Leg {
    /// What is to be said to a browser that opens, or takes over the phone.
    pub fn told(&self, leg: &str) -> Vec<ToClient> {
        let leg = leg.to_owned();
        let mut told = vec![ToClient::Ring {
            call: self.ring.call.clone(),
            leg: leg.clone(),
            reservation: self.ring.reservation.clone(),
            purpose: self.ring.purpose.clone(),
            number: self.ring.number.clone(),
            name: self.ring.name.clone(),
        }];
        if let Some(since_ms) = self.talking_since {
            told.push(ToClient::Talking { leg: leg.clone(), since_ms });
            told.push(ToClient::Held { leg: leg.clone(), on: self.held });
            told.push(ToClient::Muted { leg: leg.clone(), on: self.muted });
            if !self.seats.is_empty() {
                told.push(ToClient::Seats { leg: leg.clone(), seats: self.seats.clone() });
            }
            if !self.unheard.is_empty() {
                told.push(ToClient::Unheard { leg, parties: self.unheard.clone() });
            }
        }
        told
    }

    pub fn say(&self, what: from_line::What) -> bool {
        self.to_edge.try_send(Ok(FromLine { what: Some(what) })).is_ok()
    }
}

impl Desk {
    pub fn new(tenant: &str) -> Desk {
        Desk {
            tenant: tenant.to_owned(),
            tabs: Vec::new(),
            wish: Wish::Offline,
            reclaims: false,
            state: None,
            pops: BTreeMap::new(),
            legs: BTreeMap::new(),
            hand_since: None,
            parkings: 0,
            away: false,
        }
    }

    /// Nobody has come since that time.
    pub fn is_parked(&self, parking: u64) -> bool {
        self.tabs.is_empty() && self.parkings == parking
    }

    pub fn talks(&self) -> bool {
        self.legs.values().any(|leg| leg.talking_since.is_some())
    }

    /// An answered offer has ended; its pop goes when the call is no longer the agent's.
    pub fn follow(&mut self, state: &State) {
        let (talks, with) = (state.state == "on_call", state.call.as_deref());
        let mut ended = Vec::new();
        self.pops.retain(|reservation, pop| {
            if talks && !pop.answered && with == Some(&pop.call) {
                pop.answered = true;
                ended.push(answered(reservation));
            }
            !pop.answered || with == Some(&pop.call)
        });
        ended.into_iter().for_each(|message| self.tell(message));
    }

    /// To all tabs; one that does not keep up is closed by letting go of its channel.
    pub fn tell(&mut self, message: ToClient) {
        self.tabs.retain(|tab| tab.to.try_send(message.clone()).is_ok());
        self.heir();
    }

    pub fn tell_phone(&mut self, message: ToClient) {
        self.tabs.retain(|tab| !tab.phone || tab.to.try_send(message.clone()).is_ok());
        self.heir();
    }

    pub fn tell_legs(&mut self) {
        let told: Vec<ToClient> = self.legs.iter().flat_map(|(id, leg)| leg.told(id)).collect();
        told.into_iter().for_each(|message| self.tell_phone(message));
    }

    /// When the tab with the phone is gone, the oldest one gets it.
    pub fn heir(&mut self) {
        if self.tabs.iter().any(|tab| tab.phone) {
            return;
        }
        let Some(first) = self.tabs.first_mut() else { return };
        first.phone = true;
        self.tell_legs();
    }
}
