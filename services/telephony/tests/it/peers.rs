//! A media gateway, an IVR and an ACD that do what a test says, over gRPC.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::acd::v1::{
    self as acd, CallerEvent, CallerRequest, DeviceEvent, DeviceRequest, attend_server, queue_server,
};
use proto::ivr::v1::{self as ivr, ivr_server};
use proto::line::v1::{self as line, line_server};
use proto::media::v1::{self as media, gateway_server};
use sip::sdp::{Audio, Codec, Direction};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::world::SOON;

type Events<T> = ReceiverStream<Result<T, Status>>;

/// Everything the edge asked, and the ways to answer.
#[derive(Default)]
struct State {
    media: Vec<media::Request>,
    to_media: Option<mpsc::Sender<Result<media::Event, Status>>>,
    queue: Vec<CallerRequest>,
    to_queue: Option<mpsc::Sender<Result<CallerEvent, Status>>>,
    attend: Vec<DeviceRequest>,
    asked: Vec<ivr::NextRequest>,
    instructions: VecDeque<ivr::NextReply>,
    /// What desks were told, by agent.
    told: Vec<(String, line::to_line::What)>,
    to_edge: Vec<(String, mpsc::Sender<Result<line::FromLine, Status>>)>,
}

#[derive(Clone)]
pub struct Peers {
    pub address: String,
    pub credentials: chassis::Credentials,
    state: Arc<Mutex<State>>,
}

