//! Beyond loopback browsers give the microphone to https only: with the given
//! certificate, else with one made here and kept.

use crate::{Config, config::Tls};
use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use std::{
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// `None`: plain http.
pub async fn config(
    config: &Config,
    address: SocketAddr,
    folder: &Path,
) -> anyhow::Result<Option<RustlsConfig>> {
    let given = !config.certificate_file.is_empty();
    if !given && (config.tls == Tls::Off || address.ip().is_loopback()) {
        return Ok(None);
    }
    let (certificate, key) = match given {
        true => (config.certificate_file.clone().into(), config.private_key_file.clone().into()),
        false => made(config, address, folder)?,
    };
    let loaded = RustlsConfig::from_pem_file(&certificate, &key).await;
    loaded.map(Some).with_context(|| format!("cannot use {} with {}", certificate.display(), key.display()))
}

fn made(config: &Config, address: SocketAddr, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("certificate.key"));
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let mut names = vec!["localhost".to_owned()];
    if !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    names.extend(config.host_names.iter().cloned());
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Trunkline");
    let pair = KeyPair::generate()?;
    let made = params.self_signed(&pair)?;
    write(&key, &pair.serialize_pem(), 0o600)?;
    write(&certificate, &made.pem(), 0o644)?;
    tracing::info!(certificate = %certificate.display(), "made a self-signed certificate");
    Ok((certificate, key))
}

fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}
