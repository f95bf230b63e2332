//! A wire to the platform that can go dead without anybody being told.

use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, watch},
};

pub struct Proxy {
    pub url: String,
    dead: watch::Sender<bool>,
    cut: Arc<Notify>,
}

impl Proxy {
    /// To a platform without TLS.
    pub async fn to(url: &str) -> Proxy {
        let target: SocketAddr =
            url.strip_prefix("http://").expect("plain http").parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (dead, cut) = (watch::channel(false).0, Arc::new(Notify::new()));
        let (wire, ends) = (dead.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                for (from, to) in [(near_in, far_out), (far_in, near_out)] {
                    let (wire, ends) = (wire.subscribe(), ends.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = carry(from, to, wire) => {}
                            () = ends.notified() => {}
                        }
                    });
                }
            }
        });
        Proxy { url, dead, cut }
    }

    /// Connections stay open, nothing goes through.
    pub fn dies(&self) {
        self.dead.send_replace(true);
    }

    /// Connections break; new ones go through.
    pub fn comes_back(&self) {
        self.dead.send_replace(false);
        self.cut.notify_waiters();
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut dead: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if dead.wait_for(|dead| !dead).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
