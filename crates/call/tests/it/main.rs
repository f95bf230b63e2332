//! The call as stories, and under random signals.

mod callbacks;
mod outlive;
mod placed;
mod random;
mod silence;
mod stories;
mod transfers;
mod world;
