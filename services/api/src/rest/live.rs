//! The live view as server-sent events: the whole of it at first, then what changed.

use super::{
    alerts::Alert,
    contacts::Contact,
    live_feed::{Place, Told},
    live_view::{View, Wanted},
    some,
};
use crate::{
    App,
    auth::Caller,
    problem::{Query, Result},
};
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use eventlog::Doc;
use futures::{Stream, StreamExt, stream};
use http::HeaderMap;
use proto::analytics::v1 as wire;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use types::{Timestamp, config::Loan};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// How old a head's view of the departments, and a session's end, may be.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(waiting))
}

/// Everything that goes on. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Live {
    pub sequence: u64,
    pub at_ms: i64,
    pub calls: Vec<LiveCall>,
    pub agents: Vec<LiveAgent>,
    pub queues: Vec<LiveQueue>,
    /// Thresholds that are crossed.
    pub alerts: Vec<Alert>,
}

impl From<wire::Live> for Live {
    fn from(from: wire::Live) -> Live {
        Live {
            sequence: from.sequence,
            at_ms: from.at_ms,
            calls: from.calls.into_iter().map(LiveCall::from).collect(),
            agents: from.agents.into_iter().map(LiveAgent::from).collect(),
            queues: from.queues.into_iter().map(LiveQueue::from).collect(),
            alerts: Vec::new(),
        }
    }
}

/// A call between its INVITE and its end.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveCall {
    pub call: String,
    pub from: String,
    /// Who has this number; absent where nobody is known.
    pub contact: Option<Contact>,
    did: String,
    did_label: String,
    stage: String,
    stage_since_ms: i64,
    offered_at_ms: i64,
    node: Option<String>,
    path: String,
    pub queue: Option<String>,
    position: u32,
    waiting_since_ms: i64,
    pub agent: Option<String>,
    attempt: u32,
    held: bool,
}

impl LiveCall {
    /// In a queue, whether it rings at somebody or not.
    pub fn waits(&self) -> bool {
        matches!(self.stage.as_str(), "queue" | "ringing") && self.waiting_since_ms > 0
    }
}

impl From<wire::LiveCall> for LiveCall {
    fn from(from: wire::LiveCall) -> LiveCall {
        LiveCall {
            call: from.call,
            from: from.from,
            contact: None,
            did: from.did,
            did_label: from.did_label,
            stage: from.stage,
            stage_since_ms: from.stage_since_ms,
            offered_at_ms: from.offered_at_ms,
            node: some(from.node),
            path: from.path,
            queue: some(from.queue),
            position: from.position,
            waiting_since_ms: from.waiting_since_ms,
            agent: some(from.agent),
            attempt: from.attempt,
            held: from.held,
        }
    }
}

/// An agent who is signed in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveAgent {
    pub agent: String,
    state: String,
    since_ms: i64,
    reason: Option<String>,
    call: Option<String>,
    /// Asks for a supervisor since then.
    pub hand_since_ms: Option<i64>,
    /// Serves another queue for a time.
    pub loan: Option<LiveLoan>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveLoan {
    id: String,
    queue: String,
    until_ms: i64,
}

