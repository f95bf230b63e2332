//! The loops together: which session is on which, and how they are told.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;
use mio::{Interest, Poll, Waker};
use proto::media::v1::sessions::Held;
use str0m::crypto::from_feature_flags;
use tokio::sync::{mpsc, oneshot};

use crate::{
    config::Config,
    edges::Edge,
    io::{Io, PromptsWanted},
    ports::Ports,
    prompts::Prompts,
    reactor::{BROWSER, Command, Reactor, WAKE},
    spool,
    stats::Stats,
};

/// Commands waiting for one loop at most.
const COMMANDS_MAX: usize = 8192;
/// Browsers share a port: room for all of them, in bytes.
const BROWSER_BUFFER: usize = 4 << 20;

/// What the loops share.
pub struct Shared {
    pub prompts: Arc<Prompts>,
    pub loads: mpsc::Sender<PromptsWanted>,
    pub spool: SyncSender<spool::Item>,
    pub stats: Arc<Stats>,
}

/// All loops.
pub struct Gateway {
    loops: Vec<Handle>,
    pub stats: Arc<Stats>,
}

struct Handle {
    commands: SyncSender<Command>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Gateway {
    /// Starts the threads.
    pub fn start(config: &Config, shared: &Shared) -> anyhow::Result<Self> {
        from_feature_flags().install_process_default();
        let count = config.loops();
        let loops = (0..count).map(|nth| start_loop(config, shared, nth, count)).collect::<Result<_, _>>()?;
        Ok(Self { loops, stats: shared.stats.clone() })
    }

    /// The loop of a session.
    fn nth(&self, session: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        session.hash(&mut hasher);
        (hasher.finish() % self.loops.len() as u64) as usize
    }

    /// Hands a command to the loop of its session; `false` when that is hopelessly behind.
    pub fn tell(&self, session: &str, command: Command) -> bool {
        self.loops[self.nth(session)].tell(command)
    }

    /// The prompts that a loop waited for.
    pub fn tell_loaded(&self, nth: usize, command: Command) -> bool {
        self.loops.get(nth).is_some_and(|l| l.tell(command))
    }

    /// The edge's stream broke.
    pub fn gone(&self, edge: &Edge) {
        for each in &self.loops {
            each.tell_whatever(Command::Gone(edge.clone()));
        }
    }

    /// Gives an edge that came back its sessions.
    pub async fn list(&self, edge: &Edge) -> Vec<Held> {
        let mut sessions = Vec::new();
        for each in &self.loops {
            let (reply, answer) = oneshot::channel();
            each.tell_whatever(Command::List(edge.clone(), reply));
            sessions.extend(answer.await.unwrap_or_default());
        }
        sessions
    }

    /// Ends all sessions and waits for the threads.
    pub fn stop_all(&self) {
        self.loops.iter().for_each(|l| l.tell_whatever(Command::Stop));
        let threads = self.loops.iter().filter_map(|l| l.thread.lock().ok()?.take());
        threads.for_each(|thread| drop(thread.join()));
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop_all();
    }
}

impl Handle {
    fn tell(&self, command: Command) -> bool {
        let told = !matches!(self.commands.try_send(command), Err(TrySendError::Full(_)));
        let _ = self.waker.wake();
        told
    }

    /// For what must not be lost: waits for room.
    fn tell_whatever(&self, command: Command) {
        let _ = self.waker.wake();
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }
}

fn start_loop(config: &Config, shared: &Shared, nth: usize, count: usize) -> anyhow::Result<Handle> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKE)?;
    let (commands, receiver) = sync_channel(COMMANDS_MAX);
    let io = io(config, shared, &poll, nth, count)?;
    let reactor = Reactor::new(poll, receiver, io, config.lease());
    let thread = std::thread::Builder::new().name(format!("media-{nth}")).spawn(move || reactor.run())?;
    Ok(Handle { commands, waker, thread: Mutex::new(Some(thread)) })
}

fn io(config: &Config, shared: &Shared, poll: &Poll, nth: usize, count: usize) -> anyhow::Result<Io> {
    let address = config.address()?;
    let mut browser = browser_socket(config, nth)?;
    let browser_port = browser.local_addr()?.port();
    poll.registry().register(&mut browser, BROWSER, Interest::READABLE)?;
    let certificate = from_feature_flags().dtls_provider.generate_certificate();
    Ok(Io {
        nth_loop: nth,
        registry: poll.registry().try_clone()?,
        ports: Ports::new(config.rtp_listen, config.ports()?, nth, count, config.port_drain()),
        address,
        browser,
        browser_address: SocketAddr::new(address, browser_port),
        certificate: certificate.context("no dtls certificate")?,
        events: Vec::new(),
        spool: shared.spool.clone(),
        prompts: shared.prompts.clone(),
        loads: shared.loads.clone(),
        stats: shared.stats.clone(),
        watch: config.watch(),
        origin: origin(),
        unix_origin: Duration::from_millis(chassis::clock::now().millis().max(0) as u64),
        scratch: Vec::with_capacity(1500),
    })
}

#[expect(clippy::disallowed_methods, reason = "the loops' clocks start here")]
fn origin() -> Instant {
    Instant::now()
}

fn browser_socket(config: &Config, nth: usize) -> anyhow::Result<mio::net::UdpSocket> {
    let port = if config.browser_port == 0 { 0 } else { config.browser_port + nth as u16 };
    let address = SocketAddr::new(config.rtp_listen, port);
    let socket = std::net::UdpSocket::bind(address).with_context(|| format!("cannot bind udp {address}"))?;
    socket.set_nonblocking(true)?;
    let options = socket2::SockRef::from(&socket);
    // The system may grant less; that costs packets under bursts, nothing else.
    let _ = options.set_recv_buffer_size(BROWSER_BUFFER);
    let _ = options.set_send_buffer_size(BROWSER_BUFFER);
    Ok(mio::net::UdpSocket::from_std(socket))
}
