//! What may be asked: public addresses, and private networks that both the
//! platform and the company name.

use chassis::public::is_public;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};

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
            let mut found = chassis::names::addresses(name.as_str()).await?;
            found.retain(|address| reach.allows(*address));
            if found.is_empty() {
                return Err(format!("{} has no address that may be asked", name.as_str()).into());
            }
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
