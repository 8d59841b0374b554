//! Whole runs from one number: every time, order and fault is drawn from a seed. `core` and `tree` run
//! the engine, `gpu` the sharing of a GPU over made-up days, and `engine` a node over such days.
//!
//! Why it exists: the promises of the engine are about crashes and races, which ordinary tests
//! meet by luck. Here each seed is one history, checked after every event and repeatable exactly.
//!
//! Architecture invariant: one thread, no clock, no map whose order differs between runs. A run
//! depends on its seed and on nothing else.

pub mod core;
pub mod coverage;
pub mod engine;
pub mod gpu;
pub mod rng;
pub mod trace;
pub mod tree;
