//! A phone: registers, calls, is called.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sip::sdp::{Codec, Direction};
use sip::{
    Answer, Contact, Credentials, Endpoint, Flow, Outbound, OutboundInvite, Party, Protocol, Request,
    SessionTimes, Uri,
};
use sipnet::{Certificate, Limits, Stack, Transport, Verify};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::call::late;
use crate::clock::{self, Clock};
use crate::engine::{self, Handle, NewCall};
use crate::line::Line;
use crate::media::Media;
use crate::{Call, Error, Sound};

/// How a phone is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens for SIP; its RTP ports are chosen on the same address.
    pub listen: SocketAddr,
    /// Over what it calls and registers; TLS by `verify`.
    pub protocol: Protocol,
    /// The user part of its address.
    pub username: String,
    /// What it speaks, the preferred first.
    pub codecs: Vec<Codec>,
    /// How long a session lasts without a refresh.
    pub session: Option<SessionTimes>,
    /// Calls and registers over TLS, with whom this names.
    pub verify: Option<Verify>,
    /// Takes TLS connections too, on a port of their own, by this certificate.
    pub certificate: Option<Arc<Certificate>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), 0),
            protocol: Protocol::Udp,
            username: "softphone".to_owned(),
            codecs: vec![Codec::pcma(), Codec::pcmu(), Codec::telephone_event()],
            session: Some(SessionTimes::default()),
            verify: None,
            certificate: None,
        }
    }
}

/// Whom to call, and as whom.
#[derive(Debug, Clone)]
pub struct Dial {
    /// `ip:port` of the other side.
    pub to: String,
    /// The number or name dialled.
    pub number: String,
    /// The number or name shown; the phone's own by default.
    pub from: Option<String>,
    /// The name shown.
    pub display: Option<String>,
    /// For a peer that challenges.
    pub credentials: Option<Credentials>,
    /// What is said from the first moment on.
    pub sound: Sound,
    /// Header lines to add.
    pub headers: Vec<(String, String)>,
}

impl Dial {
    /// A plain call.
    pub fn new(to: impl ToString, number: &str) -> Self {
        Self {
            to: to.to_string(),
            number: number.to_owned(),
            from: None,
            display: None,
            credentials: None,
            sound: Sound::Silence,
            headers: Vec::new(),
        }
    }

    /// Shows this number.
    pub fn from(mut self, number: &str) -> Self {
        self.from = Some(number.to_owned());
        self
    }

    /// Says this from the first moment on.
    pub fn saying(mut self, sound: Sound) -> Self {
        self.sound = sound;
        self
    }

    /// Answers a challenge with these.
    pub fn with_credentials(mut self, username: &str, password: &str) -> Self {
        self.credentials = Some(Credentials { username: username.to_owned(), password: password.to_owned() });
        self
    }
}

/// A phone. Its sockets close when it and all its calls are dropped.
#[derive(Clone)]
pub struct Phone {
    engine: Handle,
    config: Arc<Config>,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    protocol: Protocol,
    clock: Clock,
    incoming: Arc<Mutex<mpsc::Receiver<NewCall>>>,
}

