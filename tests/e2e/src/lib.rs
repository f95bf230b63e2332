//! The whole platform in one process, with real SIP and RTP sockets, a real
//! PostgreSQL and a real browser: see `tests/e2e/`.
