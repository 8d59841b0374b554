//! The `narrate` job: every sentence is spoken once and kept; the narration is put together of them.
//!
//! The voice is not reproducible inside one process, so each sentence that is not in the cache is
//! spoken by a fresh child of our own. The cache is named by content: what is said, by which voice,
//! by which version of the producer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::reporter::Reporter;
use crate::adapters::durable_file::io_failure;
use crate::domain::artifact::Digest;
use crate::domain::failure::Failure;
use crate::domain::narration::Narration;
use crate::media::sound::narration::{NARRATION_RATE, SpokenPart, assemble};
use crate::media::sound::resample::resample;
use crate::media::sound::speech::{PRODUCER, SPEECH_RATE};
use crate::media::sound::wav::{self, Sound, write_whole};
use crate::worker::protocol::{Job, JobEnvelope, NarrateJob, NarrateResult, SpeakJob};
use crate::worker::run::run_job;
use crate::worker::seats::Seats;

/// How many sentences are spoken at the same time.
const SPEAKERS: usize = 2;

/// How long one sentence may take to be spoken.
const SENTENCE_LIMIT: Duration = Duration::from_secs(120);

/// The longest kept sentence that is read, in frames: ten minutes.
const MAX_FRAMES: usize = 600 * SPEECH_RATE as usize;

/// Where speaking ends and putting together begins, as a part of the whole.
const SPOKEN_SHARE: f64 = 0.9;

/// Carries the job out.
///
/// # Errors
/// The first failure of a sentence, named by its number, or of the files.
pub fn narrate(job: &NarrateJob, reporter: &Reporter) -> Result<Value, Failure> {
    std::fs::create_dir_all(&job.cache).map_err(|error| io_failure("make", &job.cache, &error))?;
    let keys: Vec<String> = job.sentences.iter().map(|one| key(&one.spoken, &job.voice)).collect();
    let mut sounds: BTreeMap<&str, Vec<f32>> = BTreeMap::new();
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, key) in keys.iter().enumerate() {
        match kept(&kept_at(job, key)) {
            Some(samples) => drop(sounds.insert(key, samples)),
            None => drop(missing.entry(key).or_insert(index)),
        }
    }
    let cached = keys.iter().filter(|key| sounds.contains_key(key.as_str())).count();
    runtime()?.block_on(speak_all(job, &missing, reporter))?;
    for (key, index) in &missing {
        let samples = kept(&kept_at(job, key)).ok_or_else(|| {
            Failure::transient("speech_lost", format!("sentence {}: its sound is gone", index + 1))
        })?;
        sounds.insert(key, samples);
    }

    reporter.progress(SPOKEN_SHARE, "putting the narration together");
    let parts: Vec<SpokenPart> = job
        .sentences
        .iter()
        .zip(&keys)
        .map(|(sentence, key)| SpokenPart {
            scene: sentence.scene,
            text: sentence.text.clone(),
            spoken: sentence.spoken.clone(),
            samples: sounds
                .get(key.as_str())
                .map(|samples| resample(samples, SPEECH_RATE, NARRATION_RATE))
                .unwrap_or_default(),
        })
        .collect();
    let voice = format!("flite {} (built in)", job.voice);
    let (sound, narration) = assemble(&parts, &job.pauses, &voice)?;
    write_whole(&job.wav, &sound)?;
    write_times(&job.times, &narration)?;
    let result =
        NarrateResult { duration_s: narration.duration_s, sentences: parts.len(), cached, voice };
    serde_json::to_value(result).map_err(|error| Failure::permanent("result_unwritable", error))
}

/// The key under which a sentence is kept.
fn key(spoken: &str, voice: &str) -> String {
    // Lengths keep the parts apart, whatever they hold.
    let parts = [PRODUCER, voice, spoken].map(|part| format!("{}:{part}", part.len()));
    Digest::of(parts.concat().as_bytes()).to_string()
}

fn kept_at(job: &NarrateJob, key: &str) -> PathBuf {
    job.cache.join(format!("{key}.wav"))
}

/// A kept sentence; one that cannot be read is spoken again.
fn kept(path: &Path) -> Option<Vec<f32>> {
    let sound: Sound = wav::read(path, MAX_FRAMES).ok()?;
    let fits = sound.rate == SPEECH_RATE && sound.channels == 1 && !sound.samples.is_empty();
    fits.then_some(sound.samples)
}

async fn speak_all(
    job: &NarrateJob,
    missing: &BTreeMap<&str, usize>,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let program = own_program()?;
    let speakers = Arc::new(Semaphore::new(SPEAKERS));
    let mut speaking = JoinSet::new();
    let mut in_order: Vec<(&str, usize)> = missing.iter().map(|(key, at)| (*key, *at)).collect();
    in_order.sort_by_key(|(_, index)| *index);
    for (key, index) in in_order {
        let text = job.sentences.get(index).map(|one| one.spoken.clone()).unwrap_or_default();
        let speak = SpeakJob { text, voice: job.voice.clone(), out: kept_at(job, key) };
        let (program, speakers) = (program.clone(), speakers.clone());
        speaking.spawn(async move {
            // The semaphore is never closed; a permit that fails would only mean more at a time.
            let _permit = speakers.acquire_owned().await;
            speak_one(&program, speak, index).await
        });
    }
    let total = missing.len();
    let mut spoken = 0;
    // Dropping the set at the first failure ends the other speakers.
    while let Some(outcome) = speaking.join_next().await {
        outcome.map_err(|error| Failure::transient("worker_crashed", error))??;
        spoken += 1;
        let share = spoken as f64 / total as f64 * SPOKEN_SHARE;
        reporter.progress(share, format!("sentence {spoken} of {total}"));
    }
    Ok(())
}

async fn speak_one(program: &Path, speak: SpeakJob, index: usize) -> Result<(), Failure> {
    let envelope = JobEnvelope::new(Job::Speak(speak));
    let (seats, never) = (Seats::default(), CancellationToken::new());
    let spoken = run_job(program, &envelope, &seats, &never, |_| {});
    let at = |failure: Failure| Failure {
        message: format!("sentence {}: {}", index + 1, failure.message),
        ..failure
    };
    match tokio::time::timeout(SENTENCE_LIMIT, spoken).await {
        Ok(outcome) => outcome.map(|_| ()).map_err(at),
        Err(_) => {
            let limit = SENTENCE_LIMIT.as_secs();
            let message = format!("it was not spoken within {limit} s");
            Err(at(Failure::transient("speech_timed_out", message)))
        }
    }
}

fn write_times(path: &Path, narration: &Narration) -> Result<(), Failure> {
    let text = serde_json::to_vec(narration)
        .map_err(|error| Failure::permanent("result_unwritable", error))?;
    std::fs::write(path, text).map_err(|error| io_failure("write", path, &error))
}

/// The program that this process runs: children of the worker are the same.
pub(super) fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| Failure::transient("worker_not_started", error))
}

/// A runtime for waiting on children; the work itself needs none.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::transient("worker_not_started", error))
}
