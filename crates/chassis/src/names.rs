//! Where hosts are that tenants name. Asked without a thread of its own for each
//! question: a name server that is silent costs only whoever waits for it.

use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
};

/// Shared, so that answers are asked for once.
static SYSTEM: LazyLock<Result<TokioResolver, NetError>> =
    LazyLock::new(|| match TokioResolver::builder_tokio() {
        Ok(builder) => builder.build(),
        // As the C library does where nothing is set up.
        Err(_) => {
            let local = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            let config = ResolverConfig::from_name_servers(vec![local]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build()
        }
    });

/// The addresses of a host, by the name servers and the hosts file of the system.
///
/// # Errors
/// Nobody knows the name, or nobody could be asked.
pub async fn addresses(name: &str) -> anyhow::Result<Vec<IpAddr>> {
    let resolver =
        SYSTEM.as_ref().map_err(|error| anyhow::anyhow!("the name servers cannot be used: {error}"))?;
    // A name with dots is whole: the search list of the system is for others.
    let whole = if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() };
    Ok(resolver.lookup_ip(whole).await?.iter().collect())
}
