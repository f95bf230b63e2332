//! What is unique over all tenants, because the edge finds the tenant by it:
//! rows of the platform that commit together with the document.

use crate::{
    Error, Result,
    error::{Told, told},
};
use tenantdb::PlatformTx;
use types::{TenantId, config::Kind};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    Number(String),
    /// An address or a block of them.
    Network(String),
    TrunkUsername(String),
    PhoneUsername(String),
}

impl Claim {
    fn insert(&self) -> (&'static str, &str) {
        match self {
            Claim::Number(number) => ("insert into dids (number, tenant, did) values ($1, $2, $3)", number),
            Claim::Network(network) => (
                "insert into trunk_addresses (network, tenant, trunk) values (network($1::inet)::cidr, $2, $3)",
                network,
            ),
            Claim::TrunkUsername(name) => {
                ("insert into trunk_usernames (username, tenant, trunk) values ($1, $2, $3)", name)
            }
            Claim::PhoneUsername(name) => {
                ("insert into phones (username, tenant, agent) values ($1, $2, $3)", name)
            }
        }
    }

    fn refusal(&self) -> Told {
        match self {
            Claim::Number(number) => {
                told("number_taken", format!("the number {number} is in use already")).with("number", number)
            }
            Claim::Network(network) => {
                told("address_overlaps", format!("{network} overlaps an address of another trunk"))
                    .with("address", network)
            }
            Claim::TrunkUsername(name) | Claim::PhoneUsername(name) => {
                told("username_taken", format!("the username {name} is taken")).with("name", name)
            }
        }
    }
}

pub(crate) async fn take(
    tx: &mut PlatformTx,
    tenant: &TenantId,
    kind: Kind,
    id: &str,
    claims: &[Claim],
) -> Result<()> {
    debug_assert!(claims.is_empty() || released(kind).is_some(), "what is taken can be released");
    for claim in claims {
        let (insert, value) = claim.insert();
        let inserted =
            sqlx::query(insert).bind(value).bind(tenant.as_str()).bind(id).execute(&mut **tx).await;
        inserted.map_err(|error| Error::from(error).or_taken(claim.refusal()))?;
    }
    Ok(())
}

pub(crate) async fn release(tx: &mut PlatformTx, tenant: &TenantId, kind: Kind, id: &str) -> Result<()> {
    for &delete in released(kind).into_iter().flatten() {
        sqlx::query(delete).bind(tenant.as_str()).bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}

fn released(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Did => Some(&["delete from dids where tenant = $1 and did = $2"]),
        Kind::Trunk => Some(&[
            "delete from trunk_addresses where tenant = $1 and trunk = $2",
            "delete from trunk_usernames where tenant = $1 and trunk = $2",
        ]),
        Kind::Agent => Some(&["delete from phones where tenant = $1 and agent = $2"]),
        _ => None,
    }
}
