//! Open or closed, by the clock on the wall.

use crate::{flow, places};
use chrono::{TimeZone, Utc};
use flow::{Flow, Input, step};
use serde_json::{Value, json};
use types::Timestamp;

fn play(text: &str) -> Value {
    json!({ "type": "play", "label": text, "say": [{ "text": text }], "next": "bye" })
}

fn company(weekly: Value, holidays: Value) -> Flow {
    let hours = json!({ "type": "hours", "label": "Hours", "time_zone": "Europe/Bucharest", "weekly": weekly,
                        "holidays": holidays, "open": "open", "closed": "closed", "holiday": "holiday" });
    let nodes = json!({ "hours": hours, "open": play("open"), "closed": play("closed"),
                        "holiday": play("holiday"), "bye": { "type": "hangup" } });
    flow("hours", nodes)
}

/// Where a call goes at this time of UTC.
fn at(flow: &Flow, time: &str) -> String {
    let time = chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M").unwrap();
    let now = Timestamp::from_millis(Utc.from_utc_datetime(&time).timestamp_millis());
    let start = Input::Start { caller: String::new(), number: String::new(), country: None };
    step(flow, None, &start, now).unwrap().place.node
}

fn weekdays() -> Value {
    json!([{ "days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00" }])
}

#[test]
fn opening_hours_are_those_of_the_time_zone_in_summer_and_in_winter() {
    let flow = company(weekdays(), json!([]));
    assert_eq!(flow.validate(), Ok(()));
    // Bucharest is two hours ahead of UTC in winter, three in summer.
    for (time, wanted) in [
        ("2026-01-05 06:59", "closed"),
        ("2026-01-05 07:00", "open"),
        ("2026-01-05 15:59", "open"),
        ("2026-01-05 16:00", "closed"),
        ("2026-07-06 06:00", "open"),
        ("2026-07-06 15:00", "closed"),
        ("2026-07-05 09:00", "closed"),
    ] {
        assert_eq!(at(&flow, time), wanted, "{time}");
    }
}

#[test]
fn a_holiday_comes_before_the_week_once_or_every_year() {
    let holidays = json!([{ "date": "12-25", "name": "Christmas" }, { "date": "2026-04-13" }]);
    let mut flow = company(weekdays(), holidays);
    for (time, wanted) in [
        ("2026-12-25 10:00", "holiday"),
        ("2028-12-25 10:00", "holiday"),
        ("2026-04-13 10:00", "holiday"),
        ("2027-04-13 10:00", "open"),
        // Still the 24th in UTC, the 25th in Bucharest.
        ("2025-12-24 22:30", "holiday"),
    ] {
        assert_eq!(at(&flow, time), wanted, "{time}");
    }
    let Some(flow::Node::Hours(hours)) = flow.nodes.get_mut("hours") else { panic!("hours") };
    hours.holiday = None;
    assert_eq!(at(&flow, "2026-12-25 10:00"), "closed");
}

#[test]
fn a_night_shift_reaches_into_the_next_day() {
    let night = json!([{ "days": ["fri"], "from": "22:00", "to": "06:00" },
                       { "days": ["sun"], "from": "00:00", "to": "24:00" }]);
    let flow = company(night, json!([]));
    // 2026-01-09 is a Friday.
    for (time, wanted) in [
        ("2026-01-09 02:00", "closed"),
        ("2026-01-09 20:00", "open"),
        ("2026-01-10 03:59", "open"),
        ("2026-01-10 04:00", "closed"),
        ("2026-01-10 22:00", "open"),
        ("2026-01-11 21:59", "open"),
        ("2026-01-11 22:00", "closed"),
    ] {
        assert_eq!(at(&flow, time), wanted, "{time}");
    }
}

#[test]
fn what_is_wrong_with_hours_is_named_with_its_place() {
    let mut flow = company(json!([{ "days": [], "from": "09:00", "to": "18:00" }]), json!([]));
    let Some(flow::Node::Hours(hours)) = flow.nodes.get_mut("hours") else { panic!("hours") };
    hours.time_zone = "Europe/Atlantis".into();
    hours.holiday = Some("beach".into());
    let wanted = ["nodes.hours.holiday", "nodes.hours.time_zone", "nodes.hours.weekly[0]", "nodes.holiday"];
    assert_eq!(places(&flow), wanted);
    for wrong in ["9:00", "25:00", "12:60", "24:01", "noon"] {
        let period = json!({ "days": ["mon"], "from": wrong, "to": "18:00" });
        assert!(serde_json::from_value::<flow::Period>(period).is_err(), "{wrong}");
    }
    for wrong in ["2026-02-30", "13-01", "25.12.2026", "12-5"] {
        assert!(serde_json::from_value::<flow::Holiday>(json!({ "date": wrong })).is_err(), "{wrong}");
    }
}
