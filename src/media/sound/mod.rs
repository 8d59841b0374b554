//! The programme's sound.

pub mod mix;
