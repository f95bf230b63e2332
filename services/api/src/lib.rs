//! REST, OpenAPI, server-sent events, the desktop's WebSocket and the portal.
//!
//! Translates and checks who asks; decides and stores nothing.

mod auth;
mod config;
mod desk;
mod idempotency;
mod limits;
mod portal;
mod problem;
mod range;
mod rest;
mod tls;

pub use config::{Config, Tls};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use axum_server::Handle;
use chassis::{Deps, Drain, grpc::Channel};
use eventlog::ConfigView;
use http::{HeaderName, HeaderValue, header};
use limits::Limit;
use object_store::ObjectStore;
use proto::{
    acd::v1::{attend_client::AttendClient, floor_client::FloorClient},
    analytics::v1::analytics_client::AnalyticsClient,
    crm::v1::crm_client::CrmClient,
    ivr::v1::ivr_client::IvrClient,
    line::v1::line_server::LineServer,
    recording::v1::recording_client::RecordingClient,
    telephony::v1::edge_client::EdgeClient,
    tenancy::v1::{
        accounts_client::AccountsClient, api_keys_client::ApiKeysClient, audit_client::AuditClient,
        config_client::ConfigClient,
    },
};
use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;
use tonic::service::Routes;
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");
/// Of every body but an uploaded prompt.
const BODY_MAX: usize = 1024 * 1024;
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// A gRPC message with an uploaded prompt.
const MESSAGE_MAX: usize = 80 * 1024 * 1024;

/// What the handlers share.
pub struct App {
    tenancy: Channel,
    crm: Channel,
    recording: Channel,
    analytics: Channel,
    ivr: Channel,
    telephony: Channel,
    acd: Channel,
    keys: auth::KeyRing,
    view: Arc<ConfigView>,
    walls: Arc<Semaphore>,
    desks: Arc<desk::Desks>,
    test_calls: rest::TestCalls,
    feeds: Arc<rest::Feeds>,
    objects: Arc<dyn ObjectStore>,
    sign_ups: Limit<IpAddr>,
    sign_ins: Limit<IpAddr>,
    requests: Limit<limits::Who>,
    https: bool,
    desk_looked_at: Duration,
    by_token_max: Duration,
    drain: Drain,
}

impl App {
    fn accounts(&self) -> AccountsClient<Channel> {
        AccountsClient::new(self.tenancy.clone())
    }

    fn api_keys(&self) -> ApiKeysClient<Channel> {
        ApiKeysClient::new(self.tenancy.clone())
    }

    fn audit(&self) -> AuditClient<Channel> {
        AuditClient::new(self.tenancy.clone())
    }

    fn documents(&self) -> ConfigClient<Channel> {
        ConfigClient::new(self.tenancy.clone())
    }

    fn crm(&self) -> CrmClient<Channel> {
        CrmClient::new(self.crm.clone())
    }

    fn recordings(&self) -> RecordingClient<Channel> {
        RecordingClient::new(self.recording.clone())
    }

    fn analytics(&self) -> AnalyticsClient<Channel> {
        AnalyticsClient::new(self.analytics.clone())
    }

    fn ivr(&self) -> IvrClient<Channel> {
        IvrClient::new(self.ivr.clone()).max_encoding_message_size(MESSAGE_MAX)
    }

    fn floor(&self) -> FloorClient<Channel> {
        FloorClient::new(self.acd.clone())
    }

    fn telephony(&self) -> EdgeClient<Channel> {
        EdgeClient::new(self.telephony.clone())
    }
}

pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(&config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    run_on(listener, config, deps, drain).await
}

/// The same with a bound listener for browsers and integrators.
pub async fn run_on(listener: TcpListener, config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let tls = tls::config(&config, address, &deps.folder).await?;
    let advertised = if config.advertise.is_empty() { &deps.peers.api } else { &config.advertise };
    let absence = desk::Absence {
        away: Duration::from_millis(config.desk_away_ms),
        parked: Duration::from_millis(config.desk_parked_ms),
    };
    let (desks, asked) = desk::Desks::new(format!("web:{advertised}"), absence);
    let app = Arc::new(app(&config, &deps, desks.clone(), tls.is_some(), drain.clone())?);
    let attendance = desk::Attendance {
        acd: AttendClient::new(chassis::grpc::channel(&deps.credentials, &deps.peers.acd)?),
        crm: app.crm(),
        desks: desks.clone(),
    };
    let attending = tokio::spawn(attendance.run(asked, drain.clone()));
    let lines = Routes::new(LineServer::new(desk::Line { desks }));
    let grpc = tokio::spawn(chassis::grpc::serve(deps.listener, lines, deps.credentials, drain.clone()));
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("portal and API at {scheme}://{address}");
    serve(listener, tls, router(app), drain).await?;
    grpc.await??;
    Ok(attending.await?)
}

