//! `records JOURNAL ANSWERED`: whether every call that a driver was answered has
//! its record, complete and once. The server must have ended: a journal is one
//! process's.
#![expect(clippy::print_stdout, reason = "the verdict is the standard output")]

use anyhow::{Context, bail};
use eventlog::{Log, Topic, codec};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};
use types::fact::{CallEvent, CallFact};

/// What the journal tells of one call.
#[derive(Default)]
struct Record {
    from: String,
    facts: u32,
    last: u32,
    ends: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(journal), Some(answered)) = (arguments.next(), arguments.next()) else {
        bail!("say the journal's folder and the driver's file of answered calls");
    };
    let answered = std::fs::read_to_string(answered).context("the answered calls")?;
    let calls = read(Path::new(&journal)).await?;
    let mut whole: BTreeMap<&str, u32> = BTreeMap::new();
    for call in calls.values().filter(|call| call.ends == 1 && call.facts == call.last + 1) {
        *whole.entry(&call.from).or_default() += 1;
    }
    let lost: Vec<&str> = answered.lines().filter(|number| whole.get(number) != Some(&1)).collect();
    println!(
        "{} calls in the journal, {} answered, {} of them without a whole record",
        calls.len(),
        answered.lines().count(),
        lost.len()
    );
    if !lost.is_empty() {
        bail!("without a record: {}", lost[..lost.len().min(10)].join(" "));
    }
    Ok(())
}

async fn read(journal: &Path) -> anyhow::Result<HashMap<String, Record>> {
    let log = Log::open(journal).context("the journal")?;
    let ends = log.ends(&[Topic::Call]).await?;
    let mut calls: HashMap<String, Record> = HashMap::new();
    let mut unreadable = 0;
    log.from_start(&[Topic::Call])?
        .read_to(&ends, |delivery| match codec::decode::<CallFact>(&delivery.record.value) {
            Ok(fact) => calls.entry(fact.call.to_string()).or_default().add(fact),
            Err(_) => unreadable += 1,
        })
        .await?;
    anyhow::ensure!(unreadable == 0, "{unreadable} facts cannot be read");
    Ok(calls)
}

impl Record {
    fn add(&mut self, fact: CallFact) {
        self.facts += 1;
        self.last = self.last.max(fact.seq);
        match fact.event {
            CallEvent::Offered { from, .. } => self.from = from,
            CallEvent::Ended { .. } => self.ends += 1,
            _ => {}
        }
    }
}
