//! Agents on SIP phones.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, live_agent, live_call, text, unique},
    picks_up,
    recordings::Recording,
};
use serde_json::json;
use softphone::{Over, Protocol, Sound};
use std::time::Duration;

/// Who calls, unique to a story within its company.
const FROM: &str = "+40211234567";

/// The way of a call, whole: menu by key, queue, phone, both ways of audio,
/// hold and resume, recording, history, figures that the log confirms.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_talks_with_an_agent_on_a_sip_phone_and_everything_is_on_record() {
    let company = Company::sign_up().await;
    let mut nodes = company.queue_nodes();
    nodes["menu"] = json!({ "type": "menu", "label": "Main menu", "say": [{ "text": "Press one." }],
        "choices": { "1": "wait" }, "timeout_ms": 60_000, "no_input": "bye", "no_match": "bye" });
    let number = company.number(nodes, "menu", true).await;
    let server = company.get("/v1/sip-server").await;
    assert_eq!(server["udp"], company.at.sip.to_string(), "the portal says where SIP goes");
    let ana = company.agent("ana").await;

    let call = company.call(&number, FROM, Protocol::Udp).await;
    call.wait_answered(SOON).await.unwrap();
    company.until(|live| live_call(live, FROM).is_some_and(|row| row["stage"] == "menu")).await;
    call.press("1").await;
    let offer = ana.phone.incoming(SOON).await.unwrap();
    let live = company.until(|live| live_call(live, FROM).is_some_and(|row| row["stage"] == "ringing")).await;
    let row = live_call(&live, FROM).unwrap();
    assert_eq!((row["path"].as_str(), row["did_label"].as_str()), (Some("1"), Some("Story line")));
    assert_eq!(row["agent"], ana.agent.as_str(), "the monitor shows whom it rings");
    offer.say(Sound::Tone(AGENT));
    let agent = offer.answer().await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();

    agent.hold().await.unwrap();
    agent.hear_nothing(SOON).await.unwrap();
    agent.resume().await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();

    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    assert_eq!((row["path"].as_str(), row["outcome"].as_str()), (Some("1"), Some("answered")));
    assert_eq!(row["agent"], ana.agent.as_str());
    Recording::of(&company, &text(&row["recording"])).await.has_both_sides();
    let found = company.get(&format!("/v1/calls/{}", text(&row["call"]))).await;
    let legs = found["legs"].as_array().expect("how well everybody was heard");
    assert!(
        legs.iter().any(|leg| leg["who"].is_null())
            && legs.iter().any(|leg| leg["who"] == ana.agent.as_str())
    );
    for leg in legs {
        assert!(leg["near"]["mos"].as_f64() > Some(3.5) && leg["received"].as_u64() > Some(0), "{leg}");
    }
    let figures = company.figures("queue", |f| f["handled"] == 1).await;
    assert_eq!(
        (&figures["offered"], &figures["answered"], &figures["abandoned"]),
        (&json!(1), &json!(1), &json!(0))
    );
    company.until(|live| live_agent(live, &ana.agent).is_some_and(|row| row["state"] == "available")).await;
    drop(ana.registration);
}

/// Carrier's side of the call in our own capture: what the platform sent to the
/// caller's leg, as (milliseconds, first line).
fn sent_to_caller(capture: &[u8], caller: u16) -> Vec<(u128, String)> {
    let mut capture = pcap_file::pcap::PcapReader::new(capture).expect("a capture file");
    let mut sent = Vec::new();
    while let Some(packet) = capture.next_packet() {
        let packet = packet.expect("a packet");
        let ip = etherparse::SlicedPacket::from_ip(&packet.data).expect("an IP packet");
        let (to, payload) = match ip.transport.expect("a transport") {
            etherparse::TransportSlice::Udp(udp) => (udp.destination_port(), udp.payload().to_vec()),
            etherparse::TransportSlice::Tcp(tcp) => (tcp.destination_port(), tcp.payload().to_vec()),
            other => panic!("neither UDP nor TCP: {other:?}"),
        };
        let text = String::from_utf8(payload).expect("a SIP message");
        if to == caller {
            let line = text.lines().next().unwrap_or_default().to_owned();
            let line = if text.contains("m=audio") { format!("{line} +sdp") } else { line };
            sent.push((packet.timestamp.as_millis(), line));
        }
    }
    sent
}