fn app(
    config: &Config,
    deps: &Deps,
    desks: Arc<desk::Desks>,
    https: bool,
    drain: Drain,
) -> anyhow::Result<App> {
    let channel = |address: &String| chassis::grpc::channel(&deps.credentials, address);
    let peers = &deps.peers;
    let view = ConfigView::follow(&deps.log)?;
    let tenancy = channel(&peers.tenancy)?;
    Ok(App {
        keys: auth::KeyRing::new(view.clone()),
        view,
        walls: Arc::new(Semaphore::new(rest::WALLS_MAX)),
        tenancy,
        crm: channel(&peers.crm)?,
        recording: channel(&peers.recording)?,
        analytics: channel(&peers.analytics)?,
        ivr: channel(&peers.ivr)?,
        telephony: channel(&peers.telephony)?,
        acd: channel(&peers.acd)?,
        desks,
        test_calls: rest::TestCalls::default(),
        feeds: Arc::default(),
        objects: chassis::objects::open(&config.objects)?,
        sign_ups: Limit::new(10, 6 * 60_000),
        sign_ins: Limit::new(50, 5_000),
        requests: Limit::per_minute(config.requests_per_minute),
        https,
        desk_looked_at: Duration::from_millis(config.desk_looked_at_ms.max(1)),
        by_token_max: Duration::from_millis(config.by_token_max_ms),
        drain,
    })
}

async fn serve(
    listener: TcpListener,
    tls: Option<axum_server::tls_rustls::RustlsConfig>,
    router: Router,
    drain: Drain,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let handle = Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        drain.begun().await;
        stopping.graceful_shutdown(Some(DRAIN_MAX));
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(tls) => axum_server::from_tcp_rustls(listener, tls)?.handle(handle).serve(service).await?,
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await?,
    }
    Ok(())
}

fn router(app: Arc<App>) -> Router {
    let (routes, openapi) = rest::routes_and_openapi();
    let describe = async move || axum::Json(openapi.clone());
    let no_store =
        SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let api = routes
        .route("/v1/openapi.json", get(describe))
        .route("/v1/{*rest}", axum::routing::any(rest::no_such_route))
        .method_not_allowed_fallback(rest::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn_with_state(app.clone(), limits::counted))
        .layer(no_store);
    let router = api
        .route("/.well-known/jwks.json", get(jwks))
        .route("/healthz", get(async || "ok"))
        .route("/metrics", get(metrics))
        .fallback(portal::serve)
        .method_not_allowed_fallback(rest::wrong_method)
        .layer(axum::middleware::from_fn(problem::without_nul))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app.clone());
    secured(router, app.https)
}

async fn jwks(State(app): State<Arc<App>>) -> Result<impl IntoResponse, problem::Problem> {
    let json = app.keys.published()?.body.clone();
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")], json))
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let (desks, legs) = app.desks.count();
    metrics::gauge!("trunkline_api_desks").set(desks as f64);
    metrics::gauge!("trunkline_api_desk_legs").set(legs as f64);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], chassis::telemetry::metrics())
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> http::Response<Body> {
    let response: Response = problem::Problem::internal("a handler panicked").into_response();
    response
}

/// What every answer carries. HSTS is left to who brings a real certificate.
fn secured(mut router: Router, https: bool) -> Router {
    const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; \
        media-src 'self' blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
        object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
    let mut headers = vec![
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(self)"),
    ];
    if https {
        headers.push(("cross-origin-opener-policy", "same-origin"));
    }
    for (name, value) in headers {
        let layer = SetResponseHeaderLayer::overriding(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        router = router.layer(layer);
    }
    router
}
