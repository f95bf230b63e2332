//! Documents name each other: what is named must exist, and what is named
//! cannot go away.

use super::{Draft, Need, Problem, kinds::needs, store, store::Stored};
use crate::{Error, Result};
use serde_json::Value;
use tenantdb::TenantTx;
use types::config::Kind;

/// Everything that `needs` names is there.
pub(crate) async fn exist(tx: &mut TenantTx, needs: &[Need]) -> Result<()> {
    if needs.is_empty() {
        return Ok(());
    }
    let all = store::current(tx).await?;
    let problems: Vec<Problem> =
        needs.iter().filter(|need| !all.iter().any(|d| meets(d, need))).map(missing).collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

fn meets(document: &Stored, need: &Need) -> bool {
    match need {
        Need::Document { kind, id, .. } => document.kind.0 == *kind && document.id == *id,
        Need::Skill { name, .. } => document.kind.0 == Kind::Skill && name_of(&document.body) == name,
    }
}

fn missing(need: &Need) -> Problem {
    match need {
        Need::Document { kind, id, place } => {
            Problem { place: place.clone(), message: format!("there is no {} {id}", kind.as_str()) }
        }
        Need::Skill { name, place } => {
            Problem { place: place.clone(), message: format!("there is no skill {name:?}") }
        }
    }
}

fn name_of(body: &Value) -> &str {
    body["name"].as_str().unwrap_or_default()
}

/// Skills are named by other documents, so their names must tell them apart.
pub(crate) async fn name_is_free(tx: &mut TenantTx, draft: &Draft, id: &str) -> Result<()> {
    if draft.kind != Kind::Skill {
        return Ok(());
    }
    let wanted = name_of(&draft.body).to_lowercase();
    let skills = store::list(tx, Kind::Skill).await?;
    let taken = skills.iter().any(|d| d.id != id && name_of(&d.body).to_lowercase() == wanted);
    if taken { Err(Error::Conflict(format!("there is a skill {wanted:?} already"))) } else { Ok(()) }
}

/// A skill that is in use keeps its name; an agent keeps its user.
pub(crate) async fn may_become(tx: &mut TenantTx, before: &Stored, body: &Value) -> Result<()> {
    match before.kind.0 {
        Kind::Skill if name_of(&before.body) != name_of(body) => nobody_needs(tx, before).await,
        Kind::Agent if before.body["user"] != body["user"] => {
            Err(Error::invalid("user", "cannot be changed"))
        }
        _ => Ok(()),
    }
}

/// No other document names this one.
pub(crate) async fn nobody_needs(tx: &mut TenantTx, document: &Stored) -> Result<()> {
    for other in store::current(tx).await? {
        if needs(other.kind.0, &other.body).iter().any(|need| meets(document, need)) {
            let (kind, id) = (other.kind.0.as_str(), &other.id);
            return Err(Error::Conflict(format!("{} is used by {kind} {id}", document.id)));
        }
    }
    Ok(())
}
