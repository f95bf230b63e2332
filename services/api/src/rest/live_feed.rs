//! The live view told once for all who see the same of a company: a view, and
//! a bounded ring of what changed, so that who was away goes on where they were.

use super::{
    alerts::Alert,
    live::Live,
    live_callers::{AGAIN, Callers},
    live_delta::LiveDelta,
    live_view::View,
};
use crate::{
    App,
    desk::Desks,
    problem::{Problem, Result},
};
use eventlog::ConfigView;
use http::StatusCode;
use proto::analytics::v1 as wire;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tonic::Streaming;
use types::{TenantId, config::Kind};

/// Deltas that are kept: minutes, even of a busy company.
const RING_MAX: usize = 1_000;
const RING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a feed that nobody watches goes on: who reloads comes back to it.
const LINGER: Duration = Duration::from_secs(60);
const FEEDS_MAX: usize = 2_000;

type Key = (String, View);

/// The feeds of this process.
#[derive(Default)]
pub struct Feeds(Mutex<HashMap<Key, Arc<Feed>>>);

struct Feed {
    /// Tells this feed's ids from those of another process and another time.
    epoch: String,
    ring: Mutex<Ring>,
    /// Moves with the ring; false: it has ended.
    goes_on: watch::Sender<bool>,
}

#[derive(Default)]
struct Ring {
    shown: Option<Live>,
    /// Of the last delta.
    count: u64,
    deltas: VecDeque<Arc<str>>,
    bytes: usize,
}

/// An event as it is sent.
pub struct Told {
    pub name: &'static str,
    pub id: String,
    pub json: Arc<str>,
}

/// Where in a feed somebody is.
pub struct Place {
    feed: Arc<Feed>,
    news: watch::Receiver<bool>,
    /// The last that was told; absent: the whole view comes next.
    last: Option<u64>,
}

impl Ring {
    fn show(&mut self, live: Live) {
        if let Some(before) = &self.shown {
            let delta = LiveDelta::between(before, &live);
            let json: Arc<str> = serde_json::to_string(&delta).unwrap_or_default().into();
            self.bytes += json.len();
            self.deltas.push_back(json);
            self.count += 1;
        }
        self.shown = Some(live);
        while self.deltas.len() > RING_MAX || self.bytes > RING_BYTES_MAX {
            let gone = self.deltas.pop_front().map_or(0, |json| json.len());
            self.bytes -= gone;
        }
    }

    /// The delta behind this one; `None` where it is no longer kept.
    fn behind(&self, last: u64) -> Option<Arc<str>> {
        let back = self.count.checked_sub(last)? as usize;
        let at = self.deltas.len().checked_sub(back)?;
        self.deltas.get(at).cloned()
    }

    fn keeps(&self, last: u64) -> bool {
        last == self.count || self.behind(last).is_some()
    }
}

impl Feed {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().expect("no panic while the lock is held")
    }
}

impl Feeds {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Arc<Feed>>> {
        self.0.lock().expect("no panic while the lock is held")
    }

    /// The feed of what somebody is shown; begun for the first who does.
    ///
    /// # Errors
    /// Where the live view cannot be had.
    pub async fn join(self: Arc<Self>, app: &App, tenant: &str, view: View) -> Result<Place> {
        let key = (tenant.to_owned(), view);
        if let Some(place) = self.all().get(&key).and_then(Place::at) {
            return Ok(place);
        }
        let request = wire::WatchRequest { tenant: tenant.to_owned() };
        let views = app.analytics().watch(request).await?.into_inner();
        let mut all = self.all();
        if let Some(place) = all.get(&key).and_then(Place::at) {
            return Ok(place);
        }
        if all.len() >= FEEDS_MAX {
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many live views are open"));
        }
        let epoch = format!("{:08x}", chassis::random::u128() as u32);
        let (goes_on, news) = watch::channel(true);
        let feed = Arc::new(Feed { epoch, ring: Mutex::default(), goes_on });
        all.insert(key.clone(), feed.clone());
        let callers = Callers::new(app.crm(), tenant);
        let source = Source {
            feed: feed.clone(),
            shows: key.1.clone(),
            desks: app.desks.clone(),
            callers,
            view: app.view.clone(),
            tenant: tenant.parse().ok(),
        };
        let feeds = self.clone();
        tokio::spawn(async move {
            source.run(views).await;
            feeds.end(&key);
        });
        Ok(Place { feed, news, last: None })
    }

    fn end(&self, key: &Key) {
        let Some(feed) = self.all().remove(key) else { return };
        feed.goes_on.send_replace(false);
    }
}

impl Place {
    /// At the beginning of a feed that goes on.
    fn at(feed: &Arc<Feed>) -> Option<Place> {
        let news = feed.goes_on.subscribe();
        let goes_on = *news.borrow();
        goes_on.then(|| Place { feed: feed.clone(), news, last: None })
    }

