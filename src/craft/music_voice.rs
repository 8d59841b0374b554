//! The instruments of the music bed: notes of soft waveforms, laid on a loop of samples.

use std::f64::consts::PI;

/// Entries of a waveform's table.
const TABLE: usize = 2_048;

/// How far the two sides of a pad are out of tune with each other: it makes them wide.
const DETUNE: f64 = 1.002_3;

/// How a note sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timbre {
    /// Wide, slowly brighter and darker.
    Pad,
    /// Low and round.
    Bass,
    /// Short and bell-like.
    Pluck,
}

/// One note.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// When it begins, in seconds of the loop.
    pub start: f64,
    /// Seconds from its beginning to the beginning of its end.
    pub held: f64,
    /// Seconds in which it comes up.
    pub attack: f64,
    /// Seconds in which it dies away.
    pub release: f64,
    /// Its frequency.
    pub hertz: f64,
    /// Its amplitude.
    pub gain: f32,
    /// Where it is heard: −1 left, 0 in the middle, 1 right.
    pub pan: f32,
    /// How it sounds.
    pub timbre: Timbre,
}

/// A loop of stereo samples on which notes are laid; what goes beyond its end comes in at its start.
#[derive(Debug)]
pub struct Canvas {
    frames: Vec<[f32; 2]>,
    rate: f64,
    dark: Vec<f32>,
    bright: Vec<f32>,
}

impl Canvas {
    /// A silent loop of `frames` frames.
    #[must_use]
    pub fn new(frames: usize, rate: u32) -> Self {
        Self {
            frames: vec![[0.0; 2]; frames],
            rate: f64::from(rate),
            dark: table(&[1.0, 0.12, 0.02]),
            bright: table(&[1.0, 0.42, 0.2, 0.09, 0.05, 0.02]),
        }
    }

    /// Adds a note.
    pub fn play(&mut self, note: &Note) {
        let length = ((note.held + note.release) * self.rate) as usize;
        let total = self.frames.len();
        if total == 0 {
            return;
        }
        let begin = (note.start * self.rate) as usize;
        let sides = [
            ((1.0 - note.pan) / 2.0).sqrt() * note.gain,
            ((1.0 + note.pan) / 2.0).sqrt() * note.gain,
        ];
        let step = note.hertz * TABLE as f64 / self.rate;
        let steps =
            if note.timbre == Timbre::Pad { [step / DETUNE, step * DETUNE] } else { [step; 2] };
        let mut phases =
            [0.0_f64, if note.timbre == Timbre::Pad { TABLE as f64 / 3.0 } else { 0.0 }];
        for index in 0..length {
            let level = self.envelope(note, index);
            let brightness = self.brightness(note.timbre, index, length, begin);
            let mut sound = [0.0_f32; 2];
            for side in 0..2 {
                let dark = looked_up(&self.dark, phases[side]);
                let bright = looked_up(&self.bright, phases[side]);
                sound[side] = (dark + (bright - dark) * brightness) * level * sides[side];
                phases[side] = (phases[side] + steps[side]) % TABLE as f64;
            }
            if let Some(frame) = self.frames.get_mut((begin + index) % total) {
                frame[0] += sound[0];
                frame[1] += sound[1];
            }
        }
    }

    /// Comes up like a quarter of a cosine, dies away in a parabola: no edge anywhere.
    fn envelope(&self, note: &Note, index: usize) -> f32 {
        let seconds = index as f64 / self.rate;
        let rising = (seconds / note.attack).min(1.0);
        let falling = ((note.held + note.release - seconds) / note.release).clamp(0.0, 1.0);
        (rising * rising * (3.0 - 2.0 * rising) * falling * falling) as f32
    }

    /// How bright the waveform is. Pads breathe: a whole number of times in the loop, so that it has
    /// no seam.
    fn brightness(&self, timbre: Timbre, index: usize, length: usize, begin: usize) -> f32 {
        let through = index as f32 / length.max(1) as f32;
        match timbre {
            Timbre::Bass => 0.1,
            Timbre::Pluck => 0.5 * (1.0 - through) * (1.0 - through),
            Timbre::Pad => {
                let total = self.frames.len() as f32;
                let breaths = (total / (17.0 * self.rate as f32)).round().max(1.0);
                let place = ((begin + index) % self.frames.len()) as f32 / total * breaths;
                // A triangle, rounded: cheap, and as smooth as it needs to be.
                let triangle = 1.0 - (2.0 * place.fract() - 1.0).abs();
                0.08 + 0.3 * triangle * triangle * (3.0 - 2.0 * triangle)
            }
        }
    }

    /// The loop as interleaved samples at `rms_dbfs`, or lower if a sample would be above `highest`.
    #[must_use]
    pub fn into_interleaved(self, rms_dbfs: f64, highest: f32) -> Vec<f32> {
        let samples: Vec<f32> = self.frames.into_iter().flatten().collect();
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let rms = (power / samples.len().max(1) as f64).sqrt();
        let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        if peak <= 0.0 {
            return samples;
        }
        let wanted = 10.0_f64.powf(rms_dbfs / 20.0) / rms;
        let gain = (wanted as f32).min(highest / peak);
        samples.into_iter().map(|sample| sample * gain).collect()
    }
}

/// One period of a sum of harmonics.
fn table(harmonics: &[f64]) -> Vec<f32> {
    (0..TABLE)
        .map(|index| {
            let angle = 2.0 * PI * index as f64 / TABLE as f64;
            let harmonic =
                |(number, gain): (usize, &f64)| gain * (angle * (number + 1) as f64).sin();
            harmonics.iter().enumerate().map(harmonic).sum::<f64>() as f32
        })
        .collect()
}

fn looked_up(table: &[f32], phase: f64) -> f32 {
    let index = phase as usize;
    let here = table.get(index).copied().unwrap_or(0.0);
    let next = table.get((index + 1) % TABLE).copied().unwrap_or(0.0);
    here + (next - here) * (phase - index as f64) as f32
}
