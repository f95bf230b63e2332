//! An agent's line: a browser behind line.v1, or a registered SIP phone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use chassis::{Credentials, grpc::Channel};
use prost::Message;
use proto::line::v1::line_client::LineClient;
use proto::line::v1::{Empty, Ended, Held, Muted, Ring, Sdp, Talking, ToLine, to_line};
use sip::registrar::Binding;
use sip::{OutboundInvite, Party, Uri};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use types::{CallId, LegId, TenantId, Timestamp};

use crate::driver::{PhoneLeg, Second, Signal};
use crate::edge::{Edge, Handle};
use crate::live::{KeptDevice, KeptLine};
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
    Browser(Browser),
    Phone {
        username: String,
        leg: Option<PhoneLeg>,
        /// The agent's further phones while they ring: the first to answer has the call.
        others: Vec<PhoneLeg>,
        /// Its sound is WebRTC.
        in_browser: bool,
    },
    /// A number outside.
    Trunk(Box<Dialling>),
}

impl Device {
    pub fn phone(username: String, leg: Option<PhoneLeg>, in_browser: bool) -> Self {
        Self::Phone { username, leg, others: Vec::new(), in_browser }
    }
}

/// A desk that was rung.
pub struct Browser {
    out: mpsc::Sender<ToLine>,
    address: String,
    ring: Ring,
}

impl Line {
    /// As a successor of this process needs it.
    pub fn kept(&self) -> KeptLine {
        let sip = self.sip_leg();
        let device = match &self.device {
            Device::Browser(Browser { address, ring, .. }) => {
                KeptDevice::Browser { address: address.clone(), ring: ring.encode_to_vec() }
            }
            Device::Phone { username, others, in_browser, .. } => KeptDevice::Phone {
                username: username.clone(),
                leg: sip,
                others: others.iter().map(PhoneLeg::leg).collect(),
                in_browser: *in_browser,
            },
            Device::Trunk(dialling) => dialling.kept(),
        };
        KeptLine {
            device,
            accepted: self.accepted,
            ready: self.ready,
            local: self.local.clone(),
            held: self.held,
            remote: self.remote.clone(),
            consults: self.second.as_ref().and_then(Second::kept),
        }
    }

    pub fn new(device: Device) -> Self {
        Self { device, accepted: false, ready: false, local: None, held: false, remote: None, second: None }
    }

    /// Whether two people could talk now.
    pub fn is_answered(&self) -> bool {
        self.accepted && self.ready
    }

    /// Tells a browser; a phone knows by its own means.
    pub async fn tell(&self, what: to_line::What) {
        if let Device::Browser(browser) = &self.device {
            let _ = browser.out.send(ToLine { what: Some(what) }).await;
        }
    }

    pub async fn answer(&self, sdp: &str) {
        self.tell(to_line::What::Sdp(Sdp { sdp: sdp.to_owned() })).await;
    }

    /// The gateway that had the sound is gone: a browser is to offer anew.
    pub async fn renew(&mut self) {
        self.ready = false;
        self.tell(to_line::What::Renew(Empty {})).await;
    }

    /// Whether its sound is WebRTC, by whatever signalling.
    pub fn is_webrtc(&self) -> bool {
        matches!(self.device, Device::Browser(_) | Device::Phone { in_browser: true, .. })
    }

