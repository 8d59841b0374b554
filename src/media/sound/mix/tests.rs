use std::process::Command;

use super::*;
use crate::media::sound::wav::{Sound, write};

const NEVER: &dyn Fn() -> bool = &|| false;

/// Something like speech: bursts of a buzzing tone with rests.
fn voice(seconds: usize) -> Vec<f32> {
    (0..seconds * 48_000)
        .map(|n| {
            let syllable = (n / 9_600) % 5;
            let edge = ((n % 9_600) as f32 / 9_600.0 * std::f32::consts::PI).sin();
            let buzz: f32 = (1..8).map(|k| (n as f32 * 0.0157 * k as f32).sin() / k as f32).sum();
            if syllable == 4 { 0.0 } else { 0.3 * edge * buzz }
        })
        .collect()
}

fn tone(seconds: f64, hertz: f32, amplitude: f32) -> Vec<f32> {
    let step = 2.0 * std::f32::consts::PI * hertz / 48_000.0;
    (0..(seconds * 48_000.0) as usize).map(|n| amplitude * (n as f32 * step).sin()).collect()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn sound(&self, name: &str, samples: Vec<f32>) -> PathBuf {
        let path = self.0.path().join(name);
        write(&path, &Sound { rate: 48_000, channels: 1, samples }).unwrap();
        path
    }
}

fn request(narration: Option<PathBuf>, music: Option<PathBuf>, samples: usize) -> MixRequest {
    let music = music.map(|path| MusicRequest { path, gain_db: -12.0, duck: true });
    MixRequest { narration, music, loudness_lufs: -14.0, samples }
}

