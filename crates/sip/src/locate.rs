//! Where a SIP name leads (RFC 3263): which records are asked for, what they
//! mean, and the order of trial. Asking is somebody else's.

use std::net::{IpAddr, SocketAddr};

/// How a server is reached; what [`crate::Protocol`] is before it is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// The same under TLS.
    Tls,
}

impl Transport {
    /// All, in the order in which they are tried where nothing else is said.
    pub const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// The port where no record names one.
    pub fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// The name of the SRV records of `host` (RFC 3263 §4.1).
    pub fn service(self, host: &str) -> String {
        let prefix = match self {
            Self::Udp => "_sip._udp",
            Self::Tcp => "_sip._tcp",
            Self::Tls => "_sips._tcp",
        };
        format!("{prefix}.{host}")
    }

    /// By the service field of a NAPTR record; `None`: not one of ours.
    fn of_service(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "SIP+D2U" => Some(Self::Udp),
            "SIP+D2T" => Some(Self::Tcp),
            "SIPS+D2T" => Some(Self::Tls),
            _ => None,
        }
    }
}

/// A NAPTR record (RFC 3403).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower comes first.
    pub order: u16,
    /// The same among equals.
    pub preference: u16,
    /// `s`: the replacement has SRV records.
    pub flags: String,
    /// Such as `SIP+D2U`.
    pub service: String,
    /// A name.
    pub replacement: String,
}

/// Where the SRV records are that a domain wants asked for, in its order of
/// preference; empty: it says nothing that we can use.
pub fn services(mut records: Vec<Naptr>) -> Vec<(Transport, String)> {
    records.sort_by_key(|record| (record.order, record.preference));
    let usable = |record: Naptr| {
        let transport = Transport::of_service(&record.service)?;
        (record.flags.eq_ignore_ascii_case("s") && !record.replacement.is_empty())
            .then_some((transport, record.replacement))
    };
    records.into_iter().filter_map(usable).collect()
}

/// One server, and when it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// How it is reached.
    pub transport: Transport,
    /// Where it is.
    pub address: SocketAddr,
    /// Lower comes first.
    pub rank: u16,
    /// Its share of the calls among those of its rank.
    pub weight: u16,
}

impl Target {
    /// The only server that there is.
    pub fn only(transport: Transport, address: SocketAddr) -> Self {
        Self { transport, address, rank: 0, weight: 1 }
    }
}

/// An SRV record (RFC 2782) with the addresses of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Lower comes first.
    pub priority: u16,
    /// Its share among equals.
    pub weight: u16,
    /// The port of all addresses.
    pub port: u16,
    /// In the order in which they are tried.
    pub addresses: Vec<IpAddr>,
}

/// The servers of each transport as one list, ranked; `max` at most.
pub fn targets(found: Vec<(Transport, Vec<Server>)>, max: usize) -> Vec<Target> {
    let mut all = Vec::new();
    let mut rank = 0;
    for (transport, mut servers) in found {
        servers.sort_by_key(|server| server.priority);
        for equals in servers.chunk_by(|a, b| a.priority == b.priority) {
            rank = rank_equals(&mut all, transport, equals, rank);
        }
    }
    all.truncate(max);
    all
}

/// The first address of each server shares its rank; the further ones are tried
/// after all first ones.
fn rank_equals(all: &mut Vec<Target>, transport: Transport, equals: &[Server], first: u16) -> u16 {
    let most = equals.iter().map(|server| server.addresses.len()).max().unwrap_or_default();
    for nth in 0..most {
        let rank = first.saturating_add(nth as u16);
        let servers = equals.iter().filter_map(|server| Some((server, *server.addresses.get(nth)?)));
        all.extend(servers.map(|(server, ip)| Target {
            transport,
            address: SocketAddr::new(ip, server.port),
            rank,
            weight: server.weight,
        }));
    }
    first.saturating_add(most as u16)
}

