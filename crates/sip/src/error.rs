//! What can go wrong when we are asked to do something.

/// A command that the endpoint cannot carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A URI, header or address handed in does not follow the grammar.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The leg has ended, or never was.
    #[error("no such leg")]
    NoLeg,
    /// The request has been answered, or never was.
    #[error("no such request")]
    NoRequest,
    /// The leg is not in a state that allows this now.
    #[error("the leg cannot do this now: {0}")]
    WrongState(&'static str),
    /// A stated maximum is reached.
    #[error("the maximum of {0} is reached")]
    Exhausted(&'static str),
}
