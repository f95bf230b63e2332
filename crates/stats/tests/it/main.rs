//! Facts told by hand, figures checked by hand.

mod alarms;

use stats::{Book, By, Figures, Period};
use types::{
    fact::{AgentEvent, AgentFact, CallEvent, CallFact},
    *,
};

const SECOND: Millis = 1_000;

struct Story {
    book: Book,
    facts: Vec<CallFact>,
    calls: u128,
}

fn t(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * SECOND)
}

fn queue() -> QueueId {
    QueueId::new(t(0), 1)
}

fn agent() -> AgentId {
    AgentId::new(t(0), 1)
}

impl Story {
    fn new() -> Story {
        Story { book: Book::new(), facts: Vec::new(), calls: 0 }
    }

    /// A call whose events come at the given seconds, after `Offered` at the first.
    fn call(&mut self, events: impl IntoIterator<Item = (i64, CallEvent)>) {
        self.calls += 1;
        let call = CallId::new(t(0), self.calls);
        for (seq, (at, event)) in events.into_iter().enumerate() {
            let fact = CallFact { call: call.clone(), seq: seq as u32, at: t(at), event };
            self.book.call(&fact);
            self.facts.push(fact);
        }
    }

    fn figures(&self, by: By) -> Figures {
        let period = Period { from: t(0), to: t(3_600), as_of: t(3_600), interval: 0 };
        let mut total = Figures::default();
        self.book.report(by, &period).iter().for_each(|row| total.add(&row.figures));
        assert!(total.balanced(), "{total:?}");
        total
    }
}

fn offered() -> CallEvent {
    CallEvent::Offered {
        from: "+1555".into(),
        caller_name: None,
        did: "+99912345678".parse().unwrap(),
        did_label: "Main".into(),
        trunk: TrunkId::new(t(0), 1),
        flow: FlowId::new(t(0), 1),
        auto_connect: true,
    }
}

fn enqueued() -> CallEvent {
    CallEvent::Enqueued { queue: queue(), priority: 0, service_level: 20 * SECOND, short_abandon: 5 * SECOND }
}

fn rings(attempt: u32) -> CallEvent {
    let reservation = ReservationId::new(t(0), u128::from(attempt));
    CallEvent::AgentOffered { queue: queue(), agent: agent(), reservation, attempt }
}

fn rang(outcome: OfferOutcome) -> CallEvent {
    let reservation = ReservationId::new(t(0), 1);
    CallEvent::OfferEnded { queue: queue(), agent: agent(), reservation, outcome, ring: SECOND }
}

fn talks(wait: i64) -> CallEvent {
    CallEvent::AgentConnected { queue: queue(), agent: agent(), wait: wait * SECOND, attempt: 1 }
}

fn ended(by: Party, stage: Stage, wait: i64, talk: i64, hold: i64) -> CallEvent {
    let (wait, talk, hold) = (wait * SECOND, talk * SECOND, hold * SECOND);
    CallEvent::Ended {
        cause: HangupCause::Normal,
        by,
        stage,
        queue: None,
        agent: None,
        wait,
        talk,
        hold,
        duration: wait + talk,
    }
}

/// One answered in time, one late, one abandoned soon, one late while ringing,
/// one in the menu, one that still waits.
fn a_day() -> Story {
    let mut story = Story::new();
    for (at, wait) in [(0, 10), (100, 30)] {
        story.call([
            (at, offered()),
            (at, enqueued()),
            (at, rings(1)),
            (at + wait, rang(OfferOutcome::Answered)),
            (at + wait, talks(wait)),
            (at + wait + 60, ended(Party::Caller, Stage::Talking, wait, 60, 5)),
        ]);
    }
    story.call([(200, offered()), (200, enqueued()), (202, ended(Party::Caller, Stage::Queue, 2, 0, 0))]);
    story.call([
        (300, offered()),
        (300, enqueued()),
        (310, rings(1)),
        (340, rang(OfferOutcome::CallerLeft)),
        (340, ended(Party::Caller, Stage::Ringing, 40, 0, 0)),
    ]);
    story.call([(400, offered()), (405, ended(Party::Caller, Stage::Menu, 0, 0, 0))]);
    story.call([(500, offered()), (500, enqueued())]);
    story
}

