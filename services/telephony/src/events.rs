//! Facts of calls into the log.

use eventlog::{Log, Record, Topic, codec};
use serde::Serialize;
use serde::de::DeserializeOwned;
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

/// The word for a value of a closed set, such as `no_answer`.
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The value of a closed set for a word.
pub fn read<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{HangupCause, OfferOutcome, Stage};

    #[test]
    fn words_are_those_of_the_vocabulary() {
        assert_eq!(word(&OfferOutcome::NoAnswer), "no_answer");
        assert_eq!(read::<HangupCause>("flow_ended"), Some(HangupCause::FlowEnded));
        assert_eq!(read::<Stage>("nonsense"), None);
    }
}
