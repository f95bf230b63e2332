//! Who calls: the monitor's rows with the contacts that the CRM knows.

use super::{contacts::Contact, live::Live};
use chassis::grpc::Channel;
use proto::crm::v1::{LookupRequest, crm_client::CrmClient};
use std::{collections::HashMap, time::Duration};
use types::{Millis, Timestamp};

/// A mark that a colleague sets shows within a second.
pub const AGAIN: Duration = Duration::from_millis(500);
/// How old a contact on the screen may be.
const ASKED_EVERY: Millis = 400;
const NUMBERS_MAX: usize = 1_000;

/// What one watcher knows of those who call now.
pub struct Callers {
    crm: CrmClient<Channel>,
    tenant: String,
    known: HashMap<String, Option<Contact>>,
    asked_at: Timestamp,
}

impl Callers {
    pub fn new(crm: CrmClient<Channel>, tenant: &str) -> Callers {
        let asked_at = Timestamp::from_millis(0);
        Callers { crm, tenant: tenant.to_owned(), known: HashMap::new(), asked_at }
    }

    /// Fills in who calls; asks the CRM about numbers that are new, and about all when it is time.
    pub async fn name(&mut self, live: &mut Live, now: Timestamp) {
        let numbers: Vec<&String> = live.calls.iter().map(|call| &call.from).collect();
        self.known.retain(|number, _| numbers.contains(&number));
        let due = now.since(self.asked_at) >= ASKED_EVERY;
        let asked: Vec<String> = numbers
            .into_iter()
            .filter(|number| due || !self.known.contains_key(*number))
            .take(NUMBERS_MAX)
            .cloned()
            .collect();
        if !asked.is_empty() {
            self.ask(asked).await;
            self.asked_at = if due { now } else { self.asked_at };
        }
        for call in &mut live.calls {
            call.contact = self.known.get(&call.from).cloned().flatten();
        }
    }

    /// The CRM's silence leaves what was known.
    async fn ask(&mut self, numbers: Vec<String>) {
        let request = LookupRequest { tenant: self.tenant.clone(), numbers: numbers.clone() };
        let found = match self.crm.lookup(request).await {
            Ok(reply) => reply.into_inner().contacts,
            Err(status) => return tracing::info!(%status, "the crm did not say who calls"),
        };
        for number in numbers {
            let contact = found.get(&number).cloned().map(Contact::from);
            self.known.insert(number, contact);
        }
    }
}
