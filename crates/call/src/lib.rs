//! The call: an event-sourced aggregate of legs and bridges that knows no SIP.
//!
//! [`Call::handle`] takes the time and what happened and gives effects for the
//! driver to perform, in order. What the world must know is told as facts
//! ([`types::fact::CallFact`]); the [`Ledger`] is their fold, and folding the
//! told facts again always gives the ledger of the call.

mod aggregate;
mod effect;
mod ending;
mod input;
mod ledger;
mod message;
mod parties;
mod placed;
mod promise;
mod queued;
mod silence;
mod sounds;
mod talking;
mod while_in_flow;

pub use aggregate::Call;
pub use effect::{Effect, IvrInput, Seat, Sentence, Words};
pub use input::{
    Asked, CallbackTerms, Collect, Command, Entry, HandOver, Input, Instruction, Message, Next, Placement,
    PlayId, QueueNode, Reserved,
};
pub use ledger::{Ended, Ledger, Offer};
pub use silence::Unheard;
pub use talking::RINGBACK;
