//! The service on a real PostgreSQL, its facts through a real journal.

mod callbacks;

use chassis::grpc::Channel;
use chassis::{Credentials, Deps, Drain, Peers, clock};
use eventlog::{Log, Record, Topic, codec};
use proto::crm::v1::{crm_client::CrmClient, *};
use std::{net::TcpListener, time::Duration};
use tenantdb::testing::TestDatabase;
use types::{
    fact::{AgentEvent, AgentFact, CallEvent, CallFact, Candidate, Decision, Rule},
    *,
};

struct Fixture {
    crm: CrmClient<Channel>,
    log: Log,
    tenant: TenantId,
    drain: Drain,
    _database: TestDatabase,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let database = tenantdb::testing::database().await;
    let tenant = TenantId::new(clock::now(), chassis::random::u128());
    database.connect().await.provision(&tenant).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(&folder.path().join("journal")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let credentials = Credentials::alone();
    let deps = Deps {
        log: log.clone(),
        listener,
        peers: Peers::default(),
        credentials: credentials.clone(),
        folder: folder.path().into(),
    };
    let overrides = format!("database_url = '{}'", database.url()).parse().unwrap();
    let config = chassis::config::read("crm", crm::DEFAULTS, overrides).unwrap();
    let drain = Drain::new();
    tokio::spawn(crm::run(config, deps, drain.clone()));
    let crm = CrmClient::new(chassis::grpc::channel(&credentials, &address).unwrap());
    Fixture { crm, log, tenant, drain, _database: database, _folder: folder }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.drain.start();
    }
}

impl Fixture {
    fn tell(&self, call: &CallId, events: &[CallEvent]) {
        for (seq, event) in (0..).zip(events) {
            let fact = CallFact { call: call.clone(), seq, at: clock::now(), event: event.clone() };
            let record = Record::new(Topic::Call, &self.tenant, call.as_str(), codec::encode(&fact));
            self.log.append(record).unwrap();
        }
    }

