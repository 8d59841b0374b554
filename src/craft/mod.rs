//! The skill of making videos, as pure functions: words, pictures as SVG, captions, scores, music.
//!
//! Architecture invariant: no clock, no file, no socket, no actor; fonts and stories are handed in.

pub mod feedtext;
pub mod headings;
pub mod merge;
pub mod numbers;
pub mod pace;
pub mod readability;
pub mod scoring;
pub mod sentences;
pub mod similarity;
pub mod speakable;
pub mod terms;
pub mod titles;
pub mod tone;
pub mod writer;
