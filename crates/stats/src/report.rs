use crate::{
    Book, Figures, Spread,
    book::{Left, Offer, Outcome, Span, Stay, Visit, Work},
};
use std::collections::BTreeMap;
use types::{AgentState, CategoryId, Millis, OfferOutcome, Timestamp};

/// What the rows of a report stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Queue,
    Agent,
    Did,
    /// What contacts are about; calls without a category have the key "".
    Category,
}

/// From (included) to (excluded); states that last are counted up to `as_of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
    pub as_of: Timestamp,
    /// Length of a row; 0: one row for the whole period.
    pub interval: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The queue's, agent's or category's id, or the number.
    pub key: String,
    pub from: Timestamp,
    pub figures: Figures,
    /// Waits of the answered (by queue, number and category).
    pub waits: Spread,
    /// Waits of those who hung up (likewise).
    pub lost: Spread,
    /// Talk of the conversations that ended.
    pub talks: Spread,
}

/// The steps in which waits are told: up to so many milliseconds.
pub const WAITS: [Millis; 9] = [5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 180_000, 300_000, 600_000];

/// A row in the making.
#[derive(Default)]
struct Tally {
    figures: Figures,
    waits: Vec<Millis>,
    lost: Vec<Millis>,
    talks: Vec<Millis>,
}

impl Tally {
    fn count(&mut self, outcome: Option<Outcome>, work: &Work, figures: Figures) {
        self.figures.add(&figures);
        match outcome {
            Some(Outcome::Answered { wait }) => self.waits.push(wait),
            Some(Outcome::Abandoned { wait, .. }) => self.lost.push(wait),
            _ => {}
        }
        if work.ended {
            self.talks.push(work.talk);
        }
    }
}

impl Period {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// The beginning of the interval that `at` lies in.
    fn interval_of(&self, at: Timestamp) -> Timestamp {
        match self.interval {
            0 => self.from,
            interval => self.from + (at - self.from) / interval * interval,
        }
    }

    /// The pieces of `from..to` within the period, by interval.
    fn pieces(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Millis)> {
        let (mut from, to) = (from.max(self.from), to.min(self.to));
        let mut pieces = Vec::new();
        while from < to {
            let row = self.interval_of(from);
            let end = if self.interval == 0 { to } else { to.min(row + self.interval) };
            pieces.push((row, end - from));
            from = end;
        }
        pieces
    }
}

impl Book {
    /// Rows in the order of key and time. A stay, call or offer counts in the
    /// interval in which it began; states are cut at the intervals' borders.
    pub fn report(&self, by: By, period: &Period) -> Vec<Row> {
        self.report_of(by, period, None)
    }

    /// The same for contacts about one category alone. Agents' states belong
    /// to no category and are left out then.
    pub fn report_of(&self, by: By, period: &Period, category: Option<&CategoryId>) -> Vec<Row> {
        let mut rows: BTreeMap<(String, Timestamp), Tally> = BTreeMap::new();
        let about =
            |call: usize| category.is_none_or(|wanted| self.calls[call].category.as_ref() == Some(wanted));
        match by {
            By::Queue => {
                for stay in self.stays.iter().filter(|stay| period.holds(stay.at) && about(stay.call)) {
                    let tally = tally(&mut rows, stay.queue.as_str(), period.interval_of(stay.at));
                    tally.count(Some(stay.outcome), &stay.work, of_stay(stay));
                }
            }
            By::Did | By::Category => {
                let calls = (0..).zip(&self.calls).filter(|(i, call)| period.holds(call.at) && about(*i));
                for (did, call) in calls.filter_map(|(_, call)| Some((call.did.as_ref()?, call))) {
                    let key = match by {
                        By::Did => did.as_str(),
                        _ => call.category.as_ref().map_or("", CategoryId::as_str),
                    };
                    let tally = tally(&mut rows, key, period.interval_of(call.at));
                    tally.count(Some(call.outcome), &call.work, of_call(call));
                }
            }
            By::Agent => {
                for offer in self.offers.iter().filter(|offer| period.holds(offer.at) && about(offer.call)) {
                    let tally = tally(&mut rows, offer.agent.as_str(), period.interval_of(offer.at));
                    tally.count(None, &offer.work, of_offer(offer));
                }
                for span in self.spans.iter().filter(|span| counted(span) && category.is_none()) {
                    for (from, piece) in period.pieces(span.from, span.to.unwrap_or(period.as_of)) {
                        tally(&mut rows, span.agent.as_str(), from).figures.add(&of_span(span, piece));
                    }
                }
            }
        }
        let row = |((key, from), tally): ((String, Timestamp), Tally)| Row {
            key,
            from,
            figures: tally.figures,
            waits: tally.waits.into_iter().collect(),
            lost: tally.lost.into_iter().collect(),
            talks: tally.talks.into_iter().collect(),
        };
        rows.into_iter().map(row).collect()
    }
}

