//! An agent in a real browser.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, PASSWORD, live_call},
};
use serde_json::{Value, json};
use softphone::{Protocol, Sound};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// Every page without an id in its path.
const PAGES: [&str; 26] = [
    "/",
    "/desk",
    "/live",
    "/calls",
    "/callbacks",
    "/contacts",
    "/reports",
    "/trunks",
    "/numbers",
    "/flows",
    "/queues",
    "/thresholds",
    "/wallboards",
    "/agents",
    "/users",
    "/departments",
    "/roles",
    "/prompts",
    "/dispositions",
    "/categories",
    "/skills",
    "/company",
    "/api-keys",
    "/webhooks",
    "/audit",
    "/security",
];

const FROM: &str = "+40219876543";
const MUSIC: f64 = 261.6;

/// Chromium, driven line by line: a command goes in, what came of it comes out.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _voice: tempfile::NamedTempFile,
}

impl Browser {
    /// `None`, said aloud, where there is no browser; never in CI.
    pub async fn start(url: &str) -> Option<Browser> {
        Browser::saying(url, AGENT).await
    }

    /// The same with another tone at its microphone.
    pub async fn saying(url: &str, hz: f64) -> Option<Browser> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
        let chromium = chromium.iter().map(PathBuf::from).find(|path| path.exists());
        let (Some(chromium), true) = (chromium, folder.join("node_modules").exists()) else {
            assert!(std::env::var_os("CI").is_none(), "in CI there must be a browser: make deps");
            eprintln!("SKIPPED: no Chromium or no packages in tests/e2e/browser (make e2e fetches them)");
            return None;
        };
        let voice = voice(hz);
        let mut child = Command::new("node")
            .arg(folder.join("drive.mjs"))
            .env("CHROMIUM", chromium)
            .env("BASE", url)
            .env("VOICE", voice.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let input = child.stdin.take().expect("an input");
        let output = BufReader::new(child.stdout.take().expect("an output")).lines();
        Some(Browser { child, input, output, _voice: voice })
    }

    pub async fn does(&mut self, what: &str, with: Value) -> Value {
        let line = format!("{}\n", json!({ "do": what, "with": with }));
        self.input.write_all(line.as_bytes()).await.expect("the browser listens");
        let answer = tokio::time::timeout(2 * SOON, self.output.next_line()).await;
        let answer = answer.unwrap_or_else(|_| panic!("{what} takes too long")).expect("a line");
        let answer: Value = serde_json::from_str(&answer.expect("the browser runs")).expect("JSON");
        assert!(answer["error"].is_null(), "{what}: {}", answer["error"]);
        answer["ok"].clone()
    }

    /// Pictures of what is on screen now, where `SCREENS` names a folder for them.
    pub async fn pictures(&mut self, name: &str) {
        let Ok(folder) = std::env::var("SCREENS") else { return };
        for (width, scheme) in [(360, "light"), (360, "dark"), (1440, "dark"), (1440, "light")] {
            let file = format!("{folder}/{name}-{width}-{scheme}.png");
            self.does("screenshot", json!({ "file": file, "width": width, "scheme": scheme })).await;
        }
    }

    pub async fn close(mut self) {
        drop(self.input);
        let _ = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
    }
}

/// What the fake microphone hears.
fn voice(hz: f64) -> tempfile::NamedTempFile {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut wav = hound::WavWriter::new(&mut bytes, spec).expect("a writer");
    for i in 0..48_000 {
        let t = f64::from(i) / 48_000.0;
        wav.write_sample((12_000.0 * (std::f64::consts::TAU * hz * t).sin()) as i16).expect("memory");
    }
    wav.finalize().expect("memory");
    let mut file = tempfile::Builder::new().suffix(".wav").tempfile().expect("a file");
    file.write_all(&bytes.into_inner()).expect("a disk");
    file
}

