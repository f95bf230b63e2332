//! Proto ↔ rows; no decision.

use crate::{
    events,
    store::{self, ContactRow, InteractionRow, LegRow, OfferRow, SilenceRow},
};
use chassis::{Code, Error, clock, random};
use eventlog::ConfigView;
use proto::crm::v1::*;
use std::sync::Arc;
use tenantdb::{TenantDb, TenantTx};
use tonic::{Request, Response, Status};
use types::{E164, Skill, TenantId, fact::Candidate};

/// The last interactions on a card.
const CARD_MAX: i64 = 10;
const LOOKUP_MAX: usize = 1_000;
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;

pub struct Api {
    pub db: TenantDb,
    pub view: Arc<ConfigView>,
}

impl Api {
    pub(crate) async fn begin(&self, tenant: &str) -> Result<TenantTx, Error> {
        let tenant: TenantId = tenant.parse().map_err(|_| Error::invalid("no tenant"))?;
        self.db.begin(&tenant).await.map_err(storage)
    }

    async fn card(&self, tx: &mut TenantTx, contact: ContactRow) -> Result<Card, Error> {
        let rows =
            store::interactions(tx, (&contact.id, "", ""), &[], "", CARD_MAX).await.map_err(storage)?;
        let interactions = rows.into_iter().map(interaction).collect();
        Ok(Card { contact: Some(to_proto(contact)), interactions })
    }
}

#[tonic::async_trait]
impl crm_server::Crm for Api {
    async fn identify(&self, request: Request<IdentifyRequest>) -> Result<Response<Card>, Status> {
        let IdentifyRequest { tenant, number, name } = request.into_inner();
        let mut tx = self.begin(&tenant).await?;
        let number = events::number(&self.view, tx.tenant(), &number);
        let number = number.ok_or_else(|| Error::invalid("not a telephone number"))?;
        let name = (!name.is_empty()).then_some(name);
        let contact = store::identify(&mut tx, &number, name.as_deref(), clock::now(), random::u128()).await;
        let card = self.card(&mut tx, contact.map_err(storage)?).await?;
        tx.commit().await.map_err(storage)?;
        Ok(Response::new(card))
    }

    async fn lookup(&self, request: Request<LookupRequest>) -> Result<Response<LookupReply>, Status> {
        let LookupRequest { tenant, numbers } = request.into_inner();
        if numbers.len() > LOOKUP_MAX {
            return Err(Error::invalid("more than 1000 numbers").into());
        }
        let mut tx = self.begin(&tenant).await?;
        let asked: Vec<(String, E164)> = numbers
            .into_iter()
            .filter_map(|text| Some((text.clone(), events::number(&self.view, tx.tenant(), &text)?)))
            .collect();
        let numbers: Vec<String> = asked.iter().map(|(_, number)| number.to_string()).collect();
        let found = store::with_numbers(&mut tx, &numbers).await.map_err(storage)?;
        let named = asked.into_iter().filter_map(|(text, number)| {
            let row = found.iter().find(|row| row.numbers.iter().any(|n| n == number.as_str()))?;
            Some((text, to_proto(row.clone())))
        });
        Ok(Response::new(LookupReply { contacts: named.collect() }))
    }

    async fn list_contacts(
        &self,
        request: Request<ListContactsRequest>,
    ) -> Result<Response<ListContactsReply>, Status> {
        let ListContactsRequest { tenant, search, cursor, limit } = request.into_inner();
        let limit = page(limit);
        let mut tx = self.begin(&tenant).await?;
        let rows = store::contacts(&mut tx, &search, &cursor, i64::from(limit)).await.map_err(storage)?;
        let next_cursor = next(&rows, limit, |row| &row.id);
        let contacts = rows.into_iter().map(to_proto).collect();
        Ok(Response::new(ListContactsReply { contacts, next_cursor }))
    }

    async fn get_contact(&self, request: Request<GetContactRequest>) -> Result<Response<Card>, Status> {
        let GetContactRequest { tenant, id } = request.into_inner();
        let mut tx = self.begin(&tenant).await?;
        let contact = store::contact(&mut tx, &id).await.map_err(storage)?;
        let contact = contact.ok_or_else(|| Error::not_found("no such contact"))?;
        Ok(Response::new(self.card(&mut tx, contact).await?))
    }

