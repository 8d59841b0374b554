//! The child process as its parent sees it: the protocol, spawning and killing.
//!
//! Native media work runs in a child of our own binary, because a crash in a codec must not take the
//! tree down and a stuck C thread cannot be stopped. `protocol` is what both sides say, `spawn`
//! starts a child and follows it, `kill` ends it for certain, `seats` lets a new attempt of a stage
//! begin only when the child of the one before has ended (D4), `run` does all of it for one job.
//!
//! Architecture invariant: nothing here touches media or the tree; the child's own side is
//! `cli/stage_worker.rs`.

pub mod end;
pub mod kill;
pub mod lines;
pub mod protocol;
pub mod run;
pub mod seats;
pub mod spawn;
