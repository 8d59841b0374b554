//! The ground on which supervision is tried: actors that do as they are told, and seeded courses of
//! whole trees on a paused clock.
//!
//! [`soldier`] is the one actor of all tests, [`field`] the place to try it; [`map`] draws trees,
//! [`oracle`] foretells in plain words of its own what must become of a tree, [`drill`] does one
//! thing after the other and compares, [`storm`] does everything at once, and [`inspection`] says what
//! must hold.
//!
//! Architecture invariant: a seed says everything; two runs of one seed are the same history, but
//! for the order in which the engine kills those below a supervisor that is killed.

mod chance;
mod drill;
pub(super) mod field;
mod inspection;
mod map;
mod oracle;
pub(super) mod soldier;
mod storm;