    /// Behind the event with this id, if the feed still knows it.
    pub fn behind(mut self, id: &str) -> Place {
        let count = id.split_once('-').filter(|(epoch, _)| *epoch == self.feed.epoch);
        let count: Option<u64> = count.and_then(|(_, count)| count.parse().ok());
        self.last = count.filter(|last| self.feed.ring().keeps(*last));
        self
    }

    /// The next event; `None` when the feed has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if !*self.news.borrow_and_update() {
                return None;
            }
            if let Some(told) = self.take() {
                return Some(told);
            }
            self.news.changed().await.ok()?;
        }
    }

    fn take(&mut self) -> Option<Told> {
        let ring = self.feed.ring();
        let next = self.last.filter(|last| ring.keeps(*last));
        let (name, at, json) = match next {
            Some(last) => ("delta", last + 1, ring.behind(last)?),
            None => ("live", ring.count, serde_json::to_string(ring.shown.as_ref()?).ok()?.into()),
        };
        self.last = Some(at);
        Some(Told { name, id: format!("{}-{at}", self.feed.epoch), json })
    }
}

/// What a feed is made of: views, the names of who calls, raised hands.
struct Source {
    feed: Arc<Feed>,
    shows: View,
    desks: Arc<Desks>,
    callers: Callers,
    view: Arc<ConfigView>,
    tenant: Option<TenantId>,
}

impl Source {
    /// Until the views end, or nobody has watched for long.
    async fn run(mut self, mut views: Streaming<wire::Live>) {
        let mut watched = Instant::now();
        let mut hands = self.desks.hands();
        loop {
            let before = self.feed.ring().shown.clone();
            let goes_on =
                before.as_ref().is_some_and(|live| !live.calls.is_empty() || !live.agents.is_empty());
            let view = tokio::select! {
                view = views.message() => match view {
                    Ok(Some(view)) => Some(self.shown(Live::from(view))),
                    Ok(None) => return,
                    Err(status) => return tracing::info!(%status, "a live view ended"),
                },
                Ok(()) = hands.changed(), if goes_on => before.clone(),
                () = tokio::time::sleep(AGAIN), if goes_on => before.clone(),
            };
            if self.feed.goes_on.receiver_count() > 0 {
                watched = Instant::now();
            } else if watched.elapsed() > LINGER {
                return;
            }
            let Some(mut live) = view else { continue };
            for agent in &mut live.agents {
                agent.hand_since_ms = self.desks.hand_since(&agent.agent);
            }
            let now = chassis::clock::now();
            if let Some(tenant) = &self.tenant {
                live.lend(&self.view.docs(tenant, Kind::Loan), now);
                if let View::Floor(sight) = &self.shows {
                    live.alerts = Alert::open(&self.view.docs(tenant, Kind::Alert), sight);
                }
            }
            self.callers.name(&mut live, now).await;
            if before.as_ref() != Some(&live) {
                self.feed.ring().show(live);
                self.feed.goes_on.send_replace(true);
            }
        }
    }

    fn shown(&self, mut live: Live) -> Live {
        self.shows.cut(&mut live);
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(views: u64) -> Arc<Feed> {
        let mut ring = Ring::default();
        for sequence in 0..views {
            ring.show(wire::Live { sequence, ..Default::default() }.into());
        }
        Arc::new(Feed { epoch: "e".into(), ring: Mutex::new(ring), goes_on: watch::channel(true).0 })
    }

    fn told(place: &mut Place) -> Vec<(&'static str, String)> {
        std::iter::from_fn(|| place.take()).map(|told| (told.name, told.id)).collect()
    }

    #[test]
    fn who_comes_back_goes_on_behind_the_last_event_without_a_gap() {
        let feed = feed(6);
        let mut newcomer = Place::at(&feed).unwrap().behind("");
        assert_eq!(told(&mut newcomer), [("live", "e-5".to_owned())]);
        let mut back = Place::at(&feed).unwrap().behind("e-2");
        let deltas = ["e-3", "e-4", "e-5"].map(|id| ("delta", id.to_owned()));
        assert_eq!(told(&mut back), deltas);
        feed.ring().show(wire::Live { sequence: 6, ..Default::default() }.into());
        assert_eq!(told(&mut back), [("delta", "e-6".to_owned())]);
    }

    #[test]
    fn who_was_away_too_long_or_elsewhere_begins_anew() {
        let feed = feed(RING_MAX as u64 + 10);
        for last in ["e-3", "f-1005", "e-99999", "e-", "nonsense"] {
            let mut place = Place::at(&feed).unwrap().behind(last);
            assert_eq!(told(&mut place)[0].0, "live", "{last}");
        }
        assert_eq!(feed.ring().deltas.len(), RING_MAX);
        // Who falls behind while connected begins anew too.
        let mut slow = Place::at(&feed).unwrap().behind("e-1009");
        for sequence in 0..2 * RING_MAX as u64 {
            feed.ring().show(wire::Live { sequence, ..Default::default() }.into());
        }
        assert_eq!(told(&mut slow)[0].0, "live");
    }
}
