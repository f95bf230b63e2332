//! Services of one process ask each other without a network: a request goes
//! straight to the routes of whom it is for, behind the same proof of who asks.
//! What the two say is gRPC still; HTTP/2, its frames and its connections are left
//! out.
//!
//! Who serves an address says so here; who asks looks here first. In a process of
//! its own a service finds nobody and asks by TCP.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::{AbortOnDropHandle, TaskTracker, task_tracker::TaskTrackerToken},
};
use tonic::{
    Status,
    body::Body,
    codegen::{Body as HttpBody, Bytes, Service, http},
    service::Routes,
    transport,
};

/// Who is served in this process.
static SERVED: Mutex<BTreeMap<SocketAddr, Here>> = Mutex::new(BTreeMap::new());

fn served() -> MutexGuard<'static, BTreeMap<SocketAddr, Here>> {
    SERVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of them.
#[derive(Clone)]
struct Here {
    routes: Routes,
    /// What is being answered.
    open: TaskTracker,
    /// Cuts it off.
    ended: CancellationToken,
}

/// Serves until it is dropped; then what is still open breaks, as a connection does.
pub struct Served {
    address: SocketAddr,
    here: Here,
}

/// Requests of this process to the address go to these routes from now on.
pub fn serve(address: SocketAddr, routes: Routes) -> Served {
    let here = Here { routes, open: TaskTracker::new(), ended: CancellationToken::new() };
    served().insert(address, here.clone());
    Served { address, here }
}

impl Served {
    /// Takes nothing new and returns when everything open has ended.
    pub async fn drained(&self) {
        self.leave();
        self.here.open.close();
        self.here.open.wait().await;
    }

    fn leave(&self) {
        let mut served = served();
        // The port may be somebody else's by now.
        if served.get(&self.address).is_some_and(|here| TaskTracker::ptr_eq(&here.open, &self.here.open)) {
            served.remove(&self.address);
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.leave();
        self.here.ended.cancel();
    }
}

/// To whom this process serves at the address, to all others by TCP.
pub struct Channel {
    address: Option<SocketAddr>,
    remote: transport::Channel,
    /// Who was found ready.
    ready: Option<Here>,
}

impl Channel {
    pub fn new(address: &http::Uri, remote: transport::Channel) -> Self {
        let host = address.host().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        let address = host.zip(address.port_u16()).map(SocketAddr::from);
        Self { address, remote, ready: None }
    }

    fn here(&self) -> Option<Here> {
        served().get(self.address.as_ref()?).cloned()
    }
}

impl Clone for Channel {
    fn clone(&self) -> Self {
        Self { address: self.address, remote: self.remote.clone(), ready: None }
    }
}

type Reply = Pin<Box<dyn Future<Output = Result<http::Response<Body>, transport::Error>> + Send>>;

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = transport::Error;
    type Future = Reply;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), transport::Error>> {
        self.ready = self.here();
        if self.ready.is_some() { Poll::Ready(Ok(())) } else { self.remote.poll_ready(cx) }
    }

    fn call(&mut self, request: http::Request<Body>) -> Reply {
        match self.ready.take() {
            Some(here) => Box::pin(async { Ok(here.ask(request).await) }),
            None => Box::pin(self.remote.call(request)),
        }
    }
}

impl Here {
    /// In a task of its own: a handler that panics takes nobody along.
    async fn ask(mut self, request: http::Request<Body>) -> http::Response<Body> {
        let token = self.open.token();
        let answer = AbortOnDropHandle::new(tokio::spawn(self.routes.call(request)));
        let answered = tokio::select! {
            answered = answer => answered,
            () = self.ended.cancelled() => return over().into_http(),
        };
        match answered {
            Ok(Ok::<_, Infallible>(response)) => response.map(|body| {
                let ended = Box::pin(self.ended.cancelled_owned());
                Body::new(Open { body, ended, _token: token })
            }),
            Err(_) => Status::internal("the handler of the request failed").into_http(),
        }
    }
}

fn over() -> Status {
    Status::unavailable("the service has ended")
}

/// A reply that breaks when its service ends.
struct Open {
    body: Body,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _token: TaskTrackerToken,
}

impl HttpBody for Open {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        if self.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(over())));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::codegen::http::Uri;
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };

    fn health() -> Routes {
        let (_, health) = tonic_health::server::health_reporter();
        Routes::new(health)
    }

    fn client(address: SocketAddr) -> HealthClient<Channel> {
        let uri: Uri = format!("http://{address}").parse().unwrap();
        let remote = transport::Endpoint::from(uri.clone()).connect_lazy();
        HealthClient::new(Channel::new(&uri, remote))
    }

    /// An address at which nobody listens.
    fn nowhere() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn who_is_served_here_is_asked_without_a_network() {
        let address = nowhere();
        let mut client = client(address);
        assert!(client.check(HealthCheckRequest::default()).await.is_err(), "nobody is there yet");
        let served = serve(address, health());
        let reply = client.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(reply.status(), ServingStatus::Serving);
        let again = serve(address, health());
        drop(served);
        assert!(client.check(HealthCheckRequest::default()).await.is_ok(), "another has the address by now");
        drop(again);
        assert!(client.check(HealthCheckRequest::default()).await.is_err());
    }

    #[tokio::test]
    async fn a_stream_outlives_the_drain_and_breaks_with_its_service() {
        let address = nowhere();
        let served = serve(address, health());
        let mut stream = client(address).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        tokio::select! {
            biased;
            () = served.drained() => panic!("a reply is still open"),
            () = std::future::ready(()) => {}
        }
        assert!(client(address).check(HealthCheckRequest::default()).await.is_err(), "nothing new is taken");
        drop(served);
        let broken = stream.message().await.unwrap_err();
        assert_eq!(broken.code(), tonic::Code::Unavailable);
    }
}
