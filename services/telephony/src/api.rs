//! telephony.v1: what the rest of the platform asks of the edge.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use call::Placement;
use proto::telephony::v1::edge_server::Edge as Contract;
use proto::telephony::v1::ladder_reply::Message;
use proto::telephony::v1::phones_reply::Phone;
use proto::telephony::v1::{
    CommandReply, CommandRequest, HangUpReply, HangUpRequest, LadderReply, LadderRequest, PhonesReply,
    PhonesRequest, PlaceReply, PlaceRequest, SuperviseReply, SuperviseRequest, WhereReply, WhereRequest,
};
use tonic::{Request, Response, Status};
use types::{AgentId, CallId, HangupCause, TenantId};

use crate::driver::{self, Shared, Signal};
use crate::edge::Edge;
use crate::{ladder, pcap};

/// The gRPC service.
pub struct Api {
    pub shared: Arc<Shared>,
    /// What peers are told.
    pub address: SocketAddr,
    /// Where peers reach us by TLS, if they can.
    pub tls: Option<SocketAddr>,
    /// The same by WebSocket, without TLS and with it.
    pub ws: Option<SocketAddr>,
    pub wss: Option<SocketAddr>,
}

#[tonic::async_trait]
impl Contract for Api {
    async fn r#where(&self, _: Request<WhereRequest>) -> Result<Response<WhereReply>, Status> {
        let address = self.address.to_string();
        let text = |at: Option<SocketAddr>| at.map(|at| at.to_string()).unwrap_or_default();
        let [tls, ws, wss] = [self.tls, self.ws, self.wss].map(text);
        Ok(Response::new(WhereReply { udp: address.clone(), tcp: address, tls, ws, wss }))
    }

    async fn hang_up(&self, request: Request<HangUpRequest>) -> Result<Response<HangUpReply>, Status> {
        let request = request.into_inner();
        let tenant = request.tenant.parse().map_err(invalid)?;
        let call = request.call.parse().map_err(invalid)?;
        let found = self.shared.calls.tell(&tenant, &call, Signal::HangUp(HangupCause::Normal));
        Ok(Response::new(HangUpReply { found }))
    }

    async fn phones(&self, request: Request<PhonesRequest>) -> Result<Response<PhonesReply>, Status> {
        let tenant: TenantId = request.into_inner().tenant.parse().map_err(invalid)?;
        let wall = chassis::clock::now();
        let phones = self.shared.edge.ask(move |edge, now| phones(edge, now, &tenant, wall.millis())).await;
        let phones = phones.ok_or_else(|| Status::unavailable("the edge is going down"))?;
        Ok(Response::new(PhonesReply { phones }))
    }

    async fn place(&self, request: Request<PlaceRequest>) -> Result<Response<PlaceReply>, Status> {
        let request = request.into_inner();
        let tenant: TenantId = request.tenant.parse().map_err(invalid)?;
        let agent: AgentId = request.agent.parse().map_err(invalid)?;
        let bad = |message: &str| Status::from(chassis::Error::invalid(message));
        let directory = self.shared.directory.borrow().clone();
        let to = request.to.ok_or_else(|| bad("whom to call is missing"))?;
        let callback = Some(request.callback).filter(|task| !task.is_empty());
        let callback = callback.map(|task| task.parse()).transpose().map_err(invalid)?;
        let placement = driver::placement(&directory, &tenant, agent, to).map_err(bad)?;
        let placement = Placement { callback, ..placement };
        let full =
            || chassis::Error::new(chassis::Code::Exhausted, "the company has all the calls that it may");
        let room = self.shared.room_to_call(&tenant, &placement.to).ok_or_else(full)?;
        let call = placement.call.to_string();
        tokio::spawn(driver::place(self.shared.clone(), tenant, room, placement));
        Ok(Response::new(PlaceReply { call }))
    }

    async fn command(&self, request: Request<CommandRequest>) -> Result<Response<CommandReply>, Status> {
        let request = request.into_inner();
        let tenant = request.tenant.parse().map_err(invalid)?;
        let call = request.call.parse().map_err(invalid)?;
        let agent = request.agent.parse().map_err(invalid)?;
        let what = request.command.and_then(|command| command.what);
        let what = what.ok_or_else(|| Status::invalid_argument("what to do is missing"))?;
        let found = self.shared.calls.tell(&tenant, &call, Signal::Command(agent, what));
        Ok(Response::new(CommandReply { found }))
    }

    async fn supervise(
        &self,
        request: Request<SuperviseRequest>,
    ) -> Result<Response<SuperviseReply>, Status> {
        let request = request.into_inner();
        let tenant: TenantId = request.tenant.parse().map_err(invalid)?;
        let call = request.call.parse().map_err(invalid)?;
        let agent: AgentId = request.agent.parse().map_err(invalid)?;
        let known = self.shared.directory.borrow().agent_name(&tenant, &agent).is_some();
        let how = types::named(&request.how).filter(|_| known);
        let how =
            how.ok_or_else(|| Status::invalid_argument("no such agent, or no such way to supervise"))?;
        let found = self.shared.calls.tell(&tenant, &call, Signal::Supervise(agent, how));
        Ok(Response::new(SuperviseReply { found }))
    }

    async fn ladder(&self, request: Request<LadderRequest>) -> Result<Response<LadderReply>, Status> {
        let request = request.into_inner();
        let tenant: TenantId = request.tenant.parse().map_err(invalid)?;
        let call: CallId = request.call.parse().map_err(invalid)?;
        let ladder = self.shared.edge.ask(move |edge, _| edge.gate.ladders.of(&tenant, &call)).await;
        let ladder = ladder.flatten().ok_or_else(|| Status::not_found("no ladder is kept of this call"))?;
        let capture = pcap::capture(&ladder.messages, self.address);
        let pcap = capture.map_err(|error| Status::internal(error.to_string()))?;
        let messages = ladder.messages.iter().map(message).collect();
        Ok(Response::new(LadderReply { messages, dropped: ladder.dropped, pcap: pcap.into() }))
    }
}

fn invalid(error: types::IdError) -> Status {
    chassis::Error::invalid(error.to_string()).into()
}

fn message(message: &ladder::Message) -> Message {
    Message {
        at_ms: message.at.millis(),
        sent: message.direction == sipnet::Direction::Out,
        protocol: message.flow.protocol.name().to_owned(),
        peer: message.flow.remote.to_string(),
        text: String::from_utf8_lossy(&message.bytes).into_owned(),
    }
}

fn phones(edge: &Edge, now: Duration, tenant: &TenantId, wall_ms: i64) -> Vec<Phone> {
    let directory = edge.directory.borrow().clone();
    let mut phones = Vec::new();
    for username in edge.registrar.users() {
        let Some(account) = directory.phone(username).filter(|a| a.of.tenant == *tenant) else { continue };
        for binding in edge.registrar.bindings(now, username) {
            let left = binding.expires_at.saturating_sub(now).as_millis() as i64;
            phones.push(Phone {
                agent: account.of.agent.to_string(),
                username: username.to_owned(),
                contact: binding.contact.to_string(),
                expires_at_ms: wall_ms + left,
            });
        }
    }
    phones
}
