//! Who holds which caller and which agent, and the leases of those whose
//! stream broke.

use proto::acd::v1::{Caller, CallerEvent, DeviceEvent};
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio::sync::mpsc;
use types::*;

/// What a lease keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Orphan {
    Caller(CallId),
    Agent(AgentId),
}

#[derive(Default)]
pub struct Sessions {
    caller_streams: HashMap<u64, mpsc::Sender<CallerEvent>>,
    device_streams: HashMap<u64, mpsc::Sender<DeviceEvent>>,
    callers: HashMap<CallId, CallerSession>,
    /// Every stream that watches the agent; the last one that gave a line owns the device.
    agents: HashMap<AgentId, AgentSession>,
    leases: BTreeSet<(Timestamp, Orphan)>,
}

pub struct CallerSession {
    stream: u64,
    pub card: Caller,
    /// The place and the expected wait told last.
    pub told: (u32, types::Millis),
    /// When it is let go, while nobody holds it.
    lease: Option<Timestamp>,
}

#[derive(Default)]
struct AgentSession {
    watchers: HashSet<u64>,
    owner: Option<u64>,
    lease: Option<Timestamp>,
}

impl Sessions {
    pub fn callers_attached(&mut self, stream: u64, events: mpsc::Sender<CallerEvent>) {
        self.caller_streams.insert(stream, events);
    }

    pub fn devices_attached(&mut self, stream: u64, events: mpsc::Sender<DeviceEvent>) {
        self.device_streams.insert(stream, events);
    }

    /// The caller is held by this stream from now on.
    pub fn holds_caller(&mut self, call: &CallId, stream: u64, card: Option<Caller>) {
        let session = CallerSession { stream, card: Caller::default(), told: (0, 0), lease: None };
        let session = self.callers.entry(call.clone()).or_insert(session);
        session.stream = stream;
        if let Some(until) = session.lease.take() {
            self.leases.remove(&(until, Orphan::Caller(call.clone())));
        }
        if let Some(card) = card {
            session.card = card;
        }
    }

    /// Looks on; a device whose holder is gone stays an orphan.
    pub fn watches(&mut self, agent: &AgentId, stream: u64) {
        self.agents.entry(agent.clone()).or_default().watchers.insert(stream);
    }

    /// Holds the device from now on, whoever held it before.
    pub fn owns(&mut self, agent: &AgentId, stream: u64) {
        self.watches(agent, stream);
        let session = self.agents.entry(agent.clone()).or_default();
        session.owner = Some(stream);
        if let Some(until) = session.lease.take() {
            self.leases.remove(&(until, Orphan::Agent(agent.clone())));
        }
    }

    /// Holds the device still, after its stream broke; not if somebody else does by now.
    pub fn goes_on(&mut self, agent: &AgentId, stream: u64) {
        match self.agents.get(agent).is_some_and(|session| session.owner.is_some()) {
            true => self.watches(agent, stream),
            false => self.owns(agent, stream),
        }
    }

    pub fn owned_by(&self, agent: &AgentId, stream: u64) -> bool {
        self.agents.get(agent).is_some_and(|session| session.owner == Some(stream))
    }

    pub fn card(&self, call: &CallId) -> Caller {
        self.callers.get(call).map(|session| session.card.clone()).unwrap_or_default()
    }

    pub fn caller(&mut self, call: &CallId) -> Option<&mut CallerSession> {
        self.callers.get_mut(call)
    }

    pub fn drop_caller(&mut self, call: &CallId) {
        self.callers.remove(call);
    }

    /// What the stream held becomes orphans until `until`.
    pub fn detached(&mut self, stream: u64, until: Timestamp) {
        self.caller_streams.remove(&stream);
        self.device_streams.remove(&stream);
        for (call, session) in self.callers.iter_mut().filter(|(_, session)| session.stream == stream) {
            session.lease = Some(until);
            self.leases.insert((until, Orphan::Caller(call.clone())));
        }
        for (agent, session) in &mut self.agents {
            session.watchers.remove(&stream);
            if session.owner.take_if(|owner| *owner == stream).is_some() {
                session.lease = Some(until);
                self.leases.insert((until, Orphan::Agent(agent.clone())));
            }
        }
    }

    pub fn next_lease(&self) -> Option<Timestamp> {
        self.leases.first().map(|(at, _)| *at)
    }

    /// The orphans whose lease is over.
    pub fn expired(&mut self, now: Timestamp) -> Vec<Orphan> {
        let mut expired = Vec::new();
        while self.next_lease().is_some_and(|at| at <= now) {
            expired.extend(self.leases.pop_first().map(|(_, orphan)| orphan));
        }
        expired
    }

    /// A stream that does not keep up is cut; its lease begins when it notices.
    pub fn tell_caller(&mut self, call: &CallId, event: CallerEvent) {
        let Some(session) = self.callers.get(call) else { return };
        if let Some(events) = self.caller_streams.get(&session.stream)
            && events.try_send(event).is_err()
        {
            self.caller_streams.remove(&session.stream);
        }
    }

    pub fn tell_agent(&mut self, agent: &AgentId, event: &DeviceEvent) {
        let Some(session) = self.agents.get(agent) else { return };
        for stream in &session.watchers {
            if let Some(events) = self.device_streams.get(stream)
                && events.try_send(event.clone()).is_err()
            {
                self.device_streams.remove(stream);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that breaks during a call: the call goes on, and so does the holder.
    #[test]
    fn who_goes_on_holding_a_device_is_its_owner_and_who_looks_on_is_not() {
        let (now, until) = (Timestamp::from_millis(1_000), Timestamp::from_millis(11_000));
        let (phone, desk) = (AgentId::new(now, 1), AgentId::new(now, 2));
        let mut sessions = Sessions::default();
        sessions.owns(&phone, 1);
        sessions.owns(&desk, 1);
        sessions.detached(1, until);
        sessions.goes_on(&phone, 2);
        sessions.watches(&desk, 3);
        assert!(sessions.owned_by(&phone, 2) && !sessions.owned_by(&desk, 3));
        assert_eq!(sessions.expired(until), [Orphan::Agent(desk)], "a second tab keeps no phone");
        sessions.goes_on(&phone, 4);
        assert!(sessions.owned_by(&phone, 2));
        sessions.detached(2, until);
        assert_eq!(sessions.expired(until), [Orphan::Agent(phone)], "it can be lost again");
    }

    #[test]
    fn who_is_held_again_in_time_is_no_orphan() {
        let (now, until) = (Timestamp::from_millis(1_000), Timestamp::from_millis(11_000));
        let (kept, lost) = (CallId::new(now, 1), CallId::new(now, 2));
        let (here, gone) = (AgentId::new(now, 3), AgentId::new(now, 4));
        let mut sessions = Sessions::default();
        for call in [&kept, &lost] {
            sessions.holds_caller(call, 1, None);
        }
        for agent in [&here, &gone] {
            sessions.owns(agent, 1);
        }
        sessions.detached(1, until);
        assert_eq!(sessions.next_lease(), Some(until));
        sessions.holds_caller(&kept, 2, None);
        sessions.owns(&here, 2);
        assert_eq!(sessions.expired(now), []);
        assert_eq!(sessions.expired(until), [Orphan::Caller(lost), Orphan::Agent(gone)]);
        assert_eq!(sessions.next_lease(), None);
    }
}