/// The newcomer's way: log in, become available, accept with the pop on
/// screen, talk, mute, hold, reload the page, end, wrap up.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_in_the_browser_talks_mutes_holds_and_wraps_up() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "ring_timeout_ms": 30_000, "wrap_up_ms": 60_000 })).await;
    let number = company.queue_number(true).await;
    let Some(mut desk) = Browser::start(&company.at.url).await else { return };
    desk.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    desk.does("available", Value::Null).await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    let offer = desk.does("offer", Value::Null).await;
    assert!(offer.as_str().unwrap().contains("Story line"), "the pop shows the number dialled: {offer}");
    desk.does("accept", Value::Null).await;
    let peak = desk.does("hear", json!({ "hz": CALLER })).await;
    assert!((peak.as_f64().unwrap() - CALLER).abs() < 30.0, "the agent hears the caller: {peak}");
    call.hear(AGENT, SOON).await.expect("the caller hears the agent");

    call.say(Sound::Mute);
    let unheard = desk.does("text", json!("unheard")).await;
    assert!(unheard.as_str().unwrap().contains(FROM), "the agent sees who is not heard: {unheard}");
    call.say(Sound::Tone(CALLER));
    desk.does("loses", json!("unheard")).await;
    desk.does("hear", json!({ "hz": CALLER })).await;

    desk.does("press", json!("call-mute")).await;
    call.hear_nothing(SOON).await.expect("a muted agent is not heard");
    desk.does("press", json!("call-mute")).await;
    call.hear(AGENT, SOON).await.expect("heard again");

    desk.does("press", json!("call-hold")).await;
    call.hear(MUSIC, SOON).await.expect("music on hold");
    desk.does("press", json!("call-hold")).await;
    call.hear(AGENT, SOON).await.expect("back from hold");
    desk.does("hear", json!({ "hz": CALLER })).await;
    desk.does("reload", Value::Null).await;
    desk.does("hear", json!({ "hz": CALLER })).await;
    call.hear(AGENT, SOON).await.expect("the same call after a reload");
    let live = company.live().await;
    assert_eq!(live_call(&live, FROM).unwrap()["stage"], "talking");

    desk.does("press", json!("call-end")).await;
    call.wait_ended(SOON).await.expect("the caller is let go");
    desk.does("wrap_up", Value::Null).await;
    let row = company.history(FROM, |row| !row["disposition"].is_null() && row["disposition"] != "").await;
    assert_eq!(row["outcome"], "answered");
    let page = format!("/calls/{}", row["call"].as_str().unwrap());
    let shown = desk.does("look", json!({ "path": page, "ids": ["silence", "sound-near"] })).await;
    assert!(shown["silence"].as_str().unwrap().contains(FROM), "{shown}");
    assert!(shown["sound-near"].as_str().unwrap().contains("MOS"), "{shown}");
    company.figures("queue", |f| f["handled"] == 1 && f["hold_ms"].as_i64().unwrap() > 0).await;
    desk.close().await;
}

/// Every page without serious faults of accessibility, light and dark.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_passes_the_accessibility_check() {
    let company = Company::sign_up().await;
    let Some(mut browser) = Browser::start(&company.at.url).await else { return };
    let faults = browser.does("axe", json!(["/signup", "/login", "/forgot", "/wall#wall_nothing"])).await;
    assert_eq!(faults, json!([]), "signed out");
    browser.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    for page in PAGES {
        let faults = browser.does("axe", json!([page])).await;
        assert_eq!(faults, json!([]), "signed in");
    }
    browser.close().await;
}