impl Peers {
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let credentials = chassis::Credentials::alone();
        let peers = Self { address, credentials: credentials.clone(), state: Arc::default() };
        let mut routes = tonic::service::Routes::builder();
        routes
            .add_service(gateway_server::GatewayServer::new(peers.clone()))
            .add_service(ivr_server::IvrServer::new(peers.clone()))
            .add_service(queue_server::QueueServer::new(peers.clone()))
            .add_service(attend_server::AttendServer::new(peers.clone()))
            .add_service(line_server::LineServer::new(peers.clone()));
        tokio::spawn(chassis::grpc::serve(listener, routes.routes(), credentials, chassis::Drain::new()));
        peers
    }

    fn state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    /// Polls until `find` finds something.
    async fn find<T>(&self, what: &str, find: impl Fn(&mut State) -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = self.state(&find) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, looking).await.unwrap_or_else(|_| panic!("no {what}"))
    }

    /// The gateway's and the queue's streams are open.
    pub async fn connected(&self) {
        self.find("streams", |s| (s.to_media.is_some() && s.to_queue.is_some()).then_some(())).await;
    }

    /// What the flow says next, in order of the questions.
    pub fn flow_says(&self, instruction: ivr::next_reply::Instruction, stage: &str) {
        let node = ivr::next_reply::Node {
            flow: String::new(),
            version: 1,
            id: "node".to_owned(),
            label: "Node".to_owned(),
            stage: stage.to_owned(),
            ..Default::default()
        };
        let reply = ivr::NextReply {
            cursor: b"cursor".to_vec().into(),
            node: Some(node),
            instruction: Some(instruction),
        };
        self.state(|s| s.instructions.push_back(reply));
    }

    /// Waits for something that the edge asks of the gateway.
    pub async fn media<T>(&self, what: &str, find: impl Fn(&media::request::What) -> Option<T>) -> T {
        self.find(what, |s| s.media.iter().filter_map(|r| r.what.as_ref()).find_map(&find)).await
    }

    /// Waits for something that the edge asks of the queue.
    pub async fn queue<T>(&self, what: &str, find: impl Fn(&CallerRequest) -> Option<T>) -> T {
        self.find(what, |s| s.queue.iter().find_map(&find)).await
    }

    /// Waits for something that the edge tells of phones.
    pub async fn attend<T>(&self, what: &str, find: impl Fn(&DeviceRequest) -> Option<T>) -> T {
        self.find(what, |s| s.attend.iter().find_map(&find)).await
    }

    /// The questions that the flow was asked so far.
    pub fn asked(&self) -> Vec<ivr::NextRequest> {
        self.state(|s| s.asked.clone())
    }

    /// Waits until the queue was asked twice to take a caller.
    pub async fn joins_twice(&self) -> Vec<acd::caller_request::Join> {
        let join = |r: &CallerRequest| match &r.what {
            Some(acd::caller_request::What::Join(join)) => Some(join.clone()),
            _ => None,
        };
        let joins = |s: &mut State| s.queue.iter().filter_map(join).collect::<Vec<_>>();
        self.find("second join", |s| Some(joins(s)).filter(|joins| joins.len() > 1)).await
    }

    /// The gateway tells something of the newest session.
    pub async fn gateway_tells(&self, what: media::event::What) {
        let (to, session) = self.state(|s| {
            let session = s.media.last().map(|r| r.session.clone()).unwrap_or_default();
            (s.to_media.clone().unwrap(), session)
        });
        to.send(Ok(media::Event { session, op: 0, what: Some(what) })).await.unwrap();
    }

    /// The queue tells something to the only caller.
    pub async fn queue_tells(&self, what: acd::caller_event::What) {
        let (to, session) = self.state(|s| {
            (s.to_queue.clone().unwrap(), s.queue.last().map(|r| r.session.clone()).unwrap_or_default())
        });
        to.send(Ok(CallerEvent { session, what: Some(what) })).await.unwrap();
    }

    /// The queue tells something to this session.
    pub async fn queue_tells_session(&self, session: &str, what: acd::caller_event::What) {
        let to = self.state(|s| s.to_queue.clone().unwrap());
        to.send(Ok(CallerEvent { session: session.to_owned(), what: Some(what) })).await.unwrap();
    }

    /// The newest desk of this agent says something.
    pub async fn desk_says(&self, agent: &str, what: line::from_line::What) {
        let find = |s: &mut State| s.to_edge.iter().rev().find(|(of, _)| of == agent).map(|d| d.1.clone());
        let to = self.find("desk", find).await;
        to.send(Ok(line::FromLine { what: Some(what) })).await.unwrap();
    }

    /// Waits for something that the desks of this agent are told.
    pub async fn desk<T>(
        &self,
        agent: &str,
        what: &str,
        find: impl Fn(&line::to_line::What) -> Option<T>,
    ) -> T {
        let told = |s: &mut State| s.told.iter().filter(|t| t.0 == agent).find_map(|t| find(&t.1));
        self.find(what, told).await
    }

    /// Waits until the desks of this agent were told something so many times.
    pub async fn desk_times(&self, agent: &str, times: usize, is: impl Fn(&line::to_line::What) -> bool) {
        let told = |s: &mut State| {
            let count = s.told.iter().filter(|t| t.0 == agent && is(&t.1)).count();
            (count >= times).then_some(())
        };
        self.find("what desks are told", told).await;
    }

    /// The queue's stream breaks.
    pub fn break_queue(&self) {
        self.state(|s| s.to_queue = None);
    }
}

/// A description at an address where nobody speaks.
fn description(codecs: Vec<Codec>) -> Audio {
    Audio { address: "127.0.0.1:9".parse().unwrap(), codecs, direction: Direction::SendRecv }
}

fn ours() -> Audio {
    description(vec![Codec::pcma(), Codec::pcmu(), Codec::telephone_event()])
}

/// What a gateway answers to an operation.
fn answered(what: &media::request::What) -> Option<media::event::What> {
    let answer = |leg: &str, offer: &str| {
        let sdp = match Audio::parse(offer.as_bytes()) {
            Err(_) => Some(ours()),
            Ok(offer) => ours().answer(&offer),
        };
        match sdp {
            Some(sdp) => {
                media::event::What::LegAnswer(media::LegAnswer { leg: leg.to_owned(), sdp: sdp.write(1, 1) })
            }
            None => media::event::What::Failed(media::Failed {
                code: media::failed::Code::NoCommonCodec.into(),
                message: "no common codec".to_owned(),
                subject: leg.to_owned(),
            }),
        }
    };
    match what {
        media::request::What::AddLeg(add) => Some(answer(&add.leg, &add.offer)),
        media::request::What::SetRemote(set) if set.is_offer => Some(answer(&set.leg, &set.sdp)),
        media::request::What::Play(play) if !play.r#loop => {
            Some(media::event::What::PlayEnded(media::PlayEnded { play: play.play.clone() }))
        }
        _ => None,
    }
}

