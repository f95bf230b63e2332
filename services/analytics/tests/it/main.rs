//! The service on a real journal.

use chassis::grpc::Channel;
use chassis::{Credentials, Deps, Drain, Peers, clock};
use eventlog::{Log, Record, Topic, codec};
use proto::analytics::v1::{analytics_client::AnalyticsClient, *};
use std::{net::TcpListener, time::Duration};
use types::{
    fact::{CallEvent, CallFact},
    *,
};

struct Fixture {
    analytics: AnalyticsClient<Channel>,
    log: Log,
    tenant: TenantId,
    drain: Drain,
    _folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(&folder.path().join("journal")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let credentials = Credentials::alone();
    let deps = Deps {
        log: log.clone(),
        listener,
        // Nobody raises alerts here.
        peers: Peers { tenancy: "http://127.0.0.1:9".into(), ..Peers::default() },
        credentials: credentials.clone(),
        folder: folder.path().into(),
    };
    let config = chassis::config::read("analytics", analytics::DEFAULTS, Default::default()).unwrap();
    let drain = Drain::new();
    tokio::spawn(analytics::run(config, deps, drain.clone()));
    let analytics = AnalyticsClient::new(chassis::grpc::channel(&credentials, &address).unwrap());
    let tenant = TenantId::new(clock::now(), chassis::random::u128());
    Fixture { analytics, log, tenant, drain, _folder: folder }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.drain.start();
    }
}

impl Fixture {
    fn tell(&self, tenant: &TenantId, call: &CallId, seq: u32, event: CallEvent) {
        let fact = CallFact { call: call.clone(), seq, at: clock::now(), event };
        self.log.append(Record::new(Topic::Call, tenant, call.as_str(), codec::encode(&fact))).unwrap();
    }

    fn request(&self) -> ReportRequest {
        let now = clock::now().millis();
        ReportRequest {
            tenant: self.tenant.to_string(),
            from_ms: now - 60_000,
            to_ms: now + 60_000,
            by: "queue".into(),
            ..ReportRequest::default()
        }
    }

