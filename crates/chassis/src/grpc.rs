//! gRPC as every service speaks it.

use crate::{
    Credentials, Drain,
    credentials::{Proves, Shows},
    here,
};
use std::time::Duration;
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tonic::{
    service::{InterceptorLayer, Routes, interceptor::InterceptedService},
    transport::{Endpoint, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// To a service of this installation, with our token on each request.
pub type Channel = InterceptedService<here::Channel, Shows>;

/// A stream per ringing leg needs more than HTTP/2's default of 200.
const STREAMS_MAX: u32 = 20_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two health checks while a service starts.
const ASKED_EVERY: Duration = Duration::from_millis(20);
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Bytes that a peer may send on a stream, and on all of a connection, before we
/// have read them. HTTP/2's default of 64 KiB costs a frame of window updates
/// every few messages.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Serves `routes` to this installation's services, and its health to
/// everybody, on a bound listener until the drain has begun and open requests
/// have ended or 10 s have passed.
pub async fn serve(
    listener: std::net::TcpListener,
    routes: Routes,
    credentials: Credentials,
    drain: Drain,
) -> anyhow::Result<()> {
    const GRACE: Duration = Duration::from_secs(10);
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    // serve_with_incoming ignores tcp_nodelay: set it on the accepted socket.
    let incoming = TcpListenerStream::new(listener).map(|socket| {
        let socket = socket?;
        socket.set_nodelay(true)?;
        Ok::<_, std::io::Error>(socket)
    });
    let (_, health) = tonic_health::server::health_reporter();
    let guarded = routes.into_axum_router().layer(InterceptorLayer::new(Proves(credentials)));
    let guarded = Routes::from(guarded);
    let here = here::serve(address, guarded.clone());
    let server = Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_routes(guarded.add_service(health))
        .serve_with_incoming_shutdown(incoming, drain.clone().begun_owned());
    let stopped = async {
        drain.begun().await;
        tokio::time::sleep(GRACE).await;
    };
    let served = async {
        server.await?;
        here.drained().await;
        Ok(())
    };
    tokio::select! {
        served = served => served,
        () = stopped => Ok(()),
    }
}

/// A channel that connects when first used and again whenever it broke.
/// `address` such as `http://127.0.0.1:9001`.
pub fn channel(credentials: &Credentials, address: &str) -> anyhow::Result<Channel> {
    let endpoint = endpoint(address)?;
    let channel = here::Channel::new(endpoint.uri(), endpoint.connect_lazy());
    Ok(InterceptedService::new(channel, Shows(credentials.clone())))
}

/// Returns when the service at `address` answers its health check.
pub async fn healthy(address: &str) -> anyhow::Result<()> {
    let mut health = HealthClient::new(endpoint(address)?.connect_lazy());
    while health.check(HealthCheckRequest::default()).await.is_err() {
        tokio::time::sleep(ASKED_EVERY).await;
    }
    Ok(())
}

fn endpoint(address: &str) -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_while_idle(true);
    Ok(endpoint)
}
