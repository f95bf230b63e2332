//! Queues and agents: who takes which call.
