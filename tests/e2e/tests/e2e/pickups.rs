//! Agents who take callers out of the queue by themselves, and queues that ask
//! nobody or everybody.

use crate::{
    AGENT, CALLER, SOON,
    company::{AgentPhone, Company, at_best, live_agent, live_call, now_ms, text},
    desks::desk,
};
use reqwest::Method;
use serde_json::{Value, json};
use sim::{Day, day};
use softphone::{Call, Protocol, Sound};
use std::time::Duration;

const FROM: &str = "+40219000077";
const COLLEAGUE: f64 = 900.0;
/// A colleague's phone stops ringing within this time.
const STOPS_WITHIN_MS: f64 = 300.0;
const RACES: u64 = 10_000;

/// Somebody who is signed in and has a SIP phone.
struct Member {
    who: Company,
    at: AgentPhone,
}

impl Member {
    async fn picks(&self, call: &str) -> (u16, Value) {
        self.who.tries(Method::POST, &format!("/v1/calls/{call}/pickup"), None).await
    }
}

impl Company {
    async fn member(&self, name: &str, skill: &str) -> Member {
        let who = self.colleague(name, "agent").await;
        let agent = text(&who.get("/v1/me").await["agent"]);
        let at = self.with_phone(agent, &format!("{name}-{:x}", crate::company::unique()), skill).await;
        Member { who, at }
    }

    /// A caller who waits, and the call's id.
    async fn waits(&self, number: &str) -> (Call, String) {
        let call = self.call(number, FROM, Protocol::Udp).await;
        let waits = |row: &Value| row["waiting_since_ms"].as_i64() > Some(0);
        let live = self.until(|live| live_call(live, FROM).is_some_and(waits)).await;
        (call, text(&live_call(&live, FROM).expect("it waits")["call"]))
    }

    async fn is(&self, agent: &str, state: &str) {
        self.until(|live| live_agent(live, agent).is_some_and(|row| row["state"] == state)).await;
    }
}

/// It rings at this agent, who answers, and both hear each other.
async fn talks(with: &AgentPhone, caller: &Call, says: f64) -> Call {
    let offer = with.phone.incoming(SOON).await.expect("it rings");
    offer.say(Sound::Tone(says));
    let leg = offer.answer().await.expect("an answer");
    caller.hear(says, SOON).await.expect("the caller hears the agent");
    leg.hear(CALLER, SOON).await.expect("the agent hears the caller");
    leg
}

/// Nobody of another group picks; of two who pick at the same moment one has the
/// caller and the other is told why not.
/// Proves A132.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_agents_who_pick_at_once_one_has_the_caller_and_outsiders_nobody() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "manual": true, "ring_timeout_ms": 30_000 })).await;
    company.tries(Method::POST, "/v1/skills", Some(json!({ "name": "other" }))).await;
    let number = company.queue_number(true).await;
    let (ana, ben) = (company.member("ana", "general").await, company.member("ben", "general").await);
    let cleo = company.member("cleo", "other").await;
    company.in_force().await;
    let stranger = Company::sign_up().await.member("zoe", "general").await;
    for _ in 0..3 {
        let (caller, call) = company.waits(&number).await;
        let outside = cleo.picks(&call).await;
        assert_eq!((outside.0, outside.1["code"].as_str()), (403, Some("not_your_queue")));
        assert_eq!(stranger.picks(&call).await.0, 404, "of another company");
        let (by_ana, by_ben) = tokio::join!(ana.picks(&call), ben.picks(&call));
        let (winner, loser, refused) = match (by_ana.0, by_ben.0) {
            (202, 409) => (&ana, &ben, by_ben.1),
            (409, 202) => (&ben, &ana, by_ana.1),
            other => panic!("one of them has the caller: {other:?}"),
        };
        assert_eq!(refused["code"], "taken", "{refused}");
        let leg = talks(&winner.at, &caller, AGENT).await;
        assert!(loser.at.phone.incoming(Duration::from_millis(500)).await.is_err(), "it rings once");
        leg.hang_up().await.unwrap();
        caller.wait_ended(SOON).await.unwrap();
        company.is(&winner.at.agent, "available").await;
    }
}

