//! The ACD as stories, and under random inputs.

mod random;
mod stories;
mod world;
