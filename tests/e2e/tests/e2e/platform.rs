//! One platform for all stories: companies do not see each other.

use standalone::{Options, Platform};
use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    sync::{OnceLock, mpsc::sync_channel},
};

pub struct Running {
    pub url: String,
    pub sip: SocketAddr,
    /// Its data folder.
    pub data: PathBuf,
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
                let options = Options {
                    data: folder.path().into(),
                    http,
                    sip,
                    public_address: String::new(),
                    database_url: Some(database.url().to_owned()),
                    kafka: None,
                    settings: toml::toml! {
                        [media]
                        rtp_ports = "0-0"
                    },
                };
                let platform = Platform::start(options).await.expect("the platform starts");
                let data = folder.path().into();
                started.send(Running { url: platform.url.clone(), sip, data }).expect("somebody waits");
                platform.run().await.expect("the platform runs");
            });
        });
        running.recv().expect("the platform started")
    })
}

/// Free for TCP and UDP a moment ago.
pub fn free_port() -> SocketAddr {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
