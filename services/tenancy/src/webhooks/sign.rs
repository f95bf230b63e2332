//! Secrets and signatures as Standard Webhooks 1.0 writes them.

use crate::{Error, Result, seal::MasterKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What receivers keep: `whsec_` and 32 bytes in base 64.
pub fn shown(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// The header `webhook-signature`: one signature by each secret.
pub fn signatures(secrets: &[Vec<u8>], id: &str, at_seconds: i64, body: &str) -> String {
    let signed: Vec<String> = secrets.iter().map(|secret| signature(secret, id, at_seconds, body)).collect();
    signed.join(" ")
}

fn signature(secret: &[u8], id: &str, at_seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{at_seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

pub fn seal(master: &MasterKey, webhook: &str, secret: &[u8]) -> Result<Vec<u8>> {
    master.seal(&purpose(webhook), secret)
}

pub fn unseal(master: &MasterKey, webhook: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    master.unseal(&purpose(webhook), sealed)
}

fn purpose(webhook: &str) -> String {
    format!("webhook {webhook}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_library_takes_what_both_secrets_signed() {
        let secrets = vec![vec![1; 32], vec![2; 32]];
        let now = chassis::clock::now().millis() / 1_000;
        let body = r#"{"type":"call.ended"}"#;
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "call_1-7".parse().unwrap());
        headers.insert("webhook-timestamp", now.into());
        headers.insert("webhook-signature", signatures(&secrets, "call_1-7", now, body).parse().unwrap());
        for secret in &secrets {
            let theirs = standardwebhooks::Webhook::new(&shown(secret)).unwrap();
            theirs.verify(body.as_bytes(), &headers).unwrap();
            assert!(theirs.verify(b"{}", &headers).is_err());
        }
        assert!(
            standardwebhooks::Webhook::new(&shown(&[3; 32]))
                .unwrap()
                .verify(body.as_bytes(), &headers)
                .is_err()
        );
    }
}
