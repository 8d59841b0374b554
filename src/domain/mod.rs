//! The pure heart: what channels, workflows and stages are, and what may happen to them.
//!
//! Why it exists: every decision of the engine is a function from data to data, so that it can be
//! replayed, tested exhaustively and read without knowing what a socket is.
//!
//! Architecture invariant: nothing here touches a clock, a random source, a file, a socket or an
//! actor, and nothing here imports another module of this crate.

pub mod admission;
pub mod apply;
mod archive;
pub mod artifact;
pub mod audit;
pub mod channel;
pub mod command;
pub mod decide;
pub mod disk;
pub mod embedding;
pub mod event;
pub mod failure;
pub mod history;
pub mod ids;
pub mod invariants;
pub mod narration;
pub mod noted;
pub mod pending;
pub mod polling;
pub mod retention;
pub mod retry;
pub mod schedule;
pub mod script;
pub mod source;
pub mod stage;
pub mod story_window;
pub mod ticket;
pub mod timeline;
pub mod timeline_check;
pub mod timeline_frames;
pub mod timestamp;
pub mod trend;
pub mod upcast;
pub mod view;
pub mod web_address;
pub mod workflow;

#[cfg(test)]
mod tests;
