//! `trunkline` as a command against a running platform.

use crate::company::{Company, now_ms, text};
use reqwest::Method;
use serde_json::json;
use std::{env, process::Output};
use tokio::process::Command;

/// A company with an API key, and the binary beside this test's folder.
struct Shell {
    company: Company,
    key: String,
}

impl Shell {
    async fn open() -> Shell {
        let company = Company::sign_up().await;
        let form = json!({ "name": "command line", "scopes": ["*"] });
        let key = company.send(Method::POST, "/v1/api-keys", Some(form)).await;
        Shell { key: text(&key["secret"]), company }
    }

    async fn trunkline(&self, arguments: &[&str]) -> (bool, String) {
        let test = env::current_exe().expect("this test has a path");
        let folder = test.ancestors().nth(2).expect("the folder of the binaries");
        let output: Output = Command::new(folder.join("trunkline"))
            .args(arguments)
            .env("TRUNKLINE_URL", &self.company.at.url)
            .env("TRUNKLINE_API_KEY", &self.key)
            .output()
            .await
            .expect("the binary is built with the tests");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("text"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_call_and_a_recount_from_the_shell() {
    let shell = Shell::open().await;
    let (good, said) = shell.trunkline(&["test-call", "--seconds", "4", "--keys", ""]).await;
    assert!(good, "{said}");
    assert!(said.contains("talking\nended\n") && !said.contains("\n0 RTP packets"), "{said}");

    shell.company.figures("queue", |f| f["in_progress"] == 0).await;
    let (from, to) = ((now_ms() - 3_600_000).to_string(), (now_ms() + 1_000).to_string());
    let (good, said) = shell.trunkline(&["recount", "--from", &from, "--to", &to]).await;
    assert!(good, "{said}");
    assert_eq!(said.matches("agrees with the log").count(), 3, "{said}");
    assert!(said.contains("by did: 1 rows, 1 offered, 0 answered, 1 abandoned"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_in_a_file_is_checked_and_each_problem_has_its_place() {
    let shell = Shell::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flow.json");
    let path = file.display().to_string();
    let play =
        |next: &str| json!({ "type": "play", "label": "x", "say": [{ "text": "{who}" }], "next": next });
    let flow = |nodes| json!({ "name": "f", "language": "en", "start": "a", "nodes": nodes }).to_string();
    let bye = json!({ "type": "hangup" });
    let wrong = json!({ "a": play("b"), "b": play("a"), "c": bye });
    std::fs::write(&file, flow(wrong)).unwrap();
    let (good, said) = shell.trunkline(&["flow", "check", &path]).await;
    assert!(!good);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "nodes.a.say: names the variable \"who\", which no node sets",
            "nodes.b.say: names the variable \"who\", which no node sets",
            "nodes.c: cannot be reached from the start",
            "nodes.a: is in a loop in which the caller is never asked anything",
            "nodes.b: is in a loop in which the caller is never asked anything",
            &format!("trunkline: 5 problems in {path}"),
        ]
    );
    std::fs::write(&file, flow(json!({ "a": { "type": "http", "url": "https://x.example" } }))).unwrap();
    let (good, said) = shell.trunkline(&["flow", "check", &path]).await;
    assert!(!good && said.starts_with("nodes.a: missing field `label`"), "{said}");
    std::fs::write(&file, flow(json!({ "a": bye }))).unwrap();
    assert_eq!(shell.trunkline(&["flow", "check", &path]).await, (true, "no problems found\n".into()));
}

const PLAN: &str = r#"
opens = "08:00"
hours = 2
interval_minutes = 60
[[queues]]
name = "Support"
[[agents]]
name = "Shift"
count = 8
[[callers]]
queue = "Support"
per_hour = [80, 120]
patience = { mean_s = 120 }
talk = { mean_s = 200, shape = "log_normal", deviation_s = 100 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_day_is_lived_through_from_a_file() {
    let shell = Shell::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.toml");
    let path = file.display().to_string();
    std::fs::write(&file, PLAN).unwrap();
    let (good, said) = shell.trunkline(&["simulate", &path, "--seeds", "3"]).await;
    assert!(good, "{said}");
    let begins = |line: &&str| ["08:00  Support", "09:00  Support"].iter().any(|row| line.starts_with(row));
    assert_eq!(said.lines().filter(begins).count(), 3, "two hours and the whole day: {said}");
    assert!(said.starts_with("3 days of ") && said.contains("(agents)"), "{said}");
    let (good, said) = shell.trunkline(&["simulate", &path, "--seeds", "3", "--json"]).await;
    let found: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let level = &found["day"][0]["measures"]["service_level"];
    assert!(good && level["low"].as_f64() <= level["mean"].as_f64(), "{said}");

    std::fs::write(&file, PLAN.replace("count = 8", "count = 8\nmissed = 2.0")).unwrap();
    let (good, said) = shell.trunkline(&["simulate", &path]).await;
    assert!(!good && said.starts_with("agents[0].missed: is not between 0 and 1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told_in_one_line_and_by_the_exit_status() {
    let shell = Shell::open().await;
    let (good, said) = shell.trunkline(&["test-call", "--number", "+15550000"]).await;
    assert!(!good);
    assert_eq!(said, "trunkline: 422 Unprocessable Entity: number is not one of your numbers\n");
    let nowhere = &["test-call", "--url", "http://127.0.0.1:9"];
    let (good, said) = shell.trunkline(nowhere).await;
    assert!(!good);
    assert!(said.starts_with("trunkline: http://127.0.0.1:9 cannot be reached"), "{said}");
}