    pub fn is_browser(&self) -> bool {
        matches!(self.device, Device::Browser(_))
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

    /// Whether this is the phone's leg, or of one that rings beside it.
    pub fn is_phone(&self, leg: sip::LegId) -> bool {
        let beside = |others: &[PhoneLeg]| others.iter().any(|other| other.leg() == leg);
        let beside = matches!(&self.device, Device::Phone { others, .. } if beside(others));
        self.sip_leg() == Some(leg) || beside
    }

    /// Whether several phones ring.
    pub fn rings_many(&self) -> bool {
        matches!(&self.device, Device::Phone { others, .. } if !others.is_empty())
    }

    /// This phone answered: the others stop to ring.
    pub fn won(&mut self, winner: sip::LegId) {
        let Device::Phone { leg, others, .. } = &mut self.device else { return };
        if let Some(at) = others.iter().position(|other| other.leg() == winner) {
            *leg = Some(others.swap_remove(at));
        }
        others.clear();
    }

    /// This phone does not ring any more; whether another does.
    pub fn lost(&mut self, loser: sip::LegId) -> bool {
        let Device::Phone { leg, others, .. } = &mut self.device else { return false };
        others.retain(|other| other.leg() != loser);
        if leg.as_ref().is_some_and(|leg| leg.leg() == loser) {
            let next = others.pop();
            let rings = next.is_some();
            *leg = next.or(leg.take());
            return rings;
        }
        true
    }

    pub fn sip_leg(&self) -> Option<sip::LegId> {
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

    /// Is there again for a line that a predecessor of this process rang.
    pub fn ring_again(
        &self,
        address: &str,
        ring: &[u8],
        leg: &LegId,
        signals: mpsc::Sender<Signal>,
    ) -> anyhow::Result<Device> {
        self.ring(address, Ring::decode(ring)?, leg.clone(), signals)
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
        out.try_send(ToLine { what: Some(to_line::What::Ring(ring.clone())) })?;
        tokio::spawn(async move {
            match client.ring(ReceiverStream::new(requests)).await {
                Ok(reply) => forward(reply.into_inner(), &leg, &signals).await,
                Err(status) => tracing::info!(%leg, %status, "the line cannot be reached"),
            }
            let _ = signals.send(Signal::LineClosed(leg)).await;
        });
        Ok(Device::Browser(Browser { out, address: address.to_owned(), ring }))
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

/// Whether the phone that the user prefers, or registered last, is one in a browser.
pub async fn phone_in_browser(edge: &Handle, username: String) -> bool {
    let preferred = move |edge: &mut Edge, now| {
        edge.registrar.bindings(now, &username).first().map(|b| b.flow.protocol.is_websocket())
    };
    edge.ask(preferred).await.flatten().unwrap_or_default()
}

/// Sends INVITE to the phones of a user that take this description: those in
/// browsers, or the others. Empty: none is registered.
pub async fn ring_phones(
    edge: &Handle,
    of: (TenantId, CallId),
    (username, in_browser): (String, bool),
    caller: Caller,
    sdp: Bytes,
    signals: mpsc::Sender<Signal>,
) -> Vec<PhoneLeg> {
    let invite = move |edge: &mut Edge, now| {
        let mut bindings = edge.registrar.bindings(now, &username);
        bindings.retain(|binding| binding.flow.protocol.is_websocket() == in_browser);
        let rings = bindings.into_iter().filter_map(|binding| {
            let leg = edge.stack.endpoint.invite(now, invitation(binding, &caller, sdp.clone())).ok()?;
            edge.adopt(leg, &of.0, &of.1, signals.clone());
            edge.phones.insert(leg, username.clone());
            Some(leg)
        });
        rings.collect::<Vec<_>>()
    };
    let legs = edge.ask(invite).await.unwrap_or_default();
    legs.into_iter().map(|leg| PhoneLeg::new(edge.clone(), leg)).collect()
}

fn invitation(binding: Binding, caller: &Caller, sdp: Bytes) -> OutboundInvite {
    let mut from = Party::new(Uri { scheme: "sip".to_owned(), ..binding.contact.clone() });
    from.uri.user = Some(caller.number.clone()).filter(|n| !n.is_empty());
    from.uri.params.clear();
    from.display.clone_from(&caller.name);
    OutboundInvite {
        flow: binding.flow,
        uri: binding.contact.clone(),
        from,
        to: Party::new(binding.contact),
        sdp,
        routes: binding.path,
        headers: Vec::new(),
        credentials: None,
    }
}
