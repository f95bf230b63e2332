//! What is forecast agrees with what can be computed, and says what a manager asks.

use sim::forecast::{Agents, Callers, Forecast, PerHour, Plan, Span, forecast, live};
use stats::{By, Figures, Period, erlang};
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

const HANDLE_S: f64 = 180.0;

/// One queue, `agents` who always answer at once and never write.
fn one_queue(agents: u32, per_hour: f64, patience_s: Option<f64>, hours: u32) -> Plan {
    let queue = r#"{"name": "Support", "wrap_up": "none", "waiting_max": 100000}"#;
    Plan {
        date: None,
        time_zone: None,
        opens: "00:00".to_owned().try_into().unwrap(),
        hours,
        interval_minutes: 60,
        queues: vec![serde_json::from_str(queue).unwrap()],
        agents: vec![Agents {
            name: "Agents".into(),
            count: agents,
            skills: Vec::new(),
            from: None,
            to: None,
            answer: Span::default(),
            missed: 0.0,
            back: Span::default(),
        }],
        callers: vec![Callers {
            queue: Some("Support".into()),
            keys: String::new(),
            per_hour: PerHour::Always(per_hour),
            patience: patience_s.map(Span::exponential),
            talk: Span::exponential(HANDLE_S),
            wrap_up: None,
            priority: 0,
            skills: Vec::new(),
        }],
        flow: None,
        announce_every_s: 0,
        prompt: Span::fixed(5.0),
    }
}

/// The figures of all seeds together.
fn lived(plan: &Plan, seeds: u64) -> Figures {
    plan.validate().unwrap();
    let (next, total) = (AtomicU64::new(0), Mutex::new(Figures::default()));
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < seeds)
                {
                    let day = live(plan, seed);
                    let period = Period { from: day.begins, to: day.ends, as_of: day.ends, interval: 0 };
                    let rows = day.book.report(By::Queue, &period);
                    rows.iter().for_each(|row| total.lock().unwrap().add(&row.figures));
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    assert!(total.balanced() && total.in_progress == 0, "{total:?}");
    total
}

fn average_wait_s(figures: &Figures) -> f64 {
    (figures.wait_answered + figures.wait_abandoned) as f64 / figures.offered as f64 / 1_000.0
}

fn within(percent: f64, found: f64, wanted: f64) {
    let off = 100.0 * (found / wanted - 1.0).abs();
    assert!(off <= percent, "{found} is {off:.2} % off {wanted}");
}

/// A million callers: waits of neighbours are alike, and the mean needs many.
#[test]
fn waits_are_those_of_erlang_c_where_everybody_waits() {
    for (agents, per_hour) in [(1, 10.0), (3, 30.0)] {
        let seeds = 1_000_000 / (1_000 * per_hour as u64);
        let figures = lived(&one_queue(agents, per_hour, None, 1_000), seeds);
        let wanted = erlang::wait(agents, per_hour / 3_600.0, HANDLE_S).unwrap();
        within(2.0, average_wait_s(&figures), wanted);
        assert_eq!(figures.abandoned, 0);
    }
}

#[test]
fn waits_and_abandonment_are_those_of_erlang_a_where_patience_ends() {
    // Too few agents, about enough, and plenty.
    for (agents, per_hour, patience_s) in [(8, 200.0, 120.0), (10, 190.0, 90.0), (6, 110.0, 300.0)] {
        let figures = lived(&one_queue(agents, per_hour, Some(patience_s), 500), 6);
        let wanted = erlang::impatient(agents, per_hour / 3_600.0, HANDLE_S, patience_s);
        within(2.0, average_wait_s(&figures), wanted.wait);
        within(2.0, figures.abandonment().unwrap(), wanted.abandoned);
    }
}

