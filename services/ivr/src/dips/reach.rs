//! What may be asked: public addresses, and private networks that both the
//! platform and the company name.

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Special-purpose blocks that look like public ones (RFC 6890).
const NOT_PUBLIC: [&str; 8] = [
    "0.0.0.0/8",
    "100.64.0.0/10",
    "192.0.0.0/24",
    "198.18.0.0/15",
    "240.0.0.0/4",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reach {
    private: Vec<(IpNet, IpNet)>,
}

impl Reach {
    /// `platform`: what companies may open; `company`: what this one opened.
    pub fn new(platform: &[IpNet], company: &[IpNet]) -> Reach {
        let pairs = company.iter().flat_map(|own| platform.iter().map(move |open| (*open, *own)));
        Reach { private: pairs.collect() }
    }

    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || self.private.iter().any(|(open, own)| open.contains(&address) && own.contains(&address))
    }
}

fn is_public(address: IpAddr) -> bool {
    let special = |block: &str| block.parse::<IpNet>().is_ok_and(|block| block.contains(&address));
    let ordinary = match address {
        IpAddr::V4(v4) => is_ordinary_v4(v4),
        IpAddr::V6(v6) => is_ordinary_v6(v6),
    };
    ordinary && !NOT_PUBLIC.iter().any(|block| special(block))
}

fn is_ordinary_v4(address: Ipv4Addr) -> bool {
    let local = address.is_private() || address.is_loopback() || address.is_link_local();
    !(local || address.is_multicast() || address.is_documentation() || address.is_unspecified())
}

/// Global unicast is 2000::/3 (RFC 4291 §2.4).
fn is_ordinary_v6(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xe000 == 0x2000
}

/// Names lead only where they may: what is connected to is what was looked at.
impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{} has no address that may be asked", name.as_str()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