    async fn update_contact(
        &self,
        request: Request<UpdateContactRequest>,
    ) -> Result<Response<Contact>, Status> {
        let UpdateContactRequest { tenant, id, name, organisation, vip } = request.into_inner();
        let mut tx = self.begin(&tenant).await?;
        let found = store::update(&mut tx, &id, name.as_deref(), organisation.as_deref(), vip).await;
        if !found.map_err(storage)? {
            return Err(Error::not_found("no such contact").into());
        }
        let contact = store::contact(&mut tx, &id).await.map_err(storage)?;
        tx.commit().await.map_err(storage)?;
        Ok(Response::new(contact.map(to_proto).ok_or_else(|| Error::not_found("no such contact"))?))
    }

    async fn list_interactions(
        &self,
        request: Request<ListInteractionsRequest>,
    ) -> Result<Response<ListInteractionsReply>, Status> {
        let ListInteractionsRequest { tenant, contact, agent, cursor, limit, category, agents } =
            request.into_inner();
        let limit = page(limit);
        let mut tx = self.begin(&tenant).await?;
        let of = (contact.as_str(), agent.as_str(), category.as_str());
        let rows = store::interactions(&mut tx, of, &agents, &cursor, i64::from(limit)).await;
        let rows = rows.map_err(storage)?;
        let next_cursor = next(&rows, limit, |row| &row.id);
        let interactions = rows.into_iter().map(interaction).collect();
        Ok(Response::new(ListInteractionsReply { interactions, next_cursor }))
    }

    async fn get_interaction(
        &self,
        request: Request<GetInteractionRequest>,
    ) -> Result<Response<Interaction>, Status> {
        let GetInteractionRequest { tenant, id } = request.into_inner();
        let mut tx = self.begin(&tenant).await?;
        let row = store::interaction(&mut tx, &id).await.map_err(storage)?;
        let row = row.ok_or_else(|| Error::not_found("no such call"))?;
        let offers = store::offers(&mut tx, &row.call).await.map_err(storage)?;
        let offers = offers.into_iter().map(offer).collect();
        let legs = store::legs(&mut tx, &row.call).await.map_err(storage)?;
        let legs = legs.into_iter().map(leg).collect();
        let silences = store::silences(&mut tx, &row.call).await.map_err(storage)?;
        let silences = silences.into_iter().map(silence).collect();
        Ok(Response::new(Interaction { offers, legs, silences, ..interaction(row) }))
    }

    async fn list_callbacks(
        &self,
        request: Request<ListCallbacksRequest>,
    ) -> Result<Response<ListCallbacksReply>, Status> {
        self.callbacks(request.into_inner()).await.map(Response::new)
    }

    async fn get_callback(&self, request: Request<CallbackRequest>) -> Result<Response<Callback>, Status> {
        self.callback(request.into_inner()).await.map(Response::new)
    }

    async fn claim_callback(&self, request: Request<CallbackRequest>) -> Result<Response<Callback>, Status> {
        self.claim(request.into_inner()).await.map(Response::new)
    }

    async fn release_callback(
        &self,
        request: Request<CallbackRequest>,
    ) -> Result<Response<Callback>, Status> {
        self.release(request.into_inner()).await.map(Response::new)
    }

    async fn note_attempt(&self, request: Request<NoteAttemptRequest>) -> Result<Response<Callback>, Status> {
        self.noted(request.into_inner()).await.map(Response::new)
    }

    async fn close_callback(
        &self,
        request: Request<CloseCallbackRequest>,
    ) -> Result<Response<Callback>, Status> {
        self.close(request.into_inner()).await.map(Response::new)
    }

    async fn list_missed_calls(
        &self,
        request: Request<ListMissedCallsRequest>,
    ) -> Result<Response<ListMissedCallsReply>, Status> {
        self.missed_calls(request.into_inner()).await.map(Response::new)
    }

