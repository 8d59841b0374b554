//! How high the sound goes between its samples (true peak, ITU-R BS.1770-4, annex 2): four times
//! oversampled.
//!
//! Only where a sample is high enough can the sound between samples be higher still than what is
//! asked for, so that most of a programme is not oversampled at all.

use super::db_of_factor;
use super::resample::taps;

/// Samples on each side that shape the sound between two samples.
const REACH: usize = 12;

/// The interpolating filters for a quarter, a half and three quarters of a sample.
#[derive(Debug)]
pub struct TruePeak {
    phases: Vec<Vec<f32>>,
    /// The most that a value between samples can be above the highest sample around it.
    overshoot: f32,
}

impl Default for TruePeak {
    fn default() -> Self {
        let phases: Vec<Vec<f32>> =
            [0.25, 0.5, 0.75].iter().map(|fraction| taps(*fraction, 1.0, REACH)).collect();
        let sum_of = |taps: &Vec<f32>| taps.iter().map(|tap| tap.abs()).sum::<f32>();
        let overshoot = phases.iter().map(sum_of).fold(1.0, f32::max);
        Self { phases, overshoot }
    }
}

impl TruePeak {
    /// The peak of each block of `block` samples, both channels together. Peaks that cannot be above
    /// `floor` are those of the samples alone.
    #[must_use]
    pub fn of_blocks(&self, pcm: &[[f32; 2]], block: usize, floor: f32) -> Vec<f32> {
        let block = block.max(1);
        let mut peaks: Vec<f32> = pcm.chunks(block).map(sample_peak).collect();
        let samples_only = peaks.clone();
        let reach = REACH.div_ceil(block);
        for (index, peak) in peaks.iter_mut().enumerate() {
            let around = index.saturating_sub(reach)..(index + reach + 1).min(samples_only.len());
            let highest =
                samples_only.get(around).unwrap_or_default().iter().copied().fold(0.0, f32::max);
            if highest * self.overshoot > floor {
                let start = index * block;
                let between = (start..(start + block).min(pcm.len()))
                    .map(|at| self.between(pcm, at))
                    .fold(0.0, f32::max);
                *peak = peak.max(between);
            }
        }
        peaks
    }

    /// The peak of the whole in dBTP; `None` when it is silent.
    #[must_use]
    pub fn of_whole(&self, pcm: &[[f32; 2]]) -> Option<f64> {
        const BLOCK: usize = 64;
        let floor = sample_peak(pcm);
        let peak = self.of_blocks(pcm, BLOCK, floor).into_iter().fold(0.0, f32::max);
        (peak > 0.0).then(|| db_of_factor(f64::from(peak)))
    }

    /// The highest value after sample `at` and before the next.
    fn between(&self, pcm: &[[f32; 2]], at: usize) -> f32 {
        let first = (at + 1).saturating_sub(REACH);
        let skipped = (REACH - 1).saturating_sub(at);
        let around = pcm.get(first..(at + 1 + REACH).min(pcm.len())).unwrap_or_default();
        let mut highest = 0.0_f32;
        for taps in &self.phases {
            let mut sums = [0.0_f32; 2];
            for (frame, tap) in around.iter().zip(taps.iter().skip(skipped)) {
                sums[0] += frame[0] * tap;
                sums[1] += frame[1] * tap;
            }
            highest = highest.max(sums[0].abs()).max(sums[1].abs());
        }
        highest
    }
}

fn sample_peak(pcm: &[[f32; 2]]) -> f32 {
    pcm.iter().fold(0.0, |peak, frame| peak.max(frame[0].abs()).max(frame[1].abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of a quarter of the sample rate whose samples all miss its peaks by 45 degrees.
    fn hidden_peak(amplitude: f64, samples: usize) -> Vec<[f32; 2]> {
        let quarter = std::f64::consts::FRAC_PI_2;
        (0..samples)
            .map(|n| [(amplitude * (quarter * n as f64 + quarter / 2.0).sin()) as f32; 2])
            .collect()
    }

    #[test]
    fn a_peak_between_samples_is_found() {
        // EBU Tech 3341, case 16: samples at -9 dBFS, true peak -6 dBTP (+0.2/-0.4).
        let peak = TruePeak::default().of_whole(&hidden_peak(0.501, 48_000)[100..]).unwrap();
        assert!((peak + 6.0).abs() < 0.4, "{peak}");
    }

    #[test]
    fn quiet_parts_are_not_oversampled_but_measured() {
        let peaks = TruePeak::default().of_blocks(&hidden_peak(0.1, 160), 16, 0.9);
        assert_eq!(peaks.len(), 10);
        assert!(peaks.iter().all(|peak| (peak - 0.0707).abs() < 0.001), "{peaks:?}");
    }

    #[test]
    fn silence_has_no_peak() {
        assert_eq!(TruePeak::default().of_whole(&[[0.0; 2]; 500]), None);
        assert_eq!(TruePeak::default().of_whole(&[]), None);
    }
}