/// A known caller's name and an unknown one's number, the number dialled and
/// the path through the menu: the same on monitor, pop, report and history.
/// Proves A118, A119, A120, A122.
#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_the_pop_and_the_history_tell_the_same_of_a_caller() {
    const KNOWN: &str = "+40212222333";
    const STRANGER: &str = "+40213333444";
    const LOCALLY: &str = "0212222333";
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "ring_timeout_ms": 60_000, "wrap_up_ms": 60_000 })).await;
    let Some(mut desk) = Browser::start(&company.at.url).await else { return };
    let number = company.number(three_menus(&company), "one", true).await;
    let who = json!({ "name": "Ion Vasile", "organisation": "Vasile SRL" });
    let contact = becomes_known(&company, &number, KNOWN, who).await;

    desk.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    desk.does("available", Value::Null).await;
    let call = company.call(&number, KNOWN, Protocol::Udp).await;
    let monitor = desk.does("look", json!({ "path": "/live", "ids": ["live-call-caller"] })).await;
    let caller = monitor["live-call-caller"].as_str().unwrap();
    assert!(caller.contains("Ion Vasile") && caller.contains("Vasile SRL"), "{caller}");
    call.wait_answered(SOON).await.unwrap();
    for (key, so_far) in [("1", "1"), ("3", "1→3"), ("0", "1→3→0")] {
        call.press(key).await;
        company.until(|live| live_call(live, KNOWN).is_some_and(|row| row["path"] == so_far)).await;
    }
    let pop = desk.does("offer", Value::Null).await;
    let pop = pop.as_str().unwrap();
    assert!(pop.contains("Ion Vasile") && pop.contains("Story line"), "{pop}");
    let on_pop = desk.does("text", json!("offer-path")).await;
    let ids = ["live-call-caller", "live-call-did", "live-call-path"];
    let monitor = desk.does("look", json!({ "path": "/live", "ids": ids })).await;
    assert!(monitor["live-call-did"].as_str().unwrap().contains("Story line"), "{monitor}");
    assert_eq!((&monitor["live-call-path"], &on_pop), (&json!("1→3→0"), &json!("1→3→0")));

    desk.does("accept", Value::Null).await;
    call.hear(AGENT, SOON).await.expect("the caller hears the agent");
    desk.does("hear", json!({ "hz": CALLER })).await;
    desk.does("press", json!("call-end")).await;
    call.wait_ended(SOON).await.unwrap();
    desk.does("wrap_up", Value::Null).await;
    let page = contact.strip_prefix("/v1").unwrap();
    company.history(KNOWN, |row| row["path"] == "1→3→0").await;
    let history = desk.does("look", json!({ "path": page, "ids": ["interaction-path"] })).await;
    assert_eq!(history["interaction-path"], on_pop);
    let report = desk.does("report_by_number", Value::Null).await;
    assert!(report.as_str().unwrap().contains("Story line"), "{report}");

    let stranger = company.call(&number, STRANGER, Protocol::Udp).await;
    company.until(|live| live_call(live, STRANGER).is_some()).await;
    let monitor = desk.does("look", json!({ "path": "/live", "ids": ["live-call-caller"] })).await;
    let digits: String =
        monitor["live-call-caller"].as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert_eq!(format!("+{digits}"), STRANGER);
    stranger.hang_up().await.unwrap();
    stranger.wait_ended(SOON).await.unwrap();
    company.until(|live| live["calls"] == json!([])).await;

    // As the local network spells it: the same card.
    let local = company.call(&number, LOCALLY, Protocol::Udp).await;
    let monitor = desk.does("look", json!({ "path": "/live", "ids": ["live-call-caller"] })).await;
    assert!(monitor["live-call-caller"].as_str().unwrap().contains("Vasile SRL"), "{monitor}");
    local.hang_up().await.unwrap();
    desk.close().await;
}

/// The star of a caller who waits already shows within a second.
/// Proves A130.
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_caller_becomes_important_at_once() {
    let company = Company::sign_up().await;
    let Some(mut monitor) = Browser::start(&company.at.url).await else { return };
    let number = company.queue_number(true).await;
    monitor.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    company.until(|live| live_call(live, FROM).is_some_and(|row| row["stage"] == "queue")).await;
    let took = monitor.does("vip", Value::Null).await;
    assert!(took.as_f64().unwrap() <= 1_000.0, "{took} ms until the mark showed");
    let row = company.history(FROM, |row| !row["contact"].is_null()).await;
    let card = company.get(&format!("/v1/contacts/{}", row["contact"].as_str().unwrap())).await;
    assert_eq!(card["contact"]["vip"], true, "the mark is in the address book");
    call.hang_up().await.unwrap();
    monitor.close().await;
}

