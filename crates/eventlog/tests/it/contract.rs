use crate::{
    child,
    site::{Site, value},
};
use eventlog::{Live, Log, Topic};
use std::collections::BTreeMap;

/// Runs a story on the journal, then on Kafka where there is one.
macro_rules! on_both {
    ($($name:ident => $story:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn on_the_journal() {
                super::$story(super::Site::journal()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_kafka() {
                if let Some(site) = super::Site::kafka() {
                    super::$story(site).await;
                }
            }
        }
    )*};
}

on_both! {
    records_of_a_key_come_in_the_order_they_were_told => order,
    a_consumer_that_crashed_gets_again_what_it_did_not_commit => at_least_once,
    a_reader_from_the_start_sees_everything_and_commits_nothing => from_start,
    the_log_goes_on_after_a_restart => restart,
    nothing_that_was_acknowledged_is_lost_by_kill => kill,
}

fn tell(site: &Site, log: &Log, from: usize, to: usize) {
    for n in from..to {
        log.append(site.record(n as u128 % 8, &format!("call-{}", n % 3), &n.to_string())).unwrap();
    }
}

async fn order(site: Site) {
    let log = site.open();
    tell(&site, &log, 0, 300);
    let mut consumer = log.consumer(&site.name, &[Topic::Call]).unwrap();
    let mut last: BTreeMap<(String, String), usize> = BTreeMap::new();
    for _ in 0..300 {
        let delivery = site.next(&mut consumer).await;
        let n: usize = value(&delivery).parse().unwrap();
        let key = (delivery.record.tenant.to_string(), delivery.record.key.clone());
        assert!(last.insert(key, n).is_none_or(|before| before < n), "{n} came late");
    }
}

async fn at_least_once(site: Site) {
    let log = site.open();
    (0..10).for_each(|n: usize| log.append(site.record(1, "call", &n.to_string())).unwrap());
    let mut consumer = log.consumer(&site.name, &[Topic::Call]).unwrap();
    for n in 0..7 {
        let delivery = site.next(&mut consumer).await;
        if n < 4 {
            consumer.commit(&delivery.position).unwrap();
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    drop(consumer);
    let mut again = log.consumer(&site.name, &[Topic::Call]).unwrap();
    assert_eq!(value(&site.next(&mut again).await), "4", "what was not committed comes again");
}

async fn from_start(site: Site) {
    let log = site.open();
    tell(&site, &log, 0, 50);
    for _ in 0..2 {
        let mut reader = log.from_start(&[Topic::Call]).unwrap();
        let mut seen: Vec<usize> = Vec::new();
        for _ in 0..50 {
            let delivery = site.next(&mut reader).await;
            reader.commit(&delivery.position).unwrap();
            seen.push(value(&delivery).parse().unwrap());
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
    }
}

async fn restart(site: Site) {
    let log = site.open();
    tell(&site, &log, 0, 20);
    drop(log);
    let log = site.open();
    tell(&site, &log, 20, 40);
    let mut consumer = log.consumer(&site.name, &[Topic::Call]).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 40 {
        seen.insert(value(&site.next(&mut consumer).await).parse::<usize>().unwrap());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
}

async fn kill(site: Site) {
    let acknowledged = child::tells_until_killed(&site);
    assert!(acknowledged > 50, "the child told {acknowledged}");
    let log = site.open();
    let kept = log.kept(child::COUNT).unwrap().remove(0).value.unwrap();
    let told = String::from_utf8(kept).unwrap().parse::<usize>().unwrap() + 1;
    assert!(told >= acknowledged, "what is kept is as new as what was acknowledged");
    let mut consumer = log.consumer(&site.name, &[Topic::Call]).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < told {
        seen.insert(value(&site.next(&mut consumer).await).parse::<usize>().unwrap());
    }
    assert!((0..told).all(|n| seen.contains(&n)), "what is kept and what was told are changed together");
}

/// A follower that catches up while more is told misses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_during_the_catching_up_is_not_lost() {
    let site = Site::journal();
    let log = site.open();
    tell(&site, &log, 0, 100);
    let ends = log.ends(&[Topic::Call]).await.unwrap();
    tell(&site, &log, 100, 1_000);
    let mut reader = log.from_start(&[Topic::Call]).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut early = 0;
    let each = |delivery: &eventlog::Delivery| {
        seen.insert(value(delivery));
        early += usize::from(delivery.position.lies_before(&ends));
    };
    reader.read_to(&ends, each).await.unwrap();
    assert_eq!(early, 100);
    while seen.len() < 1_000 {
        seen.insert(value(&site.next(&mut reader).await));
    }
}

#[test]
fn what_is_kept_is_there_after_a_restart_until_it_is_forgotten() {
    let site = Site::journal();
    let kept = |key: &str, value: Option<&str>| Live {
        key: key.to_owned(),
        value: value.map(|value| value.as_bytes().to_vec()),
    };
    let log = site.open();
    log.commit(&[], vec![kept("call/1", Some("a")), kept("leg/1", Some("b"))]).unwrap();
    log.commit(&[site.record(1, "call", "0")], vec![kept("call/1", Some("c")), kept("call/2", Some("d"))])
        .unwrap();
    log.commit(&[], vec![kept("call/2", None)]).unwrap();
    drop(log);
    let log = site.open();
    assert_eq!(log.kept("call/").unwrap(), [kept("call/1", Some("c"))]);
    assert_eq!(log.kept("leg/").unwrap(), [kept("leg/1", Some("b"))]);
}

#[test]
fn a_journal_belongs_to_one_process() {
    let site = Site::journal();
    let _log = site.open();
    assert!(Log::open(&site.path()).is_err());
}

/// Kafka away: records are told all the same, wait in the journal, and reach
/// Kafka when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_drains_after_an_outage_of_the_broker() {
    let Some(site) = Site::kafka() else { return };
    let nobody = crate::site::open(&site.path(), Some("127.0.0.1:9".into()));
    tell(&site, &nobody, 0, 100);
    assert_eq!(nobody.unshipped(), 100);
    drop(nobody);
    let log = site.open();
    let mut reader = log.from_start(&[Topic::Call]).unwrap();
    for _ in 0..100 {
        site.next(&mut reader).await;
    }
    for _ in 0..100 {
        if log.unshipped() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{} records were never trimmed", log.unshipped());
}
