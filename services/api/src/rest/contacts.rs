//! People.

use super::{Page, calls::Interaction, recordings, sight::Sight, some};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Query, Result},
};
use axum::{Json, extract::State};
use proto::crm::v1 as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_contacts)).routes(routes!(get_contact, update_contact))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Contact {
    id: String,
    name: String,
    organisation: Option<String>,
    numbers: Vec<String>,
    vip: bool,
    created_at_ms: i64,
}

impl From<wire::Contact> for Contact {
    fn from(contact: wire::Contact) -> Contact {
        Contact {
            id: contact.id,
            name: contact.name,
            organisation: some(contact.organisation),
            numbers: contact.numbers,
            vip: contact.vip,
            created_at_ms: contact.created_at_ms,
        }
    }
}

/// A contact with the last ten interactions, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Card {
    contact: Option<Contact>,
    interactions: Vec<Interaction>,
}

impl From<wire::Card> for Card {
    fn from(card: wire::Card) -> Card {
        Card {
            contact: card.contact.map(Contact::from),
            interactions: card.interactions.into_iter().map(Interaction::from).collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Contacts {
    items: Vec<Contact>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Search {
    /// Part of a name, organisation or number.
    #[serde(default)]
    search: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

/// What is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContactChange {
    name: Option<String>,
    organisation: Option<String>,
    vip: Option<bool>,
}

#[utoipa::path(get, path = "/v1/contacts", operation_id = "listContacts", tag = "contacts", params(Search),
    responses((status = 200, body = Contacts)))]
async fn list_contacts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(search): Query<Search>,
) -> Result<Json<Contacts>> {
    caller.may(Permission::ContactsRead)?;
    let page = Page { cursor: search.cursor, limit: search.limit };
    let request = wire::ListContactsRequest {
        tenant: caller.tenant().into(),
        search: search.search,
        limit: page.limit(),
        cursor: page.cursor,
    };
    let reply = app.crm().list_contacts(request).await?.into_inner();
    let items = reply.contacts.into_iter().map(Contact::from).collect();
    Ok(Json(Contacts { items, next_cursor: some(reply.next_cursor) }))
}

#[utoipa::path(get, path = "/v1/contacts/{id}", operation_id = "getContact", tag = "contacts",
    params(("id" = String, Path)), responses((status = 200, body = Card)))]
async fn get_contact(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Card>> {
    caller.may(Permission::ContactsRead)?;
    let request = wire::GetContactRequest { tenant: caller.tenant().into(), id };
    let mut card = app.crm().get_contact(request).await?.into_inner();
    let sight = Sight::of(&app, &caller).await?;
    card.interactions.retain(|interaction| sight.interaction(interaction));
    let unheard = card.interactions.iter_mut().filter(|call| !recordings::may_hear(&caller, &sight, call));
    unheard.for_each(|call| call.recording.clear());
    Ok(Json(card.into()))
}

#[utoipa::path(patch, path = "/v1/contacts/{id}", operation_id = "updateContact", tag = "contacts",
    params(("id" = String, Path)), request_body = ContactChange, responses((status = 200, body = Contact)))]
async fn update_contact(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(change): Body<ContactChange>,
) -> Result<Json<Contact>> {
    caller.may(Permission::ContactsWrite)?;
    let request = wire::UpdateContactRequest {
        tenant: caller.tenant().into(),
        id,
        name: change.name,
        organisation: change.organisation,
        vip: change.vip,
    };
    Ok(Json(app.crm().update_contact(request).await?.into_inner().into()))
}
