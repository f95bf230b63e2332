//! What the commands do.
#![expect(clippy::print_stdout, reason = "a command line answers on its standard output")]

use crate::{BenchProfile, Recount, Remote, TestCall, Up};
use anyhow::{Context, bail};
use chassis::Drain;
use eventlog::KafkaOptions;
use serde_json::{Value, json};
use standalone::{
    Options, Platform,
    client::Api,
    profile::{self, Profile},
};
use std::{path::Path, time::Duration};

pub async fn up(up: Up) -> anyhow::Result<()> {
    let settings = match &up.config {
        None => toml::Table::new(),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            text.parse().with_context(|| format!("cannot understand {}", path.display()))?
        }
    };
    let kafka = up.kafka_brokers.map(|brokers| KafkaOptions { brokers, replication: up.kafka_replication });
    let platform = Platform::start(Options {
        data: up.data,
        http: up.http,
        sip: up.sip,
        public_address: up.public_address,
        database_url: up.database_url,
        kafka,
        settings,
    })
    .await?;
    tokio::spawn(chassis::drain_on_signal(platform.drain()));
    println!("\nTrunkline is up.\n");
    println!("  Open     {}/signup", platform.url);
    println!("  Then     press \"Place a test call\" and answer it on the desk");
    println!("  Or call  the test number that the first page shows, at sip:{}", up.sip);
    println!("\nCtrl-C stops it; the data stays.\n");
    platform.run().await
}

pub async fn bench_profile(wanted: BenchProfile) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let data = wanted.data.unwrap_or_else(|| temporary.path().to_owned());
    let BenchProfile { listen, agents, agent_contact, .. } = wanted;
    let drain = Drain::new();
    tokio::spawn(chassis::drain_on_signal(drain.clone()));
    println!("plain, cc, ccnorec, ccq, wait and waitq at sip:{listen}, {agents} agents");
    profile::run(Profile { listen, agents, agent_contact, data }, drain).await
}

/// Whether what the flow names exists is known to the platform alone.
///
/// # Errors
/// Says how many problems there are, after each was printed.
pub fn check_flow(file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let problems = flow_problems(&text);
    for (place, message) in &problems {
        println!("{place}: {message}");
    }
    match problems.len() {
        0 => println!("no problems found"),
        1 => bail!("1 problem in {}", file.display()),
        n => bail!("{n} problems in {}", file.display()),
    }
    Ok(())
}

fn flow_problems(text: &str) -> Vec<(String, String)> {
    let read: Result<flow::Flow, _> =
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text));
    match read {
        Err(error) => vec![(error.path().to_string(), error.inner().to_string())],
        Ok(flow) => {
            let found = flow.validate().err().unwrap_or_default();
            found.into_iter().map(|problem| (problem.place, problem.message)).collect()
        }
    }
}

fn api(remote: &Remote) -> anyhow::Result<Api> {
    Api::new(&remote.url, &remote.api_key, remote.insecure)
}

pub async fn test_call(call: TestCall) -> anyhow::Result<()> {
    let api = api(&call.remote)?;
    let body = json!({ "number": call.number, "keys": call.keys, "seconds": call.seconds });
    let placed = api.post("/v1/test-calls", &body).await?;
    let id = placed["id"].as_str().context("the API gave no id")?.to_owned();
    let mut told = String::new();
    loop {
        let state = api.get(&format!("/v1/test-calls/{id}")).await?;
        let word = state["state"].as_str().unwrap_or_default().to_owned();
        if word != told && !call.remote.json {
            println!("{word}");
        }
        told = word;
        if told == "ended" {
            match call.remote.json {
                true => println!("{state}"),
                false => println!(
                    "{} RTP packets heard, {} said",
                    state["packets_received"], state["packets_sent"]
                ),
            }
            return outcome(&state);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// # Errors
/// Tells why a call that nobody hung up has ended.
fn outcome(ended: &Value) -> anyhow::Result<()> {
    match ended["cause"].as_str().unwrap_or_default() {
        "hung_up" | "hung_up_by_peer" => Ok(()),
        "refused" => bail!("the call was refused with SIP status {}", ended["status"]),
        "lost" => bail!("no answer came to the SIP request: is the SIP address reachable?"),
        other => bail!("the call ended early: {other}"),
    }
}

/// Ends with an error when a figure differs.
pub async fn recount(recount: Recount) -> anyhow::Result<()> {
    let api = api(&recount.remote)?;
    let subjects = recount.by.as_deref().map_or_else(|| vec!["queue", "agent", "did"], |by| vec![by]);
    let mut differ = Vec::new();
    for by in subjects {
        let mut query = vec![("from", recount.from.clone()), ("to", recount.to.clone()), ("by", by.into())];
        let kept = api.find("/v1/reports", &query).await?;
        query.push(("positions", positions(&kept)));
        query.push(("as_of_ms", kept["as_of_ms"].to_string()));
        let anew = api.find("/v1/reports/recount", &query).await?;
        let same = kept["rows"] == anew["rows"] && kept["total"] == anew["total"];
        if !same {
            differ.push(by);
        }
        match recount.remote.json {
            true => println!(
                "{}",
                json!({ "by": by, "agrees": same, "kept": kept["total"], "recounted": anew["total"] })
            ),
            false => println!("{}", line(by, same, &anew)),
        }
    }
    if differ.is_empty() { Ok(()) } else { bail!("the figures by {} differ from the log", differ.join(", ")) }
}

/// As the API reads them: `topic:partition:offset`, with commas between.
fn positions(report: &Value) -> String {
    let positions = report["positions"].as_array().into_iter().flatten();
    let one = |at: &Value| {
        format!("{}:{}:{}", at["topic"].as_str().unwrap_or_default(), at["partition"], at["offset"])
    };
    positions.map(one).collect::<Vec<_>>().join(",")
}

fn line(by: &str, same: bool, report: &Value) -> String {
    let total = &report["total"]["figures"];
    let of = |name: &str| total[name].as_u64().unwrap_or_default();
    let verdict = if same { "agrees with the log" } else { "DIFFERS from the log" };
    let rows = report["rows"].as_array().map_or(0, Vec::len);
    format!(
        "by {by}: {rows} rows, {} offered, {} answered, {} abandoned, {} in progress: {verdict}",
        of("offered"),
        of("answered"),
        of("abandoned"),
        of("in_progress")
    )
}
