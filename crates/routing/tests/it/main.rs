//! The ACD as stories, and under random inputs.

mod direct;
mod random;
mod stories;
mod world;
