//! Pictures and sound into video, in the worker child only.
//!
//! Architecture invariant: only `cli/stage_worker.rs` and `cli/render.rs` reach this module, because
//! a crash in a codec must not take the tree down.

pub mod error;
pub mod sound;