/// The order of trial: by rank, the lowest first; among equals by chance in
/// proportion to their weights. `of` gives rank and weight; `random`: uniform.
pub fn in_order<T>(mut items: Vec<T>, of: impl Fn(&T) -> (u16, u16), random: u128) -> Vec<T> {
    let share = |item: &T| u128::from(of(item).1.max(1));
    let mut random = random;
    let mut ordered = Vec::with_capacity(items.len());
    while let Some(first) = items.iter().map(|item| of(item).0).min() {
        let equals = || items.iter().enumerate().filter(|(_, item)| of(item).0 == first);
        let total: u128 = equals().map(|(_, item)| share(item)).sum();
        let mut ticket = random % total;
        random /= total;
        let chosen = equals().find(|(_, item)| match ticket.checked_sub(share(item)) {
            Some(left) => {
                ticket = left;
                false
            }
            None => true,
        });
        let Some((at, _)) = chosen else { break };
        ordered.push(items.remove(at));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naptr(order: u16, preference: u16, flags: &str, service: &str) -> Naptr {
        let replacement = Transport::of_service(service).map_or("x".into(), |t| t.service("carrier.example"));
        Naptr { order, preference, flags: flags.into(), service: service.into(), replacement }
    }

    fn server(priority: u16, weight: u16, addresses: &[&str]) -> Server {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Server { priority, weight, port: 5060, addresses }
    }

    #[test]
    fn the_domains_preference_decides_and_what_is_not_ours_is_left_out() {
        let records = vec![
            naptr(90, 50, "s", "SIP+D2U"),
            naptr(50, 60, "S", "sips+d2t"),
            naptr(50, 50, "s", "SIP+D2S"),
            naptr(50, 70, "u", "SIP+D2T"),
        ];
        let found = services(records);
        let name = |text: &str| text.to_owned();
        assert_eq!(
            found,
            [
                (Transport::Tls, name("_sips._tcp.carrier.example")),
                (Transport::Udp, name("_sip._udp.carrier.example"))
            ]
        );
    }

    #[test]
    fn second_addresses_come_after_all_first_ones_of_their_priority() {
        let servers = vec![
            server(20, 1, &["192.0.2.20"]),
            server(10, 7, &["192.0.2.1", "2001:db8::1"]),
            server(10, 3, &["192.0.2.2"]),
        ];
        let tls = (Transport::Tls, vec![server(0, 1, &["192.0.2.30"])]);
        let found = targets(vec![(Transport::Udp, servers), tls], 8);
        let told: Vec<_> = found.iter().map(|t| (t.address.ip().to_string(), t.rank, t.weight)).collect();
        let wanted = [("192.0.2.1", 0, 7), ("192.0.2.2", 0, 3), ("2001:db8::1", 1, 7), ("192.0.2.20", 2, 1)];
        let wanted = wanted.into_iter().chain([("192.0.2.30", 3, 1)]);
        let wanted: Vec<_> = wanted.map(|(ip, rank, weight)| (ip.to_owned(), rank, weight)).collect();
        assert_eq!(told, wanted);
    }

    #[test]
    fn weights_are_shares() {
        let items = vec![("heavy", 3), ("light", 1)];
        let first = |n: u128| in_order(items.clone(), |item| (0, item.1), n)[0].0;
        let heavy = (0..400).filter(|n| first(*n) == "heavy").count();
        assert_eq!(heavy, 300);
    }

    proptest! {
        #[test]
        fn everybody_is_tried_once_and_ranks_are_kept(
            items in prop::collection::vec((0u16..4, any::<u16>()), 0..12),
            random in any::<u128>(),
        ) {
            let ordered = in_order(items.clone(), |item| *item, random);
            prop_assert!(ordered.is_sorted_by_key(|item| item.0));
            let sorted = |mut all: Vec<_>| { all.sort(); all };
            prop_assert_eq!(sorted(ordered), sorted(items));
        }
    }
}