/// Calls once, and is given a name in the address book; where the card is.
async fn becomes_known(company: &Company, number: &str, from: &str, who: Value) -> String {
    let first = company.call(number, from, Protocol::Udp).await;
    first.wait_answered(SOON).await.unwrap();
    first.hang_up().await.unwrap();
    let row = company.history(from, |row| !row["contact"].is_null()).await;
    let contact = format!("/v1/contacts/{}", row["contact"].as_str().unwrap());
    company.send(reqwest::Method::PATCH, &contact, Some(who)).await;
    contact
}

/// 1, then 3, then 0 leads into the queue.
fn three_menus(company: &Company) -> Value {
    let mut nodes = company.queue_nodes();
    for (name, key, next) in [("one", "1", "two"), ("two", "3", "three"), ("three", "0", "wait")] {
        nodes[name] = json!({ "type": "menu", "label": name, "say": [{ "text": "Press." }],
            "choices": { key: next }, "timeout_ms": 60_000, "no_input": "bye", "no_match": "bye" });
    }
    nodes
}

/// No page is wider than a telephone. With `SCREENS=<folder>` each page's
/// pictures, narrow and wide, light and dark, are left there.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_narrow_window() {
    let company = Company::sign_up().await;
    let sales =
        company.send(reqwest::Method::POST, "/v1/departments", Some(json!({ "name": "Sales" }))).await;
    let north = json!({ "name": "North", "parent": sales["id"] });
    company.send(reqwest::Method::POST, "/v1/departments", Some(north)).await;
    let webhook = webhook(&company).await;
    let Some(mut browser) = Browser::start(&company.at.url).await else { return };
    browser.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    let folder = std::env::var("SCREENS").ok();
    let mut wide = Vec::new();
    for path in PAGES.into_iter().chain([webhook.as_str()]) {
        let looks = [(360, "light"), (360, "dark"), (1440, "light"), (1440, "dark")];
        for (width, scheme) in looks.into_iter().take(if folder.is_some() { 4 } else { 1 }) {
            let name = path.trim_matches('/').replace('/', "-");
            let name = if name.is_empty() { "home" } else { &name };
            let name = if path == webhook { "webhook" } else { name };
            let file = folder.as_ref().map(|folder| format!("{folder}/{name}-{width}-{scheme}.png"));
            let with = json!({ "path": path, "width": width, "scheme": scheme, "file": file });
            let over = browser.does("overflow", with).await;
            if over.as_i64().unwrap() > 0 {
                wide.push(format!("{path} at {width} px: {over} px too wide"));
            }
        }
    }
    assert_eq!(wide, [""; 0]);
    browser.close().await;
}

/// One that nobody answers, with a delivery; its page.
async fn webhook(company: &Company) -> String {
    let form = json!({
        "name": "Orders", "url": "http://127.0.0.1:9/hook", "kinds": ["call.ended", "recording.stored"],
    });
    let made = company.send(reqwest::Method::POST, "/v1/webhooks", Some(form)).await;
    let path = format!("/webhooks/{}", made["webhook"]["id"].as_str().expect("an id"));
    company.send(reqwest::Method::POST, &format!("/v1{path}/test"), None).await;
    path
}