#[test]
fn occupancy_is_the_load_over_the_agents() {
    let plan = one_queue(10, 150.0, None, 500);
    let found = forecast(&plan, 2);
    let agents = found.day.iter().find(|line| line.queue.is_none()).unwrap();
    within(2.0, agents.measures.occupancy.unwrap().mean, 150.0 * HANDLE_S / 3_600.0 / 10.0);
}

/// Few calls, and agents who leave when the last caller of the plan has been served.
#[test]
fn the_patience_of_who_was_served_long_ago_keeps_nobody_at_work() {
    let plan = one_queue(10, 150.0, Some(36_000.0), 8);
    let found = forecast(&plan, 8);
    let agents = found.day.iter().find(|line| line.queue.is_none()).unwrap();
    within(6.0, agents.measures.occupancy.unwrap().mean, 150.0 * HANDLE_S / 3_600.0 / 10.0);
}

#[test]
fn days_on_which_nobody_came_count() {
    let mut plan = one_queue(2, 0.2, None, 1);
    let rare = forecast(&plan, 400);
    let day = rare.day.iter().find(|line| line.queue.is_some()).unwrap().measures.offered.unwrap();
    assert!((0.1..0.3).contains(&day.mean) && day.low == 0.0, "{day:?}");
    within(0.1, rare.contacts, day.mean);
    (plan.hours, plan.interval_minutes) = (23, 1_440);
    within(0.1, plan.contacts(), 0.2 * 23.0);
}

/// Two queues, shifts, a busy hour, a lunch break of nobody, priority and skills.
const DAY: &str = r#"{
    "opens": "08:00", "hours": 4, "interval_minutes": 60,
    "queues": [
        { "name": "Sales", "skills": [{ "name": "sales", "level": 1 }], "service_level_ms": 20000 },
        { "name": "Support", "skills": [{ "name": "support", "level": 1 }], "waiting_max": 3 }
    ],
    "agents": [
        { "name": "Early", "count": 4, "skills": [{ "name": "sales", "level": 5 }], "to": "10:00",
          "answer": { "mean_s": 3, "shape": "fixed" } },
        { "name": "Both", "count": 3, "missed": 0.1,
          "skills": [{ "name": "sales", "level": 3 }, { "name": "support", "level": 5 }] }
    ],
    "callers": [
        { "queue": "Sales", "per_hour": [40, 90, 40, 0], "patience": { "mean_s": 90 },
          "talk": { "mean_s": 200, "shape": "log_normal", "deviation_s": 120 }, "wrap_up": { "mean_s": 20 } },
        { "queue": "Support", "per_hour": 60, "patience": { "values_s": [30, 60, 600] },
          "talk": { "mean_s": 150 } }
    ]
}"#;

fn day() -> Plan {
    let plan: Plan = serde_json::from_str(DAY).unwrap();
    plan.validate().unwrap();
    plan
}

fn line<'a>(found: &'a Forecast, queue: &str, from: i64) -> &'a sim::forecast::Line {
    let wanted =
        |line: &&sim::forecast::Line| line.queue.as_deref() == Some(queue) && line.from_minutes == from;
    found.intervals.iter().find(wanted).unwrap_or_else(|| panic!("{queue} at {from}"))
}

#[test]
fn a_day_is_told_by_queue_and_interval_with_its_range() {
    let found = forecast(&day(), 10);
    let offered = |queue, from| line(&found, queue, from).measures.offered.unwrap();
    let busy = offered("Sales", 9 * 60);
    assert!(busy.low < 90.0 && 90.0 < busy.high && (80.0..100.0).contains(&busy.mean), "{busy:?}");
    let answered_late = line(&found, "Sales", 10 * 60).measures.service_level.unwrap().mean;
    let answered_early = line(&found, "Sales", 8 * 60).measures.service_level.unwrap().mean;
    assert!(answered_late < answered_early, "four agents left at ten");
    let support = found.day.iter().find(|line| line.queue.as_deref() == Some("Support")).unwrap();
    assert!(support.measures.overflowed.unwrap().mean > 0.0, "three may wait");
    assert!(support.measures.abandonment.unwrap().high < 1.0);
    assert!(found.intervals.iter().all(|line| (480..1_440).contains(&line.from_minutes)));
}

