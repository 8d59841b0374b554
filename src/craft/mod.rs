//! The skill of making videos, as pure functions: words, pictures as SVG, captions, scores, music.
//!
//! Architecture invariant: no clock, no file, no socket, no actor; fonts and stories are handed in.

pub mod audience;
pub mod backtest;
pub mod captions;
pub mod choose;
pub mod competition;
pub mod embedding;
pub mod feedtext;
pub mod film;
pub mod headings;
pub mod layout;
pub mod markdown;
pub mod meaning;
pub mod merge;
pub mod momentum;
pub mod music;
pub mod music_voice;
pub mod numbers;
pub mod pace;
pub mod pages;
pub mod palette;
pub mod readability;
pub mod release;
pub mod scoring;
pub mod script_view;
pub mod sentences;
pub mod similarity;
pub mod speakable;
#[cfg(test)]
mod specimen;
pub mod subject;
pub mod svg;
pub mod tellable;
pub mod terms;
pub mod thumbnail;
pub mod titles;
pub mod tone;
pub mod topic_match;
pub mod trend_rows;
pub mod typeset;
pub mod writer;