    async fn report(&mut self, ready: impl Fn(&Figures) -> bool) -> ReportReply {
        for _ in 0..200 {
            let from_ms = clock::now().millis() - 86_400_000;
            let reply = self
                .analytics
                .report(ReportRequest { from_ms, ..self.request() })
                .await
                .map(|reply| reply.into_inner());
            if let Ok(reply) = reply
                && ready(reply.total.as_ref().unwrap().figures.as_ref().unwrap())
            {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the figures never got there");
    }
}

fn call_id() -> CallId {
    CallId::new(clock::now(), chassis::random::u128())
}

fn offered() -> CallEvent {
    CallEvent::Offered {
        from: "+40211234567".into(),
        caller_name: None,
        did: "+99912345678".parse().unwrap(),
        did_label: "Sales".into(),
        trunk: TrunkId::new(clock::now(), 1),
        flow: FlowId::new(clock::now(), 1),
        auto_connect: true,
    }
}

fn enqueued() -> CallEvent {
    let queue = QueueId::new(Timestamp::default(), 1);
    CallEvent::Enqueued { queue, priority: 0, service_level: 20_000, short_abandon: 0 }
}

fn abandoned() -> CallEvent {
    CallEvent::Ended {
        cause: HangupCause::Normal,
        by: Party::Caller,
        stage: Stage::Queue,
        queue: None,
        agent: None,
        wait: 1_000,
        talk: 0,
        hold: 0,
        duration: 1_000,
    }
}

/// A021, A168: figures equal the recount from the log at the same positions.
#[tokio::test(flavor = "multi_thread")]
async fn a_recount_agrees_with_the_report_and_sees_no_other_tenant() {
    let mut f = fixture();
    let foreign = TenantId::new(clock::now(), chassis::random::u128());
    for n in 0..30 {
        let (tenant, call) = (if n % 3 == 0 { &foreign } else { &f.tenant }, call_id());
        f.tell(tenant, &call, 0, offered());
        f.tell(tenant, &call, 1, enqueued());
        if n % 2 == 0 {
            f.tell(tenant, &call, 2, abandoned());
        }
    }
    let report = f.report(|total| total.offered == 20 && total.abandoned == 10).await;
    let (positions, as_of_ms) = (report.positions.clone(), report.as_of_ms);
    // What is told later does not count for these positions.
    let late = call_id();
    f.tell(&f.tenant.clone(), &late, 0, offered());
    f.tell(&f.tenant.clone(), &late, 1, enqueued());
    let request = ReportRequest { positions, as_of_ms, ..f.request() };
    let recount = f.analytics.recount(request).await.unwrap().into_inner();
    assert_eq!((recount.total, recount.rows.len()), (report.total, report.rows.len()));
}

/// Nearest rank, by the definition.
fn percentile(mut values: Vec<i64>, percent: usize) -> Option<i64> {
    values.sort_unstable();
    values.get((values.len() * percent).div_ceil(100).max(1) - 1).copied()
}

/// A made-up hour: `n` waits of so many milliseconds; every third caller gives up.
fn hour_of_calls(f: &Fixture, begin: i64, waits: &[i64], short_abandon: i64) -> Vec<Vec<CallFact>> {
    let queue = QueueId::new(Timestamp::default(), 1);
    let agent = AgentId::new(Timestamp::default(), 1);
    let mut told = Vec::new();
    for (n, wait) in (0i64..).zip(waits) {
        let (call, at) = (call_id(), begin + 1_000 * n);
        let (reservation, talk) = (ReservationId::new(Timestamp::default(), n as u128), 500 * (n + 1));
        let mut events = vec![
            (0, offered()),
            (
                0,
                CallEvent::Enqueued {
                    queue: queue.clone(),
                    priority: 0,
                    service_level: 20_000,
                    short_abandon,
                },
            ),
        ];
        let (queue, agent) = (queue.clone(), agent.clone());
        let mut end = (*wait, Party::Caller, Stage::Queue, 0);
        if n % 3 != 2 {
            let (ring, outcome) = (*wait, OfferOutcome::Answered);
            let offer = (queue.clone(), agent.clone(), reservation.clone());
            let (q, a, r) = offer.clone();
            events.push((0, CallEvent::AgentOffered { queue: q, agent: a, reservation: r, attempt: 1 }));
            let (q, a, r) = offer;
            events.push((*wait, CallEvent::OfferEnded { queue: q, agent: a, reservation: r, outcome, ring }));
            events.push((*wait, CallEvent::AgentConnected { queue, agent, wait: *wait, attempt: 1 }));
            end = (wait + talk, Party::Agent, Stage::Talking, talk);
        }
        let (after, by, stage, talk) = end;
        let (cause, wait, hold, duration) = (HangupCause::Normal, *wait, 0, after);
        let ended =
            CallEvent::Ended { cause, by, stage, queue: None, agent: None, wait, talk, hold, duration };
        events.push((after, ended));
        let facts: Vec<CallFact> = (0..)
            .zip(events)
            .map(|(seq, (after, event))| CallFact {
                call: call.clone(),
                seq,
                at: Timestamp::from_millis(at + after),
                event,
            })
            .collect();
        for fact in &facts {
            let record = Record::new(Topic::Call, &f.tenant, call.as_str(), codec::encode(fact));
            f.log.append(record).unwrap();
        }
        told.push(facts);
    }
    told
}

/// A table by the hour, counted again by hand from the facts themselves and
/// not with the code that made it.
/// Proves A021, A168, A170, A171, A172.
#[tokio::test(flavor = "multi_thread")]
async fn the_hourly_table_equals_an_independent_recount() {
    const HOUR: i64 = 3_600_000;
    let mut f = fixture();
    let begin = clock::now().millis() - 3 * HOUR;
    let waits: [Vec<i64>; 2] =
        [(1..=90).map(|n| n * 331 % 47_000).collect(), (1..=40).map(|n| n * 977 % 31_000).collect()];
    // The limit for short abandons is the queue's, and not the same all day.
    let limits = [5_000, 9_000];
    let told: Vec<Vec<Vec<CallFact>>> = (0..)
        .zip(&waits)
        .zip(limits)
        .map(|((hour, waits), limit)| hour_of_calls(&f, begin + hour * HOUR, waits, limit))
        .collect();
    f.report(|total| total.offered == 130 && total.in_progress == 0).await;
    let request = ReportRequest { from_ms: begin, to_ms: begin + 2 * HOUR, interval_ms: HOUR, ..f.request() };
    let report = f.analytics.report(request.clone()).await.unwrap().into_inner();
    let again = ReportRequest { positions: report.positions.clone(), as_of_ms: report.as_of_ms, ..request };
    assert_eq!(f.analytics.recount(again).await.unwrap().into_inner(), report, "the log gives the same");
    assert_eq!(report.rows.len(), 2);
    for ((row, calls), limit) in report.rows.iter().zip(&told).zip(limits) {
        let (mut answered, mut talks, mut abandoned) = (Vec::new(), Vec::new(), Vec::new());
        for fact in calls.iter().flatten() {
            match &fact.event {
                CallEvent::AgentConnected { wait, .. } => answered.push(*wait),
                CallEvent::Ended { by: Party::Caller, wait, talk: 0, .. } => abandoned.push(*wait),
                CallEvent::Ended { talk, .. } => talks.push(*talk),
                _ => {}
            }
        }
        let figures = row.figures.unwrap();
        let short = abandoned.iter().filter(|wait| **wait < limit).count() as u64;
        let (lost, all) = (abandoned.len() as u64, calls.len() as u64);
        let mean = |values: &[i64]| Some(values.iter().sum::<i64>() as f64 / values.len() as f64);
        assert_eq!((figures.offered, figures.answered), (all, answered.len() as u64));
        assert_eq!(figures.asa_ms, mean(&answered));
        let percentiles = [figures.answer_p50_ms, figures.answer_p90_ms, figures.answer_p99_ms];
        assert_eq!(percentiles, [50, 90, 99].map(|p| percentile(answered.clone(), p)));
        let percentiles = [figures.talk_p50_ms, figures.talk_p90_ms, figures.talk_p99_ms];
        assert_eq!(
            (percentiles, figures.att_ms),
            ([50, 90, 99].map(|p| percentile(talks.clone(), p)), mean(&talks))
        );
        assert_eq!((figures.abandoned, figures.short_abandoned), (lost, short));
        assert!(short > 0 && short < lost, "both kinds of lost calls are there");
        assert_eq!(figures.abandonment, Some(lost as f64 / all as f64));
        assert_eq!(figures.abandonment_net, Some((lost - short) as f64 / (all - short) as f64));
        assert_eq!(figures.abandoned_wait_ms, mean(&abandoned));
        assert_eq!(figures.longest_wait_ms, *answered.iter().chain(&abandoned).max().unwrap());
    }
}

/// A113: a call is in the live view from its INVITE on.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_seen_from_its_first_fact_and_gone_after_its_last() {
    let mut f = fixture();
    f.report(|_| true).await;
    let request = WatchRequest { tenant: f.tenant.to_string() };
    let mut live = f.analytics.watch(request).await.unwrap().into_inner();
    let call = call_id();
    f.tell(&f.tenant.clone(), &call, 0, offered());
    let mut seen = Vec::new();
    let told = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let view = live.message().await.unwrap().unwrap();
            match view.calls.first() {
                Some(row) if seen.is_empty() => {
                    seen.push(row.stage.clone());
                    f.tell(&f.tenant.clone(), &call, 1, abandoned());
                }
                None if !seen.is_empty() => return,
                _ => {}
            }
        }
    });
    told.await.expect("the live view follows the log");
    assert_eq!(seen, ["arriving"]);
}

/// Nobody has called and nobody has signed in yet.
#[tokio::test(flavor = "multi_thread")]
async fn the_live_view_of_a_new_company_has_its_queues() {
    let mut f = fixture();
    let queue = QueueId::new(clock::now(), chassis::random::u128());
    let body = Some(r#"{"name": "Support"}"#.to_owned());
    let (kind, id, actor) = (config::Kind::Queue, queue.to_string(), "test".to_owned());
    let fact = fact::ConfigFact { kind, id, version: 1, at: clock::now(), actor, body };
    let key = format!("{}/{}/{queue}", f.tenant, kind.as_str());
    f.log.append(Record::new(Topic::Config, &f.tenant, key, codec::encode(&fact))).unwrap();
    f.report(|_| true).await;
    let request = WatchRequest { tenant: f.tenant.to_string() };
    let mut live = f.analytics.watch(request).await.unwrap().into_inner();
    let told = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let view = live.message().await.unwrap().unwrap();
            if !view.queues.is_empty() {
                return view.queues;
            }
        }
    });
    let queues = told.await.expect("the queue is there");
    assert_eq!((queues[0].queue.as_str(), queues[0].signed_in), (queue.as_str(), 0));
}
