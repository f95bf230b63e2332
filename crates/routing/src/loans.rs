//! Agents lent to another queue until a time: they serve it, whatever their
//! skills, and no other.

use crate::{
    Router,
    router::{Due, Step},
};
use types::*;

/// An agent serves this queue alone until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    pub id: LoanId,
    pub queue: QueueId,
    pub until: Timestamp,
}

impl Router {
    /// The loan was saved. What has ended, or is of an unknown agent, is none.
    pub(crate) fn lend(&mut self, step: &mut Step, tenant: &TenantId, id: &AgentId, loan: Loan) {
        let ours = self.agents.get(id).is_some_and(|agent| agent.tenant == *tenant);
        if !ours || loan.until <= step.now {
            return self.end_loan(step, id, &loan.id);
        }
        let Some(agent) = self.agents.get_mut(id) else { return };
        if let Some(before) = agent.loan.replace(loan.clone()) {
            self.due.remove(&(before.until, Due::Loan(id.clone(), before.id)));
        }
        self.due.insert((loan.until, Due::Loan(id.clone(), loan.id)));
        self.serves_others(step, id);
    }

    /// The loan is over, by its time or somebody's word.
    pub(crate) fn end_loan(&mut self, step: &mut Step, id: &AgentId, loan: &LoanId) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        let Some(over) = agent.loan.take_if(|held| held.id == *loan) else { return };
        self.due.remove(&(over.until, Due::Loan(id.clone(), over.id)));
        self.serves_others(step, id);
    }

    fn serves_others(&mut self, step: &mut Step, id: &AgentId) {
        self.enrol_everywhere(step, id);
        self.moved(step, id);
        self.match_agent(step, id);
    }
}
