//! A process that tells records until it is killed.

use crate::site::{Site, open, record};
use eventlog::Live;
use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

const FOLDER: &str = "EVENTLOG_CHILD_FOLDER";
const TENANT: &str = "EVENTLOG_CHILD_TENANT";
const LINES: usize = 200;
/// What the child keeps beside its records: the number of the last.
pub const COUNT: &str = "count";

/// Runs the child, kills it (SIGKILL) in the middle; gives how many records
/// it said were acknowledged.
pub fn tells_until_killed(site: &Site) -> usize {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command
        .args(["--exact", "child::the_child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, site.path())
        .env(TENANT, site.tenant(1).as_str())
        .env_remove("KAFKA_BROKERS")
        .stdout(Stdio::piped());
    if let Some(brokers) = site.brokers() {
        command.env("KAFKA_BROKERS", brokers);
    }
    let mut child = command.spawn().expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("an output")).lines();
    let told =
        lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("told ")?.parse::<usize>().ok());
    let last = told.take(LINES).last().expect("the child told something");
    child.kill().expect("the child can be killed");
    child.wait().expect("the child is gone");
    last + 1
}

/// Not a test of its own: the body of the child, empty without its folder.
#[tokio::test]
async fn the_child() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let tenant = env::var(TENANT).expect("a tenant").parse().expect("a tenant's id");
    let log = open(folder.as_ref(), env::var("KAFKA_BROKERS").ok());
    let mut out = std::io::stdout();
    for n in 0.. {
        let kept = Live { key: COUNT.to_owned(), value: Some(n.to_string().into_bytes()) };
        log.commit(&[record(&tenant, "call", &n.to_string())], vec![kept]).expect("acknowledged");
        writeln!(out, "told {n}").expect("somebody listens");
        out.flush().expect("somebody listens");
    }
}
