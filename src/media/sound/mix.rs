//! Voice and music into one programme of stereo samples.

use std::path::{Path, PathBuf};

use super::duck::Ducking;
use super::loudness::integrated;
use super::resample::resample;
use super::true_peak::TruePeak;
use super::{factor_of_db, limiter, wav};
use crate::media::error::MediaError;

/// Samples per second of every programme.
pub const SAMPLE_RATE: u32 = 48_000;

/// Highest true peak of a mix in dBTP: half a decibel of room for the AAC encoder below −1 dBTP.
const CEILING_DBTP: f64 = -1.5;

/// How near the loudness must come to its target, in LU.
const NEAR_ENOUGH: f64 = 0.05;

/// How often the gain is corrected for what the limiter took away.
const MAX_PASSES: usize = 6;

/// The most that a programme is raised or lowered, in decibels: noise is not made into sound.
const MAX_GAIN_DB: f64 = 40.0;

/// The music ends with a fade of a second.
const FADE_OUT: usize = 48_000;

/// The music begins, and goes over its loop's joint, with a fade of 5 ms.
const JOINT: usize = 240;

/// What the programme's sound is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct MixRequest {
    /// The voice: a WAV file that starts at 0.
    pub narration: Option<PathBuf>,
    /// The music bed.
    pub music: Option<MusicRequest>,
    /// Integrated loudness of the result in LUFS (ITU-R BS.1770).
    pub loudness_lufs: f64,
    /// Length of the programme in stereo samples at 48 kHz.
    pub samples: usize,
}

/// The music bed.
#[derive(Debug, Clone, PartialEq)]
pub struct MusicRequest {
    /// A WAV file.
    pub path: PathBuf,
    /// Gain in decibels.
    pub gain_db: f64,
    /// Whether it steps back while the voice speaks.
    pub duck: bool,
}

/// The programme's sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// Stereo samples at 48 kHz in [-1, 1], exactly as many as were asked for.
    pub pcm: Vec<[f32; 2]>,
    /// Integrated loudness; none when there is neither voice nor music.
    pub lufs: Option<f64>,
    /// True peak in dBTP; none when there is neither voice nor music.
    pub true_peak_dbtp: Option<f64>,
}

/// Mixes the programme.
///
/// # Errors
/// [`MediaError`] when a file cannot be read or is no WAV file, or on cancellation.
pub fn mix(request: &MixRequest, cancelled: &dyn Fn() -> bool) -> Result<Mix, MediaError> {
    let go_on = || if cancelled() { Err(MediaError::cancelled()) } else { Ok(()) };
    go_on()?;
    let mut programme = vec![[0.0; 2]; request.samples];
    let mut voice = Vec::new();
    if let Some(path) = &request.narration {
        let sound = read(path, request.samples)?;
        voice = resample(&sound.to_mono(), sound.rate, SAMPLE_RATE);
        for (frame, sample) in programme.iter_mut().zip(&voice) {
            *frame = [*sample; 2];
        }
    }
    go_on()?;
    if let Some(music) = &request.music {
        add_music(&mut programme, music, &voice)?;
    }
    drop(voice);
    level(programme, request.loudness_lufs, &go_on)
}

/// Reads as much of a file as a programme of `samples` can hold.
fn read(path: &Path, samples: usize) -> Result<wav::Sound, MediaError> {
    // The highest rate that is read has eight frames for each of ours.
    wav::read(path, samples.saturating_mul(8).saturating_add(8_000))
}

fn add_music(
    programme: &mut [[f32; 2]],
    music: &MusicRequest,
    voice: &[f32],
) -> Result<(), MediaError> {
    let sound = read(&music.path, programme.len())?;
    let [left, right] = sound.to_stereo().map(|side| resample(&side, sound.rate, SAMPLE_RATE));
    if left.is_empty() {
        return Err(MediaError::input("sound_empty", "the file has no sound in it")
            .in_file(&music.path)
            .remedy("give a longer WAV file, or no music"));
    }
    let gain = factor_of_db(music.gain_db) as f32;
    let ducking = Ducking::under(if music.duck { voice } else { &[] });
    let loops = left.len() < programme.len();
    let total = programme.len();
    for (index, frame) in programme.iter_mut().enumerate() {
        let at = index % left.len();
        let mut here =
            gain * ducking.gain(index) * ramp(index, JOINT) * ramp(total - 1 - index, FADE_OUT);
        if loops {
            here *= ramp(at, JOINT) * ramp(left.len() - 1 - at, JOINT);
        }
        for (slot, side) in frame.iter_mut().zip([&left, &right]) {
            *slot += here * side.get(at).copied().unwrap_or(0.0);
        }
    }
    Ok(())
}

/// From just above 0 at distance 0 to 1 at `length`.
fn ramp(distance: usize, length: usize) -> f32 {
    if distance >= length { 1.0 } else { (distance + 1) as f32 / (length + 1) as f32 }
}

/// Brings `programme` to `target` LUFS below the ceiling. Where the limiter takes loudness away, the
/// gain is raised until the target is met.
fn level(
    programme: Vec<[f32; 2]>,
    target: f64,
    go_on: &dyn Fn() -> Result<(), MediaError>,
) -> Result<Mix, MediaError> {
    let meter = TruePeak::default();
    let Some(found) = integrated(&programme) else {
        return Ok(unlevelled(programme, &meter));
    };
    let ceiling = factor_of_db(CEILING_DBTP) as f32;
    let mut gain_db = (target - found).clamp(-MAX_GAIN_DB, MAX_GAIN_DB);
    let mut pcm = programme.clone();
    let mut lufs = None;
    for _ in 0..MAX_PASSES {
        go_on()?;
        pcm.copy_from_slice(&programme);
        let limited = limiter::amplify(&mut pcm, factor_of_db(gain_db) as f32, ceiling, &meter);
        lufs = integrated(&pcm);
        let missing = target - lufs.unwrap_or(target);
        if !limited || missing.abs() < NEAR_ENOUGH {
            break;
        }
        gain_db = (gain_db + missing).clamp(-MAX_GAIN_DB, MAX_GAIN_DB);
    }
    let true_peak_dbtp = meter.of_whole(&pcm);
    Ok(Mix { pcm, lufs, true_peak_dbtp })
}

/// What is too short or too quiet to have a loudness stays as it is, below the ceiling.
fn unlevelled(mut programme: Vec<[f32; 2]>, meter: &TruePeak) -> Mix {
    if let Some(peak) = meter.of_whole(&programme) {
        let gain_db = (CEILING_DBTP - peak).min(0.0);
        let gain = factor_of_db(gain_db) as f32;
        programme.iter_mut().for_each(|frame| *frame = frame.map(|sample| sample * gain));
    }
    let true_peak_dbtp = meter.of_whole(&programme);
    Mix { pcm: programme, lufs: None, true_peak_dbtp }
}

#[cfg(test)]
mod tests;
