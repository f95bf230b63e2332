//! One contract for both logs: the journal alone, and the journal in front of
//! a real Kafka. `scripts/kafka` starts one; `KAFKA_BROKERS` names it.

mod child;
mod contract;
mod site;
