//! Typed, prefixed, unguessable ids such as `call_01J8Z6…`: 48 bits of
//! milliseconds, 80 bits of randomness, Crockford base 32 (the ULID layout).

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {prefix} id")]
pub struct IdError {
    pub prefix: &'static str,
}

/// The 26 characters after the prefix. `random` gives its low 80 bits.
fn encode(at: Timestamp, random: u128) -> [u8; LENGTH] {
    let bits = ((at.millis() as u128 & 0xFFFF_FFFF_FFFF) << 80) | (random & ((1 << 80) - 1));
    let mut out = [0; LENGTH];
    for (i, place) in out.iter_mut().enumerate() {
        *place = ALPHABET[((bits >> (5 * (LENGTH - 1 - i))) & 31) as usize];
    }
    out
}

fn is_body(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|b| ALPHABET.contains(&b)) && text.as_bytes()[0] <= b'7'
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id: the time orders it, the low 80 bits of `random` make it unguessable.
            pub fn new(at: Timestamp, random: u128) -> Self {
                let body = encode(at, random);
                let text = std::str::from_utf8(&body).expect("the alphabet is ASCII");
                Self(format!("{}_{text}", $prefix).into())
            }

            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let body = text.strip_prefix(concat!($prefix, "_"));
                body.filter(|b| is_body(b)).map(|_| Self(text.into())).ok_or(IdError { prefix: $prefix })
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> { text.parse() }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String { id.0.as_ref().to_owned() }
        }
    )*};
}

ids! {
    /// A company; its schema and role in PostgreSQL carry its lower-cased body.
    TenantId = "tnt",
    /// A person who signs in to the portal.
    UserId = "usr",
    /// An agent: the routing side of a user.
    AgentId = "agt",
    CallId = "call",
    /// One party of a call.
    LegId = "leg",
    QueueId = "que",
    FlowId = "flw",
    LoanId = "loan",
    ThresholdId = "thr",
    AlertId = "alrt",
    WallboardId = "wall",
    TrunkId = "trk",
    /// A number that callers dial.
    DidId = "did",
    PromptId = "prm",
    DispositionId = "dsp",
    /// What a contact is about.
    CategoryId = "cat",
    SkillId = "skl",
    RecordingId = "rec",
    ContactId = "con",
    InteractionId = "int",
    ReservationId = "rsv",
    /// A task to call somebody back.
    CallbackId = "cbk",
    /// An attempt at such a task.
    AttemptId = "att",
    ApiKeyId = "key",
    SessionId = "ses",
    InviteId = "inv",
    /// A receiver of events by HTTP.
    WebhookId = "whk",
    /// A role that a tenant made of permissions.
    RoleId = "rol",
    DepartmentId = "dep",
}

impl TenantId {
    /// No company's: what belongs to the whole installation.
    pub fn installation() -> TenantId {
        TenantId::new(Timestamp::from_millis(0), 0)
    }

    /// The name of the tenant's schema and role: `tnt_` and 26 lower-case
    /// characters, safe to put into SQL unquoted.
    pub fn schema(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_of_one_kind_is_not_read_as_another() {
        let call = CallId::new(Timestamp::from_millis(1_700_000_000_000), 42);
        assert!(call.as_str().parse::<LegId>().is_err());
        assert_eq!(call.as_str().parse::<CallId>().unwrap(), call);
    }

    proptest! {
        #[test]
        fn ids_sort_by_their_time(a in 0i64..1 << 47, b in 0i64..1 << 47, r: u128, s: u128) {
            let (x, y) = (CallId::new(Timestamp::from_millis(a), r), CallId::new(Timestamp::from_millis(b), s));
            if a < b { prop_assert!(x < y); }
        }

        #[test]
        fn any_text_is_an_id_or_a_clear_error(text in ".{0,40}") {
            if let Ok(id) = text.parse::<TenantId>() { prop_assert_eq!(id.as_str(), text); }
        }
    }
}
