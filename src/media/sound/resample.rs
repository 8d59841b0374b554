//! Another sample rate, by a windowed-sinc filter in exact integer ratios.
//!
//! Why not FFmpeg's: this one is pure, equal everywhere, and its delay is exactly zero, so that the
//! times of sentences stay exact to a sample.

use std::f64::consts::PI;

/// Half width of the filter in samples of the lower rate; more is steeper and slower.
const HALF_WIDTH: f64 = 16.0;

/// The pass band's share of the lower rate's half; the rest is the filter's slope.
const PASS: f64 = 0.94;

/// `samples` at `from` frames per second as they are at `to`. The first sample stays at time 0.
#[must_use]
pub fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to || from == 0 || to == 0 || samples.is_empty() {
        return samples.to_vec();
    }
    let divisor = greatest_common_divisor(from, to);
    let (up, down) = (to as usize / divisor as usize, from as usize / divisor as usize);
    let length = (samples.len() * up).div_ceil(down);
    // Sound above the lower rate's half has to go.
    let cutoff = PASS * f64::min(1.0, up as f64 / down as f64);
    let reach = (HALF_WIDTH / cutoff).ceil() as usize;
    let phases: Vec<Vec<f32>> =
        (0..up).map(|phase| taps(phase as f64 / up as f64, cutoff, reach)).collect();
    (0..length)
        .map(|index| {
            let position = index * down;
            phases
                .get(position % up)
                .map_or(0.0, |taps| filtered(samples, position / up, taps, reach))
        })
        .collect()
}

/// The filter's weights for the samples `centre - reach + 1 ..= centre + reach`, when the wanted
/// moment is `fraction` of a sample after `centre`.
pub(super) fn taps(fraction: f64, cutoff: f64, reach: usize) -> Vec<f32> {
    let width = reach as f64;
    let mut weights: Vec<f64> = (0..2 * reach)
        .map(|tap| {
            let distance = (tap as f64 + 1.0 - width) - fraction;
            let window = 0.5 + 0.5 * (PI * (distance / width).clamp(-1.0, 1.0)).cos();
            cutoff * sinc(cutoff * distance) * window
        })
        .collect();
    // Every phase passes a constant unchanged.
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights.into_iter().map(|weight| weight as f32).collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn filtered(samples: &[f32], centre: usize, taps: &[f32], reach: usize) -> f32 {
    let first = centre as isize + 1 - reach as isize;
    let skipped = usize::try_from(-first).unwrap_or(0);
    let start = usize::try_from(first).unwrap_or(0).min(samples.len());
    let heard = samples.get(start..).unwrap_or_default();
    let weights = taps.get(skipped..).unwrap_or_default();
    heard.iter().zip(weights).map(|(sample, weight)| sample * weight).sum()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hertz: f64, seconds: f64) -> Vec<f32> {
        let frames = (f64::from(rate) * seconds) as usize;
        (0..frames).map(|n| (2.0 * PI * hertz * n as f64 / f64::from(rate)).sin() as f32).collect()
    }

    /// The largest difference, away from the ends.
    fn difference(a: &[f32], b: &[f32]) -> f32 {
        let middle = 2_000..a.len().min(b.len()) - 2_000;
        a[middle.clone()].iter().zip(&b[middle]).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_the_same_time() {
        for from in [16_000, 22_050, 44_100, 96_000] {
            let out = resample(&sine(from, 1_000.0, 0.5), from, 48_000);
            assert_eq!(out.len(), 24_000, "from {from}");
            let worst = difference(&out, &sine(48_000, 1_000.0, 0.5));
            assert!(worst < 0.002, "from {from}: {worst}");
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_gone() {
        let out = resample(&sine(96_000, 30_000.0, 0.5), 96_000, 48_000);
        let loudest = out[500..out.len() - 500].iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        assert!(loudest < 0.003, "{loudest}");
    }

    #[test]
    fn the_same_rate_changes_nothing() {
        assert_eq!(resample(&[0.1, 0.2], 48_000, 48_000), [0.1, 0.2]);
        assert!(resample(&[], 16_000, 48_000).is_empty());
    }

    #[test]
    fn a_very_short_sound_is_no_problem() {
        assert_eq!(resample(&[1.0], 16_000, 48_000).len(), 3);
    }
}
