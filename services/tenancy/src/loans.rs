//! Loans of agents end by themselves: the ACD goes by their time; here their
//! documents go, and the audit says that the agents are back.

use crate::{
    Error, Result,
    audit::{self, Deed},
    documents::{Change, Documents},
};
use chassis::{Drain, clock};
use eventlog::ConfigView;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tenantdb::TenantDb;
use types::{
    Millis, TenantId, Timestamp,
    config::{Kind, Loan},
};

/// Who returns the agents.
const ACTOR: &str = "system";
const LONG: Millis = 3_600_000;
/// After a database that was away.
const AGAIN: Millis = 1_000;

/// A loan with its document's id.
type Due = (Timestamp, TenantId, String, Loan);

pub async fn keep(view: Arc<ConfigView>, db: TenantDb, drain: Drain) {
    view.ready().await;
    let mut changes = view.changes();
    loop {
        let mut wait = LONG;
        for (until, tenant, id, loan) in loans(&view) {
            let left = until.millis() - clock::now().millis();
            if left > 0 {
                wait = wait.min(left);
            } else if let Err(error) = end(&db, &tenant, &id, &loan).await {
                tracing::warn!(%error, id, "a loan that is over stays on record for now");
                wait = wait.min(AGAIN);
            }
        }
        let news = async {
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(wait as u64)) => {}
            }
        };
        if drain.or(news).await.is_none() {
            return;
        }
    }
}

fn loans(view: &ConfigView) -> Vec<Due> {
    let of_tenant = |tenant: TenantId| {
        let docs = view.docs(&tenant, Kind::Loan);
        docs.into_iter().filter_map(move |doc| {
            let loan: Loan = doc.read()?;
            Some((loan.until(), tenant.clone(), doc.id.clone(), loan))
        })
    };
    view.tenants(Kind::Loan).into_iter().flat_map(of_tenant).collect()
}

/// Whoever deletes the document first tells of it.
async fn end(db: &TenantDb, tenant: &TenantId, id: &str, loan: &Loan) -> Result<()> {
    let change = Change { tenant, actor: ACTOR, now: clock::now(), expected_version: 0 };
    match Documents::new(db.clone()).delete(&change, Kind::Loan, id).await {
        Ok(()) => {}
        Err(Error::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    let deed = Deed {
        actor: ACTOR,
        action: "loan.return",
        subject: format!("agent/{}", loan.agent),
        detail: json!({ "loan": id, "queue": loan.queue, "until_ms": loan.until_ms }),
    };
    let mut tx = db.begin(tenant).await?;
    audit::note(&mut tx, clock::now(), deed).await?;
    Ok(tx.commit().await?)
}
