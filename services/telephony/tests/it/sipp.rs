//! Calls by SIPp, an implementation of others. Its absence is a failure in CI and
//! a loud skip elsewhere.

use std::process::Stdio;

use proto::ivr::v1::next_reply::{Instruction, Queue};
use tokio::process::Command;
use types::fact::CallEvent;
use types::{HangupCause, Party};

use crate::world::{NUMBER, SOON, World, by_address};

fn is_installed() -> bool {
    let found = std::process::Command::new("sipp").arg("-v").stdout(Stdio::null()).status().is_ok();
    let in_ci = std::env::var("CI").is_ok_and(|v| v == "true");
    assert!(found || !in_ci, "no sipp in CI");
    if !found {
        eprintln!("SKIPPED: sipp is not installed");
    }
    found
}

#[tokio::test]
async fn sipp_calls_talks_and_hangs_up_over_udp_and_tcp() {
    if !is_installed() {
        return;
    }
    for transport in ["u1", "t1"] {
        let world = World::new(by_address("127.0.0.1")).await;
        let queue = Queue {
            needs: Vec::new(),
            queue: world.queue.to_string(),
            priority: 0,
            welcome: vec![],
            music: vec!["music".to_owned()],
            announce_every_ms: 0,
            service_level_ms: 20_000,
            short_abandon_ms: 5_000,
            callback: None,
        };
        world.peers.flow_says(Instruction::Queue(queue), "greeting");
        let folder = tempfile::tempdir().unwrap();
        let running = Command::new("sipp")
            .args(["-sn", "uac", "-t", transport, "-s", NUMBER, "-d", "300", "-m", "1", "-nostdin"])
            .args(["-i", "127.0.0.1", "-timeout", "20s", "-timeout_error"])
            .arg(world.edge.to_string())
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status();
        let status = tokio::time::timeout(SOON * 2, running).await.expect("sipp to end").unwrap();
        assert!(status.success(), "sipp over {transport}: {status}");
        let facts = world.facts().await;
        let CallEvent::Ended { cause, by, .. } = &facts.last().unwrap().event else { panic!() };
        assert_eq!((*cause, *by), (HangupCause::Normal, Party::Caller));
    }
}
