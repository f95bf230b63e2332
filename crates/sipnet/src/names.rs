//! Names of SIP servers, asked of the DNS (RFC 3263).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{RData, RecordType};
use sip::locate::{self, Naptr, Server, Target, Transport};

/// Servers of one name that are kept.
const TARGETS_MAX: usize = 16;
/// SRV records of one service that are looked at.
const RECORDS_MAX: usize = 16;
/// A name server that is silent for so long is asked again, or the next is.
const PATIENCE: Duration = Duration::from_secs(2);
/// A search that takes longer is given up: somebody may be waiting to be called.
const SEARCH_MAX: Duration = Duration::from_secs(8);
/// How long an answer is believed, whatever it says of itself.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3600);

const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// A way to the name servers. Answers are kept for as long as they are valid.
#[derive(Clone)]
pub struct Names {
    dns: TokioResolver,
}

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Ranked; never none.
    pub targets: Vec<Target>,
    /// How long that is so.
    pub valid: Duration,
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name servers know no address of it.
    #[error("no server is known by the name {0:?}")]
    Unknown(String),
    /// The settings name no server that can be asked.
    #[error("the name servers cannot be used: {0}")]
    Unusable(String),
}

/// Adds up how long the answers are valid.
struct Search<'a> {
    dns: &'a TokioResolver,
    valid: Duration,
}

impl Names {
    /// Asks these name servers; with none those of the system.
    ///
    /// # Errors
    /// [`Error::Unusable`] when no resolver can be made of the settings.
    pub fn new(servers: &[SocketAddr]) -> Result<Self, Error> {
        let unusable = |error: NetError| Error::Unusable(error.to_string());
        let these = |servers: &[SocketAddr]| {
            let config = ResolverConfig::from_name_servers(servers.iter().map(name_server).collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let mut builder = match servers {
            // Where the system has no settings: as the C library does.
            [] => TokioResolver::builder_tokio().unwrap_or_else(|_| these(&[LOCAL])),
            servers => these(servers),
        };
        options(builder.options_mut());
        Ok(Self { dns: builder.build().map_err(unusable)? })
    }

    /// Where a server is: `port` and `transport` as far as they are given.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn locate(
        &self,
        host: &str,
        port: Option<u16>,
        transport: Option<Transport>,
    ) -> Result<Located, Error> {
        if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
            let transport = transport.unwrap_or(Transport::Udp);
            let address = SocketAddr::new(ip, port.unwrap_or(transport.port()));
            return Ok(Located { targets: vec![Target::only(transport, address)], valid: LONGEST });
        }
        let mut search = Search { dns: &self.dns, valid: LONGEST };
        let searching = tokio::time::timeout(SEARCH_MAX, search.targets(host, port, transport));
        let targets = searching.await.unwrap_or_default();
        match targets.is_empty() {
            true => Err(Error::Unknown(host.to_owned())),
            false => Ok(Located { targets, valid: search.valid.max(SHORTEST) }),
        }
    }
}

impl Search<'_> {
    /// RFC 3263 §4.1 and §4.2: a port says that addresses are meant; else the
    /// domain says by NAPTR which services it has, and those by SRV where they are.
    async fn targets(&mut self, host: &str, port: Option<u16>, transport: Option<Transport>) -> Vec<Target> {
        let mut found = Vec::new();
        if port.is_none() {
            for (transport, service) in self.services(host, transport).await {
                found.push((transport, self.servers(&service).await));
            }
        }
        let targets = locate::targets(found, TARGETS_MAX);
        if !targets.is_empty() {
            return targets;
        }
        let transport = transport.unwrap_or(Transport::Udp);
        let port = port.unwrap_or(transport.port());
        let server = Server { priority: 0, weight: 1, port, addresses: self.addresses(host).await };
        locate::targets(vec![(transport, vec![server])], TARGETS_MAX)
    }

    /// The names of SRV records to ask for.
    async fn services(&mut self, host: &str, transport: Option<Transport>) -> Vec<(Transport, String)> {
        if let Some(transport) = transport {
            return vec![(transport, transport.service(host))];
        }
        let records = self.ask(host, RecordType::NAPTR).await.unwrap_or_default();
        let records = records.into_iter().filter_map(|data| match data {
            RData::NAPTR(record) => Some(naptr(&record)),
            _ => None,
        });
        let services = locate::services(records.collect());
        if !services.is_empty() {
            return services;
        }
        Transport::ALL.map(|transport| (transport, transport.service(host))).to_vec()
    }

    async fn servers(&mut self, service: &str) -> Vec<Server> {
        let records = self.ask(service, RecordType::SRV).await.unwrap_or_default();
        let mut servers = Vec::new();
        for data in records.into_iter().take(RECORDS_MAX) {
            let RData::SRV(SRV { priority, weight, port, target, .. }) = data else { continue };
            // A service that is not offered leads to the root (RFC 2782).
            if target.is_root() {
                continue;
            }
            let addresses = self.addresses(&target.to_utf8()).await;
            servers.push(Server { priority, weight, port, addresses });
        }
        servers
    }

    /// IPv4 first: our sockets may know nothing else.
    async fn addresses(&mut self, host: &str) -> Vec<IpAddr> {
        let found = match self.dns.lookup_ip(absolute(host)).await {
            Ok(found) => found,
            Err(error) => {
                tracing::info!(host, %error, "no address");
                return Vec::new();
            }
        };
        self.note(found.as_lookup());
        let mut addresses: Vec<IpAddr> = found.iter().collect();
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses
    }

    /// `None`: there are no such records, or nobody could be asked.
    async fn ask(&mut self, name: &str, kind: RecordType) -> Option<Vec<RData>> {
        match self.dns.lookup(absolute(name), kind).await {
            Ok(found) => {
                self.note(&found);
                Some(found.answers().iter().map(|record| record.data.clone()).collect())
            }
            Err(error) if error.is_no_records_found() => None,
            Err(error) => {
                tracing::info!(name, %kind, %error, "name servers");
                None
            }
        }
    }

    fn note(&mut self, found: &Lookup) {
        let shortest = found.answers().iter().map(|record| u64::from(record.ttl)).min();
        self.valid = shortest.map_or(self.valid, |ttl| self.valid.min(Duration::from_secs(ttl)));
    }
}

/// A name with dots is whole: the search list of the system is for others.
fn absolute(name: &str) -> String {
    match name.contains('.') && !name.ends_with('.') {
        true => format!("{name}."),
        false => name.to_owned(),
    }
}

fn naptr(record: &NAPTR) -> Naptr {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Naptr {
        order: record.order,
        preference: record.preference,
        flags: text(&record.flags),
        service: text(&record.services),
        replacement: record.replacement.to_utf8(),
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let [mut udp, mut tcp] = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    (udp.port, tcp.port) = (address.port(), address.port());
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

fn options(options: &mut ResolverOpts) {
    options.timeout = PATIENCE;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
}
