//! Agents on a desk phone that is none of ours: baresip.

use crate::{
    CALLER, SOON,
    company::{Company, live_agent},
    peers::program,
    platform::free_port,
};
use serde_json::{Value, json};
use softphone::Protocol;
use std::{net::SocketAddr, path::Path, process::Stdio};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
};

const FROM: &str = "+40215556677";
/// What the desk phone says.
const DESK: f64 = 700.0;

/// A running baresip and its control connection.
struct Baresip {
    _child: Child,
    control: TcpStream,
    heard: Vec<u8>,
    folder: tempfile::TempDir,
}

impl Baresip {
    /// Registers at `server` by the transport.
    async fn start(server: &str, transport: &str, (user, password): (&str, &str)) -> Option<Self> {
        let baresip = program("baresip", "baresip")?;
        let folder = tempfile::tempdir().expect("a folder");
        let control = free_port();
        std::fs::write(folder.path().join("config"), config(folder.path(), control)).expect("written");
        std::fs::write(folder.path().join("contacts"), "").expect("written");
        let account = format!(
            "<sip:{user}@{server};transport={transport}>;auth_pass={password};regint=60;answermode=manual\n"
        );
        std::fs::write(folder.path().join("accounts"), account).expect("written");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(baresip)
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("baresip starts");
        let connected = async {
            loop {
                if let Ok(stream) = TcpStream::connect(control).await {
                    return stream;
                }
                tokio::time::sleep(SOON / 300).await;
            }
        };
        let control = tokio::time::timeout(SOON, connected).await.expect("baresip listens");
        Some(Self { _child: child, control, heard: Vec::new(), folder })
    }

    /// Does what one may type (`accept`, `hangup`, `dial`).
    async fn does(&mut self, command: &str, params: &str) {
        let text = json!({ "command": command, "params": params }).to_string();
        let netstring = format!("{}:{text},", text.len());
        self.control.write_all(netstring.as_bytes()).await.expect("baresip listens");
    }

    /// Waits for an event of this type.
    async fn tells(&mut self, wanted: &str) -> Value {
        let waiting = async {
            loop {
                let event = self.next().await;
                if event["type"] == wanted {
                    return event;
                }
            }
        };
        match tokio::time::timeout(SOON, waiting).await {
            Ok(event) => event,
            Err(_) => panic!("no {wanted}: {}", self.log()),
        }
    }

    async fn next(&mut self) -> Value {
        loop {
            if let Some(event) = self.cut() {
                return event;
            }
            let mut buffer = [0; 4096];
            let length = self.control.read(&mut buffer).await.expect("baresip speaks");
            assert!(length > 0, "baresip is gone: {}", self.log());
            self.heard.extend_from_slice(&buffer[..length]);
        }
    }

    /// The next netstring, `length:text,`.
    fn cut(&mut self) -> Option<Value> {
        let colon = self.heard.iter().position(|byte| *byte == b':')?;
        let length: usize =
            std::str::from_utf8(&self.heard[..colon]).expect("digits").parse().expect("a length");
        let end = colon + 1 + length;
        if self.heard.len() <= end {
            return None;
        }
        let text = serde_json::from_slice(&self.heard[colon + 1..end]).expect("JSON");
        self.heard.drain(..=end);
        Some(text)
    }

