//! A call is never lost: processes are killed in the middle of calls, started again,
//! and the calls go on. Real processes, real SIP and RTP.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, PASSWORD, live_call, now_ms, text, unique},
    fleet::{Fleet, Single},
    picks_up,
    platform::{CHAIN, KEY, Running, certificate},
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::{Call, Certificate, Config, Dial, Over, Phone, Protocol, Sound, Verify};
use std::{sync::Arc, time::Duration};

/// Within this the tones are back.
const BACK: Duration = Duration::from_secs(2);
/// What the queue plays, in hertz.
const MUSIC: f64 = 350.0;

/// Who talks, who waits unanswered with early media, who waits connected.
const TALKS: &str = "+40211000001";
const EARLY: &str = "+40211000002";
const WAITS: &str = "+40211000003";

/// Three callers and an agent, each of whom is somewhere else in a call.
struct Scene {
    company: Company,
    ana: Phone,
    talks: Call,
    agent: Call,
    early: Call,
    waits: Call,
    /// When the first of those who wait came.
    since: u128,
}

impl Scene {
    async fn begin(running: &'static Running) -> Scene {
        let company = Company::sign_up_at(running).await;
        Scene::of(company, &By::Udp).await
    }

    async fn of(company: Company, by: &By) -> Scene {
        let music = company.tone_prompt(MUSIC, 5.0).await;
        let nodes = with_music(company.queue_nodes(), &music);
        let quiet = company.number(nodes.clone(), "wait", false).await;
        let number = company.number(nodes, "wait", true).await;
        let (ana, _) = company.agent_at_a_fixed_place("ana").await;
        let talks = calls(&company, &number, TALKS, by).await;
        let agent = picks_up(&ana, AGENT).await;
        talks.hear(AGENT, SOON).await.unwrap();
        agent.hear(CALLER, SOON).await.unwrap();
        let since = now_ms();
        let early = calls(&company, &quiet, EARLY, by).await;
        early.wait_provisional(183, SOON).await.unwrap();
        company.until(|live| waits_in_line(live, EARLY)).await;
        let waits = calls(&company, &number, WAITS, by).await;
        waits.wait_answered(SOON).await.unwrap();
        company.until(|live| waits_in_line(live, WAITS)).await;
        for waiting in [&early, &waits] {
            waiting.hear(MUSIC, SOON).await.unwrap();
        }
        Scene { company, ana, talks, agent, early, waits, since }
    }

    /// Everybody hears what they heard.
    async fn sounds(&self, within: Duration) {
        self.early.hear(MUSIC, within).await.unwrap();
        self.answered_sound(within).await;
    }

    /// Those of them who are connected.
    async fn answered_sound(&self, within: Duration) {
        self.talks.hear(AGENT, within).await.unwrap();
        self.agent.hear(CALLER, within).await.unwrap();
        self.waits.hear(MUSIC, within).await.unwrap();
    }

    /// The agent hangs up; those who wait are served in the order in which they came,
    /// and either side ends its call.
    async fn goes_on(&mut self) {
        self.talk_ends().await;
        let offer = self.ana.incoming(SOON).await.unwrap();
        assert_eq!(offer.from(), EARLY, "who came first is served first");
        offer.say(Sound::Tone(AGENT));
        let agent = offer.answer().await.unwrap();
        self.early.wait_answered(SOON).await.unwrap();
        self.early.hear(AGENT, SOON).await.unwrap();
        agent.hear(CALLER, SOON).await.unwrap();
        self.early.hang_up().await.unwrap();
        assert!(matches!(agent.wait_ended(SOON).await.unwrap(), Over::ByPeer(_)));
        self.who_waits_is_served().await;
    }

    async fn talk_ends(&mut self) {
        self.agent.hang_up().await.unwrap();
        assert!(matches!(self.talks.wait_ended(SOON).await.unwrap(), Over::ByPeer(_)));
    }

    async fn who_waits_is_served(&mut self) {
        let offer = self.ana.incoming(SOON).await.unwrap();
        assert_eq!(offer.from(), WAITS);
        offer.say(Sound::Tone(AGENT));
        let agent = offer.answer().await.unwrap();
        self.waits.hear(AGENT, SOON).await.unwrap();
        agent.hear(CALLER, SOON).await.unwrap();
        agent.hang_up().await.unwrap();
        assert!(matches!(self.waits.wait_ended(SOON).await.unwrap(), Over::ByPeer(_)));
    }

