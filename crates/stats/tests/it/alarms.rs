//! Thresholds: raised once, ended once.

use proptest::prelude::*;
use stats::alarm::{Alarm, Limit, Turn};
use types::{Timestamp, config::Measure};

fn limit(measure: Measure, at: i64, lasts: i64) -> Limit {
    Limit { measure, at, lasts }
}

/// What is told, second by second.
fn told(limit: &Limit, values: &[Option<i64>]) -> Vec<(usize, Turn)> {
    let mut alarm = Alarm::default();
    let look = |(second, value): (usize, &Option<i64>)| {
        let now = Timestamp::from_millis(second as i64 * 1_000);
        alarm.look(limit, now, *value).map(|turn| (second, turn))
    };
    values.iter().enumerate().filter_map(look).collect()
}

#[test]
fn what_does_not_last_is_told_nobody() {
    let limit = limit(Measure::Waiting, 5, 3_000);
    let values = [5, 6, 4, 5, 5, 5, 5].map(Some);
    assert_eq!(told(&limit, &values), [(6, Turn::Raised)], "three seconds without a break");
}

#[test]
fn a_figure_that_wavers_about_the_threshold_raises_one_alarm() {
    let limit = limit(Measure::LongestWait, 60_000, 0);
    let values = [59_000, 60_000, 59_000, 61_000, 55_000, 60_500, 54_000, 30_000].map(Some);
    assert_eq!(told(&limit, &values), [(1, Turn::Raised), (6, Turn::Ended)]);
}

#[test]
fn too_few_are_an_alarm_and_nothing_to_measure_is_none() {
    let free = limit(Measure::FreeAgents, 2, 0);
    assert_eq!(told(&free, &[2, 1, 1, 2].map(Some)), [(1, Turn::Raised), (3, Turn::Ended)]);
    let level = limit(Measure::ServiceLevel, 80, 0);
    let values = [None, Some(80), Some(79), Some(82), Some(87)];
    assert_eq!(told(&level, &values), [(2, Turn::Raised), (4, Turn::Ended)]);
    assert_eq!(told(&level, &[Some(10), None]), [(0, Turn::Raised), (1, Turn::Ended)]);
    let strict = limit(Measure::ServiceLevel, 100, 0);
    assert_eq!(told(&strict, &[99, 100].map(Some)), [(0, Turn::Raised), (1, Turn::Ended)]);
}

#[test]
fn an_alarm_that_was_on_before_a_restart_is_not_raised_again() {
    let limit = limit(Measure::Waiting, 5, 0);
    let mut alarm = Alarm::raised();
    let at = Timestamp::from_millis;
    assert_eq!(alarm.look(&limit, at(1), Some(9)), None);
    assert_eq!(alarm.look(&limit, at(2), Some(0)), Some(Turn::Ended));
    assert!(!alarm.is_raised());
}

proptest! {
    #[test]
    fn raised_and_ended_take_turns(
        at in 1i64..20,
        lasts in 0i64..5_000,
        upper: bool,
        values in proptest::collection::vec(proptest::option::of(0i64..30), 0..200),
    ) {
        let measure = if upper { Measure::Waiting } else { Measure::FreeAgents };
        let limit = limit(measure, at, lasts);
        let told = told(&limit, &values);
        for (n, (second, turn)) in told.iter().enumerate() {
            let wanted = if n.is_multiple_of(2) { Turn::Raised } else { Turn::Ended };
            prop_assert_eq!(*turn, wanted);
            // It is never told of a figure that says otherwise.
            match (turn, values[*second]) {
                (Turn::Raised, value) => prop_assert!(value.is_some_and(|value| limit.crossed(value))),
                (Turn::Ended, value) => prop_assert!(value.is_none_or(|value| !limit.crossed(value))),
            }
        }
    }
}