impl From<wire::LiveAgent> for LiveAgent {
    fn from(from: wire::LiveAgent) -> LiveAgent {
        LiveAgent {
            agent: from.agent,
            state: from.state,
            since_ms: from.since_ms,
            reason: some(from.reason),
            call: some(from.call),
            hand_since_ms: None,
            loan: None,
        }
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveQueue {
    pub queue: String,
    waiting: u32,
    longest_waiting_since_ms: i64,
    /// Agents who serve it: signed in, and free for a caller now.
    signed_in: u32,
    free: u32,
    /// Today in the tenant's time zone.
    today: Figures,
}

impl From<wire::LiveQueue> for LiveQueue {
    fn from(from: wire::LiveQueue) -> LiveQueue {
        LiveQueue {
            queue: from.queue,
            waiting: from.waiting,
            longest_waiting_since_ms: from.longest_waiting_since_ms,
            signed_in: from.signed_in,
            free: from.free,
            today: from.today.unwrap_or_default().into(),
        }
    }
}

/// Sums, from which every rate follows; rates are absent where they would divide by zero.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Figures {
    offered: u64,
    answered: u64,
    abandoned: u64,
    short_abandoned: u64,
    overflowed: u64,
    in_progress: u64,
    within_service_level: u64,
    wait_answered_ms: i64,
    wait_abandoned_ms: i64,
    longest_wait_ms: i64,
    talk_ms: i64,
    hold_ms: i64,
    wrap_up_ms: i64,
    handled: u64,
    missed: u64,
    declined: u64,
    signed_in_ms: i64,
    busy_ms: i64,
    staffed_ms: i64,
    /// Where the abandoned were.
    abandoned_greeting: u64,
    abandoned_menu: u64,
    abandoned_queue: u64,
    abandoned_ringing: u64,
    /// Rates: absent where the formula would divide by zero.
    service_level: Option<f64>,
    asa_ms: Option<f64>,
    aht_ms: Option<f64>,
    abandonment: Option<f64>,
    occupancy: Option<f64>,
    /// abandonment without short abandons.
    abandonment_net: Option<f64>,
    /// Average wait of the abandoned.
    abandoned_wait_ms: Option<f64>,
    /// Average talk time.
    att_ms: Option<f64>,
    /// Percentiles of the wait of the answered and of talk; in reports alone.
    answer_p50_ms: Option<i64>,
    answer_p90_ms: Option<i64>,
    answer_p99_ms: Option<i64>,
    talk_p50_ms: Option<i64>,
    talk_p90_ms: Option<i64>,
    talk_p99_ms: Option<i64>,
    /// Of the overflowed, why.
    overflowed_full: u64,
    overflowed_no_agents: u64,
    overflowed_wait_limit: u64,
    overflowed_emergency: u64,
}

impl From<wire::Figures> for Figures {
    fn from(from: wire::Figures) -> Figures {
        Figures {
            offered: from.offered,
            answered: from.answered,
            abandoned: from.abandoned,
            short_abandoned: from.short_abandoned,
            overflowed: from.overflowed,
            in_progress: from.in_progress,
            within_service_level: from.within_service_level,
            wait_answered_ms: from.wait_answered_ms,
            wait_abandoned_ms: from.wait_abandoned_ms,
            longest_wait_ms: from.longest_wait_ms,
            talk_ms: from.talk_ms,
            hold_ms: from.hold_ms,
            wrap_up_ms: from.wrap_up_ms,
            handled: from.handled,
            missed: from.missed,
            declined: from.declined,
            signed_in_ms: from.signed_in_ms,
            busy_ms: from.busy_ms,
            staffed_ms: from.staffed_ms,
            abandoned_greeting: from.abandoned_greeting,
            abandoned_menu: from.abandoned_menu,
            abandoned_queue: from.abandoned_queue,
            abandoned_ringing: from.abandoned_ringing,
            service_level: from.service_level,
            asa_ms: from.asa_ms,
            aht_ms: from.aht_ms,
            abandonment: from.abandonment,
            occupancy: from.occupancy,
            abandonment_net: from.abandonment_net,
            abandoned_wait_ms: from.abandoned_wait_ms,
            att_ms: from.att_ms,
            answer_p50_ms: from.answer_p50_ms,
            answer_p90_ms: from.answer_p90_ms,
            answer_p99_ms: from.answer_p99_ms,
            talk_p50_ms: from.talk_p50_ms,
            talk_p90_ms: from.talk_p90_ms,
            talk_p99_ms: from.talk_p99_ms,
            overflowed_full: from.overflowed_full,
            overflowed_no_agents: from.overflowed_no_agents,
            overflowed_wait_limit: from.overflowed_wait_limit,
            overflowed_emergency: from.overflowed_emergency,
        }
    }
}

impl Live {
    /// Says of the agents who is lent.
    pub fn lend(&mut self, docs: &[Arc<Doc>], now: Timestamp) {
        let mut lent = HashMap::new();
        for doc in docs {
            let Some(loan) = doc.read::<Loan>().filter(|loan| loan.until() > now) else { continue };
            let (id, queue, until_ms) = (doc.id.clone(), loan.queue.to_string(), loan.until_ms);
            lent.insert(loan.agent.to_string(), LiveLoan { id, queue, until_ms });
        }
        for agent in &mut self.agents {
            agent.loan = lent.remove(&agent.agent);
        }
    }
}

/// Event `live` with the whole view at first, then an event `delta`
/// (`LiveDelta`) whenever it changed, and each second. Who comes back with
/// `Last-Event-ID` (or `after`) goes on behind that event; where it is no
/// longer known, or too many came since, the stream begins anew with `live`.
/// It ends when the session or the right to it does; one that a token opened
/// after five minutes.
#[utoipa::path(get, path = "/v1/live", operation_id = "watchLive", tag = "live", params(Behind),
    responses((status = 200, content_type = "text/event-stream", body = Live)))]
