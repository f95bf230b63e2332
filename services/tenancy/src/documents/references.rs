//! Documents name each other: what is named must exist, and what is named
//! cannot go away.

use super::{Draft, Need, kinds::needs, store, store::Stored};
use crate::{
    Error, Result,
    error::{Told, told},
};
use chassis::Fault;
use serde_json::Value;
use tenantdb::TenantTx;
use types::config::Kind;

/// Everything that `needs` names is there.
pub(crate) async fn exist(tx: &mut TenantTx, needs: &[Need]) -> Result<()> {
    if needs.is_empty() {
        return Ok(());
    }
    let all = store::current(tx).await?;
    let problems: Vec<Fault> =
        needs.iter().filter(|need| !all.iter().any(|d| meets(d, need))).map(missing).collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

fn meets(document: &Stored, need: &Need) -> bool {
    match need {
        Need::Document { kind, id, .. } => document.kind.0 == *kind && document.id == *id,
        Need::Skill { name, .. } => document.kind.0 == Kind::Skill && name_of(&document.body) == name,
    }
}

fn missing(need: &Need) -> Fault {
    match need {
        Need::Document { kind, id, place } => {
            let kind = kind.as_str();
            Fault::new(place, "not_there", format!("there is no {kind} {id}"))
                .with("kind", kind)
                .with("name", id)
        }
        Need::Skill { name, place } => {
            let fault = Fault::new(place, "not_there", format!("there is no skill {name:?}"));
            fault.with("kind", "skill").with("name", name)
        }
    }
}

/// What people call it.
fn title(document: &Stored) -> &str {
    let field = match document.kind.0 {
        Kind::Did => "number",
        _ => "name",
    };
    document.body[field].as_str().unwrap_or(&document.id)
}

fn name_of(body: &Value) -> &str {
    body["name"].as_str().unwrap_or_default()
}

/// By what other documents or callers tell documents of this kind apart.
fn told_apart_by(kind: Kind, body: &Value) -> Option<String> {
    let field = match kind {
        Kind::Skill => "name",
        Kind::Did => "sip_name",
        _ => return None,
    };
    Some(body[field].as_str()?.to_lowercase())
}

/// No other document of the kind is told apart by the same.
pub(crate) async fn name_is_free(tx: &mut TenantTx, draft: &Draft, id: &str) -> Result<()> {
    let Some(wanted) = told_apart_by(draft.kind, &draft.body) else { return Ok(()) };
    let others = store::list(tx, draft.kind).await?;
    let same = |d: &&Stored| d.id != id && told_apart_by(draft.kind, &d.body).as_ref() == Some(&wanted);
    match others.iter().find(same) {
        Some(other) => {
            let message = format!("a {} has the name {wanted:?} already", word(other));
            Err(Error::Conflict(told("name_taken", message).with("name", &wanted)))
        }
        None => Ok(()),
    }
}

/// What people call the kind.
fn word(of: &Stored) -> &'static str {
    match of.kind.0 {
        Kind::Did => "number",
        kind => kind.as_str(),
    }
}

/// A skill that is in use keeps its name; an agent keeps its user.
pub(crate) async fn may_become(tx: &mut TenantTx, before: &Stored, body: &Value) -> Result<()> {
    match before.kind.0 {
        Kind::Skill if name_of(&before.body) != name_of(body) => nobody_needs(tx, before).await,
        Kind::Agent if before.body["user"] != body["user"] => {
            Err(Error::invalid("user", "unchangeable", "cannot be changed"))
        }
        Kind::Department => is_a_tree(tx, &before.id, body["parent"].as_str()).await,
        _ => Ok(()),
    }
}

/// A department is not above itself.
async fn is_a_tree(tx: &mut TenantTx, id: &str, parent: Option<&str>) -> Result<()> {
    let all = store::list(tx, Kind::Department).await?;
    let mut above = parent.map(str::to_owned);
    // As many steps as there are departments: more would be a loop.
    for _ in 0..=all.len() {
        let Some(at) = above else { return Ok(()) };
        if at == id {
            break;
        }
        above = all.iter().find(|d| d.id == at).and_then(|d| d.body["parent"].as_str().map(str::to_owned));
    }
    Err(Error::invalid("parent", "loop", "is below this department"))
}

/// No other document names this one.
pub(crate) async fn nobody_needs(tx: &mut TenantTx, document: &Stored) -> Result<()> {
    for other in store::current(tx).await? {
        if needs(other.kind.0, &other.body).iter().any(|need| meets(document, need)) {
            return Err(Error::Conflict(in_use(document, &other)));
        }
    }
    Ok(())
}

fn in_use(document: &Stored, by: &Stored) -> Told {
    let (kind, name) = (word(document), title(document));
    let (by_kind, by_name) = (word(by), title(by));
    let message = format!("{kind} {name} is used by {by_kind} {by_name}");
    told("in_use", message)
        .with("kind", kind)
        .with("name", name)
        .with("by_kind", by_kind)
        .with("by_name", by_name)
}
