//! Calls by the built-in caller: real SIP and RTP through the tenant's own
//! trunk, so that a newcomer hears the product before a carrier is connected.

mod voice;

use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Result},
};
use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use proto::{telephony::v1::WhereRequest, tenancy::v1::ListRequest};
use serde::{Deserialize, Serialize};
use softphone::{Call, Config, Dial, Over, Phase, Phone};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use types::{
    CallId,
    config::{Did, Kind, Trunk, TrunkAuth},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Calls at a time in this process.
const AT_ONCE_MAX: usize = 20;
/// Calls remembered after their end.
const REMEMBERED_MAX: usize = 500;
const SECONDS: u64 = 60;
const SECONDS_MAX: u64 = 600;
/// Before the first key, so that the menu has begun.
const BEFORE_KEYS: Duration = Duration::from_secs(4);
const BETWEEN_KEYS: Duration = Duration::from_secs(2);
const RING_MAX: Duration = Duration::from_secs(60);

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(place)).routes(routes!(look))
}

/// All fields may be left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct NewTestCall {
    /// One of your numbers; without it the test number.
    number: Option<String>,
    /// Keys pressed one after the other once answered; `1` where absent.
    keys: Option<String>,
    /// Hangs up after so many seconds, if nobody did before; 60 where absent.
    seconds: Option<u64>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct TestCall {
    id: String,
    number: String,
    /// calling, ringing, talking or ended.
    state: &'static str,
    /// Why it ended: hung_up, hung_up_by_peer, refused, lost or failed.
    cause: Option<String>,
    /// SIP status where it was refused.
    status: Option<u16>,
    packets_received: u64,
    packets_sent: u64,
}

/// The calls of this process, the oldest forgotten first.
#[derive(Default)]
pub struct TestCalls(Mutex<VecDeque<(String, TestCall)>>);

impl TestCalls {
    fn add(&self, tenant: &str, call: TestCall) -> Result<()> {
        let mut all = self.0.lock().expect("no panic while the lock is held");
        if all.iter().filter(|(_, call)| call.state != "ended").count() >= AT_ONCE_MAX {
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "20 test calls go on already")
                .coded("too_many_test_calls"));
        }
        while all.len() >= REMEMBERED_MAX {
            all.pop_front();
        }
        all.push_back((tenant.to_owned(), call));
        Ok(())
    }

    fn find(&self, tenant: &str, id: &str) -> Option<TestCall> {
        let all = self.0.lock().expect("no panic while the lock is held");
        all.iter().find(|(of, call)| of == tenant && call.id == id).map(|(_, call)| call.clone())
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut TestCall)) {
        let mut all = self.0.lock().expect("no panic while the lock is held");
        if let Some((_, call)) = all.iter_mut().find(|(_, call)| call.id == id) {
            change(call);
        }
    }
}

/// Places a test call and answers at once; GET tells how it goes.
#[utoipa::path(post, path = "/v1/test-calls", operation_id = "placeTestCall", tag = "test-calls",
    request_body = NewTestCall, responses((status = 201, body = TestCall)))]
async fn place(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<NewTestCall>,
) -> Result<impl IntoResponse> {
    caller.may(Permission::TestCalls)?;
    let keys = form.keys.clone().unwrap_or_else(|| "1".into());
    if keys.len() > 16 || keys.chars().any(|key| !"0123456789*#".contains(key)) {
        return Err(Problem::invalid("keys", "bad_keys", "are not up to 16 of 0-9, * and #"));
    }
    let lasts = Duration::from_secs(form.seconds.unwrap_or(SECONDS).clamp(1, SECONDS_MAX));
    let (username, password) = credentials(&app, &caller).await?;
    let number = number(&app, &caller, form.number).await?;
    let voice = voice::voice(&app, &caller).await?;
    let edge = app.telephony().r#where(WhereRequest {}).await?.into_inner().udp;
    let id = CallId::new(chassis::clock::now(), chassis::random::u128()).to_string();
    let call = TestCall {
        id: id.replacen("call", "test", 1),
        number: number.clone(),
        state: "calling",
        cause: None,
        status: None,
        packets_received: 0,
        packets_sent: 0,
    };
    app.test_calls.add(caller.tenant(), call.clone())?;
    let dial =
        Dial::new(edge, &number).from("+99900000000").saying(voice).with_credentials(&username, &password);
    tokio::spawn(run(app.clone(), call.id.clone(), dial, keys, lasts));
    Ok((StatusCode::CREATED, Json(call)))
}