/// A021, A168, A171, A172: offered, answered, ASA, lost calls, waits.
#[test]
fn a_queues_figures_follow_from_its_stays() {
    let figures = a_day().figures(By::Queue);
    let counts = (figures.offered, figures.answered, figures.abandoned, figures.in_progress);
    assert_eq!(counts, (5, 2, 2, 1));
    assert_eq!((figures.short_abandoned, figures.within_service_level), (1, 1));
    assert_eq!(figures.asa(), Some(20_000.0));
    assert_eq!(figures.service_level(), Some(1.0 / 3.0));
    assert_eq!((figures.wait_abandoned, figures.longest_wait), (42 * SECOND, 40 * SECOND));
    assert_eq!((figures.talk, figures.hold, figures.handled), (120 * SECOND, 10 * SECOND, 2));
}

#[test]
fn a_numbers_figures_say_where_callers_were_lost() {
    let figures = a_day().figures(By::Did);
    assert_eq!((figures.offered, figures.answered, figures.abandoned), (6, 2, 3));
    let lost = (figures.abandoned_menu, figures.abandoned_queue, figures.abandoned_ringing);
    assert_eq!(lost, (1, 1, 1));
}

#[test]
fn facts_that_come_twice_count_once() {
    let mut story = a_day();
    let before = story.book.clone();
    let again = story.facts.clone();
    again.iter().for_each(|fact| story.book.call(fact));
    assert_eq!(story.book, before);
}

/// A169: handled per agent; state times sum to the signed-in time.
#[test]
fn an_agents_day_is_cut_at_the_borders_of_the_intervals() {
    let mut story = a_day();
    let states = [
        (0, AgentState::Offline, AgentState::Available),
        (600, AgentState::Available, AgentState::OnCall),
        (1_200, AgentState::OnCall, AgentState::WrapUp),
        (1_500, AgentState::WrapUp, AgentState::Aux),
        (2_100, AgentState::Aux, AgentState::Offline),
    ];
    for (seq, (at, from, to)) in states.into_iter().enumerate() {
        let event = AgentEvent::StateChanged {
            from,
            to,
            spent: 0,
            reason: None,
            call: None,
            queue: None,
            by: Party::Agent,
        };
        story.book.agent(&AgentFact { agent: agent(), seq: seq as u64 + 1, at: t(at), event });
    }
    let figures = story.figures(By::Agent);
    assert_eq!((figures.signed_in, figures.staffed, figures.busy), (2_100_000, 1_500_000, 900_000));
    assert_eq!(figures.occupancy(), Some(0.6));
    assert_eq!((figures.offered, figures.answered, figures.abandoned), (3, 2, 1));
    let period = Period { from: t(0), to: t(3_600), as_of: t(3_600), interval: 900 * SECOND };
    let rows = story.book.report(By::Agent, &period);
    let signed_in: Vec<Millis> = rows.iter().map(|row| row.figures.signed_in / SECOND).collect();
    assert_eq!(signed_in, [900, 900, 300]);
}

fn wrapped_up(spent: i64) -> AgentFact {
    let (call, spent) = (CallId::new(t(0), 1), spent * SECOND);
    let event = AgentEvent::WrappedUp {
        call,
        queue: queue(),
        disposition: None,
        note: None,
        spent,
        timed_out: false,
    };
    AgentFact { agent: agent(), seq: 1, at: t(99), event }
}

/// Calls and agents are told on two topics, without an order between them.
#[test]
fn a_wrap_up_that_is_told_before_its_call_counts_all_the_same() {
    let answered = || {
        [(0, offered()), (1, enqueued()), (2, rings(1)), (4, rang(OfferOutcome::Answered)), (4, talks(3))]
            .into_iter()
            .chain([(60, ended(Party::Caller, Stage::Talking, 3, 56, 0))])
    };
    let (mut after, mut before, mut between) = (Story::new(), Story::new(), Story::new());
    after.call(answered());
    after.book.agent(&wrapped_up(7));
    before.book.agent(&wrapped_up(7));
    before.call(answered());
    between.call(answered().take(5));
    between.book.agent(&wrapped_up(7));
    between.calls = 0;
    between.call(answered());
    for story in [after, before, between] {
        for by in [By::Queue, By::Agent] {
            assert_eq!(story.figures(by).wrap_up, 7 * SECOND);
        }
    }
}

