//! `docs/points.md`: what the product is asked for, and which test that ran
//! green proves it.
//!
//! A test that asserts a point's whole criterion says so above itself:
//! `/// Proves A113, A118.`

use std::collections::{BTreeMap, BTreeSet};

/// `A113` → the tests that prove it, as `folder/file.rs: name`.
pub type Proofs = BTreeMap<String, BTreeSet<String>>;

/// A test that cites points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    pub test: String,
    pub points: Vec<String>,
}

/// The citations of one source file.
pub fn citations(source: &str) -> Vec<Citation> {
    let mut found = Vec::new();
    let mut points: Vec<String> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(cited) = line.strip_prefix("/// Proves ") {
            points.extend(cited.split([',', '.', ' ']).filter(|word| is_point(word)).map(str::to_owned));
        } else if let Some(test) = function(line) {
            if !points.is_empty() {
                found.push(Citation { test: test.to_owned(), points: std::mem::take(&mut points) });
            }
        } else if !line.starts_with("//") && !line.starts_with("#[") {
            points.clear();
        }
    }
    found
}

fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
    rest.split('(').next()
}

fn is_point(word: &str) -> bool {
    word.len() == 4 && word.starts_with('A') && word[1..].bytes().all(|b| b.is_ascii_digit())
}

/// The names (without their modules) of the tests that `cargo test` called ok.
/// What a test prints may stand between its name and its `ok`.
pub fn passed(log: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut running = None;
    for line in log.lines() {
        if let Some(rest) = line.strip_prefix("test ") {
            let name = rest.split_whitespace().next().unwrap_or_default();
            running = name.rsplit("::").next().map(str::to_owned);
        }
        let ok = line == "ok" || (line.starts_with("test ") && line.ends_with("... ok"));
        if ok {
            found.extend(running.take());
        }
    }
    found
}

/// The page anew: its rows stay, their last column is replaced by the proofs.
pub fn page(old: &str, proofs: &Proofs) -> String {
    let mut page: String = old.lines().map(|line| row(line, proofs) + "\n").collect();
    if let Some((before, rest)) = page.split_once("\nProved: ") {
        let after = rest.split_once('\n').map_or("", |(_, after)| after);
        let total = old.lines().filter(|line| number(line).is_some()).count();
        page = format!("{before}\nProved: {} of {total}.\n{after}", proofs.len());
    }
    page
}

fn number(line: &str) -> Option<&str> {
    line.strip_prefix("| ")?.split(' ').next().filter(|word| is_point(word))
}

fn row(line: &str, proofs: &Proofs) -> String {
    let Some(number) = number(line) else { return line.to_owned() };
    let name = line.split('|').nth(2).unwrap_or_default().trim();
    let tests = proofs.get(number).into_iter().flatten().map(String::as_str);
    let tests = tests.collect::<Vec<_>>().join("<br>");
    format!("| {number} | {name} | {tests} |")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_belongs_to_the_next_test() {
        let source = "/// A story.\n/// Proves A113, A118.\n#[tokio::test(flavor = \"multi_thread\")]\n\
            async fn a_call_is_seen() {\n}\n/// Proves A001.\nstruct NotATest;\nfn plain() {}\n";
        let expected = Citation { test: "a_call_is_seen".into(), points: vec!["A113".into(), "A118".into()] };
        assert_eq!(citations(source), [expected]);
    }

    #[test]
    fn only_what_was_called_ok_has_passed() {
        let log =
            "test a::one ... ok\ntest two ... FAILED\ntest b::three ... noise\nok\ntest four ... ignored\n";
        assert_eq!(passed(log), ["one", "three"].map(str::to_owned).into());
    }

    #[test]
    fn a_row_tells_its_proofs_and_loses_old_ones() {
        let old = "# Points\n\nProved: 9 of 9.\n\n| No | Function | Proved by |\n|---|---|---|\n| A001 | By topic | x: old |\n| A002 | Categories |  |\n";
        let proofs = Proofs::from([("A002".into(), ["f.rs: new".to_owned()].into())]);
        let page = page(old, &proofs);
        assert!(page.contains("| A001 | By topic |  |\n| A002 | Categories | f.rs: new |\n"), "{page}");
        assert!(page.contains("\nProved: 1 of 2.\n"), "{page}");
    }
}
