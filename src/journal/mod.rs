//! What happened, durably: frames in segments, one fold over them, checkpoints, and the store beside.
//!
//! Reading order: [`frame`] (one record), [`segment`] (the files that hold them, and how damage is
//! told from a torn tail), [`log`] (what a writer needs of a log), [`writer`] and [`queue`] (the
//! one writer and the way to it; [`under_way`] is what waits there), [`record`] (what a frame's
//! payload means), [`fold`] and [`part`] (what is true, and in which pieces it is kept),
//! [`checkpoint`] and [`checkpointer`], [`open`] (all of it together), [`verify`] (reading without
//! changing a byte), [`history`] (what has left the fold for sealed files), [`copy`] and [`export`]
//! (taking it elsewhere); then [`store`], [`rows`] and [`follower`] (what follows the fold and can
//! always be made anew). [`memory`] is a log without a disk, for simulation; [`codec`] is the only
//! place that knows bincode.
//!
//! Architecture invariant: nothing here decides anything; it keeps what was decided.

pub mod checkpoint;
pub mod checkpointer;
pub mod codec;
pub mod copy;
pub mod export;
pub mod fold;
pub mod follower;
pub mod frame;
pub mod history;
pub mod log;
pub mod memory;
pub mod open;
pub mod part;
pub mod queue;
pub mod record;
pub mod rows;
pub mod segment;
pub mod store;
pub mod under_way;
pub mod verify;
pub mod writer;

#[cfg(test)]
mod tests;
