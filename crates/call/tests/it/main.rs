//! The call as stories, and under random signals.

mod random;
mod stories;
mod transfers;
mod world;