    async fn list_attempts(
        &self,
        request: Request<ListAttemptsRequest>,
    ) -> Result<Response<ListAttemptsReply>, Status> {
        self.attempts(request.into_inner()).await.map(Response::new)
    }
}

pub(crate) fn storage(error: tenantdb::Error) -> Error {
    tracing::error!(%error, "the database failed");
    Error::new(Code::Unavailable, "the database is not available")
}

pub(crate) fn page(limit: u32) -> u32 {
    if limit == 0 { PAGE } else { limit.min(PAGE_MAX) }
}

/// The cursor of the next page; empty at the end.
pub(crate) fn next<T>(rows: &[T], limit: u32, id: impl Fn(&T) -> &String) -> String {
    rows.last().filter(|_| rows.len() >= limit as usize).map(|row| id(row).clone()).unwrap_or_default()
}

fn to_proto(row: ContactRow) -> Contact {
    let ContactRow { id, name, organisation, vip, created_at_ms, numbers } = row;
    Contact { id, name, organisation, numbers, vip, created_at_ms }
}

fn silence(row: SilenceRow) -> CallSilence {
    let ended_at_ms = row.ended_at_ms.unwrap_or_default();
    CallSilence { who: row.who, began_at_ms: row.began_at_ms, ended_at_ms }
}

fn leg(row: LegRow) -> CallLeg {
    let count = |n: i64| u64::try_from(n).unwrap_or_default();
    let heard = |lost: Option<i64>, jitter_us: Option<i64>, mos: Option<i32>| {
        let (lost, jitter_us, mos) = (lost?, jitter_us?, mos?);
        Some(call_leg::Heard {
            lost: count(lost),
            jitter_ms: jitter_us as f64 / 1_000.0,
            mos: f64::from(mos) / 100.0,
        })
    };
    CallLeg {
        who: row.who,
        received: count(row.received),
        sent: count(row.sent),
        near: heard(row.lost, row.jitter_us, row.mos),
        far: heard(row.far_lost, row.far_jitter_us, row.far_mos),
        round_trip_ms: row.round_trip_us.map(|us| us as f64 / 1_000.0),
    }
}

fn offer(row: OfferRow) -> Offer {
    let skill = |skill: &Skill| offer::Skill { name: skill.name.clone(), level: u32::from(skill.level) };
    let decision = row.decision.0;
    let candidate = |of: &Candidate| offer::Candidate {
        agent: of.agent.to_string(),
        penalty: u32::from(of.penalty),
        skills: of.skills.iter().map(skill).collect(),
        score: of.score,
        idle_ms: of.idle,
    };
    Offer {
        reservation: row.reservation,
        agent: row.agent,
        queue: row.queue,
        at_ms: row.at_ms,
        attempt: u32::try_from(row.attempt).unwrap_or_default(),
        rule: types::name(decision.rule),
        needs: decision.needs.iter().map(skill).collect(),
        candidates: decision.candidates.iter().map(candidate).collect(),
        skill: decision.skill.unwrap_or_default(),
        free: decision.free,
    }
}

const INBOUND: &str = "inbound";

fn interaction(row: InteractionRow) -> Interaction {
    Interaction {
        id: row.id,
        call: row.call,
        contact: row.contact.unwrap_or_default(),
        contact_name: row.contact_name.unwrap_or_default(),
        from: row.caller,
        did_label: row.did_label,
        path: row.path,
        category: row.category.unwrap_or_default(),
        offers: Vec::new(),
        legs: Vec::new(),
        silences: Vec::new(),
        queue: row.queue.unwrap_or_default(),
        agent: row.agent.unwrap_or_default(),
        disposition: row.disposition.unwrap_or_default(),
        note: row.note.unwrap_or_default(),
        recording: row.recording.unwrap_or_default(),
        started_at_ms: row.started_at_ms,
        ended_at_ms: row.ended_at_ms.unwrap_or_default(),
        wait_ms: row.wait_ms,
        talk_ms: row.talk_ms,
        hold_ms: row.hold_ms,
        outcome: row.outcome.unwrap_or_default(),
        stage: row.stage,
        to: if row.direction == INBOUND { row.did.clone() } else { row.callee },
        direction: row.direction,
        did: row.did,
    }
}
