//! Committed events and ticks, handed to whoever follows.
//!
//! Architecture invariant: the feed never slows the journal or an actor down: a follower that falls
//! behind loses ticks, and is told that it must start over from the fold.

pub mod actor;
pub mod hub;
pub mod older;
pub mod ring;
pub mod view;