async fn live(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(behind): Query<Behind>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    watch(app, caller, Wanted::Floor, behind, headers).await
}

/// Who waits in the queues that the agent serves, as events like those of
/// `/v1/live`: an agent may pick up any of them (`pickUpCall`).
#[utoipa::path(get, path = "/v1/live/waiting", operation_id = "watchWaiting", tag = "live", params(Behind),
    responses((status = 200, content_type = "text/event-stream", body = Live)))]
async fn waiting(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(behind): Query<Behind>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    watch(app, caller, Wanted::Line, behind, headers).await
}

async fn watch(
    app: Arc<App>,
    caller: Caller,
    wanted: Wanted,
    behind: Behind,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    caller.may(wanted.permission())?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or(&behind.after);
    let draining = app.drain.clone().begun_owned();
    let watching = Watching::begin(app, caller, wanted, last).await?;
    let events = stream::unfold(watching, Watching::next);
    Ok(Sse::new(events.take_until(draining)).keep_alive(KeepAlive::default()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Behind {
    /// The id of the last event, for clients that cannot send the header.
    #[serde(default)]
    after: String,
}

/// One who watches, and where in the feed they are.
struct Watching {
    app: Arc<App>,
    caller: Caller,
    wanted: Wanted,
    view: View,
    place: Place,
    looks: Interval,
    opened: Instant,
}

impl Watching {
    async fn begin(app: Arc<App>, caller: Caller, wanted: Wanted, last: &str) -> Result<Watching> {
        let view = wanted.of(&app, &caller).await?;
        let place = app.feeds.clone().join(&app, caller.tenant(), view.clone()).await?.behind(last);
        let mut looks = interval(LOOK_EVERY);
        looks.reset();
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Watching { app, caller, wanted, view, place, looks, opened: Instant::now() })
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Watching)> {
        loop {
            tokio::select! {
                told = self.place.next() => {
                    let Told { name, id, json } = told?;
                    return Some((Ok(Event::default().event(name).id(id).data(&*json)), self));
                }
                _ = self.looks.tick() => self.look_again().await?,
            }
        }
    }

    /// Whose view has changed sees another feed, from its beginning; whose
    /// session or right to it has ended sees none.
    async fn look_again(&mut self) -> Option<()> {
        if self.caller.session.is_none() && self.opened.elapsed() > self.app.by_token_max {
            return None;
        }
        let permission = self.wanted.permission();
        self.caller = self.caller.again(&self.app).await.filter(|now| now.has(permission))?;
        let Ok(view) = self.wanted.of(&self.app, &self.caller).await else { return Some(()) };
        if view != self.view {
            let feeds = self.app.feeds.clone();
            self.place = feeds.join(&self.app, self.caller.tenant(), view.clone()).await.ok()?.behind("");
            self.view = view;
        }
        Some(())
    }
}
