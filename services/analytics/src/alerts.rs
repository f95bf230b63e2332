//! Thresholds are looked at every second: what is crossed for long enough is
//! told to `tenancy`, which keeps it, once, and its end too.

use crate::{books::Books, live, staffing::Staffing};
use chassis::{Drain, clock, grpc::Channel};
use eventlog::{ConfigView, Doc};
use proto::{
    analytics::v1::LiveQueue,
    tenancy::v1::{EndAlertRequest, RaiseRequest, alerts_client::AlertsClient},
};
use stats::{
    By, Period,
    alarm::{Alarm, Limit, Turn},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::{MissedTickBehavior, interval};
use types::{
    Millis, QueueId, TenantId, Timestamp,
    config::{Alert, Kind, Measure, Threshold},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The service level that is watched is that of so long.
pub const LEVEL_OVER: Millis = 30 * 60_000;

pub struct Watchman {
    pub view: Arc<ConfigView>,
    pub books: Arc<Books>,
    pub staffing: Arc<Staffing>,
    pub tenancy: AlertsClient<Channel>,
}

/// By tenant and the threshold's id.
type Alarms = HashMap<(TenantId, String), Alarm>;

/// A tenant's queues at this moment.
struct Sight {
    queues: HashMap<String, LiveQueue>,
    levels: HashMap<String, Option<f64>>,
}

impl Watchman {
    /// From when the figures are up to date with the log.
    pub async fn run(self, drain: Drain) {
        if drain.or(self.books.ready()).await.is_none() {
            return;
        }
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut alarms = Alarms::new();
        while drain.or(looks.tick()).await.is_some() {
            for tenant in self.tenants() {
                self.look(&tenant, &mut alarms).await;
            }
        }
    }

    fn tenants(&self) -> HashSet<TenantId> {
        self.view.tenants(Kind::Threshold).into_iter().chain(self.view.tenants(Kind::Alert)).collect()
    }

    async fn look(&self, tenant: &TenantId, alarms: &mut Alarms) {
        let open = open(&self.view.docs(tenant, Kind::Alert));
        let docs = self.view.docs(tenant, Kind::Threshold);
        let read = |doc: &Arc<Doc>| Some((doc.id.clone(), doc.read::<Threshold>()?));
        let watched: BTreeMap<String, Threshold> =
            docs.iter().filter_map(read).filter(|(_, threshold)| threshold.enabled).collect();
        alarms.retain(|(of, id), _| of != tenant || watched.contains_key(id));
        for (threshold, alert) in &open {
            if !watched.contains_key(threshold) {
                self.end(tenant, alert).await;
            }
        }
        let now = clock::now();
        let sight = self.sight(tenant, &watched, now);
        for (id, threshold) in &watched {
            let was = || if open.contains_key(id) { Alarm::raised() } else { Alarm::default() };
            let alarm = alarms.entry((tenant.clone(), id.clone())).or_insert_with(was);
            let before = *alarm;
            let limit = Limit { measure: threshold.measure, at: threshold.at, lasts: threshold.lasts_ms };
            let value = sight.measure(threshold, now);
            let done = match alarm.look(&limit, now, value) {
                Some(Turn::Raised) => self.raise(tenant, id, value.unwrap_or_default()).await,
                Some(Turn::Ended) => match open.get(id) {
                    Some(alert) => self.end(tenant, alert).await,
                    // Told, and not yet heard of: at the next look.
                    None => false,
                },
                None => true,
            };
            if !done {
                *alarm = before;
            }
        }
    }

    fn sight(&self, tenant: &TenantId, watched: &BTreeMap<String, Threshold>, now: Timestamp) -> Sight {
        let inner = self.books.lock();
        let known = inner.tenant(tenant);
        let staff = self.staffing.of(tenant, &known.agents, now);
        let queues =
            live::queues_now(known, &staff).into_iter().map(|row| (row.queue.clone(), row)).collect();
        let mut levels = HashMap::new();
        if watched.values().any(|one| one.measure == Measure::ServiceLevel) {
            let period = Period { from: now + (-LEVEL_OVER), to: now + 1, as_of: now, interval: 0 };
            let rows = known.book.report(By::Queue, &period);
            levels = rows.into_iter().map(|row| (row.key, row.figures.service_level())).collect();
        }
        Sight { queues, levels }
    }

    async fn raise(&self, tenant: &TenantId, threshold: &str, value: i64) -> bool {
        let request = RaiseRequest { tenant: tenant.to_string(), threshold: threshold.to_owned(), value };
        match self.tenancy.clone().raise(request).await {
            Ok(_) => true,
            Err(status) => {
                tracing::warn!(%status, threshold, "an alert could not be raised and is tried again");
                false
            }
        }
    }

    async fn end(&self, tenant: &TenantId, alert: &str) -> bool {
        let request = EndAlertRequest { tenant: tenant.to_string(), alert: alert.to_owned() };
        match self.tenancy.clone().end(request).await {
            Ok(_) => true,
            Err(status) => {
                tracing::warn!(%status, alert, "an alert could not be ended and is tried again");
                false
            }
        }
    }
}

/// Alerts that go on, by threshold.
fn open(docs: &[Arc<Doc>]) -> HashMap<String, String> {
    let read = |doc: &Arc<Doc>| Some((doc.read::<Alert>()?.threshold.to_string(), doc.id.clone()));
    docs.iter().filter_map(read).collect()
}

impl Sight {
    fn measure(&self, threshold: &Threshold, now: Timestamp) -> Option<i64> {
        let queue: &QueueId = &threshold.queue;
        let row = self.queues.get(queue.as_str());
        match threshold.measure {
            Measure::Waiting => Some(row.map_or(0, |row| i64::from(row.waiting))),
            Measure::LongestWait => Some(row.map_or(0, |row| match row.longest_waiting_since_ms {
                0 => 0,
                since => now.millis() - since,
            })),
            Measure::FreeAgents => Some(row.map_or(0, |row| i64::from(row.free))),
            Measure::ServiceLevel => {
                let level = self.levels.get(queue.as_str()).copied().flatten()?;
                Some((level * 100.0).floor() as i64)
            }
        }
    }
}
