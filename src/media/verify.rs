//! Reads a finished file back and checks that it is what was asked for.
//!
//! Why it exists: an encoder or a disk can lose something without an error; nothing is published
//! that was not read once.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Packet;
use ffmpeg_next::media::Type;
use sha2::{Digest, Sha256};

use super::error::MediaError;
use super::ffmpeg::{failure, file_url, start};

/// What a file must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Frames of the video track.
    pub frames: u64,
    /// Frames per second.
    pub fps: u32,
    /// Whether there is a caption track.
    pub captions: bool,
}

/// What a file is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Frames of the video track.
    pub frames: u64,
    /// Length of the programme in seconds.
    pub duration_s: f64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// What one track holds.
#[derive(Debug, Default)]
struct Track {
    packets: u64,
    start_s: Option<f64>,
    end_s: f64,
}

/// Reads the file at `path` without decoding it and compares it with `expected`.
///
/// # Errors
/// Engine `video_damaged` when it is something else, output when it cannot be read.
pub fn verify(path: &Path, expected: &Expected) -> Result<Verified, MediaError> {
    start();
    let url = file_url(path)?;
    let mut input = ffmpeg::format::input(&url)
        .map_err(|error| failure("the finished file cannot be read", error).in_file(path))?;
    let kinds: Vec<Type> = input.streams().map(|stream| stream.parameters().medium()).collect();
    let mut tracks: Vec<Track> = kinds.iter().map(|_| Track::default()).collect();
    let bases: Vec<f64> = input.streams().map(|stream| stream.time_base().into()).collect();
    loop {
        let mut packet = Packet::empty();
        match packet.read(&mut input) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => break,
            Err(error) => {
                let doing = "the finished file cannot be read";
                return Err(failure(doing, error).in_file(path));
            }
        }
        let base = bases.get(packet.stream()).copied().unwrap_or(0.0);
        let start_s = packet.pts().unwrap_or(0) as f64 * base;
        let end_s = start_s + packet.duration() as f64 * base;
        if let Some(track) = tracks.get_mut(packet.stream()) {
            track.packets += 1;
            track.start_s = Some(track.start_s.map_or(start_s, |earlier| earlier.min(start_s)));
            track.end_s = track.end_s.max(end_s);
        }
    }
    let track = |kind: Type| {
        kinds.iter().position(|&other| other == kind).and_then(|index| tracks.get(index))
    };
    let damaged = |what: String| {
        MediaError::engine("video_damaged", what).in_file(path).remedy("render it again")
    };
    let video = track(Type::Video).ok_or_else(|| damaged("there is no video".to_owned()))?;
    let audio = track(Type::Audio).ok_or_else(|| damaged("there is no sound".to_owned()))?;
    if video.packets != expected.frames {
        let what = format!("it has {} frames instead of {}", video.packets, expected.frames);
        return Err(damaged(what));
    }
    if expected.captions && track(Type::Subtitle).is_none() {
        return Err(damaged("there are no captions".to_owned()));
    }
    let frame_s = 1.0 / f64::from(expected.fps.max(1));
    let duration_s = expected.frames as f64 * frame_s;
    for (name, track) in [("video", video), ("sound", audio)] {
        let start_s = track.start_s.unwrap_or(0.0);
        if start_s.abs() > 0.001 || (track.end_s - duration_s).abs() > frame_s {
            let end_s = track.end_s;
            return Err(damaged(format!(
                "its {name} lasts from {start_s:.3} s to {end_s:.3} s instead of {duration_s:.3} s"
            )));
        }
    }
    Ok(Verified { frames: video.packets, duration_s, sha256: sha256(path)? })
}

fn sha256(path: &Path) -> Result<String, MediaError> {
    let unreadable =
        |error: std::io::Error| MediaError::output("output_unreadable", error).in_file(path);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut chunk).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        hasher.update(&chunk[..length]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
