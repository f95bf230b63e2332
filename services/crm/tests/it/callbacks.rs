//! Whom to call back: tasks grown from real facts, and agents who work on them.

use crate::*;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::collections::BTreeMap;
use types::{
    config::{Disposition, Kind},
    fact::ConfigFact,
};

const NUMBERS: i64 = 7;
const SECOND: Millis = 1_000;
const HOUR: Millis = 3_600_000;

fn number_of(n: i64) -> String {
    format!("+4021555000{n}")
}

/// How one call of a random day goes.
#[derive(Debug, Clone)]
enum Day {
    /// Hung up there, after waiting.
    GivesUp(Stage),
    /// The flow let the caller go, maybe after a queue.
    FlowEnded {
        queued: bool,
    },
    MediaLost,
    Answered,
    Outbound {
        answered: bool,
    },
    Anonymous,
}

fn a_call() -> impl Strategy<Value = (i64, Day, bool)> {
    let stage = prop_oneof![
        Just(Stage::Greeting),
        Just(Stage::Menu),
        Just(Stage::SelfServed),
        Just(Stage::Queue),
        Just(Stage::Ringing)
    ];
    let day = prop_oneof![
        6 => stage.prop_map(Day::GivesUp),
        2 => any::<bool>().prop_map(|queued| Day::FlowEnded { queued }),
        1 => Just(Day::MediaLost),
        2 => Just(Day::Answered),
        2 => any::<bool>().prop_map(|answered| Day::Outbound { answered }),
        1 => Just(Day::Anonymous),
    ];
    (0..NUMBERS, day, any::<bool>())
}

fn ended(by: Party, cause: HangupCause, stage: Stage, agent: Option<AgentId>) -> CallEvent {
    CallEvent::Ended { cause, by, stage, queue: None, agent, wait: 4_000, talk: 0, hold: 0, duration: 9_000 }
}

fn enqueued() -> CallEvent {
    let queue = QueueId::new(Timestamp::from_millis(1), 1);
    CallEvent::Enqueued { queue, priority: 0, service_level: 1, short_abandon: 1 }
}

impl Day {
    fn facts(&self, number: &str) -> Vec<CallEvent> {
        let now = Timestamp::from_millis(1);
        let (agent, queue, leg) = (AgentId::new(now, 1), QueueId::new(now, 1), LegId::new(now, 1));
        let from = if matches!(self, Day::Anonymous) { "anonymous" } else { number };
        match self {
            Day::GivesUp(stage) => {
                let waits = matches!(stage, Stage::Queue | Stage::Ringing);
                let mut facts = vec![offered(from)];
                facts.extend(waits.then(enqueued));
                facts.push(ended(Party::Caller, HangupCause::Normal, *stage, None));
                facts
            }
            Day::FlowEnded { queued } => {
                let mut facts = vec![offered(from)];
                facts.extend(queued.then(enqueued));
                facts.push(ended(Party::System, HangupCause::FlowEnded, Stage::Menu, None));
                facts
            }
            Day::MediaLost | Day::Anonymous => {
                vec![offered(from), ended(Party::System, HangupCause::MediaLost, Stage::Greeting, None)]
            }
            Day::Answered => vec![
                offered(from),
                enqueued(),
                CallEvent::AgentConnected { queue, agent: agent.clone(), wait: 1, attempt: 1 },
                ended(Party::Caller, HangupCause::Normal, Stage::Talking, Some(agent)),
            ],
            Day::Outbound { answered } => {
                let target = Target::Number { number: number.parse().unwrap() };
                let to = target.clone();
                let from = "+40310000000".to_owned();
                let joined = CallEvent::Joined { leg, target, purpose: Purpose::Dial };
                let mut facts = vec![CallEvent::Placed { agent: agent.clone(), to, from, callback: None }];
                facts.extend(answered.then_some(joined));
                facts.push(ended(Party::Agent, HangupCause::Normal, Stage::Ringing, Some(agent)));
                facts
            }
        }
    }
}

/// Number, calls missed, first and last, how it was closed.
type Task = (String, u32, i64, i64, String);

/// The same counted another way: caller by caller, in the order of time.
fn recount(log: &[(i64, String, CallEvent, Day)]) -> Vec<Task> {
    let mut open: BTreeMap<String, (u32, i64, i64)> = BTreeMap::new();
    let mut tasks = Vec::new();
    for (at, number, event, day) in log {
        let how = match (event, day) {
            (CallEvent::AgentConnected { .. }, _) => "called_again",
            (CallEvent::Joined { .. }, _) => "called_back",
            (
                CallEvent::Ended { .. },
                Day::GivesUp(Stage::Greeting | Stage::Menu | Stage::Queue | Stage::Ringing)
                | Day::MediaLost
                | Day::FlowEnded { queued: true },
            ) => {
                let entry = open.entry(number.clone()).or_insert((0, *at, *at));
                *entry = (entry.0 + 1, entry.1, *at);
                continue;
            }
            _ => continue,
        };
        if let Some((missed, first, last)) = open.remove(number) {
            tasks.push((number.clone(), missed, first, last, how.to_owned()));
        }
    }
    let still = open.into_iter();
    tasks.extend(still.map(|(number, (missed, first, last))| (number, missed, first, last, String::new())));
    tasks.sort();
    tasks
}

