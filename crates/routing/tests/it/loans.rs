//! Agents lent to another queue until a time.

use crate::world::*;
use routing::{Input, Loan};
use types::*;

impl World {
    fn lends(&mut self, n: u128, queue: QueueId, span: Millis) -> LoanId {
        let id = LoanId::new(self.now, 500 + n);
        let loan = Loan { id: id.clone(), queue, until: self.now + span };
        self.gets(Input::Lend { tenant: tenant(), agent: agent(n), loan });
        id
    }
}

#[test]
fn a_lent_agent_serves_the_other_queue_at_once_and_the_own_one_again_when_the_time_is_over() {
    let mut w = World::new(2);
    w.available(1);
    let (urgent, own) = (w.joins(vip()), w.joins(support()));
    assert_eq!(w.rings(&own), Some(agent(1)), "1 serves support alone");
    w.answers(&own);
    w.lends(1, vip(), 600_000);
    w.gets(Input::Release { call: own }).passes(10_000);
    assert_eq!(w.rings(&urgent), Some(agent(1)), "though without the skill");
    w.answers(&urgent).gets(Input::Release { call: urgent }).passes(10_000);
    let own = w.joins(support());
    assert_eq!(w.rings(&own), None, "lent to another queue");
    w.passes(580_000);
    assert_eq!(w.rings(&own), Some(agent(1)), "back by itself");
    w.answers(&own);
    let urgent = w.joins(vip());
    w.gets(Input::Release { call: own }).passes(10_000);
    assert_eq!(w.rings(&urgent), None);
}

#[test]
fn a_loan_ends_sooner_by_a_word_and_one_that_has_ended_is_none() {
    let mut w = World::new(2);
    let loan = w.lends(1, vip(), 600_000);
    w.available(1);
    let own = w.joins(support());
    assert_eq!(w.rings(&own), None);
    let other = LoanId::new(w.now, 1);
    w.gets(Input::LoanEnded { agent: agent(1), loan: other });
    assert_eq!(w.rings(&own), None, "another loan's end is not this one's");
    w.gets(Input::LoanEnded { agent: agent(1), loan });
    assert_eq!(w.rings(&own), Some(agent(1)));
    // As after a restart: the document is still there, its time is over.
    w.lends(1, vip(), 0);
    assert_eq!(w.router.agent(&agent(1)).unwrap().loan, None);
}

#[test]
fn the_loan_outlives_changes_of_queues_and_skills() {
    let mut w = World::new(2);
    w.available(1);
    w.lends(1, vip(), 600_000);
    let profile = Some(routing::Profile { name: "one".into(), ..Default::default() });
    w.gets(Input::Agent { tenant: tenant(), agent: agent(1), profile });
    let config = w.router.queue_config(&vip()).cloned();
    w.gets(Input::Queue { tenant: tenant(), queue: vip(), config });
    let urgent = w.joins(vip());
    assert_eq!(w.rings(&urgent), Some(agent(1)));
}