#[utoipa::path(get, path = "/v1/test-calls/{id}", operation_id = "getTestCall", tag = "test-calls",
    params(("id" = String, Path)), responses((status = 200, body = TestCall)))]
async fn look(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<TestCall>> {
    caller.may(Permission::TestCalls)?;
    let found = app.test_calls.find(caller.tenant(), &id);
    found.map(Json).ok_or_else(|| Problem::not_found(format!("no test call {id}")))
}

/// Of the first digest trunk called "Test caller", else of any digest trunk.
async fn credentials(app: &App, caller: &Caller) -> Result<(String, String)> {
    let mut trunks = all::<Trunk>(app, caller, Kind::Trunk).await?;
    trunks.sort_by_key(|trunk| trunk.name != "Test caller");
    let digest = trunks.into_iter().filter(|trunk| trunk.enabled).find_map(|trunk| match trunk.auth {
        TrunkAuth::Digest { username, password } => Some((username, password)),
        TrunkAuth::Ip { .. } => None,
    });
    digest.ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT, "there is no enabled trunk with digest credentials")
            .coded("no_digest_trunk")
    })
}

/// The wanted number must be the tenant's own.
async fn number(app: &App, caller: &Caller, wanted: Option<String>) -> Result<String> {
    let dids = all::<Did>(app, caller, Kind::Did).await?;
    let mut numbers = dids.into_iter().map(|did| did.number.to_string());
    let found = match &wanted {
        Some(wanted) => numbers.find(|number| number == wanted),
        None => numbers.min_by_key(|number| !number.starts_with("+999")),
    };
    found.ok_or_else(|| Problem::invalid("number", "not_yours", "is not one of your numbers"))
}

async fn all<T: serde::de::DeserializeOwned>(app: &App, caller: &Caller, kind: Kind) -> Result<Vec<T>> {
    let request = ListRequest { tenant: caller.tenant().into(), kind: kind.as_str().into() };
    let documents = app.documents().list(request).await?.into_inner().documents;
    let read = documents.iter().map(|document| serde_json::from_str(&document.body));
    read.collect::<std::result::Result<_, _>>().map_err(Problem::internal)
}

async fn run(app: Arc<App>, id: String, dial: Dial, keys: String, lasts: Duration) {
    let end = async {
        let phone = Phone::bind(Config { username: "test-caller".into(), ..Config::default() }).await?;
        let call = phone.call(dial).await?;
        tokio::select! {
            () = converse(&call, &keys) => {}
            () = watch(&app.test_calls, &id, &call) => {}
            () = tokio::time::sleep(lasts) => {}
            () = app.drain.begun() => {}
        }
        if !matches!(call.phase(), Phase::Over(_)) {
            call.hang_up().await?;
            let _ = call.wait_ended(Duration::from_secs(5)).await;
        }
        update(&app.test_calls, &id, &call);
        Ok::<(), softphone::Error>(())
    };
    let failed = end.await.err();
    app.test_calls.change(&id, |call| {
        call.state = "ended";
        if let Some(error) = failed {
            tracing::warn!(%error, "a test call failed");
            call.cause.get_or_insert_with(|| "failed".into());
        }
    });
}

/// Waits for the answer, presses the keys, and stays until somebody ends it.
async fn converse(call: &Call, keys: &str) {
    if call.wait_answered(RING_MAX).await.is_err() {
        return;
    }
    tokio::time::sleep(BEFORE_KEYS).await;
    for key in keys.chars() {
        call.press(&key.to_string()).await;
        tokio::time::sleep(BETWEEN_KEYS).await;
    }
    std::future::pending().await
}

async fn watch(calls: &TestCalls, id: &str, call: &Call) {
    while !matches!(call.phase(), Phase::Over(_)) {
        update(calls, id, call);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn update(calls: &TestCalls, id: &str, call: &Call) {
    let report = call.report(&[]);
    calls.change(id, |known| {
        known.packets_received = report.received;
        known.packets_sent = report.sent;
        match report.phase {
            Phase::Calling => known.state = "calling",
            Phase::Ringing => known.state = "ringing",
            Phase::Talking => known.state = "talking",
            Phase::Over(over) => {
                known.state = "ended";
                known.cause = Some(cause(&over).into());
                if let Over::Refused(status) = over {
                    known.status = Some(status);
                }
            }
        }
    });
}

fn cause(over: &Over) -> &'static str {
    match over {
        Over::Refused(_) => "refused",
        Over::Cancelled | Over::ByUs => "hung_up",
        Over::ByPeer(_) => "hung_up_by_peer",
        Over::Lost => "lost",
    }
}