impl Phone {
    /// Opens the sockets.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        let limits = Limits { receive_buffer: 1 << 20, connections_max: 64, ..Limits::default() };
        let mut transport = Transport::bind(config.listen, limits).await?;
        let address = transport.address();
        if let Some(certificate) = &config.certificate {
            transport.listen_tls(SocketAddr::new(address.ip(), 0), certificate).await?;
        }
        let tls_address = transport.tls_address();
        let protocol = match &config.verify {
            Some(verify) => Protocol::Tls(transport.identity(verify.clone())),
            None => config.protocol,
        };
        let mut settings = sip::Config::new(address);
        settings.tls_port = tls_address.map_or(0, |address| address.port());
        settings.contact_user = config.username.clone();
        settings.session = config.session;
        settings.agent = "Trunkline softphone".to_owned();
        let endpoint = Endpoint::new(settings, clock::seed());
        let clock = Clock::start();
        let stack = Stack::new(endpoint, transport);
        let (engine, incoming) = engine::start(stack, clock, config.codecs.clone());
        let incoming = Arc::new(Mutex::new(incoming));
        let config = Arc::new(config);
        Ok(Self { engine, config, address, tls_address, protocol, clock, incoming })
    }

    /// Where the phone takes TLS connections, if it does.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Where the phone listens for SIP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Places a call and returns at once.
    pub async fn call(&self, dial: Dial) -> Result<Call, Error> {
        let flow = self.flow(&dial.to)?;
        let media = Media::open(self.address.ip(), dial.sound)?;
        let line = Arc::new(Line::new(media, self.config.codecs.clone(), self.clock));
        let from = dial.from.as_deref().unwrap_or(&self.config.username);
        let mut caller = Party::new(Uri::sip(from, self.address));
        caller.display = dial.display;
        let callee = Uri::sip(&dial.number, flow.remote);
        let invite = OutboundInvite {
            flow,
            uri: callee.clone(),
            from: caller,
            to: Party::new(callee),
            sdp: line.offer(Direction::SendRecv),
            routes: Vec::new(),
            headers: dial.headers,
            credentials: dial.credentials,
        };
        let shared = line.clone();
        let place = move |engine: &mut engine::Engine, now| {
            let leg = engine.endpoint().invite(now, invite)?;
            engine.adopt(leg, shared);
            Ok::<_, sip::Error>(leg)
        };
        let leg = self.engine.ask(place).await??;
        Ok(Call::new(self.engine.clone(), leg, line))
    }

    /// The next call that comes in.
    pub async fn incoming(&self, within: Duration) -> Result<Incoming, Error> {
        let mut incoming = self.incoming.lock().await;
        let next = tokio::time::timeout(within, incoming.recv()).await;
        let (invite, line) = next.map_err(|_| late("incoming call", within))?.ok_or(Error::Closed)?;
        let call = Call::new(self.engine.clone(), invite.leg, line);
        Ok(Incoming { call, leg: invite.leg, engine: self.engine.clone(), request: invite.request })
    }

    /// Registers at `registrar` (`ip:port`) and stays registered until the
    /// returned handle is dropped.
    pub async fn register(
        &self,
        registrar: impl ToString,
        username: &str,
        password: &str,
    ) -> Result<Registration, Error> {
        let flow = self.flow(&registrar.to_string())?;
        let credentials = Credentials { username: username.to_owned(), password: password.to_owned() };
        let mut book = Book { engine: self.engine.clone(), flow, credentials, cseq: 0, call_id: call_id() };
        let granted = book.register(EXPIRES).await?;
        Ok(Registration { task: tokio::spawn(refresh(book.clone(), granted)), book })
    }

    fn flow(&self, address: &str) -> Result<Flow, Error> {
        let remote = address.parse().map_err(|_| Error::Address(address.to_owned()))?;
        Ok(Flow { protocol: self.protocol, remote })
    }
}

/// What a phone asks for; the registrar may grant less.
const EXPIRES: u32 = 120;

fn call_id() -> String {
    sip::Tokens::new(clock::seed()).long()
}

/// A registration that is refreshed in the background.
pub struct Registration {
    task: JoinHandle<()>,
    book: Book,
}

impl Registration {
    /// The name that is registered.
    pub fn username(&self) -> &str {
        &self.book.credentials.username
    }

