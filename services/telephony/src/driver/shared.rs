//! What all calls of this edge share: the services that they ask, the room that there
//! is for them, and the list of those that run.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use call::{Call, Ledger};
use sipnet::Names;
use tokio::sync::{mpsc, watch};
use types::fact::CallEvent;
use types::{CallId, E164, HangupCause, Purpose, Target, TenantId, TrunkId};

use super::Signal;
use crate::edge::Handle;
use crate::gateways::Gateways;
use crate::ivr::Ivr;
use crate::line::Browsers;
use crate::outbound::Route;
use crate::queue::Queues;
use crate::rates::Rates;
use crate::tolls::{Taken, Tolls};
use crate::trunk::Directory;

/// What every call needs.
pub struct Shared {
    pub log: eventlog::Log,
    pub edge: Handle,
    /// Where carriers are.
    pub names: Names,
    pub gateways: Gateways,
    pub ivr: Ivr,
    pub queues: Queues,
    pub browsers: Browsers,
    pub directory: watch::Receiver<Arc<Directory>>,
    /// Calls to the outside by trunk, and all calls by company.
    pub tolls: Arc<Tolls<TrunkId>>,
    pub companies: Arc<Tolls<TenantId>>,
    /// The same for calls that begin in a second.
    pub trunk_rates: Rates<TrunkId>,
    pub company_rates: Rates<TenantId>,
    /// Calls of one company at once, unless it wants less.
    pub company_calls_max: u32,
    pub calls: Calls,
}

impl Shared {
    /// Room for one more call of the company; `None`: it has all that it may.
    pub fn room(&self, tenant: &TenantId) -> Option<Taken<TenantId>> {
        let own = self.directory.borrow().calls_max(tenant).unwrap_or(u32::MAX);
        let taken = self.companies.take(tenant, own.min(self.company_calls_max));
        if taken.is_none() {
            metrics::counter!("telephony_company_full_total").increment(1);
            tracing::warn!(%tenant, "the company has all the calls that it may");
            return None;
        }
        let per_second = self.directory.borrow().per_second(tenant);
        if !self.begins(&self.company_rates, tenant, per_second) {
            tracing::warn!(%tenant, "more calls of the company in a second than may begin");
            return None;
        }
        taken
    }

    /// The same for a call that somebody here makes; help in need is always called.
    pub fn room_to_call(&self, tenant: &TenantId, to: &Target) -> Option<Taken<TenantId>> {
        match to {
            Target::Number { number } if number.emergency().is_some() => {
                Some(self.companies.take_anyway(tenant))
            }
            _ => self.room(tenant),
        }
    }

    /// One of the trunk's circuits for a call to this number, if it has one now.
    pub fn circuit(&self, route: &Route, number: &E164) -> Option<Taken<TrunkId>> {
        if number.emergency().is_some() {
            return Some(self.tolls.take_anyway(&route.trunk));
        }
        let Some(taken) = self.tolls.take(&route.trunk, route.calls_max) else {
            metrics::counter!("telephony_tolls_refused_total").increment(1);
            tracing::warn!(trunk = %route.trunk, "the trunk carries all the calls that it may");
            return None;
        };
        self.begins(&self.trunk_rates, &route.trunk, route.per_second).then_some(taken)
    }

    /// Whether one more call may begin now.
    pub fn begins<K: Hash + Eq + Clone>(&self, rates: &Rates<K>, of: &K, per_second: Option<u32>) -> bool {
        let begins = per_second.is_none_or(|calls| rates.allow(chassis::clock::now(), of, calls));
        if !begins {
            metrics::counter!("telephony_calls_too_fast_total").increment(1);
        }
        begins
    }
}

/// The calls that run, for those who want to end one.
#[derive(Default)]
pub struct Calls {
    running: Mutex<HashMap<CallId, (TenantId, mpsc::Sender<Signal>)>>,
    /// Calls without a caller that keep somebody's place in line.
    promised: Mutex<HashMap<(TenantId, E164), CallId>>,
}

impl Calls {
    pub(super) fn running(&self) -> MutexGuard<'_, HashMap<CallId, (TenantId, mpsc::Sender<Signal>)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls that run now.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    fn promised(&self) -> MutexGuard<'_, HashMap<(TenantId, E164), CallId>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a call's fact says of callers who are to be called back: who gets
    /// through otherwise is not.
    pub(super) fn follow(&self, tenant: &TenantId, ledger: &Ledger, event: &CallEvent) {
        let key = |number: &E164| (tenant.clone(), number.clone());
        match event {
            CallEvent::CallbackAsked { number, in_line: true, .. } => {
                self.promised().insert(key(number), ledger.call.clone());
            }
            CallEvent::AgentConnected { .. } => {
                if let Ok(number) = ledger.from.parse() {
                    self.got_through(&key(&number), &ledger.call);
                }
            }
            CallEvent::Joined { purpose: Purpose::Dial, target: Target::Number { number }, .. } => {
                self.got_through(&key(number), &ledger.call);
            }
            CallEvent::Ended { .. } => {
                if let Some(number) = &ledger.callback {
                    let mut promised = self.promised();
                    if promised.get(&key(number)) == Some(&ledger.call) {
                        promised.remove(&key(number));
                    }
                }
            }
            _ => {}
        }
    }

    /// A call that was taken up keeps somebody's place.
    pub(super) fn promises(&self, tenant: &TenantId, call: &Call) {
        if let Some(number) = call.promised_number() {
            self.promised().insert((tenant.clone(), number.clone()), call.id().clone());
        }
    }

    fn got_through(&self, key: &(TenantId, E164), by: &CallId) {
        let promised = self.promised().remove(key);
        if let Some(call) = promised.filter(|call| call != by) {
            self.tell(&key.0, &call, Signal::HangUp(HangupCause::Normal));
        }
    }

    /// Tells a call of this tenant; false if there is none.
    pub fn tell(&self, tenant: &TenantId, call: &CallId, signal: Signal) -> bool {
        let running = self.running();
        let found = running.get(call).filter(|(owner, _)| owner == tenant);
        found.is_some_and(|(_, signals)| signals.try_send(signal).is_ok())
    }

    /// Ends all calls.
    pub fn hang_up_all(&self, cause: HangupCause) {
        for (_, signals) in self.running().values() {
            let _ = signals.try_send(Signal::HangUp(cause));
        }
    }
}
