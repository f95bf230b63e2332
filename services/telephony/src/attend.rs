//! Registered SIP phones at the ACD: who has one is available by it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::{Credentials, Drain, grpc::Channel};
use proto::acd::v1::attend_client::AttendClient;
use proto::acd::v1::device_request::{Aux, Available, Offline, Watch, What};
use proto::acd::v1::{DeviceEvent, DeviceRequest, device_event, device_event::StateChanged};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::link::{self, Peer};
use crate::trunk::Phone;

/// The stream to the ACD that all phones of this edge share.
pub struct Attendance {
    acd: Arc<Acd>,
}

struct Acd {
    client: AttendClient<Channel>,
    queue: mpsc::Sender<DeviceRequest>,
    /// By agent: said again after a broken stream.
    present: Mutex<HashMap<String, Present>>,
}

/// An agent whose phone is registered.
struct Present {
    phone: Phone,
    line: String,
    /// The state that the ACD told last, and its reason.
    state: String,
    reason: String,
    /// The stream broke during a call: an ACD that knows nothing of the agent is told anew.
    reclaims: bool,
}

impl Present {
    /// What must be said after a broken stream, so that the agent is where the
    /// agent was: a pause stays a pause, a conversation goes on.
    fn again(&mut self) -> DeviceRequest {
        let (line, reason) = (self.line.clone(), self.reason.clone());
        self.reclaims = ["ringing", "on_call", "wrap_up", "missed"].contains(&self.state.as_str());
        let what = match self.state.as_str() {
            "aux" => What::Aux(Aux { reason, line }),
            _ if self.reclaims => What::Watch(Watch { line }),
            _ => What::Available(Available { line }),
        };
        request(&self.phone, what)
    }

    /// What the ACD tells of the agent; the answer, where it needs one.
    fn told(&mut self, changed: StateChanged) -> Option<DeviceRequest> {
        (self.state, self.reason) = (changed.state, changed.reason);
        let settled = ["offline", "available", "aux"].contains(&self.state.as_str());
        let reclaims = settled && std::mem::take(&mut self.reclaims);
        let line = self.line.clone();
        (reclaims && self.state == "offline")
            .then(|| request(&self.phone, What::Available(Available { line })))
    }
}

impl Attendance {
    pub fn connect(credentials: &Credentials, address: &str, drain: &Drain) -> anyhow::Result<Self> {
        let (queue, asked) = mpsc::channel(link::WAITING_MAX);
        let client = AttendClient::new(chassis::grpc::channel(credentials, address)?);
        let acd = Arc::new(Acd { client, queue, present: Mutex::default() });
        tokio::spawn(link::run(acd.clone(), asked, drain.clone()));
        Ok(Self { acd })
    }

    /// The agent's phone registered.
    pub fn appeared(&self, phone: &Phone, username: &str) {
        let line = format!("sip:{username}");
        let (state, reason) = (String::new(), String::new());
        let mut present = Present { phone: phone.clone(), line, state, reason, reclaims: false };
        self.acd.tell(present.again());
        self.acd.present().insert(phone.agent.to_string(), present);
    }

    /// The agent's last phone went away.
    pub fn vanished(&self, phone: &Phone) {
        let request = request(phone, What::Offline(Offline::default()));
        self.acd.present().remove(&request.session);
        self.acd.tell(request);
    }
}

fn request(phone: &Phone, what: What) -> DeviceRequest {
    DeviceRequest { session: phone.agent.to_string(), tenant: phone.tenant.to_string(), what: Some(what) }
}

impl Acd {
    fn tell(&self, request: DeviceRequest) {
        if self.queue.try_send(request).is_err() {
            tracing::warn!("the acd is too far behind for the phones");
        }
    }

    fn present(&self) -> MutexGuard<'_, HashMap<String, Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer for Acd {
    type Request = DeviceRequest;
    type Event = DeviceEvent;

    async fn open(&self, requests: ReceiverStream<DeviceRequest>) -> Result<Streaming<DeviceEvent>, Status> {
        Ok(self.client.clone().attach(requests).await?.into_inner())
    }

    fn up(&self) -> Vec<DeviceRequest> {
        self.present().values_mut().map(Present::again).collect()
    }

    fn event(&self, event: DeviceEvent) {
        match event.what {
            Some(device_event::What::Refused(refused)) => {
                tracing::warn!(agent = event.session, refused.message, "the acd refused a phone");
            }
            Some(device_event::What::StateChanged(changed)) => {
                let answer = self.present().get_mut(&event.session).and_then(|one| one.told(changed));
                answer.into_iter().for_each(|request| self.tell(request));
            }
            _ => {}
        }
    }

    fn down(&self, _refused: bool) {}

    fn name(&self) -> &str {
        "acd attend"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(state: &str) -> Present {
        let now = types::Timestamp::from_millis(0);
        let phone = Phone { tenant: types::TenantId::new(now, 1), agent: types::AgentId::new(now, 2) };
        let (line, state, reason) = ("sip:ana".to_owned(), state.to_owned(), String::new());
        Present { phone, line, state, reason, reclaims: false }
    }

    fn state(state: &str) -> StateChanged {
        StateChanged { state: state.to_owned(), ..StateChanged::default() }
    }

    #[test]
    fn a_phone_in_a_call_goes_on_and_is_told_anew_to_an_acd_that_knows_nothing() {
        let line = "sip:ana".to_owned();
        let mut phone = present("on_call");
        assert_eq!(phone.again().what, Some(What::Watch(Watch { line: line.clone() })));
        assert_eq!(phone.told(state("wrap_up")), None);
        assert_eq!(phone.told(state("available")), None);
        assert_eq!(phone.told(state("offline")), None, "somebody signed the agent out");

        let mut phone = present("on_call");
        phone.again();
        let again = phone.told(state("offline")).and_then(|request| request.what);
        assert_eq!(again, Some(What::Available(Available { line })));
    }
}
