//! What the program says about itself: ticks for whoever watches.
//!
//! Architecture invariant: nothing decides anything by what is said here.

pub mod tick;
