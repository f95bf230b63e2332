//! The running edge over real sockets: SIP phones on one side, peers that speak
//! the contracts as the tests tell them on the other.

mod calls;
mod carriers;
mod conformance;
mod limits;
mod names;
mod peers;
mod registration;
mod sessions;
mod sipp;
mod strangers;
mod tls;
mod transfers;
mod trunks;
mod world;
