//! Where carriers and phones find us.

use crate::{
    App,
    auth::{Caller, Permission},
    problem::Result,
};
use axum::{Json, extract::State};
use proto::telephony::v1::WhereRequest;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(sip_server))
}

/// Where carriers and phones send SIP, each as `host:port`; by WebSocket as `ws://host:port`.
#[derive(Serialize, ToSchema)]
struct SipServer {
    udp: String,
    tcp: String,
    /// Absent: not by TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
    /// Absent: not by WebSocket without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    ws: Option<String>,
    /// Absent: not by WebSocket under TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    wss: Option<String>,
}

#[utoipa::path(get, path = "/v1/sip-server", operation_id = "getSipServer", tag = "trunks",
    responses((status = 200, body = SipServer)))]
async fn sip_server(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<SipServer>> {
    caller.may(Permission::Directory)?;
    let place = app.telephony().r#where(WhereRequest {}).await?.into_inner();
    let given = |at: String, scheme: &str| (!at.is_empty()).then(|| format!("{scheme}{at}"));
    let (ws, wss) = (given(place.ws, "ws://"), given(place.wss, "wss://"));
    Ok(Json(SipServer { udp: place.udp, tcp: place.tcp, tls: given(place.tls, ""), ws, wss }))
}
