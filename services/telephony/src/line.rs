//! An agent's line: a browser behind line.v1, or a registered SIP phone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use chassis::{Credentials, grpc::Channel};
use proto::line::v1::line_client::LineClient;
use proto::line::v1::{Ended, Held, Muted, Ring, Sdp, Talking, ToLine, to_line};
use sip::{OutboundInvite, Party, Uri};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use types::{CallId, LegId, TenantId, Timestamp};

use crate::driver::{PhoneLeg, Second, Signal};
use crate::edge::{Edge, Handle};
use crate::outbound::Dialling;

/// Messages that wait for a browser's line.
const WAITING_MAX: usize = 64;
/// Addresses whose connections are kept.
const CHANNELS_MAX: usize = 1024;

/// A line that rings or talks. Dropping it lets go: the stream ends, the phone
/// gets CANCEL or BYE.
pub struct Line {
    pub device: Device,
    /// The agent accepted.
    pub accepted: bool,
    /// The line's media is at the gateway.
    pub ready: bool,
    /// The description that the gateway made for it.
    pub local: Option<Bytes>,
    /// Put on hold by the phone itself.
    pub held: bool,
    /// What the phone's first dialog said of its sound last.
    pub remote: Option<Bytes>,
    /// A further call of the phone that belongs to this one.
    pub second: Option<Second>,
}

pub enum Device {
    Browser(mpsc::Sender<ToLine>),
    Phone {
        username: String,
        leg: Option<PhoneLeg>,
    },
    /// A number outside.
    Trunk(Box<Dialling>),
}

impl Line {
    pub fn new(device: Device) -> Self {
        Self { device, accepted: false, ready: false, local: None, held: false, remote: None, second: None }
    }

    /// Whether two people could talk now.
    pub fn is_answered(&self) -> bool {
        self.accepted && self.ready
    }

    /// Tells a browser; a phone knows by its own means.
    pub async fn tell(&self, what: to_line::What) {
        if let Device::Browser(out) = &self.device {
            let _ = out.send(ToLine { what: Some(what) }).await;
        }
    }

    pub async fn answer(&self, sdp: &str) {
        self.tell(to_line::What::Sdp(Sdp { sdp: sdp.to_owned() })).await;
    }

    pub async fn talking(&self, since: Timestamp) {
        self.tell(to_line::What::Talking(Talking { since_ms: since.millis() })).await;
    }

    pub async fn held(&self, on: bool) {
        self.tell(to_line::What::Held(Held { on })).await;
    }

    pub async fn muted(&self, on: bool) {
        self.tell(to_line::What::Muted(Muted { on })).await;
    }

    pub async fn ended(&self, cause: String) {
        self.tell(to_line::What::Ended(Ended { cause })).await;
    }

    /// Whether this is the phone's leg.
    pub fn is_phone(&self, leg: sip::LegId) -> bool {
        self.sip_leg() == Some(leg)
    }

    fn sip_leg(&self) -> Option<sip::LegId> {
        match &self.device {
            Device::Browser(_) => None,
            Device::Phone { leg, .. } => leg.as_ref().map(PhoneLeg::leg),
            Device::Trunk(dialling) => dialling.leg.as_ref().map(PhoneLeg::leg),
        }
    }

    pub fn is_trunk(&self) -> bool {
        matches!(self.device, Device::Trunk(_))
    }

    /// When the gateway of a number that is dialled has been silent too long.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.device {
            Device::Trunk(dialling) => dialling.due,
            _ => None,
        }
    }

    /// A phone that asked for a transfer hears how it went.
    pub fn refer_ended(&self, edge: &Handle, code: u16) {
        let Device::Phone { .. } = &self.device else { return };
        for leg in self.sip_leg().into_iter().chain(self.second.as_ref().map(Second::leg)) {
            edge.send_now(move |edge, now| {
                let _ = edge.stack.endpoint.refer_ended(now, leg, code);
            });
        }
    }

    /// The agent goes on at another phone; the one before is hung up.
    pub fn move_to(&mut self, phone: PhoneLeg) {
        if let Device::Phone { leg, .. } = &mut self.device {
            (*leg, self.remote, self.held) = (Some(phone), None, false);
        }
    }
}

/// Connections to the owners of browser lines.
pub struct Browsers {
    credentials: Credentials,
    channels: Mutex<HashMap<String, Channel>>,
}

impl Browsers {
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, channels: Mutex::default() }
    }

    /// Rings a browser's line; what it says comes as signals.
    pub fn ring(
        &self,
        address: &str,
        ring: Ring,
        leg: LegId,
        signals: mpsc::Sender<Signal>,
    ) -> anyhow::Result<Device> {
        let mut client = LineClient::new(self.channel(address)?);
        let (out, requests) = mpsc::channel(WAITING_MAX);
        out.try_send(ToLine { what: Some(to_line::What::Ring(ring)) })?;
        tokio::spawn(async move {
            match client.ring(ReceiverStream::new(requests)).await {
                Ok(reply) => forward(reply.into_inner(), &leg, &signals).await,
                Err(status) => tracing::info!(%leg, %status, "the line cannot be reached"),
            }
            let _ = signals.send(Signal::LineClosed(leg)).await;
        });
        Ok(Device::Browser(out))
    }

    fn channel(&self, address: &str) -> anyhow::Result<Channel> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        if channels.len() >= CHANNELS_MAX {
            channels.clear();
        }
        let channel = chassis::grpc::channel(&self.credentials, address)?;
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }
}

async fn forward(
    mut events: tonic::Streaming<proto::line::v1::FromLine>,
    leg: &LegId,
    signals: &mpsc::Sender<Signal>,
) {
    while let Ok(Some(event)) = events.message().await {
        let Some(what) = event.what else { continue };
        if signals.send(Signal::Line(leg.clone(), what)).await.is_err() {
            return;
        }
    }
}

/// Who calls, as a phone shows it.
pub struct Caller {
    pub number: String,
    pub name: Option<String>,
}

/// Sends INVITE to the preferred phone of a user. `None`: none is registered.
pub async fn ring_phone(
    edge: &Handle,
    of: (TenantId, CallId),
    username: String,
    caller: Caller,
    sdp: Bytes,
    signals: mpsc::Sender<Signal>,
) -> Option<PhoneLeg> {
    let invite = move |edge: &mut Edge, now| {
        let binding = edge.registrar.bindings(now, &username).into_iter().next()?;
        let mut from = Party::new(Uri { scheme: "sip".to_owned(), ..binding.contact.clone() });
        from.uri.user = Some(caller.number).filter(|n| !n.is_empty());
        from.uri.params.clear();
        from.display = caller.name;
        let invite = OutboundInvite {
            flow: binding.flow,
            uri: binding.contact.clone(),
            from,
            to: Party::new(binding.contact),
            sdp,
            headers: Vec::new(),
            credentials: None,
        };
        let leg = edge.stack.endpoint.invite(now, invite).ok()?;
        edge.adopt(leg, &of.0, &of.1, signals);
        edge.phones.insert(leg, username);
        Some(leg)
    };
    let leg = edge.ask(invite).await.flatten()?;
    Some(PhoneLeg::new(edge.clone(), leg))
}
