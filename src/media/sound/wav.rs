//! WAV files: whatever a person hands in is read, 16 bits are written.
//!
//! Format: Microsoft's "Multiple channel audio data and WAVE files" (RIFF chunks, `fmt ` and `data`,
//! WAVE_FORMAT_EXTENSIBLE). Read: PCM of 8, 16, 24 and 32 bits and IEEE float of 32 and 64 bits, any
//! rate from 4 to 384 kHz, 1 to 32 channels. A data chunk that is longer than the file, as streaming
//! writers leave it, ends with the file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::media::error::MediaError;

/// A sound as it is in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Frames per second.
    pub rate: u32,
    /// Samples in one frame.
    pub channels: usize,
    /// Samples in [-1, 1], frame by frame.
    pub samples: Vec<f32>,
}

impl Sound {
    /// How many frames there are.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.samples.len() / self.channels.max(1)
    }

    /// One channel: the mean of all.
    #[must_use]
    pub fn to_mono(&self) -> Vec<f32> {
        let channels = self.channels.max(1);
        let share = 1.0 / channels as f32;
        self.samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * share).collect()
    }

    /// Two channels: one goes to both sides, two stay, more go to both sides as their mean.
    #[must_use]
    pub fn to_stereo(&self) -> [Vec<f32>; 2] {
        if self.channels == 2 {
            let left = self.samples.iter().step_by(2).copied().collect();
            let right = self.samples.iter().skip(1).step_by(2).copied().collect();
            [left, right]
        } else {
            let mono = self.to_mono();
            [mono.clone(), mono]
        }
    }
}

/// How the samples of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
}

