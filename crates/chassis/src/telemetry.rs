//! Traces to the standard error, metrics for Prometheus.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use tracing_subscriber::EnvFilter;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Once per process: logs (`RUST_LOG`, default info; JSON with
/// `LOG_FORMAT=json`), the metrics recorder and the TLS provider.
pub fn start() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,fjall=warn,lsm_tree=warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second start in one process (tests) keeps the first.
    let _ = if json { logs.json().try_init() } else { logs.with_target(true).try_init() };
    METRICS.get_or_init(|| {
        PrometheusBuilder::new()
            .install_recorder()
            .unwrap_or_else(|_| PrometheusBuilder::new().build_recorder().handle())
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The metrics in Prometheus' text format; empty before `start`.
pub fn metrics() -> String {
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}