impl Fixture {
    fn everything(&self, state: &str) -> ListCallbacksRequest {
        ListCallbacksRequest {
            tenant: self.tenant.to_string(),
            seen: Some(Seen { all: true, queues: Vec::new() }),
            state: state.into(),
            limit: 200,
            ..Default::default()
        }
    }

    async fn tasks(&mut self, state: &str) -> Vec<Callback> {
        let mut request = self.everything(state);
        request.limit = 7;
        let mut tasks = Vec::new();
        loop {
            let page = self.crm.list_callbacks(request.clone()).await.unwrap().into_inner();
            tasks.extend(page.callbacks);
            match page.next_cursor.is_empty() {
                true => return tasks,
                false => request.cursor = page.next_cursor,
            }
        }
    }

    fn tell_at(&self, call: &CallId, seq: u32, at: i64, event: &CallEvent) {
        let fact = CallFact { call: call.clone(), seq, at: Timestamp::from_millis(at), event: event.clone() };
        let record = Record::new(Topic::Call, &self.tenant, call.as_str(), codec::encode(&fact));
        self.log.append(record).unwrap();
    }

    fn asks(&self, task: &str, agent: &AgentId) -> CallbackRequest {
        CallbackRequest {
            tenant: self.tenant.to_string(),
            seen: Some(Seen { all: true, queues: Vec::new() }),
            id: task.into(),
            agent: agent.to_string(),
        }
    }

    /// A caller gives up; gives the open task.
    async fn loses(&mut self, number: &str) -> Callback {
        let call = call_id();
        self.tell(&call, &Day::GivesUp(Stage::Queue).facts(number));
        self.interaction(&call, |row| row.ended_at_ms > 0).await;
        let open = self.tasks("").await;
        open.into_iter().find(|task| task.number == number).expect("a task")
    }

    /// A disposition that the company has; until the service knows it nothing can be noted.
    fn disposition(&self) -> String {
        let id = DispositionId::new(clock::now(), chassis::random::u128()).to_string();
        let body = serde_json::to_string(&Disposition { name: "Resolved".into() }).unwrap();
        let (kind, at) = (Kind::Disposition, clock::now());
        let fact =
            ConfigFact { kind, id: id.clone(), version: 1, at, actor: "test".into(), body: Some(body) };
        let key = format!("{}/disposition/{id}", self.tenant);
        self.log.append(Record::new(Topic::Config, &self.tenant, &key, codec::encode(&fact))).unwrap();
        id
    }

