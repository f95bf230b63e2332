//! A deterministic world: clock, callers, agents, faults, checkers.
