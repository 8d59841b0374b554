//! The programme's sound.

pub mod mix;
pub mod wav;
