//! What supervisors do to callers who wait, and to agents who could help elsewhere.

use crate::driver::Driver;
use eventlog::Doc;
use proto::acd::v1::AssignRequest;
use routing::{Assign, Effect, Input, Loan};
use types::{LoanId, TenantId, config};

/// On whose word an agent is offered a caller.
#[derive(Debug, Clone, Default)]
pub struct Word {
    pub by: String,
    pub own: bool,
}

impl Driver {
    /// Why not, if not.
    pub(crate) fn assign(&mut self, request: AssignRequest) -> Option<&'static str> {
        let AssignRequest { tenant, call, agent, own, by } = request;
        let (Ok(tenant), Ok(call)) = (tenant.parse(), call.parse()) else { return Some("not_waiting") };
        let Ok(agent) = agent.parse() else { return Some("no_agent") };
        let effects = self.route(Input::Assign(Assign { tenant, call, agent, own }));
        let refused = effects.iter().find_map(|effect| match effect {
            Effect::NotAssigned { reason, .. } => Some(*reason),
            _ => None,
        });
        self.word = Word { by, own };
        effects.into_iter().for_each(|effect| self.perform(effect));
        self.word = Word::default();
        refused
    }

    pub(crate) fn set_loan(&mut self, tenant: TenantId, id: &str, doc: Option<&Doc>) {
        let Ok(id) = id.parse::<LoanId>() else { return };
        match doc.and_then(Doc::read::<config::Loan>) {
            Some(lent) => {
                self.lent.insert(id.clone(), lent.agent.clone());
                let loan = Loan { id, until: lent.until(), queue: lent.queue };
                self.handle(Input::Lend { tenant, agent: lent.agent, loan });
            }
            None => {
                let Some(agent) = self.lent.remove(&id) else { return };
                self.handle(Input::LoanEnded { agent, loan: id });
            }
        }
    }
}
