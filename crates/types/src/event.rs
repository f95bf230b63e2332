//! The names under which integrators are told facts.

use crate::{
    config::Alert,
    fact::{AgentEvent, CallEvent, RecordingFact},
};

macro_rules! kinds {
    ($of:ident: $($variant:ident = $name:literal),* $(,)?) => {
        impl $of {
            pub const KINDS: &'static [&'static str] = &[$($name),*];

            /// Such as `call.ended`; it never changes.
            pub fn kind(&self) -> &'static str {
                match self {
                    $($of::$variant { .. } => $name),*
                }
            }
        }
    };
}

kinds! { CallEvent:
    Offered = "call.offered",
    Placed = "call.placed",
    Connected = "call.connected",
    NodeEntered = "call.node_entered",
    KeysPressed = "call.keys_pressed",
    Categorised = "call.categorised",
    Enqueued = "call.enqueued",
    PositionChanged = "call.position_changed",
    Overflowed = "call.overflowed",
    CallbackAsked = "call.callback_asked",
    MessageLeft = "call.message_left",
    AgentOffered = "call.agent_offered",
    OfferEnded = "call.offer_ended",
    AgentConnected = "call.agent_connected",
    Held = "call.held",
    Retrieved = "call.retrieved",
    Invited = "call.invited",
    Joined = "call.joined",
    Left = "call.left",
    Transferred = "call.transferred",
    Supervised = "call.supervised",
    FellSilent = "call.fell_silent",
    SilenceEnded = "call.silence_ended",
    Measured = "call.measured",
    RecordingStarted = "call.recording_started",
    RecordingStopped = "call.recording_stopped",
    Ended = "call.ended",
}

kinds! { AgentEvent:
    StateChanged = "agent.state_changed",
    Offered = "agent.offered",
    WrappedUp = "agent.wrapped_up",
}

impl RecordingFact {
    pub const KIND: &'static str = "recording.stored";
}

impl Alert {
    const RAISED: &'static str = "alert.raised";
    const ACKNOWLEDGED: &'static str = "alert.acknowledged";
    const ENDED: &'static str = "alert.ended";
    pub const KINDS: &'static [&'static str] = &[Alert::RAISED, Alert::ACKNOWLEDGED, Alert::ENDED];

    /// What this version of it tells.
    pub fn kind(&self) -> &'static str {
        match (&self.ended_at_ms, &self.acknowledged) {
            (Some(_), _) => Alert::ENDED,
            (None, Some(_)) => Alert::ACKNOWLEDGED,
            (None, None) => Alert::RAISED,
        }
    }
}

/// All that can be asked for.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    CallEvent::KINDS.iter().chain(AgentEvent::KINDS).chain(Alert::KINDS).copied().chain([RecordingFact::KIND])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_have_one_name() {
        let mut all: Vec<_> = kinds().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), kinds().count());
    }
}
