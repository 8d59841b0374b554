//! What the program says about itself: ticks for whoever watches, figures for monitoring.
//!
//! Architecture invariant: nothing decides anything by what is said here.

pub mod metrics;
pub mod syncs;
pub mod tick;
