//! The figures once more, from what happened and not from what was told.

use crate::{
    telephony::{Line, Stay},
    world::World,
};
use stats::{By, Figures, Period, Row};
use std::collections::BTreeMap;
use types::*;

/// What is counted for one row.
#[derive(Default)]
struct Counted {
    figures: Figures,
    /// Waits of the answered, and of those who hung up.
    waits: Vec<Millis>,
    lost: Vec<Millis>,
    talks: Vec<Millis>,
}

type Rows = BTreeMap<(String, Timestamp), Counted>;

impl World {
    pub(crate) fn oracle(&self, by: By, period: &Period) -> Vec<Row> {
        let mut rows = Rows::new();
        for line in &self.lines {
            match by {
                By::Did => self.count_call(line, period, &mut rows),
                By::Queue => self.count_stays(line, period, &mut rows),
                By::Agent => self.count_offers(line, period, &mut rows),
                By::Category => {}
            }
        }
        if matches!(by, By::Agent) {
            self.count_states(period, &mut rows);
        }
        let row = |((key, from), of): ((String, Timestamp), Counted)| Row {
            key,
            from,
            figures: of.figures,
            waits: of.waits.into_iter().collect(),
            lost: of.lost.into_iter().collect(),
            talks: of.talks.into_iter().collect(),
        };
        rows.into_iter().map(row).collect()
    }

    fn count_call(&self, line: &Line, period: &Period, rows: &mut Rows) {
        let truth = &line.truth;
        let counted = row(rows, truth.did.as_str(), truth.at, period);
        let until = truth.answered.as_ref().map(|(at, ..)| *at).or(truth.ended).unwrap_or(self.now);
        let left = |stay: &Stay| stay.left.as_ref().map_or(until, |(at, _)| *at);
        let wait = truth.stays.iter().map(|stay| left(stay) - stay.at).sum();
        outcome(line, wait, counted);
        let Counted { figures, talks, .. } = counted;
        if truth.answered.is_some() {
            talks.push(talk(line));
            (figures.talk, figures.hold) = (figures.talk + talk(line), figures.hold + truth.hold);
            figures.handled += 1;
        }
    }

    fn count_stays(&self, line: &Line, period: &Period, rows: &mut Rows) {
        let truth = &line.truth;
        for stay in &truth.stays {
            let config = &self.queues.iter().find(|(id, _)| *id == stay.queue).expect("the queue").1;
            let counted = row(rows, stay.queue.as_str(), stay.at, period);
            let figures = &mut counted.figures;
            if let Some((left, why)) = &stay.left {
                figures.offered += 1;
                figures.overflowed += 1;
                figures.overflowed_full += u64::from(why == "queue_full");
                figures.overflowed_no_agents += u64::from(why == "no_agents");
                figures.overflowed_wait_limit += u64::from(why == "wait_limit");
                figures.overflowed_emergency += u64::from(why == "emergency");
                figures.longest_wait = figures.longest_wait.max(*left - stay.at);
                continue;
            }
            let until = truth.answered.as_ref().map(|(at, ..)| *at).or(truth.ended).unwrap_or(self.now);
            let wait = until - stay.at;
            outcome(line, wait, counted);
            let Counted { figures, talks, .. } = counted;
            match truth.answered {
                Some(_) => {
                    talks.push(talk(line));
                    figures.within_service_level += u64::from(wait <= config.service_level_ms);
                    figures.handled += 1;
                    figures.talk += talk(line);
                    figures.hold += truth.hold;
                    figures.wrap_up += self.wrapped_up(line);
                }
                None if truth.by == Some(Party::Caller) => {
                    figures.short_abandoned += u64::from(wait < config.short_abandon_ms);
                }
                None => {}
            }
        }
        // By number and agent stages are told by `outcome`, by queue too.
    }