    /// Three calls, each told once and whole.
    async fn is_told(&self) {
        for from in [TALKS, EARLY, WAITS] {
            let row = self.company.history(from, |row| row["outcome"] == "answered").await;
            let waited = row["wait_ms"].as_i64().unwrap();
            let least = if from == TALKS { 0 } else { 2_000 };
            assert!(waited >= least && waited as u128 <= now_ms() - self.since + 60_000, "{row:#}");
        }
        let figures = self.company.figures("queue", |figures| figures["handled"] == 3).await;
        assert_eq!((&figures["offered"], &figures["abandoned"]), (&3.into(), &0.into()), "{figures:#}");
        let live = self.company.until(|live| live["calls"].as_array().is_some_and(Vec::is_empty)).await;
        assert_eq!(live["calls"], Value::Array(Vec::new()), "nobody is left behind");
    }
}

fn with_music(mut nodes: Value, prompt: &str) -> Value {
    nodes["wait"]["music"] = json!([{ "prompt": prompt }]);
    nodes
}

fn waits_in_line(live: &Value, from: &str) -> bool {
    live_call(live, from).is_some_and(|row| row["stage"] == "queue")
}

/// How callers reach the edge.
enum By {
    Udp,
    /// By the trunk of this name, with a certificate of the caller's own: an edge that
    /// comes back connects to the caller as to any carrier.
    Tls(String, Arc<Certificate>),
}

/// The trunk by which carriers call over TLS; calls to the outside would go to the
/// same ones, so they can be connected to.
async fn trunk_by_tls(company: &Company, ca: &str) -> String {
    let username = format!("carrier-{:x}", unique());
    let gateway = json!({ "address": "localhost:1", "transport": "tls" });
    let trunk = json!({ "name": "By TLS",
        "auth": { "type": "digest", "username": username, "password": PASSWORD },
        "outbound": { "gateways": [gateway], "ca": ca, "prefixes": ["36"] } });
    company.send(Method::POST, "/v1/trunks", Some(trunk)).await;
    username
}

/// A call by this way; retried until the edge knows the number.
async fn calls(company: &Company, number: &str, from: &str, by: &By) -> Call {
    let By::Tls(username, certificate) = by else {
        return company.call(number, from, Protocol::Udp).await;
    };
    let server = text(&company.get("/v1/sip-server").await["tls"]);
    for _ in 0..40 {
        let roots = Some(company.at.certificate.clone());
        let verify = Some(Verify { name: "localhost".to_owned(), roots });
        let certificate = Some(certificate.clone());
        let phone = Phone::bind(Config { verify, certificate, ..Config::default() }).await.unwrap();
        let dial = company.dial(number, from).with_credentials(username, PASSWORD);
        let dial = Dial { to: server.clone(), ..dial };
        let call = phone.call(dial).await.unwrap();
        match call.wait_ended(Duration::from_millis(400)).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(_) => return call,
        }
    }
    panic!("the edge never knew {number}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_when_the_edge_is_killed() {
    let Some(mut fleet) = Fleet::start().await else { return };
    let mut scene = Scene::begin(fleet.running).await;
    fleet.kill("telephony").await;
    // The gateway holds what it has.
    scene.sounds(BACK).await;
    fleet.start_again("telephony");
    scene.sounds(BACK).await;
    scene.goes_on().await;
    scene.is_told().await;
}

/// The edge connects anew to who is connected: BYE works both ways, who waits is
/// served. A caller who is not answered yet gives up with the connection, so there is
/// none here.
#[tokio::test(flavor = "multi_thread")]
async fn calls_by_tls_go_on_when_the_edge_is_killed() {
    let Some(mut fleet) = Fleet::start().await else { return };
    let company = Company::sign_up_at(fleet.running).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = certificate(folder.path());
    let own = Certificate::open(&folder.path().join(CHAIN), &folder.path().join(KEY)).unwrap();
    let by = By::Tls(trunk_by_tls(&company, &ca).await, own);
    let mut scene = Scene::of(company, &by).await;
    scene.early.hang_up().await.unwrap();
    scene.company.until(|live| live_call(live, EARLY).is_none()).await;
    fleet.kill("telephony").await;
    scene.answered_sound(BACK).await;
    fleet.start_again("telephony");
    scene.answered_sound(BACK).await;
    scene.talk_ends().await;
    scene.who_waits_is_served().await;
    scene.company.until(|live| live["calls"].as_array().is_some_and(Vec::is_empty)).await;
}

/// Edge, gateway, ACD and all others at once, as where there is one process for all.
#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_when_the_only_process_is_killed() {
    let Some(mut single) = Single::start().await else { return };
    let mut scene = Scene::begin(single.running).await;
    single.kill().await;
    single.start_again();
    scene.sounds(SOON).await;
    scene.goes_on().await;
    scene.is_told().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_when_the_gateway_is_killed() {
    let Some(mut fleet) = Fleet::start().await else { return };
    let mut scene = Scene::begin(fleet.running).await;
    fleet.kill("media").await;
    fleet.start_again("media");
    scene.sounds(BACK).await;
    scene.goes_on().await;
    scene.is_told().await;
}