/// Who rings at a colleague is picked up: the colleague's phone stops at once.
/// And never are two bridged: races of answers and pick-ups, many at a time and
/// with messages that are late, doubled and out of order, in the simulator.
/// Proves A133.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_rings_at_a_colleague_is_picked_up_and_it_stops_ringing_there() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "ring_timeout_ms": 30_000 })).await;
    let number = company.queue_number(true).await;
    let (ana, ben) = (company.member("ana", "general").await, company.member("ben", "general").await);
    company.in_force().await;
    let stopped = at_best(STOPS_WITHIN_MS, async |_| {
        let (caller, call) = company.waits(&number).await;
        let rings = tokio::select! {
            offer = ana.at.phone.incoming(SOON) => (offer.expect("it rings"), &ben),
            offer = ben.at.phone.incoming(SOON) => (offer.expect("it rings"), &ana),
        };
        let (colleagues, picker) = rings;
        let began = now_ms();
        let stops = async {
            colleagues.wait_ended(SOON).await.expect("it stops");
            (now_ms() - began) as f64
        };
        let (picked, stopped) = tokio::join!(picker.picks(&call), stops);
        assert_eq!(picked.0, 202, "{}", picked.1);
        let leg = talks(&picker.at, &caller, AGENT).await;
        leg.hang_up().await.unwrap();
        caller.wait_ended(SOON).await.unwrap();
        company.is(&picker.at.agent, "available").await;
        stopped
    })
    .await;
    assert!(stopped <= STOPS_WITHIN_MS, "{stopped} ms");

    let halves = [0, 1].map(|first| tokio::task::spawn_blocking(move || races(first)));
    for half in halves {
        half.await.expect("no two are bridged");
    }
}

/// Half of the races, on every other of the simulator's days.
fn races(first: u64) {
    let busy = Day { calls: 300, agents: 12, span: 1_800_000, picks: 600, ..Day::default() };
    let mut left = (RACES / 2) as i64;
    for seed in (first..).step_by(2) {
        left -= day(seed, &busy).unwrap_or_else(|failure| panic!("{failure}")).raced as i64;
        if left <= 0 {
            return;
        }
    }
}

/// Who ignores an offer has missed it, and it rings at the next; meanwhile, and
/// after that, everybody of the group can pick the caller up.
/// Proves A134.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_never_stuck_with_one_phone() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let (ana, ben) = (company.member("ana", "general").await, company.member("ben", "general").await);
    company.in_force().await;
    let (caller, call) = company.waits(&number).await;
    let (ignores, next) = tokio::select! {
        offer = ana.at.phone.incoming(SOON) => (offer.map(|offer| (offer, &ana)), &ben),
        offer = ben.at.phone.incoming(SOON) => (offer.map(|offer| (offer, &ben)), &ana),
    };
    let (offer, ignores) = ignores.expect("it rings");
    // Nobody answers; it stops, and rings at the other.
    let again = next.at.phone.incoming(SOON).await.expect("it rings at the next");
    offer.wait_ended(SOON).await.expect("no more here");
    company.is(&ignores.at.agent, "missed").await;
    // Who has missed it picks it up from there.
    let picked = ignores.picks(&call).await;
    assert_eq!(picked.0, 202, "{}", picked.1);
    again.wait_ended(SOON).await.expect("nor there");
    let leg = talks(&ignores.at, &caller, AGENT).await;
    leg.hang_up().await.unwrap();
    caller.wait_ended(SOON).await.unwrap();

    // Both ignore the next one, who waits on and is picked up all the same.
    company.is(&next.at.agent, "available").await;
    let (caller, call) = company.waits(&number).await;
    company.is(&ana.at.agent, "missed").await;
    company.is(&ben.at.agent, "missed").await;
    while let Ok(missed) = ana.at.phone.incoming(Duration::from_millis(100)).await {
        missed.wait_ended(SOON).await.expect("it has stopped");
    }
    assert_eq!(ana.picks(&call).await.0, 202);
    let leg = talks(&ana.at, &caller, AGENT).await;
    leg.hang_up().await.unwrap();
}