    fn count_offers(&self, line: &Line, period: &Period, rows: &mut Rows) {
        for offer in &line.truth.offers {
            let Counted { figures, talks, .. } =
                row(rows, self.desks[offer.desk].id.as_str(), offer.at, period);
            figures.offered += 1;
            match offer.outcome {
                None => figures.in_progress += 1,
                Some(OfferOutcome::NoAnswer) => figures.missed += 1,
                Some(OfferOutcome::Declined) => figures.declined += 1,
                Some(OfferOutcome::CallerLeft) => figures.abandoned += 1,
                Some(OfferOutcome::Answered) => {
                    talks.push(talk(line));
                    figures.answered += 1;
                    figures.handled += 1;
                    figures.talk += talk(line);
                    figures.hold += line.truth.hold;
                    figures.wrap_up += self.wrapped_up(line);
                }
                Some(_) => figures.overflowed += 1,
            }
        }
    }

    /// How long the agent was seen in wrap-up for this call.
    fn wrapped_up(&self, line: &Line) -> Millis {
        let call = line.call.id();
        let Some((_, desk, _)) = line.truth.answered else { return 0 };
        let spans = &self.desks[desk].spans;
        let ends = spans.iter().skip(1).map(|span| span.2).chain([self.now]);
        let of_call = spans
            .iter()
            .zip(ends)
            // What the ACD's death cut short was never told.
            .filter(|(_, end)| !self.acd_begins.contains(end))
            .filter(|(span, _)| span.0 == AgentState::WrapUp && span.1.as_ref() == Some(call));
        of_call.map(|(span, end)| end - span.2).sum()
    }

    fn count_states(&self, period: &Period, rows: &mut Rows) {
        for desk in &self.desks {
            let ends = desk.spans.iter().skip(1).map(|span| span.2).chain([self.now]);
            for ((state, _, from), end) in desk.spans.iter().zip(ends) {
                let mut from = *from;
                while from < end && *state != AgentState::Offline {
                    let border = match period.interval {
                        0 => end,
                        interval => interval_of(from, period) + interval,
                    };
                    let spent = border.min(end) - from;
                    let figures = &mut row(rows, desk.id.as_str(), from, period).figures;
                    figures.signed_in += spent;
                    let busy = matches!(state, AgentState::OnCall | AgentState::WrapUp);
                    let away = matches!(state, AgentState::Aux | AgentState::Missed);
                    figures.busy += if busy { spent } else { 0 };
                    figures.staffed += if away { 0 } else { spent };
                    from = from + spent;
                }
            }
        }
    }
}

fn talk(line: &Line) -> Millis {
    let since = line.truth.answered.as_ref().map(|(at, ..)| *at);
    line.truth.ended.zip(since).map_or(0, |(ended, since)| ended - since)
}

fn interval_of(at: Timestamp, period: &Period) -> Timestamp {
    match period.interval {
        0 => period.from,
        interval => at + -((at - period.from) % interval),
    }
}

fn row<'a>(rows: &'a mut Rows, key: &str, at: Timestamp, period: &Period) -> &'a mut Counted {
    rows.entry((key.to_owned(), interval_of(at, period))).or_default()
}

/// What came of a call, or of its last stay.
fn outcome(line: &Line, wait: Millis, counted: &mut Counted) {
    let (truth, figures) = (&line.truth, &mut counted.figures);
    figures.offered += 1;
    figures.longest_wait = figures.longest_wait.max(wait);
    match (&truth.answered, truth.by) {
        (Some(_), _) => {
            figures.answered += 1;
            figures.wait_answered += wait;
            counted.waits.push(wait);
        }
        (None, Some(Party::Caller)) => {
            figures.abandoned += 1;
            figures.wait_abandoned += wait;
            counted.lost.push(wait);
            match truth.stage {
                Stage::Menu => figures.abandoned_menu += 1,
                Stage::Queue => figures.abandoned_queue += 1,
                Stage::Ringing => figures.abandoned_ringing += 1,
                _ => figures.abandoned_greeting += 1,
            }
        }
        _ => figures.overflowed += 1,
    }
}
