//! The ACD: queues, agents, reservations, matching.
