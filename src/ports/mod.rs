//! What the engine needs from the outside, as traits.
//!
//! Architecture invariant: no adapter is named here, and nothing here does anything; stage actors
//! see only these traits, so that the simulation can stand in for the whole outside.

pub mod artifacts;
pub mod clock;
pub mod embedder;
pub mod execution_log;
pub mod job;
pub mod picture;
pub mod platform;
pub mod source_store;
pub mod storage;
pub mod text;
pub mod trends;
pub mod video;
pub mod voice;
