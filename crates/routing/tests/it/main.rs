//! The ACD as stories, and under random inputs.

mod assign;
mod direct;
mod hall;
mod loans;
mod random;
mod service;
mod stories;
mod strategies;
mod world;