#[test]
fn a_caller_of_two_queues_waits_for_each_in_its_own_and_for_the_number_in_both() {
    let overflowed =
        || CallEvent::Overflowed { queue: queue(), wait: 10 * SECOND, reason: "queue_deleted".into() };
    let mut story = Story::new();
    let two = || [(0, offered()), (0, enqueued()), (10, overflowed()), (11, enqueued())].into_iter();
    story.call(two().chain([(14, ended(Party::Caller, Stage::Queue, 13, 0, 0))]));
    let (queue, did) = (story.figures(By::Queue), story.figures(By::Did));
    assert_eq!((queue.wait_abandoned, queue.short_abandoned), (3 * SECOND, 1));
    assert_eq!(did.wait_abandoned, 13 * SECOND);
    story.call(two().chain([(12, rings(1)), (15, rang(OfferOutcome::Answered)), (15, talks(4))]));
    assert_eq!(story.figures(By::Queue).wait_answered, 4 * SECOND);
    assert_eq!(story.figures(By::Did).wait_answered, 14 * SECOND);
}

/// A call that an agent answers after ten seconds.
fn answered() -> impl Iterator<Item = (i64, CallEvent)> {
    [(0, offered()), (0, enqueued()), (0, rings(1)), (10, rang(OfferOutcome::Answered)), (10, talks(10))]
        .into_iter()
}

fn other() -> AgentId {
    AgentId::new(t(0), 2)
}

fn held(seconds: i64) -> CallEvent {
    CallEvent::Retrieved { by: Party::Agent, held: seconds * SECOND }
}

fn transferred(to: Target, talk: i64, hold: i64) -> CallEvent {
    CallEvent::Transferred { from: Some(agent()), to, talk: talk * SECOND, hold: hold * SECOND }
}

/// A169: a transferred call counts once for each agent who handled it, and once in total.
#[test]
fn a_transferred_call_counts_once_per_handling_agent_and_once_in_total() {
    let mut story = Story::new();
    story.call(answered().chain([
        (40, held(5)),
        (40, transferred(Target::Agent { agent: other() }, 30, 5)),
        (60, held(7)),
        (100, ended(Party::Caller, Stage::Talking, 10, 90, 12)),
    ]));
    let queue = story.figures(By::Queue);
    assert_eq!((queue.offered, queue.answered, queue.handled), (1, 1, 1));
    assert_eq!((queue.talk, queue.hold), (90 * SECOND, 12 * SECOND));
    let did = story.figures(By::Did);
    assert_eq!((did.offered, did.answered, did.handled, did.talk), (1, 1, 1, 90 * SECOND));
    let period = Period { from: t(0), to: t(3_600), as_of: t(3_600), interval: 0 };
    let rows = story.book.report(By::Agent, &period);
    let of = |id: AgentId| rows.iter().find(|row| row.key == id.as_str()).unwrap().figures;
    let (first, second) = (of(agent()), of(other()));
    assert_eq!((first.offered, first.answered, first.handled), (1, 1, 1));
    assert_eq!((second.offered, second.answered, second.handled), (1, 1, 1));
    assert_eq!((first.talk, first.hold), (30 * SECOND, 5 * SECOND));
    assert_eq!((second.talk, second.hold), (60 * SECOND, 7 * SECOND));
}

/// The first agent hangs up a second after the transfer, the colleague rings for 20 s.
#[test]
fn who_answers_a_transfer_has_no_share_in_its_ringing() {
    let mut story = Story::new();
    story.call(answered().chain([
        (61, held(21)),
        (61, transferred(Target::Agent { agent: other() }, 31, 1)),
        (121, ended(Party::Caller, Stage::Talking, 10, 111, 21)),
    ]));
    let period = Period { from: t(0), to: t(3_600), as_of: t(3_600), interval: 0 };
    let rows = story.book.report(By::Agent, &period);
    let of = |id: AgentId| rows.iter().find(|row| row.key == id.as_str()).unwrap().figures;
    let (first, second) = (of(agent()), of(other()));
    assert_eq!((first.talk, first.hold), (31 * SECOND, SECOND));
    assert_eq!((second.talk, second.hold), (60 * SECOND, 0));
    let queue = story.figures(By::Queue);
    assert_eq!((queue.talk, queue.hold), (111 * SECOND, 21 * SECOND), "the caller's whole time");
}

#[test]
fn a_call_transferred_to_a_queue_stays_there_once_more() {
    let mut story = Story::new();
    story.call(answered().chain([
        (40, transferred(Target::Queue { queue: queue() }, 30, 0)),
        (40, enqueued()),
        (65, ended(Party::Caller, Stage::Queue, 35, 30, 0)),
    ]));
    let queue = story.figures(By::Queue);
    assert_eq!((queue.offered, queue.answered, queue.abandoned), (2, 1, 1));
    assert_eq!((queue.talk, queue.wait_abandoned), (30 * SECOND, 25 * SECOND));
    let did = story.figures(By::Did);
    assert_eq!((did.offered, did.answered, did.abandoned, did.talk), (1, 1, 0, 30 * SECOND));
    let agents = story.figures(By::Agent);
    assert_eq!((agents.offered, agents.handled, agents.talk), (1, 1, 30 * SECOND));
}

