//! Public torture messages (RFC 4475, RFC 5118) against the reader and a whole
//! endpoint. The messages are not part of this repository: they are looked for
//! in `$TRUNKLINE_SHARED` or `../shared`, and the tests say so when they skip.

mod mutated;
mod torture;
