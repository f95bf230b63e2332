//! The SIP edge without sockets: messages, transactions, dialogs, registrar,
//! digest and the guard against scanners.
//!
//! Everything here is a function of its arguments: time is a [`Duration`] since
//! an origin the caller chooses, randomness is a seed, and what must happen on
//! the network is a value that [`Endpoint::poll`] returns. The parser and the
//! four transaction machines come from `sipx-sip`; its types stay inside.
//!
//! [`Duration`]: std::time::Duration

pub mod digest;
mod endpoint;
mod error;
pub mod framing;
pub mod guard;
pub mod locate;
mod message;
mod read;
pub mod registrar;
mod replaces;
pub mod sdp;
mod token;
mod uri;

pub use endpoint::{
    Config, Credentials, Ended, Endpoint, Event, Flow, Identity, IncomingInvite, KeptLeg, LegId, Outbound,
    OutboundInvite, Output, Protocol, RequestId, SessionTimes, Timing,
};
pub use error::Error;
pub use message::{Answer, Contact, Message, Request, Response};
pub use read::{Refusal, read};
pub use replaces::Replaces;
pub use token::Tokens;
pub use uri::{Party, Uri};
