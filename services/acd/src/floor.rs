//! What is done by hand to callers who wait, and to agents who could help elsewhere.

use crate::driver::Driver;
use eventlog::Doc;
use proto::acd::v1::{AssignRequest, assign_request};
use routing::{Assign, Effect, Input, Loan, Word};
use types::{LoanId, TenantId, config};

/// By whose hand an agent is offered a caller.
#[derive(Debug, Clone, Default)]
pub struct Hand {
    pub by: String,
    pub own: bool,
}

impl Driver {
    /// Why not, if not.
    pub(crate) fn assign(&mut self, request: AssignRequest) -> Option<&'static str> {
        let word = word(request.word());
        let AssignRequest { tenant, call, agent, by, .. } = request;
        let (Ok(tenant), Ok(call)) = (tenant.parse(), call.parse()) else { return Some("not_waiting") };
        let Ok(agent) = agent.parse() else { return Some("no_agent") };
        let effects = self.route(Input::Assign(Assign { tenant, call, agent, word }));
        let refused = effects.iter().find_map(|effect| match effect {
            Effect::NotAssigned { reason, .. } => Some(*reason),
            _ => None,
        });
        self.hand = Hand { by, own: word.is_own() };
        effects.into_iter().for_each(|effect| self.perform(effect));
        self.hand = Hand::default();
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

fn word(word: assign_request::Word) -> Word {
    match word {
        assign_request::Word::Given => Word::Given,
        assign_request::Word::Taken => Word::Taken,
        assign_request::Word::Picked => Word::Picked,
    }
}
