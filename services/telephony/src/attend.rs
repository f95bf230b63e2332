//! Registered SIP phones at the ACD: who has one is available by it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::{Credentials, Drain, grpc::Channel};
use proto::acd::v1::attend_client::AttendClient;
use proto::acd::v1::device_request::{Aux, Available, Offline, Watch, What};
use proto::acd::v1::{DeviceEvent, DeviceRequest, device_event};
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
}

impl Present {
    /// What must be said after a broken stream, so that the agent is where the
    /// agent was: a pause stays a pause, a conversation goes on.
    fn again(&self) -> DeviceRequest {
        let (line, reason) = (self.line.clone(), self.reason.clone());
        let what = match self.state.as_str() {
            "aux" => What::Aux(Aux { reason, line }),
            "ringing" | "on_call" | "wrap_up" | "missed" => What::Watch(Watch {}),
            _ => What::Available(Available { line }),
        };
        request(&self.phone, what)
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
        let present = Present { phone: phone.clone(), line, state, reason };
        self.tell(present.again());
        self.acd.present().insert(phone.agent.to_string(), present);
    }

    /// The agent's last phone went away.
    pub fn vanished(&self, phone: &Phone) {
        let request = request(phone, What::Offline(Offline {}));
        self.acd.present().remove(&request.session);
        self.tell(request);
    }

    fn tell(&self, request: DeviceRequest) {
        if self.acd.queue.try_send(request).is_err() {
            tracing::warn!("the acd is too far behind for the phones");
        }
    }
}

fn request(phone: &Phone, what: What) -> DeviceRequest {
    DeviceRequest { session: phone.agent.to_string(), tenant: phone.tenant.to_string(), what: Some(what) }
}

impl Acd {
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
        self.present().values().map(Present::again).collect()
    }

    fn event(&self, event: DeviceEvent) {
        match event.what {
            Some(device_event::What::Refused(refused)) => {
                tracing::warn!(agent = event.session, refused.message, "the acd refused a phone");
            }
            Some(device_event::What::StateChanged(changed)) => {
                if let Some(present) = self.present().get_mut(&event.session) {
                    (present.state, present.reason) = (changed.state, changed.reason);
                }
            }
            _ => {}
        }
    }

    fn down(&self) {}

    fn name(&self) -> &str {
        "acd attend"
    }
}
