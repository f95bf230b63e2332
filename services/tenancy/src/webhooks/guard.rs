//! Where webhooks may not go: a tenant must not reach through us what only we can reach.

use chassis::public::is_public;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::net::{IpAddr, SocketAddr};

/// The name stands for an address that is not of the public internet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address")]
pub struct Refused(IpAddr);

/// Resolves names and refuses those with an address that is not public. What
/// it gives is what is connected to: a name cannot change in between.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    pub private_addresses: bool,
}

impl Guard {
    pub fn check(self, address: IpAddr) -> Result<(), Refused> {
        if self.private_addresses || is_public(address) { Ok(()) } else { Err(Refused(address)) }
    }

    /// An address in the URL itself is never asked of the resolver.
    pub fn check_literal(self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check(address),
            Err(_) => Ok(()),
        }
    }

    async fn addresses(self, name: String) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
        let found = chassis::names::addresses(&name).await?;
        for address in &found {
            self.check(*address)?;
        }
        Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.addresses(name.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_we_can_reach_is_refused_however_it_is_written() {
        let guard = Guard { private_addresses: false };
        let inside = [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
        ];
        for url in inside {
            assert!(guard.check_literal(&Url::parse(url).unwrap()).is_err(), "{url}");
            let open = Guard { private_addresses: true };
            assert!(open.check_literal(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
        for url in ["https://93.184.215.14/", "https://[2606:4700::1111]/", "https://example.com/"] {
            assert!(guard.check_literal(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_us_is_refused() {
        let guard = Guard { private_addresses: false };
        let error = guard.addresses("localhost".into()).await.err().expect("a refusal");
        assert!(error.downcast_ref::<Refused>().is_some(), "{error}");
        assert!(Guard { private_addresses: true }.addresses("localhost".into()).await.is_ok());
    }
}
