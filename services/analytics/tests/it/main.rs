//! The service on a real journal.

use chassis::{Deps, Drain, Peers, clock};
use eventlog::{Log, Record, Topic, codec};
use proto::analytics::v1::{analytics_client::AnalyticsClient, *};
use std::{net::TcpListener, time::Duration};
use tonic::transport::Channel;
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
    let deps = Deps { log: log.clone(), listener, peers: Peers::default(), folder: folder.path().into() };
    let config = chassis::config::read("analytics", analytics::DEFAULTS, Default::default()).unwrap();
    let drain = Drain::new();
    tokio::spawn(analytics::run(config, deps, drain.clone()));
    let analytics = AnalyticsClient::new(chassis::grpc::channel(&address).unwrap());
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
            let reply = self.analytics.report(self.request()).await.map(|reply| reply.into_inner());
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