    /// Takes the phone off the registrar.
    pub async fn unregister(mut self) -> Result<(), Error> {
        self.task.abort();
        // The refreshing task may have used numbers meanwhile.
        self.book.cseq += 1_000_000;
        self.book.register(0).await.map(drop)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Book {
    engine: Handle,
    flow: Flow,
    credentials: Credentials,
    cseq: u32,
    call_id: String,
}

impl Book {
    /// Registers once; the seconds granted.
    async fn register(&mut self, expires: u32) -> Result<u32, Error> {
        self.cseq += 10;
        let party = Party::new(Uri::sip(&self.credentials.username, self.flow.remote));
        let outbound = Outbound {
            method: "REGISTER".to_owned(),
            flow: self.flow,
            uri: Uri::sip("", self.flow.remote),
            from: party.clone(),
            to: party,
            call_id: Some(self.call_id.clone()),
            cseq: self.cseq,
            headers: vec![("Expires".to_owned(), expires.to_string())],
            credentials: Some(self.credentials.clone()),
        };
        let asked = self.engine.ask(move |engine, now| engine.request(now, outbound)).await??;
        let (code, response) = asked.await.map_err(|_| Error::Closed)?;
        if !(200..300).contains(&code) {
            return Err(Error::NotRegistered(code));
        }
        let contacts = response.map(|r| r.contacts()).unwrap_or_default();
        let granted = contacts.iter().filter_map(|c| match c {
            Contact::Address { expires, .. } => *expires,
            Contact::All => None,
        });
        Ok(granted.max().unwrap_or(expires))
    }
}

async fn refresh(mut book: Book, mut granted: u32) {
    loop {
        tokio::time::sleep(Duration::from_secs(u64::from(granted / 2).max(1))).await;
        match book.register(EXPIRES).await {
            Ok(seconds) => granted = seconds,
            Err(Error::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "registration not refreshed");
                granted = 10;
            }
        }
    }
}

/// A call that rings here. Dropping it declines.
pub struct Incoming {
    call: Call,
    leg: sip::LegId,
    engine: Handle,
    request: Request,
}

impl Incoming {
    /// The INVITE.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The caller's number or name.
    pub fn from(&self) -> String {
        self.request.from().map(|p| p.user().to_owned()).unwrap_or_default()
    }

    /// Sends 180 Ringing.
    pub async fn ring(&self) -> Result<(), Error> {
        self.progress(Answer::new(180)).await
    }

    /// Sends 183 with a description: the caller hears us from now on.
    pub async fn early_media(&self) -> Result<(), Error> {
        let sdp = self.sdp()?;
        self.progress(Answer::new(183).sdp(sdp)).await
    }

    /// Says something, with early media or after the answer.
    pub fn say(&self, sound: Sound) {
        self.call.say(sound);
    }

    /// Answers.
    pub async fn answer(self) -> Result<Call, Error> {
        let (leg, answer) = (self.leg, Answer::new(200).sdp(self.sdp()?));
        self.engine.ask(move |engine, now| engine.endpoint().accept(now, leg, &answer)).await??;
        self.call.line().talk();
        Ok(self.call)
    }

    /// Refuses with a status such as 486.
    pub async fn reject(self, code: u16) -> Result<(), Error> {
        let leg = self.leg;
        self.call.line().over(crate::Over::ByUs);
        let reject =
            move |engine: &mut engine::Engine, now| engine.endpoint().reject(now, leg, &Answer::new(code));
        Ok(self.engine.ask(reject).await??)
    }

    /// Waits until the caller gives up.
    pub async fn wait_ended(&self, within: Duration) -> Result<crate::Over, Error> {
        self.call.wait_ended(within).await
    }

    async fn progress(&self, answer: Answer) -> Result<(), Error> {
        let leg = self.leg;
        Ok(self.engine.ask(move |engine, now| engine.endpoint().progress(now, leg, &answer)).await??)
    }

    /// Our answer to the offer, or our offer if the caller made none.
    fn sdp(&self) -> Result<bytes::Bytes, Error> {
        match self.request.sdp() {
            Some(offer) => self.call.line().answer(&offer).ok_or(Error::NoCodec),
            None => Ok(self.call.line().offer(Direction::SendRecv)),
        }
    }
}
