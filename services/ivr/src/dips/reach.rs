//! What may be asked: public addresses, and private networks that both the
//! platform and the company name.

use chassis::public::is_public;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::IpAddr;

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
