//! What the program says about itself: ticks for whoever watches, and the execution log.
//!
//! Architecture invariant: nothing decides anything by what is said here.

pub mod execution_log;
pub mod tick;
