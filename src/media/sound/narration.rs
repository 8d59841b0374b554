//! Spoken sentences, one after the other, with rests between them.
//!
//! Architecture invariant: the times that are told are those of the samples, not of a plan; captions
//! and pictures follow them.

use std::ops::Range;

use super::factor_of_db;
use super::trim::{audible_range, shorten_rests};
use super::wav::Sound;
use super::words::word_times;
use crate::domain::narration::{Narration, Pauses, SpokenSentence};
use crate::media::error::MediaError;

/// Frames per second of a narration.
pub const NARRATION_RATE: u32 = 48_000;

/// Where the loudest sample of the narration lies, in decibels of full scale.
const PEAK_DBFS: f64 = -3.0;

/// Longest rest inside a sentence, in seconds.
const LONGEST_REST_S: f64 = 0.6;

/// What is kept before the first and after the last audible sample, faded, in samples: 5 and 10 ms.
const FADE_IN: usize = 240;
const FADE_OUT: usize = 480;

/// One sentence as it was spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenPart {
    /// Index of its scene, from 0.
    pub scene: usize,
    /// As captions show it.
    pub text: String,
    /// As the voice was given it.
    pub spoken: String,
    /// How it sounds, mono at [`NARRATION_RATE`], with whatever silence the voice left around it.
    pub samples: Vec<f32>,
}

/// Puts `parts` one after the other.
///
/// # Errors
/// Input `nothing_to_narrate`, `pause_out_of_range`, `sentence_silent`.
pub fn assemble(
    parts: &[SpokenPart],
    pauses: &Pauses,
    voice: &str,
) -> Result<(Sound, Narration), MediaError> {
    check(parts, pauses)?;
    let gain = factor_of_db(PEAK_DBFS) as f32 / loudest(parts)?;
    let mut sound = Vec::new();
    let mut sentences: Vec<SpokenSentence> = Vec::with_capacity(parts.len());
    let mut cursor = samples_of(pauses.lead_in);
    for (index, part) in parts.iter().enumerate() {
        if let Some(before) = sentences.last() {
            let rest = if before.scene == part.scene { pauses.sentence } else { pauses.scene };
            cursor += samples_of(rest);
        }
        let louder: Vec<f32> = part.samples.iter().map(|sample| sample * gain).collect();
        let spoken = shorten_rests(&louder, samples_of(LONGEST_REST_S));
        let range = audible_range(&spoken).ok_or_else(|| silent(index))?;
        lay(&mut sound, cursor, &spoken, &range);
        let heard = spoken.get(range).unwrap_or_default();
        let start = seconds_of(cursor);
        cursor += heard.len();
        let words = word_times(&part.text, &part.spoken, heard, NARRATION_RATE, start);
        let (scene, text, end) = (part.scene, part.text.clone(), seconds_of(cursor));
        sentences.push(SpokenSentence { scene, text, start, end, words });
    }
    sound.resize(cursor + samples_of(pauses.tail), 0.0);
    let narration = Narration {
        duration_s: seconds_of(sound.len()),
        sample_rate: NARRATION_RATE,
        voice: voice.to_owned(),
        sentences,
    };
    Ok((Sound { rate: NARRATION_RATE, channels: 1, samples: sound }, narration))
}

fn check(parts: &[SpokenPart], pauses: &Pauses) -> Result<(), MediaError> {
    if parts.is_empty() {
        return Err(MediaError::input("nothing_to_narrate", "the script has no sentences"));
    }
    let all = [pauses.lead_in, pauses.sentence, pauses.scene, pauses.tail];
    if all.iter().all(|pause| (0.0..=Pauses::LONGEST).contains(pause)) {
        return Ok(());
    }
    let what = format!("a pause is not within 0 to {} s", Pauses::LONGEST);
    Err(MediaError::input("pause_out_of_range", what).at("pauses"))
}

fn loudest(parts: &[SpokenPart]) -> Result<f32, MediaError> {
    let samples = parts.iter().flat_map(|part| &part.samples);
    let peak = samples.fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak > 0.0 { Ok(peak) } else { Err(silent(0)) }
}

fn silent(index: usize) -> MediaError {
    MediaError::input("sentence_silent", "the voice made no sound of it")
        .at(format!("sentences[{index}]"))
}

/// Adds `spoken` so that its audible `range` begins at `cursor`, with a little of what is around it,
/// faded.
fn lay(sound: &mut Vec<f32>, cursor: usize, spoken: &[f32], range: &Range<usize>) {
    let before = FADE_IN.min(range.start).min(cursor);
    let after = FADE_OUT.min(spoken.len() - range.end);
    let end = cursor + range.len() + after;
    if sound.len() < end {
        sound.resize(end, 0.0);
    }
    let target = sound.get_mut(cursor - before..end).unwrap_or_default();
    let source = spoken.get(range.start - before..range.end + after).unwrap_or_default();
    for (index, (slot, sample)) in target.iter_mut().zip(source).enumerate() {
        let rising = if index < before { (index + 1) as f32 / (before + 1) as f32 } else { 1.0 };
        let left = source.len() - index;
        let falling = if left <= after { left as f32 / (after + 1) as f32 } else { 1.0 };
        *slot += sample * rising * falling;
    }
}

