//! Flows and prompts: what the caller hears next.
