//! What the program says about itself: ticks for whoever watches, figures for monitoring, and
//! points at which it can be made to die in a drill.
//!
//! Architecture invariant: nothing decides anything by what is said here.

pub mod failpoint;
pub mod metrics;
pub mod syncs;
pub mod tick;