#[test]
fn the_same_seeds_tell_the_same_and_more_agents_serve_better() {
    let (plan, mut more) = (day(), day());
    assert_eq!(forecast(&plan, 3), forecast(&plan, 3));
    more.agents[1].count += 3;
    let level = |plan: &Plan| {
        let day = forecast(plan, 10).day;
        day.iter().find(|line| line.queue.as_deref() == Some("Support")).unwrap().measures.service_level
    };
    assert!(level(&more).unwrap().mean > level(&plan).unwrap().mean + 0.05);
}

#[test]
fn who_let_it_ring_is_back_after_a_while() {
    let mut plan = one_queue(2, 30.0, Some(120.0), 12);
    (plan.agents[0].missed, plan.agents[0].back) = (0.5, Span::fixed(60.0));
    let found = forecast(&plan, 1);
    let queue = found.intervals.iter().filter(|line| line.queue.is_some());
    assert!(queue.clone().count() >= 12);
    assert!(queue.take(12).all(|line| line.measures.answered.unwrap().mean > 0.0), "{found:#?}");
}

#[test]
fn callers_may_come_through_a_flow() {
    let mut plan = day();
    let flow = r#"{ "name": "Menu", "language": "en", "start": "menu", "nodes": {
        "menu": { "type": "menu", "label": "Menu", "say": [{ "text": "Press two." }],
                  "choices": { "2": "wait" }, "attempts": 2, "no_input": "bye", "no_match": "bye" },
        "wait": { "type": "queue", "label": "Support", "queue": "que_00000000000000000000000002",
                  "overflow": "sorry" },
        "sorry": { "type": "play", "label": "Sorry", "say": [{ "text": "Sorry." }], "next": "bye" },
        "bye": { "type": "hangup" } } }"#;
    plan.flow = Some(serde_json::from_str(flow).unwrap());
    plan.callers[1].queue = None;
    plan.callers[1].keys = "92".into();
    plan.callers[0].queue = None;
    plan.validate().unwrap();
    let found = forecast(&plan, 2);
    let offered = |queue: &str| found.day.iter().find(|line| line.queue.as_deref() == Some(queue));
    assert!(
        offered("Support").unwrap().measures.offered.unwrap().mean > 150.0,
        "a wrong key, then the right one"
    );
    assert!(offered("Sales").is_none(), "who presses nothing hears goodbye");
}

#[test]
fn a_flow_that_goes_by_the_hour_lives_on_the_day_that_the_plan_says() {
    let mut plan = one_queue(4, 60.0, None, 3);
    let flow = r#"{ "name": "Front", "language": "en", "start": "hours", "nodes": {
        "hours": { "type": "hours", "label": "Hours", "time_zone": "Europe/Bucharest", "open": "wait", "closed": "bye",
                   "weekly": [{ "days": ["mon"], "from": "09:00", "to": "10:00" }] },
        "wait": { "type": "queue", "label": "Support", "queue": "que_00000000000000000000000001",
                  "overflow": "bye" },
        "bye": { "type": "hangup" } } }"#;
    plan.flow = Some(serde_json::from_str(flow).unwrap());
    (plan.callers[0].queue, plan.opens) = (None, "08:00".to_owned().try_into().unwrap());
    let places = |plan: &Plan| plan.validate().unwrap_err()[0].place.clone();
    assert_eq!(places(&plan), "date");
    // A Monday; then a Sunday.
    plan.date = Some("2026-11-23".to_owned().try_into().unwrap());
    assert_eq!(places(&plan), "time_zone");
    plan.time_zone = Some("Europe/Bucharest".into());
    plan.validate().unwrap();
    let found = forecast(&plan, 3);
    let busy: Vec<i64> =
        found.intervals.iter().filter(|l| l.queue.is_some()).map(|l| l.from_minutes).collect();
    assert_eq!(busy, [9 * 60]);
    plan.date = Some("2026-11-22".to_owned().try_into().unwrap());
    assert_eq!(forecast(&plan, 3).contacts, 0.0);
    plan.queues[0].name = "Elsewhere".into();
    plan.flow = Some(serde_json::from_str(&flow.replace("0001", "0009")).unwrap());
    assert_eq!(places(&plan), "flow.nodes.wait.queue");
}

