//! Facts of calls into the log.

use eventlog::{Log, Record, Topic, codec};
use types::TenantId;
use types::fact::CallFact;

/// Tells a fact; when this returns it survives a crash of the process. A fact
/// that cannot be written is logged loudly, the call goes on.
pub fn tell(log: &Log, tenant: &TenantId, fact: &CallFact) {
    let record = Record::new(Topic::Call, tenant, fact.call.as_str(), codec::encode(fact));
    if let Err(error) = log.append(record) {
        metrics::counter!("telephony_facts_lost_total").increment(1);
        tracing::error!(call = %fact.call, seq = fact.seq, %error, "a fact could not be written");
    }
}