    /// Waits until this stands so often in its log.
    async fn writes(&self, wanted: &str, times: usize) {
        let waiting = async {
            while self.log().matches(wanted).count() < times {
                tokio::time::sleep(SOON / 300).await;
            }
        };
        let found = tokio::time::timeout(SOON, waiting).await;
        assert!(found.is_ok(), "no {wanted:?}: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until it heard this tone in the last half second of some call.
    async fn hears(&self, hz: f64) {
        let waiting = async {
            while !recorded(self.folder.path()).iter().any(|samples| loudness(samples, hz) > 1_000.0) {
                tokio::time::sleep(SOON / 150).await;
            }
        };
        tokio::time::timeout(SOON, waiting).await.expect("the desk phone hears the other side");
    }

    /// What was heard so far is forgotten.
    fn forgets(&self) {
        for file in dumps(self.folder.path()) {
            std::fs::remove_file(file).expect("a dump");
        }
    }
}

/// It says [`DESK`], plays to nobody and writes down what it hears.
fn config(folder: &Path, control: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\n\
         audio_source ausine,{DESK}\nausrc_srate 48000\nausrc_channels 2\n\
         audio_player aubridge,nowhere\naudio_alert aubridge,alert\n\
         module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule ausine.so\nmodule aubridge.so\n\
         module sndfile.so\nsnd_path {folder}\nmodule_tmp account.so\nmodule_app menu.so\n\
         module_app ctrl_tcp.so\nctrl_tcp_listen {control}\n"
    )
}

/// The files of what it heard.
fn dumps(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    files.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).collect()
}

/// The last half second of each; the header is written when the call ends.
fn recorded(folder: &Path) -> Vec<Vec<f64>> {
    const HEADER: usize = 44;
    let samples = |bytes: Vec<u8>| {
        let bytes = bytes.get(HEADER..).unwrap_or_default();
        let last = bytes.len().saturating_sub(8_000) & !1;
        let pairs = bytes[last..].chunks_exact(2);
        pairs.map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]]))).collect::<Vec<_>>()
    };
    dumps(folder).into_iter().filter_map(|path| std::fs::read(path).ok()).map(samples).collect()
}

/// How loud the tone is, as a share of full scale 32,768; 8,000 samples a second.
fn loudness(samples: &[f64], hz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hz / 8_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        re += sample * (turn * n as f64).cos();
        im += sample * (turn * n as f64).sin();
    }
    // Too short to tell.
    if samples.len() < 2_000 { 0.0 } else { re.hypot(im) / samples.len() as f64 }
}

/// Over each transport: registers by digest, is offered two callers, answers, hears
/// and is heard; each side hangs up once. Version 1.0 asks the DNS alone for names, so
/// the certificate of the server is not proved here.
#[tokio::test(flavor = "multi_thread")]
async fn a_desk_phone_takes_callers_over_udp_tcp_and_tls() {
    for transport in ["udp", "tcp", "tls"] {
        let company = Company::sign_up().await;
        let number = company.queue_number(true).await;
        let (agent, user, password) = company.agent_with_foreign_phone("ana").await;
        let server = company.get("/v1/sip-server").await[transport].as_str().expect("an address").to_owned();
        let account = (user.as_str(), password);
        // It gives up where it is offered an algorithm that it does not know; whoever
        // comes again without an answer is asked by MD5 alone.
        let Some(first) = Baresip::start(&server, transport, account).await else { return };
        first.writes("Register: Function not implemented", 1).await;
        drop(first);
        let Some(mut phone) = Baresip::start(&server, transport, account).await else { return };
        company.is_there(&agent).await;
        for (round, desk_hangs_up) in [(1, true), (2, false)] {
            phone.forgets();
            let call = company.call(&number, FROM, Protocol::Udp).await;
            // It tells nobody of this; the number that calls stands in its log.
            phone.writes(&format!("Incoming call from:  sip:{FROM}@"), round).await;
            phone.does("accept", "").await;
            phone.tells("CALL_ESTABLISHED").await;
            call.hear(DESK, SOON).await.expect("the caller hears the desk phone");
            phone.hears(CALLER).await;
            match desk_hangs_up {
                true => phone.does("hangup", "").await,
                false => call.hang_up().await.unwrap(),
            }
            call.wait_ended(SOON).await.expect("the caller's side ends");
            phone.tells("CALL_CLOSED").await;
            company
                .until(|live| live_agent(live, &agent).is_some_and(|row| row["state"] == "available"))
                .await;
        }
        let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
        assert_eq!((&row["agent"], &row["outcome"]), (&json!(agent), &json!("answered")), "over {transport}");
    }
}