#[tonic::async_trait]
impl gateway_server::Gateway for Peers {
    type ControlStream = Events<media::Event>;

    async fn control(
        &self,
        request: Request<Streaming<media::Request>>,
    ) -> Result<Response<Self::ControlStream>, Status> {
        let (events, stream) = mpsc::channel(64);
        let load = media::event::What::Load(media::Load { sessions: 0, capacity: 100, draining: false });
        events.try_send(Ok(media::Event { session: String::new(), op: 0, what: Some(load) })).unwrap();
        let (peers, mut requests) = (self.clone(), request.into_inner());
        self.state(|s| s.to_media = Some(events.clone()));
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                let (session, op) = (request.session.clone(), request.op);
                let what = request.what.as_ref().and_then(answered);
                peers.state(|s| s.media.push(request));
                if what.is_some() {
                    let _ = events.send(Ok(media::Event { session, op, what })).await;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[tonic::async_trait]
impl ivr_server::Ivr for Peers {
    async fn next(&self, request: Request<ivr::NextRequest>) -> Result<Response<ivr::NextReply>, Status> {
        let reply = self.state(|s| {
            s.asked.push(request.into_inner());
            s.instructions.pop_front()
        });
        reply.map(Response::new).ok_or_else(|| Status::unavailable("the flow says nothing"))
    }

    async fn announce(
        &self,
        _: Request<ivr::AnnounceRequest>,
    ) -> Result<Response<ivr::AnnounceReply>, Status> {
        Ok(Response::new(ivr::AnnounceReply { hashes: vec!["position".to_owned()] }))
    }

    async fn render(&self, _: Request<ivr::RenderRequest>) -> Result<Response<ivr::RenderReply>, Status> {
        Err(Status::unimplemented("not asked by an edge"))
    }
}

#[tonic::async_trait]
impl queue_server::Queue for Peers {
    type AttachStream = Events<CallerEvent>;

    async fn attach(
        &self,
        request: Request<Streaming<CallerRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (events, stream) = mpsc::channel(64);
        self.state(|s| s.to_queue = Some(events));
        let (peers, mut requests) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                peers.state(|s| s.queue.push(request));
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[tonic::async_trait]
impl attend_server::Attend for Peers {
    type AttachStream = Events<DeviceEvent>;

    async fn attach(
        &self,
        request: Request<Streaming<DeviceRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (events, stream) = mpsc::channel(64);
        let (peers, mut requests) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                peers.state(|s| s.attend.push(request));
            }
            drop(events);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// A desk connects its sound while it rings; what it does more a test says.
#[tonic::async_trait]
impl line_server::Line for Peers {
    type RingStream = Events<line::FromLine>;

    async fn ring(
        &self,
        request: Request<Streaming<line::ToLine>>,
    ) -> Result<Response<Self::RingStream>, Status> {
        let (events, stream) = mpsc::channel(64);
        let (peers, mut told) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            let mut agent = String::new();
            while let Ok(Some(line::ToLine { what: Some(what) })) = told.message().await {
                if let line::to_line::What::Ring(ring) = &what {
                    agent = ring.agent.clone();
                    let sdp = line::from_line::What::Sdp(line::Sdp { sdp: ours().write(1, 1) });
                    let _ = events.send(Ok(line::FromLine { what: Some(sdp) })).await;
                    peers.state(|s| s.to_edge.push((agent.clone(), events.clone())));
                }
                peers.state(|s| s.told.push((agent.clone(), what)));
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}
