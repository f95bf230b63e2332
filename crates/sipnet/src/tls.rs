//! TLS under SIP: our own certificate, read again when its files change, and whom
//! a connection of ours must lead to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Our certificate with its key, from PEM files.
#[derive(Debug)]
pub struct Certificate {
    files: [PathBuf; 2],
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    stamps: Stamps,
}

/// When the files changed and how long they are; what cannot be read has none.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    /// Reads a certificate chain and its private key.
    pub fn open(chain: &Path, key: &Path) -> io::Result<Arc<Self>> {
        let files = [chain.to_owned(), key.to_owned()];
        let current = RwLock::new(Current { stamps: stamps(&files), key: read(&files)? });
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files again if they changed; true when there is a new certificate.
    /// Files that cannot be used are an error once and leave the old one in use;
    /// connections that are up keep theirs.
    pub fn renew(&self) -> io::Result<bool> {
        let stamps = stamps(&self.files);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.stamps == stamps {
            return Ok(false);
        }
        current.stamps = stamps;
        current.key = read(&self.files)?;
        Ok(true)
    }

    pub(crate) fn acceptor(self: &Arc<Self>) -> io::Result<TlsAcceptor> {
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.map_err(io::Error::other)?;
        let config = config.with_no_client_auth().with_cert_resolver(self.clone());
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

fn stamps(files: &[PathBuf; 2]) -> Stamps {
    let stamp = |file: &PathBuf| {
        let meta = std::fs::metadata(file).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    [stamp(&files[0]), stamp(&files[1])]
}

fn read([chain, key]: &[PathBuf; 2]) -> io::Result<Arc<CertifiedKey>> {
    let bad = |file: &Path, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("cannot use {}: {error}", file.display()))
    };
    let read = CertificateDer::pem_file_iter(chain).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| bad(chain, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, &error))?;
    let certified = CertifiedKey::from_der(certificates, secret, &provider());
    Ok(Arc::new(certified.map_err(|error| bad(chain, &error))?))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Whom a connection of ours must lead to, and who may vouch for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Verify {
    /// The host name or address that the peer's certificate must hold (RFC 5922).
    pub name: String,
    /// Certificates in PEM that may vouch; `None`: those of the system.
    pub roots: Option<String>,
}

/// One of the peers that we connect to.
#[derive(Debug)]
pub(crate) struct Peer {
    verify: Verify,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Peer {
    pub(crate) fn new(verify: Verify) -> Self {
        Self { verify, config: OnceLock::new() }
    }

    pub(crate) fn verify(&self) -> &Verify {
        &self.verify
    }

    /// Proves whom the connection leads to.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        stream: TcpStream,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let peer = self.clone();
        // The system's certificates are many files.
        let config = tokio::task::spawn_blocking(move || peer.config()).await.map_err(io::Error::other)?;
        let config = config.map_err(io::Error::other)?;
        let name = ServerName::try_from(self.verify.name.clone()).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, stream).await
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config.get_or_init(|| client_config(self.verify.roots.as_deref()).map(Arc::new)).clone()
    }
}

fn client_config(pem: Option<&str>) -> Result<ClientConfig, String> {
    let roots = match pem {
        Some(pem) => given(pem)?,
        None => system(),
    };
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn given(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("no certificate may vouch for the peer".to_owned()) } else { Ok(roots) }
}

fn system() -> RootCertStore {
    static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();
    let load = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    };
    SYSTEM.get_or_init(load).clone()
}

/// Takes a connection; who is at the other end proves nothing.
pub(crate) async fn accept(
    acceptor: TlsAcceptor,
    stream: TcpStream,
) -> io::Result<server::TlsStream<TcpStream>> {
    acceptor.accept(stream).await
}
