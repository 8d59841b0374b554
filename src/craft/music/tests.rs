use super::*;

fn rms_db(samples: &[f32]) -> f64 {
    let power: f64 = samples.iter().map(|x| f64::from(*x).powi(2)).sum();
    10.0 * (power / samples.len() as f64).log10()
}

#[test]
fn a_bed_is_exactly_as_long_as_asked_and_as_loud_as_it_should_be() {
    for mood in Mood::ALL {
        let bed = compose(7, mood, 12.345);
        assert_eq!(bed.len(), 2 * 592_560, "{mood}");
        let loud = rms_db(&bed);
        assert!((-23.0..=-19.9).contains(&loud), "{mood}: {loud} dBFS");
        assert!(bed.iter().all(|sample| sample.abs() <= 0.701), "{mood}");
    }
}

#[test]
fn the_same_seed_gives_the_same_samples_and_another_seed_others() {
    let bed = compose(1, Mood::Warm, 8.0);
    assert_eq!(bed, compose(1, Mood::Warm, 8.0));
    assert_ne!(bed, compose(2, Mood::Warm, 8.0));
    assert_ne!(bed, compose(1, Mood::Calm, 8.0));
}

#[test]
fn it_loops_without_a_seam() {
    for seed in 0..5 {
        let bed = compose(seed, Mood::Bright, 10.0);
        let step_at = |n: usize| {
            let m = (n + 2) % bed.len();
            (bed[n] - bed[m]).abs()
        };
        let usual = (0..bed.len()).map(step_at).fold(0.0_f32, f32::max);
        let seam = step_at(bed.len() - 2).max(step_at(bed.len() - 1));
        assert!(seam <= usual && seam < 0.05, "seed {seed}: {seam} of {usual}");
    }
}

#[test]
fn it_never_falls_silent() {
    for mood in Mood::ALL {
        let bed = compose(3, mood, 20.0);
        for tenth in bed.chunks(9_600) {
            assert!(rms_db(tenth) > -50.0, "{mood}");
        }
    }
}

#[test]
fn it_has_no_harsh_highs() {
    for mood in Mood::ALL {
        let bed = compose(11, mood, 6.0);
        // The difference of neighbours grows with frequency: 2 sin(pi f / rate) per amplitude.
        let differences: Vec<f32> = bed
            .chunks(2)
            .map(|f| f[0])
            .collect::<Vec<f32>>()
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        assert!(rms_db(&differences) < rms_db(&bed) - 22.0, "{mood}");
    }
}

#[test]
fn senseless_lengths_give_the_shortest_bed() {
    for seconds in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
        assert_eq!(compose(1, Mood::Calm, seconds).len(), 48_000, "{seconds}");
    }
}

#[test]
fn moods_have_names() {
    for mood in Mood::ALL {
        assert_eq!(mood.name().parse(), Ok(mood));
    }
    let error = "<loud>".parse::<Mood>().unwrap_err().to_string();
    assert!(error.contains("<loud>") && error.contains("solemn"), "{error}");
}
