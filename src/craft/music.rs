//! A music bed without any recording: slow chords, a quiet melody of broken chords and a soft pulse.
//!
//! It is meant to stay under a voice: soft attacks, no harsh highs, nothing that asks for attention.
//! It loops without a seam: what rings beyond its end rings on at its beginning.
//!
//! Architecture invariant: equal seed, mood and length give equal samples.

use std::fmt;
use std::str::FromStr;

use super::music_voice::{Canvas, Note, Timbre};

/// Frames per second.
pub const MUSIC_RATE: u32 = 48_000;

/// Loudness of the bed as root mean square, in decibels of full scale.
const RMS_DBFS: f64 = -20.0;

/// No sample is higher than this amplitude.
const HIGHEST: f32 = 0.7;

/// Shortest and longest bed in seconds.
const LENGTHS: (f64, f64) = (0.5, 14_400.0);

const BEATS_PER_BAR: usize = 4;

/// What a bed feels like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    /// Slow and open, major.
    Calm,
    /// Middling and friendly, major with sevenths.
    Warm,
    /// Lively, major, with a pulse.
    Bright,
    /// Searching, dorian, with a light pulse.
    Curious,
    /// Slow and grave, minor.
    Solemn,
}

impl Mood {
    /// Every mood.
    pub const ALL: [Self; 5] = [Self::Calm, Self::Warm, Self::Bright, Self::Curious, Self::Solemn];

    /// Its name in configuration and jobs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Warm => "warm",
            Self::Bright => "bright",
            Self::Curious => "curious",
            Self::Solemn => "solemn",
        }
    }

    /// The mood that suits a channel's tone.
    #[must_use]
    pub fn for_tone(tone: &str) -> Self {
        let is = |word: &str| tone.split_whitespace().any(|part| part.eq_ignore_ascii_case(word));
        if is("energetic") {
            Self::Bright
        } else if is("warm") {
            Self::Warm
        } else if is("curious") || is("wry") {
            Self::Curious
        } else {
            Self::Calm
        }
    }

    fn style(self) -> Style {
        const MAJOR: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
        const DORIAN: [i32; 7] = [0, 2, 3, 5, 7, 9, 10];
        const MINOR: [i32; 7] = [0, 2, 3, 5, 7, 8, 10];
        match self {
            Self::Calm => Style {
                scale: MAJOR,
                beats_per_minute: 62.0,
                progressions: [[0, 3, 0, 4], [0, 5, 3, 4], [0, 2, 3, 3]],
                melody: 0.35,
                pulse: 0.0,
            },
            Self::Warm => Style {
                scale: MAJOR,
                beats_per_minute: 74.0,
                progressions: [[0, 5, 1, 4], [3, 4, 2, 5], [0, 2, 5, 3]],
                melody: 0.5,
                pulse: 0.25,
            },
            Self::Bright => Style {
                scale: MAJOR,
                beats_per_minute: 92.0,
                progressions: [[0, 4, 5, 3], [3, 0, 4, 5], [0, 3, 5, 4]],
                melody: 0.7,
                pulse: 0.5,
            },
            Self::Curious => Style {
                scale: DORIAN,
                beats_per_minute: 84.0,
                progressions: [[0, 3, 0, 6], [0, 2, 3, 6], [0, 6, 3, 3]],
                melody: 0.65,
                pulse: 0.35,
            },
            Self::Solemn => Style {
                scale: MINOR,
                beats_per_minute: 58.0,
                progressions: [[0, 5, 3, 4], [0, 3, 5, 6], [0, 6, 5, 4]],
                melody: 0.3,
                pulse: 0.0,
            },
        }
    }
}

impl fmt::Display for Mood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no mood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no mood {0:?}; use calm, warm, bright, curious or solemn")]
pub struct UnknownMood(pub String);

impl FromStr for Mood {
    type Err = UnknownMood;
    fn from_str(text: &str) -> Result<Self, UnknownMood> {
        let known = Self::ALL.into_iter().find(|mood| mood.name() == text);
        known.ok_or_else(|| UnknownMood(text.chars().take(40).collect()))
    }
}

/// What a mood is made of.
struct Style {
    /// Semitones above the key note.
    scale: [i32; 7],
    beats_per_minute: f64,
    /// Chords as degrees of the scale, one per bar.
    progressions: [[usize; 4]; 3],
    /// How many of the possible melody notes are played, 0–1.
    melody: f64,
    /// How strong the pulse is, 0–1.
    pulse: f64,
}