#[test]
fn a_customer_whom_an_agent_called_counts_in_the_queue_and_for_no_number() {
    let mut story = Story::new();
    let to = Target::Number { number: "+36201234567".parse().unwrap() };
    let placed = || CallEvent::Placed { agent: other(), to: to.clone(), from: String::new(), callback: None };
    let leg = LegId::new(t(0), 9);
    let dialled = || CallEvent::Joined { leg: leg.clone(), target: to.clone(), purpose: Purpose::Dial };
    let handed = CallEvent::Transferred {
        from: Some(other()),
        to: Target::Queue { queue: queue() },
        talk: 30 * SECOND,
        hold: 0,
    };
    story.call([
        (0, placed()),
        (0, dialled()),
        (30, handed.clone()),
        (30, enqueued()),
        (30, rings(1)),
        (40, rang(OfferOutcome::Answered)),
        (40, talks(10)),
        (100, ended(Party::Caller, Stage::Talking, 10, 90, 0)),
    ]);
    story.call([
        (0, placed()),
        (0, dialled()),
        (30, handed),
        (30, enqueued()),
        (60, ended(Party::Caller, Stage::Queue, 30, 30, 0)),
    ]);
    let colleague = CallEvent::Transferred {
        from: Some(other()),
        to: Target::Agent { agent: agent() },
        talk: 5 * SECOND,
        hold: 0,
    };
    let end = ended(Party::Caller, Stage::Talking, 0, 9, 0);
    story.call([(0, placed()), (0, dialled()), (5, colleague), (9, end)]);
    let queue = story.figures(By::Queue);
    assert_eq!((queue.offered, queue.answered, queue.abandoned, queue.handled), (2, 1, 1, 1));
    assert_eq!((queue.talk, queue.wait_abandoned), (60 * SECOND, 30 * SECOND));
    let agents = story.figures(By::Agent);
    assert_eq!((agents.offered, agents.handled, agents.talk), (1, 1, 60 * SECOND));
    assert_eq!(story.figures(By::Did), Figures::default());
    assert_eq!(story.figures(By::Category), Figures::default());
}

/// Somebody who was but consulted wraps up without a share of the call.
#[test]
fn wrap_ups_of_who_was_consulted_take_no_room() {
    let mut story = Story::new();
    story.call(answered());
    let wraps = |seq: u64| AgentFact { agent: other(), seq, ..wrapped_up(1) };
    story.book.agent(&wraps(1));
    let end = CallFact {
        seq: 5,
        at: t(100),
        event: ended(Party::Caller, Stage::Talking, 10, 90, 0),
        ..story.facts[0].clone()
    };
    story.book.call(&end);
    let before = story.book.clone();
    story.book.agent(&wraps(2));
    assert_eq!(story.book, before);
    assert_eq!(story.figures(By::Agent).wrap_up, 0);
}

#[test]
fn a_call_handed_to_a_number_outside_is_no_agents_any_more() {
    let mut story = Story::new();
    let number = "+36201234567".parse().unwrap();
    story.call(answered().chain([
        (40, transferred(Target::Number { number }, 30, 0)),
        (400, ended(Party::Caller, Stage::Talking, 10, 390, 0)),
    ]));
    let agents = story.figures(By::Agent);
    assert_eq!((agents.handled, agents.talk), (1, 30 * SECOND));
    assert_eq!(story.figures(By::Queue).talk, 30 * SECOND);
}

#[test]
fn why_a_queue_was_left_has_its_own_column() {
    let mut story = Story::new();
    for reason in ["queue_full", "queue_full", "no_agents", "wait_limit", "emergency", "queue_deleted"] {
        let left = CallEvent::Overflowed { queue: queue(), wait: SECOND, reason: reason.into() };
        story.call([
            (0, offered()),
            (0, enqueued()),
            (1, left),
            (9, ended(Party::System, Stage::Greeting, 1, 0, 0)),
        ]);
    }
    let f = story.figures(By::Queue);
    let columns =
        [f.overflowed_full, f.overflowed_no_agents, f.overflowed_wait_limit, f.overflowed_emergency];
    assert_eq!((f.overflowed, columns), (6, [2, 1, 1, 1]));
}

