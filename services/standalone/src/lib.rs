//! The trunkline binary: all services in one process.