impl Coding {
    fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// The value of one sample; a float that is no number is silence.
    fn value(self, bytes: &[u8]) -> f32 {
        let value = match (self, bytes) {
            (Self::Unsigned8, [a]) => (f32::from(*a) - 128.0) / 128.0,
            (Self::Signed16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
            (Self::Signed24, [a, b, c]) => {
                i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0
            }
            (Self::Signed32, [a, b, c, d]) => {
                i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0
            }
            (Self::Float32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Self::Float64, [a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as f32
            }
            _ => 0.0,
        };
        if value.is_finite() { value.clamp(-4.0, 4.0) } else { 0.0 }
    }
}

struct Format {
    coding: Coding,
    rate: u32,
    channels: usize,
}

/// Reads at most `max_frames` frames of the file at `path`.
///
/// # Errors
/// Input `sound_unreadable` when the file cannot be read or is no WAV file that is understood.
pub fn read(path: &Path, max_frames: usize) -> Result<Sound, MediaError> {
    let file = File::open(path).map_err(|error| unreadable(error).in_file(path))?;
    read_from(&mut BufReader::new(file), max_frames).map_err(|error| error.in_file(path))
}

fn unreadable(reason: impl std::fmt::Display) -> MediaError {
    MediaError::input("sound_unreadable", reason)
        .remedy("give a WAV file with PCM or float samples")
}

fn read_from(file: &mut (impl Read + Seek), max_frames: usize) -> Result<Sound, MediaError> {
    let mut riff = [0; 12];
    file.read_exact(&mut riff).map_err(|_| unreadable("the file is too short for a WAV file"))?;
    if &riff[0..4] != b"RIFF" || &riff[8..12] != b"WAVE" {
        return Err(unreadable("this is not a WAV file"));
    }
    let mut format = None;
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(|_| unreadable("the file has no sound in it"))?;
        let [a, b, c, d, size @ ..] = head;
        let size = u32::from_le_bytes(size);
        match (&[a, b, c, d], format.take()) {
            (b"fmt ", _) => format = Some(read_format(file, size)?),
            (b"data", Some(found)) => return read_data(file, size, found, max_frames),
            (b"data", None) => return Err(unreadable("the samples come before their format")),
            (_, earlier) => {
                format = earlier;
                skip(file, u64::from(size) + u64::from(size % 2))?;
            }
        }
    }
}

fn skip(file: &mut impl Seek, bytes: u64) -> Result<(), MediaError> {
    let bytes = i64::try_from(bytes).map_err(unreadable)?;
    file.seek(SeekFrom::Current(bytes)).map(|_| ()).map_err(unreadable)
}

fn read_format(file: &mut (impl Read + Seek), size: u32) -> Result<Format, MediaError> {
    const PCM: u16 = 1;
    const FLOAT: u16 = 3;
    const EXTENSIBLE: u16 = 0xFFFE;
    let mut body = [0; 40];
    let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(body.len());
    if wanted < 16 {
        return Err(unreadable("the file's format is too short"));
    }
    file.read_exact(&mut body[..wanted]).map_err(|_| unreadable("the file's format is cut off"))?;
    let rest = u64::from(size) - wanted as u64 + u64::from(size % 2);
    skip(file, rest)?;
    let word = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
    // An extensible format has its real tag at the start of its sub-format.
    let tag = if word(0) == EXTENSIBLE { word(24) } else { word(0) };
    let (channels, bits) = (usize::from(word(2)), word(14));
    let rate = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
    let coding = match (tag, bits) {
        (PCM, 8) => Coding::Unsigned8,
        (PCM, 16) => Coding::Signed16,
        (PCM, 24) => Coding::Signed24,
        (PCM, 32) => Coding::Signed32,
        (FLOAT, 32) => Coding::Float32,
        (FLOAT, 64) => Coding::Float64,
        _ => return Err(unreadable(format!("format {tag} with {bits} bits is not understood"))),
    };
    if !(4_000..=384_000).contains(&rate) || !(1..=32).contains(&channels) {
        let what = format!("{channels} channels at {rate} Hz are out of range");
        return Err(unreadable(what));
    }
    Ok(Format { coding, rate, channels })
}

fn read_data(
    file: &mut impl Read,
    size: u32,
    format: Format,
    max_frames: usize,
) -> Result<Sound, MediaError> {
    let frame_bytes = format.coding.bytes() * format.channels;
    let most = u64::try_from(max_frames.saturating_mul(frame_bytes)).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(u64::from(size).min(most)).read_to_end(&mut bytes).map_err(unreadable)?;
    let whole = bytes.len() - bytes.len() % frame_bytes;
    bytes.truncate(whole);
    let samples =
        bytes.chunks_exact(format.coding.bytes()).map(|one| format.coding.value(one)).collect();
    Ok(Sound { rate: format.rate, channels: format.channels, samples })
}

/// Writes a WAV file of 16 bits; values beyond [-1, 1] are clipped. The file is flushed to the disk.
///
/// # Errors
/// Output `sound_unwritable` when it cannot be written or would be longer than 4 GiB.
pub fn write(path: &Path, sound: &Sound) -> Result<(), MediaError> {
    let unwritable = |reason: &dyn std::fmt::Display| {
        MediaError::output("sound_unwritable", reason).in_file(path)
    };
    let bytes = encode(sound).ok_or_else(|| unwritable(&"the sound is too long for a WAV file"))?;
    let file = File::create(path).map_err(|error| unwritable(&error))?;
    let mut out = BufWriter::new(file);
    out.write_all(&bytes).map_err(|error| unwritable(&error))?;
    let file = out.into_inner().map_err(|error| unwritable(&error))?;
    file.sync_all().map_err(|error| unwritable(&error))
}

/// Writes a WAV file as [`write()`] does, but beside its place first, so that it is there complete or
/// not at all.
///
/// # Errors
/// As [`write()`].
pub fn write_whole(path: &Path, sound: &Sound) -> Result<(), MediaError> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    write(&beside, sound)?;
    std::fs::rename(&beside, path)
        .map_err(|error| MediaError::output("sound_unwritable", error).in_file(path))
}

fn encode(sound: &Sound) -> Option<Vec<u8>> {
    let data = u32::try_from(sound.samples.len().checked_mul(2)?).ok()?;
    let riff = data.checked_add(36)?;
    let channels = u16::try_from(sound.channels).ok()?;
    let frame = channels.checked_mul(2)?;
    let mut bytes = Vec::with_capacity(44 + sound.samples.len() * 2);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&riff.to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(&1_u16.to_le_bytes());
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&sound.rate.to_le_bytes());
    bytes.extend_from_slice(&sound.rate.checked_mul(u32::from(frame))?.to_le_bytes());
    bytes.extend_from_slice(&frame.to_le_bytes());
    bytes.extend_from_slice(&16_u16.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&data.to_le_bytes());
    for sample in &sound.samples {
        // The cast saturates, so that +1.0 becomes the largest value.
        let value = (sample * 32_768.0).round() as i16;
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