    /// The call's row, once `ready` says so.
    async fn interaction(&mut self, call: &CallId, ready: impl Fn(&Interaction) -> bool) -> Interaction {
        for _ in 0..200 {
            let request = GetInteractionRequest { tenant: self.tenant.to_string(), id: call.to_string() };
            if let Ok(reply) = self.crm.get_interaction(request).await {
                let row = reply.into_inner();
                if ready(&row) {
                    return row;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the history never got there");
    }

    async fn identify(&mut self, number: &str) -> Card {
        let request =
            IdentifyRequest { tenant: self.tenant.to_string(), number: number.into(), name: String::new() };
        self.crm.identify(request).await.unwrap().into_inner()
    }
}

fn offered(from: &str) -> CallEvent {
    CallEvent::Offered {
        from: from.into(),
        caller_name: None,
        did: "+99912345678".parse().unwrap(),
        did_label: "Sales".into(),
        trunk: TrunkId::new(clock::now(), 1),
        flow: FlowId::new(clock::now(), 1),
        auto_connect: true,
    }
}

fn call_id() -> CallId {
    CallId::new(clock::now(), chassis::random::u128())
}

/// A177, A122, A143: path, agent, times and disposition come from the facts.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_becomes_one_row_with_its_path_agent_and_disposition_even_if_told_twice() {
    let mut f = fixture().await;
    let (call, now) = (call_id(), clock::now());
    let (queue, agent) = (QueueId::new(now, 1), AgentId::new(now, 2));
    let category = CategoryId::new(now, 9);
    let keys = |keys: &str| CallEvent::KeysPressed { node: "menu".into(), keys: keys.into() };
    let events = [
        offered("+40211234567"),
        keys("1"),
        keys("3"),
        CallEvent::Categorised { category: category.clone() },
        CallEvent::Enqueued { queue: queue.clone(), priority: 0, service_level: 1, short_abandon: 1 },
        CallEvent::AgentConnected { queue: queue.clone(), agent: agent.clone(), wait: 4_000, attempt: 1 },
        CallEvent::Ended {
            cause: HangupCause::Normal,
            by: Party::Agent,
            stage: Stage::Talking,
            queue: Some(queue.clone()),
            agent: Some(agent.clone()),
            wait: 4_000,
            talk: 60_000,
            hold: 0,
            duration: 70_000,
        },
    ];
    f.tell(&call, &events);
    f.tell(&call, &events);
    let disposition = DispositionId::new(now, 3);
    let event = AgentEvent::WrappedUp {
        call: call.clone(),
        queue,
        disposition: Some(disposition.clone()),
        note: Some("sent a form".into()),
        spent: 1,
        timed_out: false,
    };
    let fact = AgentFact { agent: agent.clone(), seq: 1, at: now, event };
    f.log.append(Record::new(Topic::Agent, &f.tenant, agent.as_str(), codec::encode(&fact))).unwrap();
    let row = f.interaction(&call, |row| !row.note.is_empty() && row.ended_at_ms > 0).await;
    assert_eq!((row.path.as_str(), row.outcome.as_str()), ("1→3", "answered"));
    assert_eq!((row.wait_ms, row.talk_ms, row.agent), (4_000, 60_000, agent.to_string()));
    assert_eq!((row.disposition, row.category), (disposition.to_string(), category.to_string()));
    for (wanted, found) in [(category.to_string(), 1), (CategoryId::new(now, 8).to_string(), 0)] {
        let tenant = f.tenant.to_string();
        let request = ListInteractionsRequest { tenant, category: wanted, ..Default::default() };
        let page = f.crm.list_interactions(request).await.unwrap().into_inner();
        assert_eq!(page.interactions.len(), found);
    }
    let card = f.identify("+40 21 123 4567").await;
    assert_eq!(card.interactions.len(), 1, "the card shows the history");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_tells_whom_it_was_offered_and_why_even_if_that_was_told_before_the_call() {
    let mut f = fixture().await;
    let (call, now) = (call_id(), clock::now());
    let agents = [1, 2].map(|n| AgentId::new(now, n));
    let candidate = |agent: &AgentId, level| Candidate {
        agent: agent.clone(),
        penalty: 0,
        skills: vec![Skill { name: "law".into(), level }],
        score: 0,
        idle: 1_000,
    };
    let decision = Decision {
        rule: Rule::Skill,
        skill: Some("law".into()),
        needs: vec![Skill { name: "law".into(), level: 3 }],
        free: 2,
        candidates: vec![candidate(&agents[0], 9), candidate(&agents[1], 4)],
    };
    let event = AgentEvent::Offered {
        call: call.clone(),
        queue: QueueId::new(now, 1),
        reservation: ReservationId::new(now, 1),
        attempt: 1,
        decision,
    };
    let fact = AgentFact { agent: agents[0].clone(), seq: 1, at: now, event };
    for _ in 0..2 {
        let record = Record::new(Topic::Agent, &f.tenant, agents[0].as_str(), codec::encode(&fact));
        f.log.append(record).unwrap();
    }
    f.tell(&call, &[offered("+40211234567")]);
    let row = f.interaction(&call, |row| !row.offers.is_empty()).await;
    let [offer] = &row.offers[..] else { panic!("told twice, kept once: {:?}", row.offers) };
    assert_eq!((offer.rule.as_str(), offer.skill.as_str(), offer.free), ("skill", "law", 2));
    let levels: Vec<u32> = offer.candidates.iter().map(|of| of.skills[0].level).collect();
    assert_eq!((levels, &offer.candidates[0].agent), (vec![9, 4], &agents[0].to_string()));
}

/// Both ways to a card at once: the history's facts and the screen pops.
/// Proves A142.
#[tokio::test(flavor = "multi_thread")]
async fn two_calls_at_a_time_from_a_new_number_make_one_contact() {
    let mut f = fixture().await;
    let (mut left, mut right) = (f.crm.clone(), f.crm.clone());
    for n in 0..10 {
        let number = format!("+1555000{n:04}");
        let request =
            IdentifyRequest { tenant: f.tenant.to_string(), number: number.clone(), name: String::new() };
        let calls = [call_id(), call_id()];
        calls.iter().for_each(|call| f.tell(call, &[offered(&number)]));
        let (a, b) = tokio::join!(left.identify(request.clone()), right.identify(request));
        let id = |card: Card| card.contact.unwrap().id;
        let card = id(a.unwrap().into_inner());
        assert_eq!(card, id(b.unwrap().into_inner()));
        for call in &calls {
            assert_eq!(f.interaction(call, |row| !row.contact.is_empty()).await.contact, card);
        }
        let search =
            ListContactsRequest { tenant: f.tenant.to_string(), search: number, ..Default::default() };
        assert_eq!(f.crm.list_contacts(search).await.unwrap().into_inner().contacts.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_looked_up_in_any_spelling_and_nobody_is_made() {
    let mut f = fixture().await;
    let known = f.identify("+40211234567").await.contact.unwrap();
    let numbers = ["+40 21 123 4567", "0040211234567", "+40219999999", "anonymous"].map(str::to_owned);
    let request = LookupRequest { tenant: f.tenant.to_string(), numbers: numbers.to_vec() };
    let found = f.crm.lookup(request).await.unwrap().into_inner().contacts;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(numbers[..2].iter().all(|number| found[number].id == known.id), "{found:?}");
    let all = ListContactsRequest { tenant: f.tenant.to_string(), ..Default::default() };
    assert_eq!(f.crm.list_contacts(all).await.unwrap().into_inner().contacts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_number_has_a_history_and_no_contact() {
    let mut f = fixture().await;
    let call = call_id();
    f.tell(&call, &[offered("anonymous")]);
    let row = f.interaction(&call, |_| true).await;
    assert_eq!((row.contact.as_str(), row.from.as_str()), ("", "anonymous"));
}

fn placed_ended(agent: &AgentId, cause: HangupCause, talk: Millis) -> CallEvent {
    CallEvent::Ended {
        cause,
        by: Party::Agent,
        stage: if talk > 0 { Stage::Talking } else { Stage::Ringing },
        queue: None,
        agent: Some(agent.clone()),
        wait: 0,
        talk,
        hold: 0,
        duration: talk + 5_000,
    }
}

/// Told twice each, as a consumer may be.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_agents_place_stand_in_the_history_with_their_direction() {
    let mut f = fixture().await;
    let now = clock::now();
    let (ana, ben, leg) = (AgentId::new(now, 1), AgentId::new(now, 2), LegId::new(now, 3));
    let number = || Target::Number { number: "+36201234567".parse().unwrap() };
    let colleague = || Target::Agent { agent: ben.clone() };
    let placed = |to: Target, from: &str| CallEvent::Placed {
        agent: ana.clone(),
        to,
        from: from.into(),
        callback: None,
    };
    let joined = |target: Target| CallEvent::Joined { leg: leg.clone(), target, purpose: Purpose::Dial };
    let heard = |mos| Some(fact::Heard { lost: 3, jitter: 1_500, mos });
    let figures =
        fact::Figures { received: 100, sent: 90, near: heard(431), far: None, round_trip: Some(42_500) };
    let calls = [call_id(), call_id(), call_id()];
    let stories = [
        vec![
            placed(number(), "+40310000000"),
            joined(number()),
            CallEvent::FellSilent { leg: leg.clone(), who: Some(number()) },
            CallEvent::SilenceEnded { leg: leg.clone(), who: Some(number()), silent: 0 },
            CallEvent::Measured { leg: leg.clone(), who: Some(number()), figures },
            placed_ended(&ana, HangupCause::Normal, 60_000),
        ],
        vec![placed(number(), "+40310000000"), placed_ended(&ana, HangupCause::NotReached, 0)],
        vec![placed(colleague(), "Ana"), joined(colleague()), placed_ended(&ana, HangupCause::Normal, 1_000)],
    ];
    for (call, story) in calls.iter().zip(&stories) {
        f.tell(call, story);
        f.tell(call, story);
    }
    let mut rows = Vec::new();
    for call in &calls {
        rows.push(f.interaction(call, |row| row.ended_at_ms > 0).await);
    }
    let told = |row: &Interaction| {
        let texts = [&row.direction, &row.from, &row.to, &row.outcome].map(String::clone);
        (texts, row.talk_ms, row.agent == ana.as_str())
    };
    let texts = |texts: [&str; 4]| texts.map(str::to_owned);
    let out = |outcome| texts(["outbound", "+40310000000", "+36201234567", outcome]);
    assert_eq!(told(&rows[0]), (out("answered"), 60_000, true));
    assert_eq!(told(&rows[1]), (out("unanswered"), 0, true));
    assert_eq!(told(&rows[2]), (texts(["internal", "Ana", ben.as_str(), "answered"]), 1_000, true));
    assert!(!rows[0].contact.is_empty() && rows[0].contact == rows[1].contact, "one contact for the number");
    let [silent] = &rows[0].silences[..] else { panic!("beginning and end: {:?}", rows[0].silences) };
    assert_eq!(silent.who, "+36201234567");
    assert!(silent.began_at_ms > 0 && silent.ended_at_ms == silent.began_at_ms, "{silent:?}");
    let [measured] = &rows[0].legs[..] else { panic!("told twice, kept once: {:?}", rows[0].legs) };
    assert_eq!((measured.who.as_str(), measured.received, measured.sent), ("+36201234567", 100, 90));
    let near = call_leg::Heard { lost: 3, jitter_ms: 1.5, mos: 4.31 };
    assert_eq!((&measured.near, &measured.far, measured.round_trip_ms), (&Some(near), &None, Some(42.5)));
    assert_eq!((rows[2].contact.as_str(), rows[0].did.as_str()), ("", ""));
    let card = f.identify("+36201234567").await;
    assert_eq!(card.interactions.len(), 2, "the next call from there shows that we called");
    f.tell(&call_id(), &[offered("+36201234567")]);
    let back = async {
        loop {
            let card = f.identify("+36201234567").await;
            if card.interactions.len() == 3 {
                return card.interactions;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let interactions = tokio::time::timeout(Duration::from_secs(20), back).await.expect("the third");
    assert_eq!(
        (interactions[0].direction.as_str(), interactions[0].to.as_str()),
        ("inbound", "+99912345678")
    );
}
