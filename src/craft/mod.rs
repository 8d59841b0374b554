//! The skill of making videos, as pure functions: words, pictures as SVG, captions, scores, music.
//!
//! Architecture invariant: no clock, no file, no socket, no actor; fonts and stories are handed in.

pub mod music;
pub mod music_voice;
