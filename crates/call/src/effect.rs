use crate::{PlayId, Unheard};
use serde::{Deserialize, Serialize};
use types::{fact::CallFact, *};

/// Our own words, for people to read.
pub type Sentence = &'static str;

/// What the driver does, in this order. A fact is in the journal before the
/// packet that it explains leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// A media session with the caller's leg, from the INVITE's SDP.
    OpenMedia,
    AskIvr(IvrInput),
    /// 183 with SDP: the caller hears, nobody pays.
    EarlyMedia,
    /// 200 OK.
    Connect,
    /// To a leg. `repeat`: until stopped.
    Play {
        play: PlayId,
        leg: LegId,
        prompts: Vec<String>,
        repeat: bool,
    },
    StopPlay(PlayId),
    /// Who hears whom, whole: (listener, sources).
    Hear(Vec<(LegId, Vec<LegId>)>),
    /// Left the caller, right all who talk with the caller. Again with other
    /// legs: the same recording goes on with those.
    Record {
        recording: RecordingId,
        left: LegId,
        right: Vec<LegId>,
        /// When it began, where another gateway had it; `None`: it begins, or goes on
        /// where it is.
        since: Option<Timestamp>,
    },
    StopRecord(RecordingId),
    JoinQueue {
        queue: QueueId,
        since: Timestamp,
        priority: i32,
        needs: Vec<Skill>,
    },
    /// The caller left, or the conversation ended: the ACD lets go.
    ReleaseQueue(HangupCause),
    AskAnnouncement {
        queue: QueueId,
        position: u32,
        wait: Option<Millis>,
        /// The key by which the caller may ask to be called back.
        callback: Option<char>,
    },
    /// Prompts that say these words; [`crate::Input::Announcement`] brings them.
    AskWords(Words),
    /// The caller's leg goes, the call goes on without it.
    DropCaller(LegId),
    Ring {
        leg: LegId,
        agent: AgentId,
        line: String,
        reservation: ReservationId,
    },
    StopRinging {
        leg: LegId,
        outcome: OfferOutcome,
    },
    TellAnswered(ReservationId),
    TellOfferEnded {
        reservation: ReservationId,
        outcome: OfferOutcome,
    },
    /// The truth about the agent's leg, for the agent's device.
    LineTalking(LegId),
    LineHeld {
        leg: LegId,
        on: bool,
    },
    LineMuted {
        leg: LegId,
        on: bool,
    },
    /// A further party is to be reached. [`Effect::HangUpLine`] ends it, whether
    /// it rings or talks.
    Invite {
        leg: LegId,
        target: Target,
        purpose: Purpose,
    },
    /// Whom the agent asked for did not come; the caller is back.
    InviteFailed {
        leg: LegId,
        target: Target,
        outcome: OfferOutcome,
    },
    /// The leg hears a key.
    Press {
        leg: LegId,
        key: char,
    },
    HangUpLine {
        leg: LegId,
        cause: HangupCause,
    },
    /// BYE, or a final response when the caller was never connected.
    HangUpCaller(HangupCause),
    ReleaseMedia,
    // What is not kept comes last: compact forms count the others.
    #[serde(skip)]
    Fact(CallFact),
    /// Who else is in the call, for the one who leads it.
    #[serde(skip)]
    LineSeats {
        leg: LegId,
        seats: Vec<Seat>,
    },
    /// Of whom nothing is heard though it should be, whole; for an agent's line.
    #[serde(skip)]
    LineUnheard {
        leg: LegId,
        unheard: Vec<Unheard>,
    },
    /// What the agent asked for cannot be done now.
    #[serde(skip)]
    LineRefuses {
        leg: LegId,
        message: Sentence,
    },
}

impl Effect {
    /// Whether a driver that begins anew must do it again, should the one before have
    /// died in the middle: not what was written with the call, nor what a screen is
    /// shown.
    pub fn is_kept(&self) -> bool {
        let shown = matches!(
            self,
            Effect::LineSeats { .. } | Effect::LineUnheard { .. } | Effect::LineRefuses { .. }
        );
        !shown && !matches!(self, Effect::Fact(_))
    }
}

/// A party of a call as the one who leads it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub leg: LegId,
    /// `None`: the caller.
    pub target: Option<Target>,
    /// ringing, here, held or whispers.
    pub state: &'static str,
}

/// What a waiting caller who wants to be called back is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Words {
    /// This number? 1: yes, 2: another, *: wait on. Numbers that no trunk may call
    /// are answered with [`crate::Input::NumberRefused`].
    Confirm(E164),
    /// Type the number, then #.
    Type,
    /// The number cannot be called; type another.
    Wrong,
    Thanks,
}

/// What the flow is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IvrInput {
    Start,
    Played,
    Keys(String),
    NoInput,
    /// The caller hears what the flow wanted heard meanwhile.
    Waits,
    QueueLeft(String),
}