/// Without a mouse: available by the palette, accept, hold, the transfer's
/// dialog, the end, and the wrap-up.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_works_by_the_keyboard_alone() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "ring_timeout_ms": 60_000, "wrap_up_ms": 60_000 })).await;
    let number = company.queue_number(true).await;
    let Some(mut desk) = Browser::start(&company.at.url).await else { return };
    desk.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    desk.does("opens", json!("/desk")).await;
    desk.does("state", json!("offline")).await;
    desk.does("keys", json!(["Control+k"])).await;
    desk.does("sees", json!("palette-search")).await;
    desk.does("types", json!("Available")).await;
    desk.does("keys", json!(["Enter"])).await;
    desk.does("state", json!("available")).await;

    let call = company.call(&number, FROM, Protocol::Udp).await;
    desk.does("offer", Value::Null).await;
    desk.does("keys", json!(["a"])).await;
    desk.does("hear", json!({ "hz": CALLER })).await;
    call.hear(AGENT, SOON).await.expect("the caller hears the agent");
    desk.does("keys", json!(["h"])).await;
    call.hear(MUSIC, SOON).await.expect("music on hold");
    desk.does("keys", json!(["h"])).await;
    call.hear(AGENT, SOON).await.expect("back from hold");
    desk.does("keys", json!(["t"])).await;
    desk.does("tab_to", json!("connect-search")).await;
    desk.does("keys", json!(["Escape", "n"])).await;
    desk.does("types", json!("sent a form")).await;
    desk.does("tab_to", json!("call-end")).await;
    desk.does("keys", json!(["Enter"])).await;
    call.wait_ended(SOON).await.expect("the caller is let go");
    desk.does("tab_to", json!("wrapup-disposition")).await;
    desk.does("keys", json!(["ArrowDown"])).await;
    desk.does("tab_to", json!("wrapup-finish")).await;
    desk.does("keys", json!(["Enter"])).await;
    desk.does("state", json!("available")).await;
    let row = company.history(FROM, |row| row["note"] == "sent a form").await;
    assert!(row["disposition"].is_string(), "{row}");
    desk.close().await;
}

/// The caller's name in the offer, in the queue's script and in the word about a missed call.
/// Proves A196.
#[tokio::test(flavor = "multi_thread")]
async fn the_desk_addresses_the_caller_by_name() {
    const KNOWN: &str = "+40214445566";
    let mut company = Company::sign_up().await;
    let script = "Good day {name}, this is {agent} of {company}.";
    company.change_queue(json!({ "script": script, "ring_timeout_ms": 6_000, "wrap_up_ms": 60_000 })).await;
    let number = company.queue_number(true).await;
    becomes_known(&company, &number, KNOWN, json!({ "name": "Vasile Popa" })).await;
    let Some(mut desk) = Browser::start(&company.at.url).await else { return };
    desk.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    desk.does("available", Value::Null).await;
    let call = company.call(&number, KNOWN, Protocol::Udp).await;
    desk.does("offer", Value::Null).await;
    assert_eq!(desk.does("text", json!("offer-caller")).await, "Vasile Popa");
    let said = "Good day Vasile Popa, this is Olga Owner of Story Ltd.";
    assert_eq!(desk.does("text", json!("script")).await, said);
    let missed = desk.does("text", json!("missed-notice")).await;
    assert!(missed.as_str().unwrap().starts_with("Vasile Popa rang"), "{missed}");
    // The caller still waits: it rings at once.
    desk.does("press", json!("desk-available")).await;
    desk.does("offer", Value::Null).await;
    desk.does("accept", Value::Null).await;
    desk.does("hear", json!({ "hz": CALLER })).await;
    call.hear(AGENT, SOON).await.expect("the caller hears the agent");
    assert_eq!(desk.does("text", json!("script")).await, said, "during the conversation too");
    call.hang_up().await.unwrap();
    desk.close().await;
}

/// A preset fills the form, and what is saved is what the trunk needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_gsm_gateway_becomes_a_trunk_by_a_preset() {
    let company = Company::sign_up().await;
    let Some(mut page) = Browser::start(&company.at.url).await else { return };
    page.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    page.does("opens", json!("/trunks")).await;
    page.does("press", json!("trunk-new")).await;
    page.does("pick", json!({ "id": "trunk-preset", "index": 3 })).await;
    page.does("fill", json!({ "id": "trunk-name", "text": "SIM 1" })).await;
    page.does("press", json!("document-save")).await;
    page.does("loses", json!("document-save")).await;
    let trunks = company.get("/v1/trunks").await;
    let made = trunks["items"].as_array().unwrap().iter().find(|trunk| trunk["name"] == "SIM 1");
    let made = made.expect("the trunk is saved");
    assert_eq!((&made["auth"]["type"], &made["calls_per_second"]), (&json!("digest"), &json!(1)));
    let outbound = &made["outbound"];
    assert_eq!((&outbound["registered"], &outbound["calls_max"]), (&json!(true), &json!(1)));
    assert_eq!(outbound["gateways"], json!([]));
    page.close().await;
}