/// Composes a bed: interleaved stereo samples at [`MUSIC_RATE`], exactly `seconds` long (at least
/// half a second, at most four hours).
#[must_use]
pub fn compose(seed: u64, mood: Mood, seconds: f64) -> Vec<f32> {
    let style = mood.style();
    let mut dice = Dice(seed);
    let seconds = if seconds.is_finite() { seconds } else { LENGTHS.0 };
    let seconds = seconds.clamp(LENGTHS.0, LENGTHS.1);
    let frames = (seconds * f64::from(MUSIC_RATE)).round() as usize;
    let tempo = style.beats_per_minute * dice.between(0.95, 1.05);
    let bar_s = 60.0 / tempo * BEATS_PER_BAR as f64;
    // A whole number of bars, so that the loop has no seam; the tempo gives way a little.
    let bars = (seconds / bar_s).round().max(1.0) as usize;
    let plan = Plan {
        key: 45 + dice.below(10) as i32,
        progression: *dice.pick(&style.progressions).unwrap_or(&[0, 3, 0, 4]),
        bar_s: seconds / bars as f64,
        bars,
        style,
    };
    let mut canvas = Canvas::new(frames, MUSIC_RATE);
    plan.pad(&mut canvas, &mut dice);
    plan.melody(&mut canvas, &mut dice);
    plan.pulse(&mut canvas);
    canvas.into_interleaved(RMS_DBFS, HIGHEST)
}

struct Plan {
    style: Style,
    /// MIDI number of the key note.
    key: i32,
    progression: [usize; 4],
    bar_s: f64,
    bars: usize,
}

impl Plan {
    /// The MIDI number of the scale's `step`-th note, counted over octaves.
    fn note(&self, step: usize) -> i32 {
        let octave = (step / 7) as i32;
        self.key + 12 * octave + self.style.scale.get(step % 7).copied().unwrap_or(0)
    }

    fn degree(&self, bar: usize) -> usize {
        self.progression.get(bar % self.progression.len()).copied().unwrap_or(0)
    }

    /// The tones of a bar's chord (root, third, fifth, and seventh or ninth), each in the octave
    /// around the middle, so that chords follow each other without leaps.
    fn chord(&self, bar: usize) -> [i32; 4] {
        let degree = self.degree(bar);
        // On the key note a ninth is softer than a major seventh.
        let colour = if degree == 0 { 8 } else { 6 };
        [0, 2, 4, colour].map(|third| 55 + (self.note(degree + third) - 55).rem_euclid(12))
    }

    fn pad(&self, canvas: &mut Canvas, dice: &mut Dice) {
        for bar in 0..self.bars {
            let start = bar as f64 * self.bar_s;
            for (index, midi) in self.chord(bar).into_iter().enumerate() {
                let pan = [-0.6, 0.5, -0.2, 0.35].get(index).copied().unwrap_or(0.0);
                canvas.play(&Note {
                    start: start + dice.between(0.0, 0.06),
                    held: self.bar_s,
                    attack: (self.bar_s * 0.3).min(0.9),
                    release: (self.bar_s * 0.6).min(1.8),
                    hertz: hertz(midi),
                    gain: 0.16,
                    pan,
                    timbre: Timbre::Pad,
                });
            }
            canvas.play(&Note {
                start,
                held: self.bar_s * 0.9,
                attack: 0.12,
                release: (self.bar_s * 0.4).min(0.9),
                hertz: hertz(self.note(self.degree(bar)) - 12),
                gain: 0.3,
                pan: 0.0,
                timbre: Timbre::Bass,
            });
        }
    }

    /// Broken chords in eighths, a figure of one bar that returns with small changes.
    fn melody(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let eighth = self.bar_s / (2 * BEATS_PER_BAR) as f64;
        let figure: Vec<Option<usize>> = (0..2 * BEATS_PER_BAR)
            .map(|_| (dice.between(0.0, 1.0) < self.style.melody).then(|| dice.below(4)))
            .collect();
        for bar in 0..self.bars {
            let chord = self.chord(bar);
            for (place, planned) in figure.iter().enumerate() {
                let changed = dice.between(0.0, 1.0) < 0.2;
                let tone = if changed { Some(dice.below(6)) } else { *planned };
                let Some(midi) = tone.and_then(|tone| chord.get(tone)) else { continue };
                canvas.play(&Note {
                    start: bar as f64 * self.bar_s
                        + place as f64 * eighth
                        + dice.between(0.0, 0.012),
                    held: 0.05,
                    attack: 0.012,
                    release: 1.1,
                    hertz: hertz(midi + 12),
                    gain: dice.between(0.05, 0.1) as f32,
                    pan: dice.between(-0.5, 0.5) as f32,
                    timbre: Timbre::Pluck,
                });
            }
        }
    }

    /// A soft low beat on the first and third of each bar.
    fn pulse(&self, canvas: &mut Canvas) {
        if self.style.pulse <= 0.0 {
            return;
        }
        let beat = self.bar_s / BEATS_PER_BAR as f64;
        for half_bar in 0..2 * self.bars {
            canvas.play(&Note {
                start: half_bar as f64 * 2.0 * beat,
                held: 0.02,
                attack: 0.008,
                release: 0.25,
                hertz: 58.0,
                gain: 0.4 * self.style.pulse as f32,
                pan: 0.0,
                timbre: Timbre::Bass,
            });
        }
    }
}

/// The frequency of a MIDI number in equal temperament, a' = 440 Hz.
fn hertz(midi: i32) -> f64 {
    440.0 * 2.0_f64.powf(f64::from(midi - 69) / 12.0)
}

/// A small generator of chance from a seed (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        low + share * (high - low)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

#[cfg(test)]
mod tests;