/// 183 and early media, no 200 before an agent answers: heard, and read in the
/// capture that the platform keeps of the call. Where the carrier's limit nears,
/// the number's setting answers.
/// Proves A220.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_need_not_pay_hears_music_and_is_answered_by_the_agent() {
    let company = Company::sign_up().await;
    let number = company.queue_number(false).await;
    let call = company.call(&number, FROM, Protocol::Tcp).await;
    let early = call.wait_provisional(183, SOON).await.unwrap();
    assert!(early.early_media);
    // The first note of the built-in music.
    call.hear(261.6, SOON).await.unwrap();
    let ana = company.agent("ana").await;
    let offer = ana.phone.incoming(SOON).await.unwrap();
    offer.ring().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(call.report(&[]).answered_ms, None, "nobody has answered yet");
    offer.say(Sound::Tone(AGENT));
    let answered_at = crate::company::now_ms();
    let agent = offer.answer().await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    agent.hang_up().await.unwrap();
    assert!(matches!(call.wait_ended(SOON).await.unwrap(), Over::ByPeer(_)));

    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    let ladder = company.get(&format!("/v1/calls/{}/ladder", text(&row["call"]))).await;
    let messages = ladder["messages"].as_array().unwrap();
    let invite = messages.iter().find(|m| m["sent"] == false && text(&m["text"]).starts_with("INVITE"));
    let peer = text(&invite.unwrap()["peer"]);
    let port = peer.rsplit(':').next().unwrap().parse().unwrap();
    let capture = company.bytes(&format!("/v1/calls/{}/pcap", text(&row["call"]))).await;
    let sent = sent_to_caller(&capture, port);
    let early = sent.iter().position(|(_, line)| line.starts_with("SIP/2.0 183") && line.ends_with("+sdp"));
    let answer = sent.iter().position(|(_, line)| line.starts_with("SIP/2.0 200") && line.ends_with("+sdp"));
    let (early, answer) = (early.expect("early media"), answer.expect("an answer"));
    assert!(early < answer, "{sent:?}");
    assert!(sent[..answer].iter().all(|(_, line)| !line.starts_with("SIP/2.0 2")), "{sent:?}");
    assert!(sent[answer].0 + 1 >= answered_at, "no 200 before the agent answered");

    drop(ana);
    answered_before_the_limit(&company).await;
}

/// The carrier's limit for early media nears and nobody is there: answered, and
/// still in the queue.
async fn answered_before_the_limit(company: &Company) {
    let number = company.queue_number(false).await;
    let numbers = company.get("/v1/numbers").await;
    let did = numbers["items"].as_array().unwrap().iter().find(|did| did["number"] == number.as_str());
    let (id, mut did) = (text(&did.unwrap()["id"]), crate::company::body(did.unwrap()));
    did["answer_after_ms"] = json!(1_500);
    company.send(reqwest::Method::PUT, &format!("/v1/numbers/{id}"), Some(did)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    call.hear(261.6, SOON).await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    call.hear(261.6, SOON).await.unwrap();
    company.until(|live| live_call(live, FROM).is_some_and(|row| row["stage"] == "queue")).await;
    call.hang_up().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_does_not_answer_loses_the_offer_to_the_next_and_the_caller_keeps_the_place() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ben = company.agent("ben").await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    let missed = ana.phone.incoming(SOON).await.unwrap();
    missed.ring().await.unwrap();
    let offer = ben.phone.incoming(SOON).await.unwrap();
    assert_eq!(missed.wait_ended(SOON).await.unwrap(), Over::Cancelled);
    offer.say(Sound::Tone(AGENT));
    let agent = offer.answer().await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    let live = company.live().await;
    assert_eq!(live_agent(&live, &ana.agent).unwrap()["state"], "missed");
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();
    let figures = company.figures("agent", |f| f["handled"] == 1).await;
    assert_eq!(
        (&figures["offered"], &figures["missed"], &figures["answered"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    assert!(row["wait_ms"].as_i64().unwrap() >= 4_000, "the wait did not begin again: {row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_does_not_register_takes_a_call_to_a_name_and_it_is_not_recorded() {
    let company = Company::sign_up().await;
    let name = format!("support-{:x}", unique());
    let settings = json!({ "sip_name": name, "record": false });
    company.number_with(company.queue_nodes(), "wait", settings).await;
    let (phone, agent) = company.agent_at_a_fixed_place("ana").await;
    let call = company.call(&name, FROM, Protocol::Udp).await;
    let talk = picks_up(&phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    talk.hear(CALLER, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    assert_eq!((&row["agent"], &row["recording"]), (&json!(agent), &json!(null)), "{row:#}");
}
