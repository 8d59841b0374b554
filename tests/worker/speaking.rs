//! What the child speaks.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use ytempire::domain::failure::{Failure, FailureClass};
use ytempire::domain::narration::{Narration, Pauses};
use ytempire::worker::protocol::{
    Job, JobEnvelope, NarrateJob, NarrateResult, SentenceToSpeak, SpeakJob,
};
use ytempire::worker::run::run_job;
use ytempire::worker::seats::Seats;

use super::program;

async fn run(job: Job) -> Result<Value, Failure> {
    let cancel = CancellationToken::new();
    run_job(program(), &JobEnvelope::new(job), &Seats::default(), &cancel, |_| {}).await
}

fn sentences() -> Vec<SentenceToSpeak> {
    let lines = [
        (0, "Every spring the river rises.", "Every spring the river rises."),
        (0, "In 1969, two men walked there.", "In nineteen sixty nine, two men walked there."),
        (1, "It's quiet now: nobody speaks.", "It's quiet now: nobody speaks."),
        (1, "Every spring the river rises.", "Every spring the river rises."),
    ];
    lines
        .map(|(scene, text, spoken)| SentenceToSpeak {
            scene,
            text: text.to_owned(),
            spoken: spoken.to_owned(),
        })
        .to_vec()
}

fn narrate_job(folder: &Path, cache: PathBuf) -> NarrateJob {
    NarrateJob {
        sentences: sentences(),
        voice: "slt".to_owned(),
        pauses: Pauses::default(),
        cache,
        wav: folder.join("narration.wav"),
        times: folder.join("narration.json"),
    }
}

async fn narrate(job: NarrateJob) -> NarrateResult {
    serde_json::from_value(run(Job::Narrate(job)).await.unwrap()).unwrap()
}

fn bytes(folder: &Path) -> [Vec<u8>; 2] {
    ["narration.wav", "narration.json"].map(|name| std::fs::read(folder.join(name)).unwrap())
}

#[tokio::test]
async fn a_sentence_has_equal_bytes_in_every_process() {
    let folder = tempfile::tempdir().unwrap();
    for voice in ["slt", "rms", "awb", "kal16"] {
        let mut spoken = Vec::new();
        for name in ["a.wav", "b.wav"] {
            let out = folder.path().join(name);
            let text = "Nobody in the valley is surprised.".to_owned();
            let job = SpeakJob { text, voice: voice.to_owned(), out: out.clone() };
            run(Job::Speak(job)).await.unwrap();
            spoken.push(std::fs::read(out).unwrap());
        }
        assert!(spoken[0].len() > 32_000, "{voice}");
        assert!(spoken[0] == spoken[1], "{voice} differs");
    }
}

#[tokio::test]
async fn a_narration_has_equal_bytes_with_and_without_its_cache() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [first, second, third] = folders.each_ref().map(tempfile::TempDir::path);
    let fresh = narrate(narrate_job(first, first.join("cache"))).await;
    let cached = narrate(narrate_job(second, first.join("cache"))).await;
    assert_eq!((fresh.cached, cached.cached, fresh.sentences), (0, 4, 4));
    // A kept sentence that was damaged is spoken again.
    let kept = std::fs::read_dir(first.join("cache")).unwrap().next().unwrap().unwrap();
    std::fs::write(kept.path(), b"damaged").unwrap();
    let repaired = narrate(narrate_job(third, first.join("cache"))).await;
    assert!((2..=3).contains(&repaired.cached), "{repaired:?}");
    assert!(bytes(first) == bytes(second), "cached differs");
    assert!(bytes(first) == bytes(third), "repaired differs");
}

#[tokio::test]
async fn sentences_are_heard_when_it_is_said_and_no_silence_reaches_a_second() {
    let folder = tempfile::tempdir().unwrap();
    narrate(narrate_job(folder.path(), folder.path().join("cache"))).await;
    let wav = folder.path().join("narration.wav");
    let text = std::fs::read(folder.path().join("narration.json")).unwrap();
    let narration: Narration = serde_json::from_slice(&text).unwrap();
    assert_eq!(narration.sentences.len(), 4);
    assert_eq!(narration.voice, "flite slt (built in)");

    let samples = samples_of(&wav);
    let loudest = |from: f64, to: f64| {
        let range = (from * 48_000.0).round() as usize..(to * 48_000.0).round() as usize;
        samples[range].iter().map(|sample| sample.unsigned_abs()).max().unwrap()
    };
    // -50 dB of 16 bits is an amplitude of 104.
    for sentence in &narration.sentences {
        assert!(loudest(sentence.start - 0.1, sentence.start) < 104, "{sentence:?}");
        assert!(loudest(sentence.start, sentence.start + 0.002) >= 103, "{sentence:?}");
        assert!(loudest(sentence.end, sentence.end + 0.1) < 104, "{sentence:?}");
        assert_eq!(sentence.words.len(), sentence.text.split_whitespace().count());
        let (first, last) = (sentence.words.first().unwrap(), sentence.words.last().unwrap());
        assert!((first.start - sentence.start).abs() < 0.05, "{sentence:?}");
        assert!((last.end - sentence.end).abs() < 0.05, "{sentence:?}");
    }
    let rests: Vec<f64> =
        narration.sentences.windows(2).map(|pair| pair[1].start - pair[0].end).collect();
    for (rest, expected) in rests.iter().zip([0.28, 0.55, 0.28]) {
        assert!((rest - expected).abs() < 0.001, "{rests:?}");
    }

    let output = Command::new("ffmpeg")
        .args(["-nostats", "-hide_banner", "-i"])
        .arg(&wav)
        .args(["-af", "silencedetect=noise=-50dB:d=1", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("silence_start"), "{said}");
}

/// The 16-bit samples of a WAV file as we write it.
fn samples_of(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap();
    bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[tokio::test]
async fn a_sentence_that_cannot_be_spoken_is_named_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = narrate_job(folder.path(), folder.path().join("cache"));
    job.sentences[2].spoken = "\u{7}".to_owned();
    let failure = run(Job::Narrate(job)).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Permanent);
    assert_eq!(failure.code, "text_unspeakable");
    assert!(failure.message.starts_with("sentence 3: "), "{failure}");
    assert!(!folder.path().join("narration.wav").exists());
}

#[tokio::test]
async fn an_unwritable_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let failure =
        run(Job::Narrate(narrate_job(folder.path(), file.join("cache")))).await.unwrap_err();
    assert_eq!(failure.code, "file_error");
    assert!(failure.message.contains("file/cache"), "{failure}");
}