/// Loudness and true peak as FFmpeg's ebur128 filter measures them.
fn measured(path: &Path) -> (f64, f64) {
    let output = Command::new("ffmpeg")
        .args(["-nostats", "-hide_banner", "-i"])
        .arg(path)
        .args(["-af", "ebur128=peak=true", "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = text.rsplit("Summary:").next().unwrap();
    let value = |label: &str| -> f64 {
        let line = summary.lines().find(|line| line.trim().starts_with(label)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (value("I:"), value("Peak:"))
}

#[test]
fn voice_and_music_come_out_at_the_target_and_stay_below_the_ceiling_even_as_aac() {
    let files = Files::new();
    let narration = files.sound("voice.wav", voice(12));
    let music = files.sound("bed.wav", tone(5.0, 220.0, 0.3));
    let mixed = mix(&request(Some(narration), Some(music), 12 * 48_000), NEVER).unwrap();
    assert_eq!(mixed.pcm.len(), 12 * 48_000);
    assert!((mixed.lufs.unwrap() + 14.0).abs() <= 0.3, "{:?}", mixed.lufs);
    assert!(mixed.true_peak_dbtp.unwrap() <= -1.4, "{:?}", mixed.true_peak_dbtp);

    let wav = files.0.path().join("mix.wav");
    let samples = mixed.pcm.iter().flatten().copied().collect();
    write(&wav, &Sound { rate: 48_000, channels: 2, samples }).unwrap();
    let (lufs, peak) = measured(&wav);
    assert!((lufs - mixed.lufs.unwrap()).abs() <= 0.15, "FFmpeg measures {lufs}");
    assert!((peak - mixed.true_peak_dbtp.unwrap()).abs() <= 0.3, "FFmpeg measures {peak}");

    let aac = files.0.path().join("mix.m4a");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&wav)
        .args(["-c:a", "aac", "-b:a", "384k"])
        .arg(&aac)
        .status()
        .unwrap();
    assert!(status.success());
    let (lufs, peak) = measured(&aac);
    assert!((lufs + 14.0).abs() <= 0.5, "as AAC {lufs} LUFS");
    assert!(peak <= -1.0, "as AAC {peak} dBTP");
}

#[test]
fn a_voice_with_high_peaks_still_reaches_its_loudness() {
    let files = Files::new();
    let mut samples: Vec<f32> = voice(8).iter().map(|sample| sample * 0.2).collect();
    samples.iter_mut().skip(1_000).step_by(24_000).for_each(|sample| *sample = 0.95);
    let narration = files.sound("peaks.wav", samples);
    let mixed = mix(&request(Some(narration), None, 8 * 48_000), NEVER).unwrap();
    assert!((mixed.lufs.unwrap() + 14.0).abs() <= 0.3, "{:?}", mixed.lufs);
    assert!(mixed.true_peak_dbtp.unwrap() <= -1.4, "{:?}", mixed.true_peak_dbtp);
}

#[test]
fn music_steps_back_under_the_voice() {
    let files = Files::new();
    // The music's level under the voice is found by its frequency.
    let spoken = [vec![0.0; 96_000], tone(3.0, 300.0, 0.4), vec![0.0; 240_000]].concat();
    let narration = files.sound("voice.wav", spoken);
    let music = files.sound("bed.wav", tone(10.0, 2_000.0, 0.4));
    let quiet =
        MixRequest { loudness_lufs: -30.0, ..request(Some(narration), Some(music), 480_000) };
    let both = mix(&quiet, NEVER).unwrap();
    let level = |from: usize| {
        // Correlation with the music's tone over a whole number of its periods.
        let step = 2.0 * std::f64::consts::PI * 2_000.0 / 48_000.0;
        let (mut sine, mut cosine) = (0.0, 0.0);
        for n in from..from + 24_000 {
            let sample = f64::from(both.pcm[n][0]);
            sine += sample * (step * n as f64).sin();
            cosine += sample * (step * n as f64).cos();
        }
        20.0 * f64::hypot(sine, cosine).log10()
    };
    let (before, under, after) = (level(24_000), level(168_000), level(400_000));
    assert!((before - under - 10.0).abs() < 1.0, "{before} dB, then {under} dB");
    assert!((after - before).abs() < 1.0, "{before} dB, at the end {after} dB");
}

#[test]
fn short_music_loops_and_all_music_ends_with_a_fade() {
    let files = Files::new();
    let music = files.sound("bed.wav", tone(1.5, 440.0, 0.3));
    let mixed = mix(&request(None, Some(music), 480_000), NEVER).unwrap();
    let peak = |range: std::ops::Range<usize>| {
        mixed.pcm[range].iter().fold(0.0_f32, |peak, frame| peak.max(frame[0].abs()))
    };
    let full = peak(100_000..110_000);
    for second in 0..9 {
        let here = peak(second * 48_000 + 10_000..second * 48_000 + 40_000);
        assert!((here / full - 1.0).abs() < 0.02, "second {second}");
    }
    assert!(peak(456_000..456_500) < 0.55 * full, "half way down the fade");
    assert!(peak(479_990..480_000) < 0.01 * full, "the end");
}

#[test]
fn without_voice_and_music_there_is_silence_without_a_loudness() {
    let mixed = mix(&request(None, None, 1_000), NEVER).unwrap();
    assert_eq!(mixed, Mix { pcm: vec![[0.0; 2]; 1_000], lufs: None, true_peak_dbtp: None });
}

#[test]
fn a_silent_file_and_a_very_short_one_are_no_problem() {
    let files = Files::new();
    let silent = files.sound("silent.wav", vec![0.0; 96_000]);
    assert_eq!(mix(&request(Some(silent), None, 96_000), NEVER).unwrap().lufs, None);
    let short = files.sound("short.wav", tone(0.1, 440.0, 1.0));
    let mixed = mix(&request(Some(short), None, 4_800), NEVER).unwrap();
    assert_eq!(mixed.lufs, None);
    assert!(mixed.true_peak_dbtp.unwrap() <= -1.4);
}

#[test]
fn equal_requests_give_equal_samples() {
    let files = Files::new();
    let narration = files.sound("voice.wav", voice(4));
    let music = files.sound("bed.wav", tone(2.0, 330.0, 0.2));
    let request = request(Some(narration), Some(music), 4 * 48_000);
    assert_eq!(mix(&request, NEVER).unwrap(), mix(&request, NEVER).unwrap());
}

#[test]
fn what_is_missing_or_empty_is_named_and_cancelling_stops() {
    let files = Files::new();
    let gone = files.0.path().join("gone.wav");
    let error = mix(&request(Some(gone), None, 100), NEVER).unwrap_err();
    assert!(error.code == "sound_unreadable" && error.place.ends_with("gone.wav"));
    let empty = files.sound("empty.wav", Vec::new());
    assert_eq!(mix(&request(None, Some(empty), 100), NEVER).unwrap_err().code, "sound_empty");
    assert_eq!(mix(&request(None, None, 100), &|| true).unwrap_err().code, "cancelled");
}
