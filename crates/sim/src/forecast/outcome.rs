//! What came of the days: figures per queue and interval, with their range.

use super::Plan;
use serde::Serialize;
use stats::{By, Figures, Row};
use std::collections::BTreeMap;
use types::{Millis, Timestamp};

/// Minutes after midnight of the first day.
type Minutes = i64;

/// What is to be expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    pub seeds: u64,
    /// Contacts of a day, on average.
    pub contacts: f64,
    /// The whole day by queue, then all agents.
    pub day: Vec<Line>,
    /// The same by interval.
    pub intervals: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// A queue's name; `None`: all agents.
    pub queue: Option<String>,
    /// Minutes after midnight of the first day; by interval.
    pub from_minutes: Minutes,
    pub measures: Measures,
}

/// Over the seeds. Absent where nobody came or nobody was there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measures {
    pub offered: Option<Range>,
    pub answered: Option<Range>,
    pub overflowed: Option<Range>,
    /// From 0 to 1, by the definitions of `docs/metrics.md`, as all that follow.
    pub service_level: Option<Range>,
    pub abandonment: Option<Range>,
    /// Seconds; of the answered.
    pub average_wait_s: Option<Range>,
    pub wait_p50_s: Option<Range>,
    pub wait_p80_s: Option<Range>,
    pub wait_p95_s: Option<Range>,
    pub longest_wait_s: Option<Range>,
    /// Of all agents.
    pub occupancy: Option<Range>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// What stands for a line: whether by interval, the queue's id (none: agents), when.
type Key = (bool, Option<String>, Timestamp);

/// What each seed saw: sums, and the [`PERCENTILES`] of the waits.
type Seen = BTreeMap<u64, (Figures, Vec<Option<Millis>>)>;

/// Lines in the making: one set of measures for each seed.
pub(crate) struct Tables<'a> {
    plan: &'a Plan,
    begins: Timestamp,
    lines: BTreeMap<Key, Seen>,
}

const PERCENTILES: [usize; 3] = [50, 80, 95];

impl<'a> Tables<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Tables<'a> {
        Tables { plan, begins: plan.begins(), lines: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, seed: u64, interval: Millis, by: By, rows: &[Row]) {
        for row in rows {
            let queue = (by == By::Queue).then(|| row.key.clone());
            let line = self.lines.entry((interval > 0, queue, row.from)).or_default();
            let waits = PERCENTILES.map(|percent| row.waits.percentile(percent)).to_vec();
            let (figures, _) = line.entry(seed).or_insert_with(|| (Figures::default(), waits));
            figures.add(&row.figures);
        }
    }

    pub(crate) fn forecast(&self, seeds: u64) -> Forecast {
        let lines = |by_interval| {
            let wanted = self.lines.iter().filter(move |((interval, ..), _)| *interval == by_interval);
            let mut lines: Vec<Line> = wanted.map(|(key, seen)| self.line(seeds, key, seen)).collect();
            // Queues as the plan has them, agents last.
            let place =
                |line: &Line| self.plan.queues.iter().position(|q| Some(&q.name) == line.queue.as_ref());
            lines.sort_by_key(|line| (line.from_minutes, place(line).unwrap_or(usize::MAX)));
            lines
        };
        let day = lines(false);
        let contacts = day.iter().filter(|line| line.queue.is_some());
        let contacts = contacts.filter_map(|line| line.measures.offered).map(|offered| offered.mean).sum();
        Forecast { seeds, contacts, day, intervals: lines(true) }
    }

    fn line(&self, seeds: u64, (_, queue, from): &Key, seen: &Seen) -> Line {
        let of = |measure: &dyn Fn(&Figures) -> Option<f64>| {
            Range::of(seen.values().filter_map(|(figures, _)| measure(figures)))
        };
        // On the other days nobody came.
        let absent = (seeds as usize).saturating_sub(seen.len());
        let count = |field: fn(&Figures) -> u64| {
            let counts = seen.values().map(|(figures, _)| field(figures) as f64);
            Range::of(counts.chain(std::iter::repeat_n(0.0, absent)))
        };
        let wait = |i: usize| Range::of(seen.values().filter_map(|(_, waits)| waits[i].map(seconds)));
        let measures = match queue {
            None => Measures { occupancy: of(&Figures::occupancy), ..Measures::default() },
            Some(_) => Measures {
                offered: count(|figures| figures.offered),
                answered: count(|figures| figures.answered),
                overflowed: count(|figures| figures.overflowed),
                service_level: of(&Figures::service_level),
                abandonment: of(&Figures::abandonment),
                average_wait_s: of(&|figures| figures.asa().map(|asa| asa / 1_000.0)),
                wait_p50_s: wait(0),
                wait_p80_s: wait(1),
                wait_p95_s: wait(2),
                longest_wait_s: of(&|figures| Some(seconds(figures.longest_wait))),
                occupancy: None,
            },
        };
        let minutes = (*from - self.begins) / 60_000;
        let queue = queue.as_ref().map(|id| self.name(id));
        Line { queue, from_minutes: i64::from(self.plan.opens.minutes()) + minutes, measures }
    }

    fn name(&self, id: &str) -> String {
        let place = |place: &usize| Plan::queue_id(*place).as_str() == id;
        let found = (0..self.plan.queues.len()).find(place);
        found.map_or_else(|| id.to_owned(), |place| self.plan.queues[place].name.clone())
    }
}

fn seconds(millis: Millis) -> f64 {
    millis as f64 / 1_000.0
}

impl Range {
    fn of(values: impl Iterator<Item = f64>) -> Option<Range> {
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (!values.is_empty()).then_some(Range { mean, low, high })
    }
}
