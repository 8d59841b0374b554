//! The music steps back while the voice speaks.
//!
//! The whole voice is known, so the music can begin to step back just before a word and need not
//! come up in the short rests between sentences.

use super::factor_of_db;

/// Samples per value of gain: a millisecond.
const BLOCK: usize = 48;

/// How far the music steps back, in decibels.
const DEPTH_DB: f64 = -10.0;

/// The voice is heard above this amplitude (-40 dBFS).
const VOICE: f32 = 0.01;

/// How long before the voice the music begins to step back, in blocks (milliseconds).
const AHEAD: usize = 60;

/// How long after the voice the music waits before it comes up again, in blocks.
const HOLD: usize = 350;

/// Time constants of stepping back and of coming up again, in blocks.
const ATTACK: f64 = 20.0;
const RELEASE: f64 = 400.0;

/// How loud the music may be while `voice` (mono, 48 kHz) speaks; one factor per sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Ducking {
    gains: Vec<f32>,
}

impl Ducking {
    /// Follows `voice`.
    #[must_use]
    pub fn under(voice: &[f32]) -> Self {
        let speaks: Vec<bool> =
            voice.chunks(BLOCK).map(|block| block.iter().any(|x| x.abs() > VOICE)).collect();
        // For each block, how long ago the voice was last heard, looked ahead.
        let mut since = AHEAD + HOLD + 1;
        let mut level = 0.0;
        let mut gains = Vec::with_capacity(speaks.len() + 1);
        for block in 0..speaks.len() {
            let heard = speaks.get(block + AHEAD).copied().unwrap_or(false)
                || (block == 0 && speaks.iter().take(AHEAD).any(|speaks| *speaks));
            since = if heard { 0 } else { since.saturating_add(1) };
            let target = if since <= AHEAD + HOLD { DEPTH_DB } else { 0.0 };
            let time = if target < level { ATTACK } else { RELEASE };
            level += (target - level) * (1.0 - (-1.0 / time).exp());
            gains.push(factor_of_db(level) as f32);
        }
        Self { gains }
    }

    /// The factor for sample `index`; after the end of the voice it goes on rising to 1.
    #[must_use]
    pub fn gain(&self, index: usize) -> f32 {
        let block = index / BLOCK;
        let Some(here) = self.gains.get(block) else {
            return self.after_the_end(block);
        };
        let next = self.gains.get(block + 1).unwrap_or(here);
        here + (next - here) * ((index % BLOCK) as f32 / BLOCK as f32)
    }

    fn after_the_end(&self, block: usize) -> f32 {
        let last = self.gains.last().copied().unwrap_or(1.0);
        let passed = (block - self.gains.len()) as f64;
        1.0 - (1.0 - last) * (-passed / RELEASE).exp() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(quiet_s: f64, speech_s: f64, after_s: f64) -> Vec<f32> {
        let samples = |seconds: f64| (seconds * 48_000.0) as usize;
        [vec![0.0; samples(quiet_s)], vec![0.3; samples(speech_s)], vec![0.0; samples(after_s)]]
            .concat()
    }

    #[test]
    fn the_music_is_back_when_the_voice_begins_and_full_when_it_is_over() {
        let ducking = Ducking::under(&voice(2.0, 2.0, 4.0));
        let db = |second: f64| 20.0 * f64::from(ducking.gain((second * 48_000.0) as usize)).log10();
        assert!(db(1.0) > -0.1, "before");
        assert!(db(2.0) < -9.0, "at the first word: {}", db(2.0));
        assert!(db(3.0) < -9.9, "during");
        assert!(db(4.3) < -9.0, "in a short rest");
        assert!(db(7.5) > -0.5, "after: {}", db(7.5));
    }

    #[test]
    fn a_voice_from_the_first_sample_finds_the_music_stepping_back() {
        let ducking = Ducking::under(&voice(0.0, 1.0, 0.0));
        assert!(ducking.gain(9_600) < 0.33);
        assert!(ducking.gain(48_000 * 9) > 0.99, "after the end of the voice");
    }

    #[test]
    fn nothing_jumps() {
        let ducking = Ducking::under(&voice(0.5, 0.5, 1.0));
        let gains: Vec<f32> = (0..120_000).map(|index| ducking.gain(index)).collect();
        assert!(gains.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.002));
    }

    #[test]
    fn no_voice_no_step() {
        assert_eq!(Ducking::under(&[]).gain(77), 1.0);
    }
}
