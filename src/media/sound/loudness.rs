//! Integrated loudness of a stereo programme at 48 kHz, after ITU-R BS.1770-4 (annex 1).

/// Samples of a tenth of a second at 48 kHz: blocks of 400 ms overlap by three quarters.
const STEP: usize = 4_800;

/// Steps in a block.
const STEPS_PER_BLOCK: usize = 4;

/// Blocks quieter than this do not count, in LUFS.
const ABSOLUTE_GATE: f64 = -70.0;

/// Nor do blocks this much quieter than the mean of the others, in LU.
const RELATIVE_GATE: f64 = -10.0;

/// The first stage of the K weighting at 48 kHz: the head's shelf (BS.1770-4, table 1).
const SHELF: [f64; 5] = [
    1.535_124_859_586_97,
    -2.691_696_189_406_38,
    1.198_392_810_852_85,
    -1.690_659_293_182_41,
    0.732_480_774_215_85,
];

/// The second stage: a high pass (BS.1770-4, table 2).
const HIGH_PASS: [f64; 5] = [1.0, -2.0, 1.0, -1.990_047_454_833_98, 0.990_072_250_366_21];

/// Integrated loudness in LUFS; `None` when it is shorter than 400 ms or silent.
#[must_use]
pub fn integrated(pcm: &[[f32; 2]]) -> Option<f64> {
    let steps = energies(pcm);
    let blocks: Vec<f64> = steps
        .windows(STEPS_PER_BLOCK)
        .map(|block| block.iter().sum::<f64>() / STEPS_PER_BLOCK as f64)
        .collect();
    let above = |gate: f64| {
        let counted: Vec<f64> =
            blocks.iter().copied().filter(|block| lufs(*block) >= gate).collect();
        let mean = counted.iter().sum::<f64>() / counted.len() as f64;
        (!counted.is_empty()).then_some(mean)
    };
    let ungated = lufs(above(ABSOLUTE_GATE)?);
    above((ungated + RELATIVE_GATE).max(ABSOLUTE_GATE)).map(lufs)
}

fn lufs(energy: f64) -> f64 {
    -0.691 + 10.0 * energy.log10()
}

/// The mean square of the weighted signal, both channels together, for every whole step.
fn energies(pcm: &[[f32; 2]]) -> Vec<f64> {
    let mut shelf = [[0.0; 2]; 2];
    let mut high_pass = [[0.0; 2]; 2];
    pcm.chunks_exact(STEP)
        .map(|step| {
            let mut energy = 0.0;
            for frame in step {
                for (channel, sample) in frame.iter().enumerate() {
                    let shelved = filter(f64::from(*sample), &SHELF, &mut shelf[channel]);
                    let weighted = filter(shelved, &HIGH_PASS, &mut high_pass[channel]);
                    energy += weighted * weighted;
                }
            }
            energy / STEP as f64
        })
        .collect()
}

/// One sample through one second-order section (transposed direct form II).
fn filter(input: f64, [b0, b1, b2, a1, a2]: &[f64; 5], state: &mut [f64; 2]) -> f64 {
    let output = b0 * input + state[0];
    state[0] = b1 * input - a1 * output + state[1];
    state[1] = b2 * input - a2 * output;
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::sound::factor_of_db;

    fn tone(hertz: f64, dbfs: f64, seconds: f64) -> Vec<[f32; 2]> {
        let step = 2.0 * std::f64::consts::PI * hertz / 48_000.0;
        (0..(seconds * 48_000.0) as usize)
            .map(|n| [(factor_of_db(dbfs) * (step * n as f64).sin()) as f32; 2])
            .collect()
    }

    #[test]
    fn the_reference_tone_reads_as_the_recommendation_says() {
        // BS.1770-4: a 997 Hz sine of 0 dBFS in one channel reads -3.01 LKFS; in both, 0.
        let both = integrated(&tone(997.0, -23.0, 5.0)).unwrap();
        assert!((both + 23.0).abs() < 0.05, "{both}");
        let left: Vec<[f32; 2]> = tone(997.0, 0.0, 5.0).iter().map(|f| [f[0], 0.0]).collect();
        assert!((integrated(&left).unwrap() + 3.01).abs() < 0.05);
    }

    #[test]
    fn silence_around_the_programme_does_not_count() {
        // EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36 LUFS reads -23.
        let programme =
            [tone(1_000.0, -36.0, 10.0), tone(1_000.0, -23.0, 60.0), tone(1_000.0, -36.0, 10.0)]
                .concat();
        assert!((integrated(&programme).unwrap() + 23.0).abs() < 0.1);
    }

    #[test]
    fn nothing_audible_has_no_loudness() {
        assert_eq!(integrated(&[]), None);
        assert_eq!(integrated(&[[0.0; 2]; 96_000]), None);
        assert_eq!(integrated(&tone(1_000.0, -20.0, 0.3)), None);
    }
}
