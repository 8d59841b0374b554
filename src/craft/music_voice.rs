//! The instruments of the music bed: notes of soft waveforms, laid on a loop of samples.

use std::f64::consts::PI;

/// Entries of a waveform's table.
const TABLE: usize = 2_048;

/// One period of an oscillator's phase.
const CIRCLE: f64 = 4_294_967_296.0;

/// Samples between two values of level and brightness.
const BLOCK: usize = 32;

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
    dark: Box<Table>,
    bright: Box<Table>,
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
        let total = self.frames.len();
        if total == 0 {
            return;
        }
        let length = ((note.held + note.release) * self.rate) as usize;
        let mut place = (note.start * self.rate) as usize % total;
        let [mut left, mut right] = self.oscillators(note);
        let mut from = self.shape(note, 0, length, place);
        for start in (0..length).step_by(BLOCK) {
            let block = BLOCK.min(length - start);
            let to = self.shape(note, start + block, length, (place + block) % total);
            let step = [(to[0] - from[0]) / block as f32, (to[1] - from[1]) / block as f32];
            for _ in 0..block {
                let [level, brightness] = from;
                let sound = [
                    left.next(&self.dark, &self.bright, brightness) * level,
                    right.next(&self.dark, &self.bright, brightness) * level,
                ];
                if let Some(frame) = self.frames.get_mut(place) {
                    frame[0] += sound[0];
                    frame[1] += sound[1];
                }
                place = if place + 1 == total { 0 } else { place + 1 };
                from = [level + step[0], brightness + step[1]];
            }
            from = to;
        }
    }

    /// One oscillator for each side.
    fn oscillators(&self, note: &Note) -> [Oscillator; 2] {
        let gains =
            [(1.0 - note.pan) / 2.0, (1.0 + note.pan) / 2.0].map(|part| part.sqrt() * note.gain);
        let wide = note.timbre == Timbre::Pad;
        let (detune, apart) = if wide { (DETUNE, CIRCLE / 3.0) } else { (1.0, 0.0) };
        let step = note.hertz / self.rate * CIRCLE;
        [
            Oscillator { phase: 0, step: (step / detune) as u32, gain: gains[0] },
            Oscillator { phase: apart as u32, step: (step * detune) as u32, gain: gains[1] },
        ]
    }

    /// Level and brightness of a note after `index` of its `length` samples, at `place` of the loop.
    fn shape(&self, note: &Note, index: usize, length: usize, place: usize) -> [f32; 2] {
        [self.envelope(note, index), self.brightness(note.timbre, index, length, place)]
    }

    /// Comes up and dies away without an edge anywhere.
    fn envelope(&self, note: &Note, index: usize) -> f32 {
        let seconds = index as f64 / self.rate;
        let rising = (seconds / note.attack).min(1.0);
        let falling = ((note.held + note.release - seconds) / note.release).clamp(0.0, 1.0);
        (rising * rising * (3.0 - 2.0 * rising) * falling * falling) as f32
    }

    /// How bright the waveform is. Pads breathe: a whole number of times in the loop, so that it has
    /// no seam.
    fn brightness(&self, timbre: Timbre, index: usize, length: usize, place: usize) -> f32 {
        let through = index as f32 / length.max(1) as f32;
        match timbre {
            Timbre::Bass => 0.1,
            Timbre::Pluck => 0.5 * (1.0 - through) * (1.0 - through),
            Timbre::Pad => {
                let total = self.frames.len() as f32;
                let breaths = (total / (17.0 * self.rate as f32)).round().max(1.0);
                // A triangle, rounded: cheap, and as smooth as it needs to be.
                let triangle = 1.0 - (2.0 * (place as f32 / total * breaths).fract() - 1.0).abs();
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

/// Goes round and round on a waveform's table.
struct Oscillator {
    /// Where it is; the full range is one period.
    phase: u32,
    /// How far it goes with each sample.
    step: u32,
    gain: f32,
}

impl Oscillator {
    fn next(&mut self, dark: &Table, bright: &Table, brightness: f32) -> f32 {
        const FRACTION_BITS: u32 = u32::BITS - TABLE.ilog2();
        const FRACTION: f32 = 1.0 / (1_u32 << FRACTION_BITS) as f32;
        let index = (self.phase >> FRACTION_BITS) as usize;
        let fraction = (self.phase & ((1 << FRACTION_BITS) - 1)) as f32 * FRACTION;
        self.phase = self.phase.wrapping_add(self.step);
        // The index has as many bits as the table needs, and the table one entry more.
        let at = |table: &Table| table[index] + (table[index + 1] - table[index]) * fraction;
        let dark = at(dark);
        (dark + (at(bright) - dark) * brightness) * self.gain
    }
}

/// One period of a waveform, with its first entry again at the end.
type Table = [f32; TABLE + 1];

/// One period of a sum of harmonics.
fn table(harmonics: &[f64]) -> Box<Table> {
    let mut table = Box::new([0.0; TABLE + 1]);
    for (index, entry) in table.iter_mut().enumerate() {
        let angle = 2.0 * PI * (index % TABLE) as f64 / TABLE as f64;
        let harmonic = |(number, gain): (usize, &f64)| gain * (angle * (number + 1) as f64).sin();
        *entry = harmonics.iter().enumerate().map(harmonic).sum::<f64>() as f32;
    }
    table
}
