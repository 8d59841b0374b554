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

/// How long a voice rests, in seconds. No rest may reach a second: it would sound like a fault.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pauses {
    /// Before the first sentence.
    pub lead_in: f64,
    /// Between two sentences of a scene.
    pub sentence: f64,
    /// Between two scenes.
    pub scene: f64,
    /// After the last sentence.
    pub tail: f64,
}

impl Pauses {
    /// The longest rest that is allowed, in seconds.
    pub const LONGEST: f64 = 0.9;
}

impl Default for Pauses {
    fn default() -> Self {
        Self { lead_in: 0.15, sentence: 0.28, scene: 0.55, tail: 0.6 }
    }
}
