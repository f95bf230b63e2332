//! A desk, a caller in the queue and an agent's line, held by the test as the edge holds them.

use crate::*;
use futures::{SinkExt, StreamExt};
use proto::{
    acd::v1::{
        Caller, CallerEvent, CallerRequest, DeviceEvent, DeviceRequest, attend_client::AttendClient,
        caller_event, caller_request as ask, device_event, device_request, queue_client::QueueClient,
    },
    line::v1::{FromLine, Ring, ToLine, from_line, line_client::LineClient, to_line},
};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use tonic::Streaming;
use types::{CallId, LegId};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Desk(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Desk {
    /// By a token of the one who is signed in.
    pub async fn open(browser: &Browser) -> Desk {
        let token =
            browser.post("/v1/token", &json!({})).await.body["token"].as_str().expect("a token").to_owned();
        Desk::open_by(browser, "authorization", &format!("Bearer {token}")).await
    }

    /// By a session's cookie, as the portal does.
    pub async fn open_in_session(browser: &Browser, cookie: &str) -> Desk {
        Desk::open_by(browser, "cookie", cookie).await
    }

    async fn open_by(browser: &Browser, header: &'static str, proof: &str) -> Desk {
        let url = format!("{}/v1/desk", browser.base.replace("http://", "ws://"));
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert(header, proof.parse().expect("a header"));
        let mut desk = Desk(connect_async(request).await.expect("a desk").0);
        let hello = desk.hears("hello").await;
        assert_eq!(hello["agent"], browser.me["agent"]);
        desk
    }

    /// As it is, whether a desk can read it or not.
    pub async fn sends(&mut self, message: Message) {
        self.0.send(message).await.expect("sent");
    }

    pub async fn says(&mut self, message: Value) {
        self.sends(Message::text(message.to_string())).await;
    }

    /// The next message of this type; others are passed over.
    pub async fn hears(&mut self, kind: &str) -> Value {
        let next = async {
            loop {
                let message = self.0.next().await.expect("the desk is open").expect("a message");
                let Message::Text(text) = message else { continue };
                let message: Value = serde_json::from_str(&text).expect("JSON");
                if message["type"] == kind {
                    return message;
                }
            }
        };
        timeout(PATIENCE, next).await.unwrap_or_else(|_| panic!("no {kind} came"))
    }

    /// Why the server closes it: RFC 6455's code and the reason.
    pub async fn closes(&mut self) -> (u16, String) {
        let end = async {
            loop {
                if let Message::Close(frame) = self.0.next().await.expect("a close").expect("a message") {
                    let frame = frame.expect("a reason");
                    return (frame.code.into(), frame.reason.to_string());
                }
            }
        };
        timeout(PATIENCE, end).await.expect("the desk closes")
    }

    pub async fn becomes(&mut self, state: &str) -> Value {
        loop {
            let message = self.hears("state").await;
            if message["state"] == state {
                return message;
            }
        }
    }
}

/// An agent's state as the ACD tells it to those who look on.
pub struct Watched {
    events: Streaming<DeviceEvent>,
    _to_acd: mpsc::Sender<DeviceRequest>,
}

impl Watched {
    pub async fn begin(world: &World, of: &Browser) -> Watched {
        let channel = chassis::grpc::channel(&world.credentials, &world.peers.acd).expect("an address");
        let (to_acd, requests) = mpsc::channel(4);
        let what = Some(device_request::What::Watch(device_request::Watch::default()));
        let request = DeviceRequest { session: of.agent().into(), tenant: of.tenant().into(), what };
        to_acd.send(request).await.expect("sent");
        let events = AttendClient::new(channel).attach(ReceiverStream::new(requests)).await;
        Watched { events: events.expect("a stream").into_inner(), _to_acd: to_acd }
    }

    /// Gives the reason.
    pub async fn becomes(&mut self, state: &str) -> String {
        let moved = async {
            loop {
                let event = self.events.message().await.expect("an event").expect("the stream is open");
                if let Some(device_event::What::StateChanged(now)) = event.what
                    && now.state == state
                {
                    return now.reason;
                }
            }
        };
        timeout(PATIENCE, moved).await.unwrap_or_else(|_| panic!("never {state}"))
    }
}

/// A caller in the queue, held by the test.
pub struct Waiting {
    pub call: String,
    pub to_acd: mpsc::Sender<CallerRequest>,
    pub events: Streaming<CallerEvent>,
    pub tenant: String,
}

impl Waiting {
    pub async fn joins(world: &World, owner: &Browser) -> Waiting {
        let channel = chassis::grpc::channel(&world.credentials, &world.peers.acd).expect("an address");
        let (to_acd, requests) = mpsc::channel(16);
        let call = CallId::new(chassis::clock::now(), chassis::random::u128()).to_string();
        let caller = Caller {
            number: "+40721000111".into(),
            did: "+40211234567".into(),
            did_label: "Main".into(),
            path: "1".into(),
            ..Default::default()
        };
        let join = ask::What::Join(caller_request_join(owner, caller).await);
        let request =
            CallerRequest { session: call.clone(), tenant: owner.tenant().into(), what: Some(join) };
        to_acd.send(request).await.expect("sent");
        let events = QueueClient::new(channel).attach(ReceiverStream::new(requests)).await.expect("a stream");
        Waiting { call, to_acd, events: events.into_inner(), tenant: owner.tenant().into() }
    }

    pub async fn reserved(&mut self) -> caller_event::Reserved {
        let next = async {
            loop {
                let event = self.events.message().await.expect("an event").expect("the stream is open");
                if let Some(caller_event::What::Reserved(reserved)) = event.what {
                    return reserved;
                }
            }
        };
        timeout(PATIENCE, next).await.expect("a reservation")
    }

    pub async fn tells(&self, what: ask::What) {
        let request =
            CallerRequest { session: self.call.clone(), tenant: self.tenant.clone(), what: Some(what) };
        self.to_acd.send(request).await.expect("sent");
    }
}

async fn caller_request_join(owner: &Browser, caller: Caller) -> ask::Join {
    let queue = owner.first("queues").await["id"].as_str().expect("an id").to_owned();
    let waiting_since_ms = chassis::clock::now().millis();
    ask::Join { queue, waiting_since_ms, priority: 0, caller: Some(caller), ..ask::Join::default() }
}

/// The agent's line as the edge rings it.
pub struct Leg {
    pub leg: String,
    pub to_line: mpsc::Sender<ToLine>,
    pub said: Streaming<FromLine>,
}

impl Leg {
    pub async fn ring(
        world: &World,
        address: &str,
        tenant: &str,
        agent: &str,
        call: &str,
        reservation: &str,
    ) -> Leg {
        let leg = LegId::new(chassis::clock::now(), chassis::random::u128()).to_string();
        let (to_line, requests) = mpsc::channel(16);
        let ring = Ring {
            tenant: tenant.into(),
            agent: agent.into(),
            call: call.into(),
            leg: leg.clone(),
            reservation: reservation.into(),
            ..Ring::default()
        };
        to_line.send(ToLine { what: Some(to_line::What::Ring(ring)) }).await.expect("sent");
        let channel = chassis::grpc::channel(&world.credentials, address).expect("an address");
        let said = LineClient::new(channel).ring(ReceiverStream::new(requests)).await.expect("a line");
        Leg { leg, to_line, said: said.into_inner() }
    }

    pub async fn tells(&self, what: to_line::What) {
        self.to_line.send(ToLine { what: Some(what) }).await.expect("sent");
    }

    pub async fn hears(&mut self) -> from_line::What {
        let message = timeout(PATIENCE, self.said.message()).await.expect("something is said");
        message.expect("no error").expect("the line is open").what.expect("a message")
    }
}