#[test]
fn what_contacts_are_about_groups_and_filters_every_report() {
    let mut story = a_day();
    let finance = CategoryId::new(t(0), 1);
    let about = || CallEvent::Categorised { category: finance.clone() };
    story.call([
        (10, offered()),
        (11, about()),
        (12, enqueued()),
        (13, rings(1)),
        (20, rang(OfferOutcome::Answered)),
        (20, talks(8)),
        (50, ended(Party::Caller, Stage::Talking, 8, 30, 0)),
    ]);
    story.call([(60, offered()), (61, about()), (63, ended(Party::Caller, Stage::Menu, 0, 0, 0))]);
    let period = Period { from: t(0), to: t(3_600), as_of: t(3_600), interval: 0 };
    let rows = story.book.report(By::Category, &period);
    let by_key: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.figures.offered)).collect();
    assert_eq!(by_key, [("", 6), (finance.as_str(), 2)]);
    for (by, offered) in [(By::Queue, 1), (By::Did, 2), (By::Agent, 1), (By::Category, 2)] {
        let rows = story.book.report_of(by, &period, Some(&finance));
        assert_eq!(rows.iter().map(|row| row.figures.offered).sum::<u64>(), offered, "{by:?}");
        assert!(rows.iter().all(|row| row.figures.balanced()));
    }
}

#[test]
fn who_was_served_by_the_flow_and_hangs_up_has_not_abandoned() {
    let mut story = Story::new();
    for stage in [Stage::SelfServed, Stage::Menu] {
        story.call([(0, offered()), (9, ended(Party::Caller, stage, 0, 0, 0))]);
    }
    let f = story.figures(By::Did);
    assert_eq!((f.offered, f.abandoned, f.overflowed), (2, 1, 1));
}

#[test]
fn percentiles_and_means_are_of_the_answered_and_of_those_who_talked() {
    let mut story = Story::new();
    for n in 1..=100 {
        story.call([
            (0, offered()),
            (0, enqueued()),
            (0, rings(1)),
            (n, rang(OfferOutcome::Answered)),
            (n, talks(n)),
            (3 * n, ended(Party::Caller, Stage::Talking, n, 2 * n, 0)),
        ]);
    }
    let period = Period { from: t(0), to: t(3_600), as_of: t(3_600), interval: 0 };
    let row = &story.book.report(By::Queue, &period)[0];
    assert_eq!([50, 90, 99].map(|p| row.waits.percentile(p)), [50, 90, 99].map(|s| Some(s * SECOND)));
    assert_eq!([50, 90, 99].map(|p| row.talks.percentile(p)), [100, 180, 198].map(|s| Some(s * SECOND)));
    assert_eq!(row.figures.att(), Some(101.0 * SECOND as f64));
}

#[test]
fn abandonment_is_told_with_and_without_short_abandons() {
    let figures = a_day().figures(By::Queue);
    assert_eq!(figures.abandonment(), Some(2.0 / 5.0));
    assert_eq!(figures.abandonment_net(), Some(1.0 / 4.0));
    assert_eq!(figures.abandoned_wait(), Some(21_000.0));
}

/// Topics keep no order between each other; what never comes must not pile up.
#[test]
fn wrap_ups_without_their_calls_are_bounded_and_counted() {
    let mut story = Story::new();
    for n in 0..10_500 {
        let mut fact = wrapped_up(1);
        fact.seq = n + 1;
        if let AgentEvent::WrappedUp { call, .. } = &mut fact.event {
            *call = CallId::new(t(1), u128::from(n));
        }
        story.book.agent(&fact);
    }
    // An agent of whom no state was told is not known by sequence numbers.
    assert_eq!(story.book.dropped(), 500);
}

/// An ACD that is started anew begins the agents' day from nothing.
#[test]
fn a_state_that_no_fact_ended_ends_where_the_next_one_says_it_began() {
    let mut story = Story::new();
    let moved = |seq, at, from, to, spent: i64| {
        let (spent, by) = (spent * SECOND, Party::Agent);
        let event = AgentEvent::StateChanged { from, to, spent, reason: None, call: None, queue: None, by };
        AgentFact { agent: agent(), seq, at: t(at), event }
    };
    story.book.agent(&moved(1, 100, AgentState::Offline, AgentState::Available, 100));
    // At 400 the ACD dies; at 420 the agent is back.
    story.book.agent(&moved(2, 420, AgentState::Offline, AgentState::Available, 20));
    story.book.agent(&moved(3, 500, AgentState::Available, AgentState::Offline, 80));
    assert_eq!(story.figures(By::Agent).signed_in, 380 * SECOND);
}
