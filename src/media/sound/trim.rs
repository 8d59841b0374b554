//! Where a voice is heard, and rests that are not too long.

use std::ops::Range;

/// What is quieter than this is silence: −50 dB of full scale, as an amplitude.
pub const AUDIBLE: f32 = 0.003_162_277_7;

/// From the first audible sample to after the last; `None` when nothing is audible.
#[must_use]
pub fn audible_range(samples: &[f32]) -> Option<Range<usize>> {
    let is_audible = |sample: &f32| sample.abs() >= AUDIBLE;
    let first = samples.iter().position(is_audible)?;
    let last = samples.iter().rposition(is_audible)?;
    Some(first..last + 1)
}

/// `samples` with every silence inside cut down to `longest` samples. Half of what is kept comes
/// from its beginning and half from its end; the joint lies below what is audible.
#[must_use]
pub fn shorten_rests(samples: &[f32], longest: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(samples.len());
    let mut rest_begins = 0;
    for (index, sample) in samples.iter().enumerate() {
        out.push(*sample);
        if sample.abs() < AUDIBLE {
            continue;
        }
        let rest = index - rest_begins;
        if rest > longest {
            let rest_in_out = out.len() - 1 - rest;
            let kept_before = longest / 2;
            out.drain(rest_in_out + kept_before..rest_in_out + kept_before + (rest - longest));
        }
        rest_begins = index + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silence_at_both_ends_is_outside() {
        assert_eq!(audible_range(&[0.0, 0.001, 0.5, 0.0, -0.004, 0.003, 0.0]), Some(2..5));
        assert_eq!(audible_range(&[0.001; 9]), None);
        assert_eq!(audible_range(&[]), None);
    }

    #[test]
    fn a_long_rest_keeps_its_two_ends() {
        let quiet: Vec<f32> = (1..=6).map(|n| n as f32 * 1e-4).collect();
        let sound = [vec![0.5], quiet, vec![0.6]].concat();
        let short = shorten_rests(&sound, 2);
        assert_eq!(short, [0.5, 1e-4, 6.0 * 1e-4, 0.6]);
    }

    proptest! {
        #[test]
        fn no_rest_is_too_long_and_nothing_audible_is_lost(
            sound in proptest::collection::vec(prop_oneof![3 => Just(0.0_f32), 1 => 0.1_f32..1.0], 0..200),
            longest in 1_usize..20
        ) {
            let short = shorten_rests(&sound, longest);
            let heard = |samples: &[f32]| -> Vec<f32> {
                samples.iter().copied().filter(|sample| *sample >= AUDIBLE).collect()
            };
            prop_assert_eq!(heard(&short), heard(&sound));
            let end = audible_range(&short).map_or(0, |range| range.end);
            let mut run = 0;
            for sample in &short[..end] {
                run = if *sample < AUDIBLE { run + 1 } else { 0 };
                prop_assert!(run <= longest);
            }
        }
    }
}
