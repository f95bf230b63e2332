//! One platform for all stories: companies do not see each other.

use standalone::{Options, Platform};
use std::{
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    sync::{OnceLock, mpsc::sync_channel},
};

pub struct Running {
    pub url: String,
    pub sip: SocketAddr,
    /// Its data folder.
    pub data: PathBuf,
    /// What vouches for its SIP over TLS, by the name `localhost`.
    pub certificate: String,
}

/// Starts the platform when first asked for. It runs on a runtime of its own,
/// because a test's runtime ends with the test.
pub fn platform() -> &'static Running {
    static PLATFORM: OnceLock<Running> = OnceLock::new();
    PLATFORM.get_or_init(|| {
        let (started, running) = sync_channel(1);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                chassis::telemetry::start();
                let folder = tempfile::tempdir().expect("a folder");
                let database = tenantdb::testing::database().await;
                let (http, sip) = (free_port(), free_port());
                let certificate = certificate(folder.path());
                let mut settings = toml::toml! {
                    [media]
                    rtp_ports = "0-0"
                    [ivr]
                    private_networks = ["127.0.0.0/8"]
                    [telephony]
                    tls_listen = "127.0.0.1:0"
                    wss_listen = "127.0.0.1:0"
                    ws_listen = "127.0.0.1:0"
                    refusals_window_ms = 2000
                    [tenancy]
                    webhook_private_addresses = true
                };
                for (key, file) in [("certificate_file", CHAIN), ("private_key_file", KEY)] {
                    let file = folder.path().join(file).display().to_string();
                    settings["telephony"].as_table_mut().expect("a table").insert(key.into(), file.into());
                }
                let options = Options {
                    data: folder.path().into(),
                    http,
                    sip,
                    public_address: String::new(),
                    database_url: Some(database.url().to_owned()),
                    kafka: None,
                    settings,
                };
                let platform = Platform::start(options).await.expect("the platform starts");
                let data = folder.path().into();
                let url = platform.url.clone();
                started.send(Running { url, sip, data, certificate }).expect("somebody waits");
                platform.run().await.expect("the platform runs");
            });
        });
        running.recv().expect("the platform started")
    })
}

pub const CHAIN: &str = "chain.pem";
pub const KEY: &str = "key.pem";

/// Makes a certificate for `localhost` in this folder; gives what vouches for it.
pub fn certificate(folder: &Path) -> String {
    certificate_of("localhost", folder)
}

/// The same for another name or address.
pub fn certificate_of(name: &str, folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    std::fs::write(folder.join(KEY), made.signing_key.serialize_pem()).expect("written");
    std::fs::write(folder.join(CHAIN), made.cert.pem()).expect("written");
    made.cert.pem()
}

/// Free for TCP and UDP a moment ago.
pub fn free_port() -> SocketAddr {
    free_port_at(IpAddr::from([127, 0, 0, 1]))
}

/// The same at another address of this machine.
pub fn free_port_at(ip: IpAddr) -> SocketAddr {
    loop {
        let listener = TcpListener::bind((ip, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