#[test]
fn what_is_wrong_with_a_plan_is_named_with_its_place() {
    let mut plan = day();
    plan.hours = 0;
    plan.queues[1].name = "Sales".into();
    plan.agents[0].missed = 2.0;
    plan.agents[1].from = Some("07:45".to_owned().try_into().unwrap());
    plan.callers[0].per_hour = PerHour::ByInterval(Vec::new());
    plan.callers[1].talk = Span::fixed(-1.0);
    let places: Vec<String> = plan.validate().unwrap_err().into_iter().map(|p| p.place).collect();
    let wanted = [
        "hours",
        "queues[1].name",
        "agents[0].missed",
        "agents[1].from",
        "callers[0].per_hour",
        "callers[1].queue",
        "callers[1].talk",
    ];
    assert_eq!(places, wanted);
}

/// Of the first announcements of a wait, the share that was not too short;
/// and how many there were. Who gave up sooner says nothing.
fn kept(plan: &Plan, seeds: u64) -> (f64, usize) {
    plan.validate().unwrap();
    let (mut kept, mut all) = (0, 0);
    for told in (0..seeds).flat_map(|seed| live(plan, seed).told) {
        let places: Vec<u32> = told.heard.iter().map(|heard| heard.position).collect();
        assert!(places.is_sorted_by(|a, b| a >= b), "nobody hears of a worse place: {places:?}");
        let Some((at, wait)) = told.heard.iter().find_map(|heard| Some((heard.at, heard.wait?))) else {
            continue;
        };
        let waited = told.answered.unwrap_or(told.ended).since(at);
        if told.answered.is_some() || waited > wait {
            (kept, all) = (kept + usize::from(waited <= wait), all + 1);
        }
    }
    (kept as f64 / all as f64, all)
}

/// Proves A010.
#[test]
fn the_wait_that_is_announced_covers_what_comes_for_eighty_of_a_hundred() {
    // More come than can be served, and give up; talks are long for a few.
    let mut crowded = one_queue(12, 280.0, Some(240.0), 12);
    crowded.callers[0].talk = Span {
        mean_s: 200.0,
        shape: sim::forecast::Shape::LogNormal,
        deviation_s: Some(160.0),
        ..Span::default()
    };
    // Nobody gives up; important callers come first and push others back.
    let mut patient = one_queue(6, 108.0, None, 48);
    let important = Callers { per_hour: PerHour::Always(8.0), priority: 5, ..patient.callers[0].clone() };
    patient.callers.push(important);
    // Two queues share agents, a shift ends, a busy hour comes.
    let mut shared = day();
    shared.hours = 24;
    shared.callers[0].per_hour = PerHour::ByInterval(vec![40.0, 90.0, 40.0]);
    shared.queues[1].waiting_max = 30;
    // Half of the callers are sent elsewhere after a minute.
    let mut limited = one_queue(8, 200.0, None, 24);
    limited.queues[0].wait_max_ms = 60_000;
    for (plan, seeds) in [(&mut crowded, 2), (&mut patient, 2), (&mut shared, 3), (&mut limited, 2)] {
        plan.announce_every_s = 10;
        let (share, told) = kept(plan, seeds);
        assert!(told >= 1_000, "{told} were told");
        assert!((0.75..=0.85).contains(&share), "{share} of {told}");
    }
}
