//! When each sentence and word of a script is heard.

use serde::{Deserialize, Serialize};

/// One word and when it is heard, in seconds from the start of the narration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordTime {
    /// The word as captions show it, with its punctuation.
    pub text: String,
    /// Start in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
}

/// One sentence and when it is heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpokenSentence {
    /// Index of its scene in the script, from 0.
    pub scene: usize,
    /// The sentence as captions show it.
    pub text: String,
    /// First audible moment in seconds, exact to a sample.
    pub start: f64,
    /// Last audible moment in seconds, exact to a sample.
    pub end: f64,
    /// Its words; their times are estimated unless the voice reports them.
    pub words: Vec<WordTime>,
}

/// A narration: a mono WAV file and when everything in it is heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Narration {
    /// Length of the file in seconds.
    pub duration_s: f64,
    /// Samples per second of the file.
    pub sample_rate: u32,
    /// Which voice spoke, for example `flite slt (built in)`.
    pub voice: String,
    /// The sentences in order; they do not overlap.
    pub sentences: Vec<SpokenSentence>,
}