fn tally<'a>(
    rows: &'a mut BTreeMap<(String, Timestamp), Tally>,
    key: &str,
    from: Timestamp,
) -> &'a mut Tally {
    rows.entry((key.to_owned(), from)).or_default()
}

fn counted(span: &Span) -> bool {
    span.state != AgentState::Offline
}

fn of_outcome(outcome: Outcome) -> Figures {
    let mut figures = Figures { offered: 1, ..Figures::default() };
    match outcome {
        Outcome::InProgress => figures.in_progress = 1,
        Outcome::Answered { wait } => {
            (figures.answered, figures.wait_answered, figures.longest_wait) = (1, wait, wait);
        }
        Outcome::Abandoned { wait, stage } => {
            figures.abandoned_at(stage);
            (figures.wait_abandoned, figures.longest_wait) = (wait, wait);
        }
        Outcome::Overflowed { wait, why } => {
            (figures.overflowed, figures.longest_wait) = (1, wait);
            match why {
                Left::Full => figures.overflowed_full = 1,
                Left::NoAgents => figures.overflowed_no_agents = 1,
                Left::WaitLimit => figures.overflowed_wait_limit = 1,
                Left::Emergency => figures.overflowed_emergency = 1,
                Left::Otherwise => {}
            }
        }
    }
    figures
}

fn with_work(figures: Figures, work: &Work) -> Figures {
    let Work { ended, talk, hold, wrap_up } = *work;
    Figures { talk, hold, wrap_up, handled: u64::from(ended), ..figures }
}

fn of_stay(stay: &Stay) -> Figures {
    let mut figures = of_outcome(stay.outcome);
    match stay.outcome {
        Outcome::Answered { wait } if wait <= stay.service_level => figures.within_service_level = 1,
        Outcome::Abandoned { wait, .. } if wait < stay.short_abandon => figures.short_abandoned = 1,
        _ => {}
    }
    with_work(figures, &stay.work)
}

fn of_call(call: &Visit) -> Figures {
    with_work(of_outcome(call.outcome), &call.work)
}

fn of_offer(offer: &Offer) -> Figures {
    let mut figures = Figures { offered: 1, ..Figures::default() };
    match offer.outcome {
        None => figures.in_progress = 1,
        Some(OfferOutcome::Answered) => figures.answered = 1,
        Some(OfferOutcome::NoAnswer) => figures.missed = 1,
        Some(OfferOutcome::Declined) => figures.declined = 1,
        Some(OfferOutcome::CallerLeft) => figures.abandoned = 1,
        Some(OfferOutcome::DeviceOffline | OfferOutcome::MediaFailed | OfferOutcome::Withdrawn) => {
            figures.overflowed = 1;
        }
    }
    with_work(figures, &offer.work)
}

fn of_span(span: &Span, piece: Millis) -> Figures {
    let mut figures = Figures::default();
    match span.state {
        AgentState::Offline => {}
        AgentState::Aux | AgentState::Missed => figures.signed_in = piece,
        AgentState::Available | AgentState::Ringing => (figures.signed_in, figures.staffed) = (piece, piece),
        AgentState::OnCall | AgentState::WrapUp => {
            (figures.signed_in, figures.staffed, figures.busy) = (piece, piece, piece);
        }
    }
    figures
}