    async fn noted(&mut self, note: NoteAttemptRequest) -> Callback {
        for _ in 0..200 {
            match self.crm.note_attempt(note.clone()).await {
                Ok(task) => return task.into_inner(),
                Err(status) if status.code() == tonic::Code::InvalidArgument => {}
                Err(status) => panic!("{status}"),
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the disposition never came");
    }
}

fn code(status: &tonic::Status) -> String {
    let details: serde_json::Value = serde_json::from_slice(status.details()).unwrap_or_default();
    details["code"].as_str().unwrap_or_default().to_owned()
}

/// Random days of two lines each, facts of both calls interleaved and a third of
/// them told twice: the tasks are those of an independent recount.
/// Proves A137.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_those_of_a_recount_of_the_log() {
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    for _ in 0..4 {
        let mut f = fixture().await;
        let day = prop::collection::vec(a_call(), 120).new_tree(&mut runner).unwrap().current();
        let mut log = Vec::new();
        let mut last = None;
        for pair in day.chunks(2) {
            let calls: Vec<_> = pair
                .iter()
                .map(|(n, day, twice)| {
                    let number = number_of(*n);
                    (call_id(), number.clone(), day, *twice, day.facts(&number))
                })
                .collect();
            for seq in 0..4 {
                for (call, number, day, twice, facts) in &calls {
                    let Some(event) = facts.get(seq) else { continue };
                    let at = (log.len() as i64 + 1) * SECOND;
                    f.tell_at(call, seq as u32, at, event);
                    if *twice {
                        f.tell_at(call, seq as u32, at, event);
                    }
                    log.push((at, number.clone(), event.clone(), (*day).clone()));
                    last = Some(call.clone());
                }
            }
        }
        f.interaction(&last.unwrap(), |row| row.ended_at_ms > 0).await;
        let mut found = f.tasks("").await;
        let waits: Vec<i64> = found.iter().map(|task| task.first_at_ms).collect();
        assert!(waits.is_sorted(), "who waits longest comes first");
        found.extend(f.tasks("closed").await);
        let tell = |task: Callback| {
            let Callback { number, missed, first_at_ms, last_at_ms, closed_how, .. } = task;
            (number, missed, first_at_ms, last_at_ms, closed_how)
        };
        let mut found: Vec<Task> = found.into_iter().map(tell).collect();
        found.sort();
        assert_eq!(found, recount(&log));
    }
}

/// What the list says of each: where it was lost, the wait, the number dialled,
/// and what was done about it; whom nobody tried for a day is listed.
/// Proves A105, A197.
#[tokio::test(flavor = "multi_thread")]
async fn the_missed_calls_say_where_they_were_lost_and_whether_anybody_called_back() {
    let mut f = fixture().await;
    let stages = [Stage::Greeting, Stage::Menu, Stage::Queue, Stage::Ringing];
    for (n, stage) in (0..).zip(stages) {
        let call = call_id();
        f.tell(&call, &Day::GivesUp(stage).facts(&number_of(n)));
        f.interaction(&call, |row| row.ended_at_ms > 0).await;
    }
    let call = call_id();
    f.tell(&call, &Day::Anonymous.facts(""));
    f.tell(&call_id(), &Day::Answered.facts(&number_of(0)));
    let request = ListMissedCallsRequest {
        tenant: f.tenant.to_string(),
        seen: Some(Seen { all: true, queues: Vec::new() }),
        limit: 200,
        ..Default::default()
    };
    let mut rows = Vec::new();
    for _ in 0..200 {
        rows = f.crm.list_missed_calls(request.clone()).await.unwrap().into_inner().calls;
        if rows.iter().any(|row| row.closed_how == "called_again") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.from.as_str(), row.stage.as_str(), row.wait_ms, row.callback_state.as_str()))
        .collect();
    let numbers: Vec<String> = (0..4).map(number_of).collect();
    let wanted = [
        ("anonymous", "greeting", 4_000, "none"),
        (&numbers[3], "ringing", 4_000, "open"),
        (&numbers[2], "queue", 4_000, "open"),
        (&numbers[1], "menu", 4_000, "open"),
        (&numbers[0], "greeting", 4_000, "closed"),
    ];
    assert_eq!(told, wanted);
    assert!(rows.iter().all(|row| row.did == "+99912345678" && row.did_label == "Sales"));
    // Nobody sees another queue's; what came to no queue is everybody's.
    let foreign = ListMissedCallsRequest { seen: Some(Seen::default()), ..request.clone() };
    let rows = f.crm.list_missed_calls(foreign).await.unwrap().into_inner().calls;
    assert_eq!(rows.len(), 3, "{rows:?}");
    // Whose time ran out without an attempt.
    let late = ListMissedCallsRequest { untried_for_ms: 1, ..request.clone() };
    assert_eq!(f.crm.list_missed_calls(late).await.unwrap().into_inner().calls.len(), 3);
    let late = ListMissedCallsRequest { untried_for_ms: 24 * HOUR, ..request };
    assert_eq!(f.crm.list_missed_calls(late.clone()).await.unwrap().into_inner().calls.len(), 0);
    let (forgotten, yesterday) = (call_id(), clock::now().millis() - 25 * HOUR);
    for (seq, event) in (0..).zip(&Day::GivesUp(Stage::Menu).facts(&number_of(5))) {
        f.tell_at(&forgotten, seq, yesterday, event);
    }
    f.interaction(&forgotten, |row| row.ended_at_ms > 0).await;
    let listed = f.crm.list_missed_calls(late).await.unwrap().into_inner().calls;
    assert_eq!(listed.iter().map(|row| row.call.as_str()).collect::<Vec<_>>(), [forgotten.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_claim_at_once_one_has_the_task_and_the_other_is_told_who() {
    let mut f = fixture().await;
    let agents = [1, 2].map(|n| AgentId::new(clock::now(), n));
    for n in 0..20 {
        let task = f.loses(&format!("+4021777{n:04}")).await;
        let requests = agents.each_ref().map(|agent| f.asks(&task.id, agent));
        let (mut left, mut right) = (f.crm.clone(), f.crm.clone());
        let [a, b] = requests;
        let (a, b) = tokio::join!(left.claim_callback(a), right.claim_callback(b));
        let (winner, refusal) = match (a, b) {
            (Ok(won), Err(lost)) => (won.into_inner(), lost),
            (Err(lost), Ok(won)) => (won.into_inner(), lost),
            other => panic!("exactly one wins: {other:?}"),
        };
        assert_eq!(
            (refusal.code(), code(&refusal).as_str()),
            (tonic::Code::AlreadyExists, "callback_claimed")
        );
        let details: serde_json::Value = serde_json::from_slice(refusal.details()).unwrap();
        assert_eq!(details["params"]["agent"], winner.claimed_by.as_str());
        assert_eq!(winner.state, "claimed");
        let other = agents.iter().find(|agent| agent.as_str() != winner.claimed_by).unwrap();
        assert!(f.crm.release_callback(f.asks(&task.id, other)).await.is_err(), "it is not theirs");
        let winner = winner.claimed_by.parse().unwrap();
        f.crm.release_callback(f.asks(&task.id, &winner)).await.unwrap();
        assert_eq!(
            f.crm.claim_callback(f.asks(&task.id, other)).await.unwrap().into_inner().state,
            "claimed"
        );
    }
}

/// Not reached, then reached; each attempt has its outcome, and without one the
/// agent goes no further.
/// Proves A140.
#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_needs_its_outcome_and_stands_in_the_report_as_reached_or_not() {
    let mut f = fixture().await;
    let agent = AgentId::new(clock::now(), 1);
    let disposition = f.disposition();
    let (task, other) = (f.loses("+40215550001").await, f.loses("+40215550002").await);
    let target = Target::Number { number: "+40215550001".parse().unwrap() };
    let placed = CallEvent::Placed {
        agent: agent.clone(),
        to: target.clone(),
        from: "+40310000000".into(),
        callback: Some(task.id.parse().unwrap()),
    };
    let joined = CallEvent::Joined { leg: LegId::new(clock::now(), 1), target, purpose: Purpose::Dial };
    let end = |talk| placed_ended(&agent, HangupCause::Normal, talk);
    let note = NoteAttemptRequest {
        tenant: f.tenant.to_string(),
        seen: Some(Seen { all: true, queues: Vec::new() }),
        id: task.id.clone(),
        agent: agent.to_string(),
        disposition,
        note: "rings out".into(),
        ..Default::default()
    };

    f.crm.claim_callback(f.asks(&task.id, &agent)).await.unwrap();
    let missed = call_id();
    f.tell(&missed, &[placed.clone(), end(0)]);
    f.interaction(&missed, |row| row.ended_at_ms > 0).await;
    for refused in [
        f.crm.claim_callback(f.asks(&other.id, &agent)).await.unwrap_err(),
        f.crm.release_callback(f.asks(&task.id, &agent)).await.unwrap_err(),
    ] {
        assert_eq!(code(&refused), "outcome_missing");
    }
    let nothing = NoteAttemptRequest { disposition: String::new(), ..note.clone() };
    let refused = f.crm.note_attempt(nothing).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "an outcome is a disposition");
    let tried = f.noted(note.clone()).await;
    assert_eq!((tried.state.as_str(), tried.attempts), ("open", 1), "somebody else may try");

    f.crm.claim_callback(f.asks(&task.id, &agent)).await.unwrap();
    let answered = call_id();
    f.tell(&answered, &[placed, joined, end(9_000)]);
    f.interaction(&answered, |row| row.ended_at_ms > 0).await;
    let done = f.crm.get_callback(f.asks(&task.id, &agent)).await.unwrap().into_inner();
    assert_eq!((done.state.as_str(), done.closed_how.as_str()), ("closed", "called_back"));
    assert_eq!(done.closed_by, agent.as_str());
    assert!(
        f.crm.claim_callback(f.asks(&other.id, &agent)).await.is_err(),
        "the outcome is still to be said"
    );
    f.noted(NoteAttemptRequest { note: "all well".into(), ..note.clone() }).await;
    f.crm.claim_callback(f.asks(&other.id, &agent)).await.unwrap();

    let report = ListAttemptsRequest {
        tenant: f.tenant.to_string(),
        seen: Some(Seen { all: true, queues: Vec::new() }),
        agent: agent.to_string(),
        to_ms: clock::now().millis() + 60_000,
        ..Default::default()
    };
    let attempts = f.crm.list_attempts(report).await.unwrap().into_inner().attempts;
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.result.as_str(), a.note.as_str(), a.call.as_str(), a.disposition == note.disposition))
        .collect();
    let wanted = [
        ("reached", "all well", answered.as_str(), true),
        ("not_reached", "rings out", missed.as_str(), true),
    ];
    assert_eq!(told, wanted);

    // By other means than the platform's.
    let by_hand = NoteAttemptRequest { id: other.id.clone(), reached: true, ..note };
    assert_eq!(f.noted(by_hand).await.closed_how, "called_back");
}
