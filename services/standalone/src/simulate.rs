//! `trunkline simulate`: a planned day, told as a table.
#![expect(clippy::print_stdout, reason = "a command line answers on its standard output")]

use crate::Simulate;
use anyhow::{Context, bail, ensure};
use sim::forecast::{Forecast, Line, Plan, Range, forecast};
use std::{fmt::Write, path::Path};

pub fn run(wanted: &Simulate) -> anyhow::Result<()> {
    ensure!((1..=1_000).contains(&wanted.seeds), "--seeds must be between 1 and 1000");
    let plan = read(&wanted.file)?;
    if let Err(problems) = plan.validate() {
        for problem in &problems {
            println!("{problem}");
        }
        bail!("{} problems in {}", problems.len(), wanted.file.display());
    }
    let found = forecast(&plan, wanted.seeds);
    match wanted.json {
        true => println!("{}", serde_json::to_string_pretty(&found)?),
        false => print!("{}", table(&found)),
    }
    Ok(())
}

/// TOML, or JSON by the ending of the name.
fn read(file: &Path) -> anyhow::Result<Plan> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let of = || format!("cannot understand {}", file.display());
    if file.extension().is_some_and(|ending| ending == "json") {
        return serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&text))
            .with_context(of);
    }
    toml::from_str(&text).with_context(of)
}

fn table(found: &Forecast) -> String {
    let mut text = format!("{} days of {:.0} contacts on average\n\n", found.seeds, found.contacts);
    rows(&mut text, &found.intervals);
    text.push_str("\nThe whole day\n");
    rows(&mut text, &found.day);
    text
}

fn rows(text: &mut String, lines: &[Line]) {
    let head = ["from", "queue", "offered", "in time", "abandoned", "overflow", "wait", "P80", "P95", "busy"];
    let lines = lines.iter().map(cells);
    let rows: Vec<[String; 10]> = std::iter::once(head.map(str::to_owned)).chain(lines).collect();
    let widths: Vec<usize> =
        (0..head.len()).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn cells(line: &Line) -> [String; 10] {
    let m = &line.measures;
    let share = |range: Option<Range>| ranged(range, 100.0, " %");
    let seconds = |range: Option<Range>| ranged(range, 1.0, " s");
    [
        format!("{:02}:{:02}", line.from_minutes / 60, line.from_minutes % 60),
        line.queue.clone().unwrap_or_else(|| "(agents)".into()),
        ranged(m.offered, 1.0, ""),
        share(m.service_level),
        share(m.abandonment),
        ranged(m.overflowed.filter(|overflowed| overflowed.high > 0.0), 1.0, ""),
        seconds(m.average_wait_s),
        seconds(m.wait_p80_s),
        seconds(m.wait_p95_s),
        share(m.occupancy),
    ]
}

/// The mean, and from where to where the days ranged.
fn ranged(range: Option<Range>, by: f64, unit: &str) -> String {
    let Some(Range { mean, low, high }) = range else { return String::new() };
    format!("{:.0}{unit} ({:.0}–{:.0})", by * mean, by * low, by * high)
}