/// Nobody is asked by itself; what a supervisor drags to an agent rings there
/// within a second; by the desk's own list an agent picks somebody up.
/// Proves A127.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_manual_queue_a_supervisor_drags_callers_to_agents_and_agents_pick_them_up() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "manual": true })).await;
    let number = company.queue_number(true).await;
    let eva = company.colleague("eva", "supervisor").await;
    let ana = company.agent("ana").await;
    let ben = company.colleague("ben", "agent").await;
    let agent = text(&ben.get("/v1/me").await["agent"]);
    let general = json!({ "skills": [{ "name": "general", "level": 5 }] });
    company.send(Method::PUT, &format!("/v1/agents/{agent}/skills"), Some(general)).await;
    company.in_force().await;
    let Some(mut boss) = desk(&eva, COLLEAGUE).await else { return };
    boss.does("opens", json!("/live")).await;
    let rings = at_best(1_000.0, async |_| {
        let (caller, _) = company.waits(&number).await;
        assert!(ana.phone.incoming(Duration::from_secs(2)).await.is_err(), "nobody is asked");
        let drag = json!({ "from": { "id": "live-call-row", "text": FROM },
            "to": { "id": "live-agent-row", "text": "ana" } });
        let dragged = async {
            boss.does("drag", drag).await;
            now_ms()
        };
        let rung = async {
            let offer = ana.phone.incoming(SOON).await.expect("it rings");
            (offer, now_ms())
        };
        let (dragged, (offer, rung)) = tokio::join!(dragged, rung);
        offer.say(Sound::Tone(AGENT));
        let leg = offer.answer().await.unwrap();
        caller.hear(AGENT, SOON).await.expect("the caller hears the agent");
        leg.hear(CALLER, SOON).await.expect("the agent hears the caller");
        leg.hang_up().await.unwrap();
        caller.wait_ended(SOON).await.unwrap();
        company.is(&ana.agent, "available").await;
        rung.saturating_sub(dragged) as f64
    })
    .await;
    assert!(rings <= 1_000.0, "{rings} ms");

    let Some(mut there) = desk(&ben, AGENT).await else { return };
    let (caller, _) = company.waits(&number).await;
    there.does("sees", json!("waiting-call")).await;
    there.pictures("desk-waiting").await;
    there.does("press", json!("pick-up")).await;
    there.does("tone", json!({ "hz": CALLER })).await;
    caller.hear(AGENT, SOON).await.expect("the caller hears who picked");
    there.does("press", json!("call-end")).await;
    caller.wait_ended(SOON).await.unwrap();
    there.close().await;
    boss.close().await;
}

/// Everybody rings at once; the first to answer has the caller, at the others it
/// stops, and the caller of one who declines goes on ringing at the rest.
#[tokio::test(flavor = "multi_thread")]
async fn all_ring_at_once_and_the_first_to_answer_has_the_caller() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "strategy": "ring_all", "ring_timeout_ms": 20_000 })).await;
    let number = company.queue_number(true).await;
    let [ana, ben, cleo] =
        [company.agent("ana").await, company.agent("ben").await, company.agent("cleo").await];
    company.in_force().await;
    let (caller, _) = company.waits(&number).await;
    let (at_ana, at_ben, at_cleo) =
        tokio::join!(ana.phone.incoming(SOON), ben.phone.incoming(SOON), cleo.phone.incoming(SOON));
    let (at_ana, at_ben, at_cleo) = (at_ana.unwrap(), at_ben.unwrap(), at_cleo.unwrap());
    at_ana.reject(486).await.expect("ana is busy");
    company.is(&ana.agent, "available").await;
    assert!(at_ben.wait_ended(Duration::from_millis(300)).await.is_err(), "it rings on at the others");
    at_cleo.say(Sound::Tone(AGENT));
    let leg = at_cleo.answer().await.unwrap();
    at_ben.wait_ended(SOON).await.expect("it stops at ben");
    caller.hear(AGENT, SOON).await.expect("the caller hears who was first");
    leg.hear(CALLER, SOON).await.expect("who was first hears the caller");
    company.is(&ben.agent, "available").await;
    leg.hang_up().await.unwrap();
    caller.wait_ended(SOON).await.unwrap();
    let figures = company.figures("queue", |total| total["answered"] == 1).await;
    assert_eq!((figures["offered"].as_i64(), figures["handled"].as_i64()), (Some(1), Some(1)));
    let by_agent = company.report("agent").await;
    let total = &by_agent["total"]["figures"];
    assert_eq!((total["offered"].as_i64(), total["answered"].as_i64()), (Some(3), Some(1)), "{total:#}");
}
