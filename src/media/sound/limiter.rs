//! A look-ahead limiter: no true peak above a ceiling, without distorting what is below.
//!
//! The gain is found for blocks of a third of a millisecond: as low as the loudest block near needs
//! it, recovering slowly, then averaged, so that it begins to fall before the peak comes.

use super::true_peak::TruePeak;

/// Samples per block of gain.
const BLOCK: usize = 16;

/// Blocks before and after a peak that already have its gain: 5 ms.
const LOOK_AHEAD: usize = 15;

/// The gain recovers with this time constant, in seconds.
const RELEASE_S: f64 = 0.08;

/// Multiplies `pcm` by `gain` and keeps its true peaks below `ceiling` (both as factors of
/// amplitude). Says whether anything had to be limited.
pub fn amplify(pcm: &mut [[f32; 2]], gain: f32, ceiling: f32, meter: &TruePeak) -> bool {
    for frame in pcm.iter_mut() {
        *frame = frame.map(|sample| sample * gain);
    }
    let needed: Vec<f32> = meter
        .of_blocks(pcm, BLOCK, ceiling)
        .into_iter()
        .map(|peak| if peak > ceiling { ceiling / peak } else { 1.0 })
        .collect();
    if needed.iter().all(|gain| *gain >= 1.0) {
        return false;
    }
    let mut gains = averaged(&recovering(&lowest_near(&needed)));
    // The last block leads to a gain of its own.
    gains.extend(gains.last().copied());
    for (block, pair) in pcm.chunks_mut(BLOCK).zip(gains.windows(2)) {
        if let [from, to] = pair {
            for (index, frame) in block.iter_mut().enumerate() {
                let here = from + (to - from) * (index as f32 / BLOCK as f32);
                *frame = frame.map(|sample| sample * here);
            }
        }
    }
    true
}

fn near(index: usize, reach: usize, length: usize) -> std::ops::Range<usize> {
    index.saturating_sub(reach)..(index + reach + 1).min(length)
}

fn lowest_near(gains: &[f32]) -> Vec<f32> {
    (0..gains.len())
        .map(|index| {
            let around = gains.get(near(index, LOOK_AHEAD, gains.len())).unwrap_or_default();
            around.iter().copied().fold(1.0, f32::min)
        })
        .collect()
}

fn recovering(gains: &[f32]) -> Vec<f32> {
    let seconds = BLOCK as f64 / 48_000.0;
    let recovered = (1.0 - (-seconds / RELEASE_S).exp()) as f32;
    let mut held = 1.0_f32;
    gains
        .iter()
        .map(|gain| {
            held = gain.min(held + (1.0 - held) * recovered);
            held
        })
        .collect()
}

/// One block less than the look-ahead on each side, so that the gains at both ends of a block are as
/// low as the block needs.
fn averaged(gains: &[f32]) -> Vec<f32> {
    (0..gains.len())
        .map(|index| {
            let around = gains.get(near(index, LOOK_AHEAD - 1, gains.len())).unwrap_or_default();
            around.iter().sum::<f32>() / around.len().max(1) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::sound::db_of_factor;

    #[test]
    fn what_is_below_the_ceiling_is_only_amplified() {
        let mut pcm = vec![[0.1, -0.2]; 1_000];
        assert!(!amplify(&mut pcm, 2.0, 0.8, &TruePeak::default()));
        assert_eq!(pcm[500], [0.2, -0.4]);
    }

    #[test]
    fn a_burst_is_held_and_the_quiet_part_later_is_untouched() {
        let tone = |n: usize| (n as f32 * 0.3).sin();
        let mut pcm: Vec<[f32; 2]> =
            (0..96_000).map(|n| [tone(n) * if n < 24_000 { 0.9 } else { 0.1 }; 2]).collect();
        let before = pcm.clone();
        assert!(amplify(&mut pcm, 3.0, 0.8, &TruePeak::default()));
        let peak = TruePeak::default().of_whole(&pcm).unwrap();
        assert!(peak < db_of_factor(0.8) + 0.05, "{peak}");
        for (out, before) in pcm[90_000..].iter().zip(&before[90_000..]) {
            assert!((out[0] - 3.0 * before[0]).abs() < 1e-3);
        }
    }

    proptest! {
        #[test]
        fn no_sample_is_ever_above_the_ceiling(
            samples in proptest::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 1..2_000),
            gain in 0.1_f32..20.0
        ) {
            let mut pcm: Vec<[f32; 2]> = samples.into_iter().map(|(l, r)| [l, r]).collect();
            amplify(&mut pcm, gain, 0.84, &TruePeak::default());
            prop_assert!(pcm.iter().flatten().all(|sample| sample.abs() <= 0.8401));
        }
    }
}
