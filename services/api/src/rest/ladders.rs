//! The SIP messages of a call, for whoever asks why it went as it did.

use super::sight::Sight;
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Path, Problem, Result},
};
use axum::{Json, extract::State};
use http::header;
use proto::{
    crm::v1::GetInteractionRequest,
    telephony::v1::{LadderReply, LadderRequest},
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get_ladder)).routes(routes!(get_capture))
}

#[derive(Serialize, ToSchema)]
struct Ladder {
    /// In order of time; secrets and pressed keys are masked.
    messages: Vec<LadderMessage>,
    /// Messages that were not kept.
    dropped: u32,
}

#[derive(Serialize, ToSchema)]
struct LadderMessage {
    at_ms: i64,
    /// By the platform; otherwise received.
    sent: bool,
    /// udp or tcp.
    protocol: String,
    /// The other side, such as 192.0.2.1:5060.
    peer: String,
    text: String,
}

/// First the history: it knows whose call it is.
async fn ladder(app: &App, caller: &Caller, id: String) -> Result<LadderReply> {
    caller.may(Permission::CallsRead)?;
    let tenant = caller.tenant().to_owned();
    let request = GetInteractionRequest { tenant: tenant.clone(), id: id.clone() };
    let found = app.crm().get_interaction(request).await?.into_inner();
    if !Sight::of(app, caller).await?.interaction(&found) {
        return Err(Problem::not_found(format!("no call {id}")));
    }
    let request = LadderRequest { tenant, call: found.call };
    Ok(app.telephony().ladder(request).await?.into_inner())
}

/// The SIP ladder of a call, running or of late.
#[utoipa::path(get, path = "/v1/calls/{id}/ladder", operation_id = "getCallLadder", tag = "calls",
    params(("id" = String, Path)), responses((status = 200, body = Ladder)))]
async fn get_ladder(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Ladder>> {
    let LadderReply { messages, dropped, .. } = ladder(&app, &caller, id).await?;
    let messages = messages.into_iter().map(|m| LadderMessage {
        at_ms: m.at_ms,
        sent: m.sent,
        protocol: m.protocol,
        peer: m.peer,
        text: m.text,
    });
    Ok(Json(Ladder { messages: messages.collect(), dropped }))
}

/// The same as a capture file for Wireshark and its like.
#[utoipa::path(get, path = "/v1/calls/{id}/pcap", operation_id = "getCallCapture", tag = "calls",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "application/vnd.tcpdump.pcap", body = Vec<u8>)))]
async fn get_capture(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<([(header::HeaderName, &'static str); 1], Vec<u8>)> {
    let capture = ladder(&app, &caller, id).await?.pcap;
    Ok(([(header::CONTENT_TYPE, "application/vnd.tcpdump.pcap")], capture.into()))
}