fn samples_of(seconds: f64) -> usize {
    (seconds * f64::from(NARRATION_RATE)).round() as usize
}

fn seconds_of(samples: usize) -> f64 {
    samples as f64 / f64::from(NARRATION_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::sound::trim::AUDIBLE;

    fn tone(samples: usize) -> Vec<f32> {
        (0..samples).map(|n| 0.4 * (n as f32 * 0.05).sin()).collect()
    }

    fn part(scene: usize, quiet_before: usize, heard: usize, quiet_after: usize) -> SpokenPart {
        let samples = [vec![0.0005; quiet_before], tone(heard), vec![0.0005; quiet_after]].concat();
        let text = format!("Sentence of scene {scene}.");
        SpokenPart { scene, spoken: text.to_lowercase(), text, samples }
    }

    fn three() -> [SpokenPart; 3] {
        [part(0, 3_000, 48_000, 9_000), part(0, 100, 30_000, 0), part(1, 0, 20_000, 70_000)]
    }

    #[test]
    fn sentences_are_heard_exactly_when_it_is_said() {
        let (sound, narration) = assemble(&three(), &Pauses::default(), "test").unwrap();
        assert_eq!(narration.duration_s, sound.samples.len() as f64 / 48_000.0);
        for sentence in &narration.sentences {
            let first = (sentence.start * 48_000.0).round() as usize;
            let last = (sentence.end * 48_000.0).round() as usize - 1;
            assert!(sound.samples[first].abs() >= AUDIBLE, "first audible sample");
            assert!(sound.samples[last].abs() >= AUDIBLE, "last audible sample");
            assert!(sound.samples[first - 4_000..first].iter().all(|x| x.abs() < AUDIBLE));
            assert!(sound.samples[last + 1..last + 4_000].iter().all(|x| x.abs() < AUDIBLE));
        }
    }

    #[test]
    fn rests_are_as_long_as_asked() {
        let pauses = Pauses::default();
        let (_, narration) = assemble(&three(), &pauses, "test").unwrap();
        let [first, second, third] = narration.sentences.as_slice() else { panic!("three") };
        let close = |a: f64, b: f64| (a - b).abs() < 1e-4;
        assert!(close(first.start, pauses.lead_in));
        assert!(close(second.start - first.end, pauses.sentence));
        assert!(close(third.start - second.end, pauses.scene));
        assert!(close(narration.duration_s - third.end, pauses.tail));
    }

    #[test]
    fn no_silence_reaches_a_second_even_if_the_voice_falls_silent() {
        let mut parts = three();
        parts[1].samples = [tone(9_000), vec![0.0; 200_000], tone(9_000)].concat();
        let pauses = Pauses { scene: Pauses::LONGEST, tail: Pauses::LONGEST, ..Pauses::default() };
        let (sound, _) = assemble(&parts, &pauses, "test").unwrap();
        let mut run = 0;
        for sample in &sound.samples {
            run = if sample.abs() < AUDIBLE { run + 1 } else { 0 };
            assert!(run < 48_000);
        }
    }

    #[test]
    fn the_loudest_sample_lies_where_it_should() {
        let (sound, _) = assemble(&three(), &Pauses::default(), "test").unwrap();
        let peak = sound.samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        assert!((f64::from(peak) - factor_of_db(-3.0)).abs() < 1e-4, "{peak}");
    }

    #[test]
    fn joints_do_not_click() {
        let (sound, _) = assemble(&three(), &Pauses::default(), "test").unwrap();
        let quiet_step = sound
            .samples
            .windows(2)
            .filter(|pair| pair[0].abs() < AUDIBLE && pair[1].abs() < AUDIBLE)
            .map(|pair| (pair[0] - pair[1]).abs())
            .fold(0.0_f32, f32::max);
        assert!(quiet_step < 0.002, "{quiet_step}");
    }

    #[test]
    fn what_cannot_be_narrated_is_named() {
        let pauses = Pauses::default();
        assert_eq!(assemble(&[], &pauses, "x").unwrap_err().code, "nothing_to_narrate");
        let long = Pauses { sentence: 1.0, ..pauses };
        assert_eq!(assemble(&three(), &long, "x").unwrap_err().code, "pause_out_of_range");
        let mut parts = three();
        parts[2].samples.fill(0.0);
        let error = assemble(&parts, &pauses, "x").unwrap_err();
        assert_eq!((error.code, error.place.as_str()), ("sentence_silent", "sentences[2]"));
    }
}
