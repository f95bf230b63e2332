//! Where webhooks may not go: a tenant must not reach through us what only we can reach.

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
        let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
        for address in &found {
            self.check(address.ip())?;
        }
        Ok(Box::new(found.into_iter()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.addresses(name.as_str().to_owned()))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// RFC 6890 and the registry that goes on from there.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

/// Global unicast (2000::/3) that carries no IPv4 address of another kind.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = carried(address) {
        return is_public_v4(v4);
    }
    let segments = address.segments();
    let special = segments[0] == 0x2001 && (segments[1] < 0x0200 || segments[1] == 0x0db8);
    segments[0] & 0xe000 == 0x2000 && segments[0] != 0x3fff && !special
}

/// IPv4-mapped, NAT64 (RFC 6052) and 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match (a, b) {
        (0, 0) if [c, d, e] == [0; 3] && f == 0xffff => Some(of(g, h)),
        (0x0064, 0xff9b) if [c, d, e, f] == [0; 4] => Some(of(g, h)),
        (0x2002, _) => Some(of(b, c)),
        _ => None,
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
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[64:ff9b::a00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001:db8::1]/",
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
