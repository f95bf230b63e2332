//! The gRPC contracts between the services and the values of the log, made
//! from the `.proto` files beside this crate. Knows nothing of the domain:
//! services translate at their edge (`api.rs`, `events.rs`).
#![allow(clippy::all, missing_docs)]

macro_rules! packages {
    ($($name:ident),* $(,)?) => {$(
        pub mod $name {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".v1.rs"));
            }
        }
    )*};
}

packages!(events, media, ivr, acd, line, crm, recording, analytics, tenancy, telephony);
