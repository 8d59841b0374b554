//! One MP4 file: H.264 from planes, AAC from samples, captions and chapters beside them.
//!
//! Packets are written in the order of their time by this module, not by FFmpeg's interleaver, so
//! nothing piles up in memory and equal input gives equal bytes.
//!
//! Architecture invariant: both streams start at 0 without an edit list. Video gets there by
//! negative composition offsets (ISO/IEC 14496-12, ctts version 1), audio by leaving out the packet
//! that holds nothing but the encoder's priming.

mod audio;
mod captions;
mod video;

use std::path::Path;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::{Dictionary, Packet, Rational, ffi};

use self::audio::AudioTrack;
use self::captions::CaptionTrack;
use self::video::VideoTrack;
use super::error::MediaError;
use super::ffmpeg::{failure, file_url, start, take_log};
use super::planes::Planes;
use crate::domain::timeline::{Caption, Chapter};

/// Name of the video encoder.
pub const VIDEO_ENCODER: &str = "libx264";

/// What the file is like.
#[derive(Debug, Clone, PartialEq)]
pub struct MovieSpec<'a> {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// How many frames will come.
    pub frames: u64,
    /// x264 preset, for example `veryfast`.
    pub preset: &'a str,
    /// x264 constant rate factor, 0–51.
    pub crf: u32,
    /// Encoder threads; 0 lets x264 choose.
    pub threads: u32,
    /// The soft captions; none gives no track.
    pub captions: &'a [Caption],
    /// Their language (ISO 639-2), for example `eng`.
    pub language: &'a str,
    /// The chapters.
    pub chapters: &'a [Chapter],
    /// The title.
    pub title: Option<&'a str>,
}

/// A file that is being written.
pub struct Movie<'a> {
    output: Output,
    video: VideoTrack,
    audio: AudioTrack,
    captions: Option<CaptionTrack>,
    pcm: &'a [[f32; 2]],
    fps: u32,
    frames_sent: u64,
}

impl<'a> Movie<'a> {
    /// Starts the file at `path` with the programme's sound `pcm` (48 kHz).
    ///
    /// # Errors
    /// Machine `encoder_missing`; output when the file cannot be made.
    pub fn create(
        path: &Path,
        spec: &MovieSpec<'_>,
        pcm: &'a [[f32; 2]],
    ) -> Result<Self, MediaError> {
        start();
        // Lines of an earlier file would only mislead.
        let _ = take_log();
        let url = file_url(path)?;
        let mut output = ffmpeg::format::output_as(&url, "mp4")
            .map_err(|error| failure("the file cannot be made", error).in_file(path))?;
        let mut video = VideoTrack::open(&mut output, spec)?;
        let mut audio = AudioTrack::open(&mut output, pcm.len())?;
        let mut captions = if spec.captions.is_empty() {
            None
        } else {
            Some(CaptionTrack::open(&mut output, spec)?)
        };
        let programme_ms = milliseconds(spec.frames, spec.fps);
        add_chapters(&mut output, spec.chapters, programme_ms)?;
        if let Some(title) = spec.title {
            let mut metadata = Dictionary::new();
            metadata.set("title", title);
            output.set_metadata(metadata);
        }
        write_header(&mut output)?;
        video.set_time_base(stream_time_base(&output, video.stream()));
        audio.set_time_base(stream_time_base(&output, audio.stream()));
        if let Some(track) = &mut captions {
            track.set_time_base(stream_time_base(&output, track.stream()));
        }
        Ok(Self { output, video, audio, captions, pcm, fps: spec.fps, frames_sent: 0 })
    }

    /// Adds the next frame, and the sound and captions up to its time.
    ///
    /// # Errors
    /// Engine `encoder_failed`, or output when the file cannot be written.
    pub fn write_frame(&mut self, frame: &Planes) -> Result<(), MediaError> {
        self.video.encode(&mut self.output, frame)?;
        self.frames_sent += 1;
        self.write_up_to_now()
    }

    fn write_up_to_now(&mut self) -> Result<(), MediaError> {
        let now_ms = milliseconds(self.frames_sent, self.fps);
        let samples = self.frames_sent * u64::from(audio::SAMPLE_RATE) / u64::from(self.fps);
        self.audio.encode_up_to(&mut self.output, self.pcm, samples as usize)?;
        if let Some(captions) = &mut self.captions {
            captions.write_up_to(&mut self.output, now_ms)?;
        }
        Ok(())
    }

    /// Writes what the encoders still hold and closes the file.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn finish(mut self) -> Result<(), MediaError> {
        self.video.finish(&mut self.output)?;
        self.audio.finish(&mut self.output, self.pcm)?;
        if let Some(captions) = &mut self.captions {
            captions.finish(&mut self.output)?;
        }
        self.output
            .write_trailer()
            .map_err(|error| failure("the end of the file cannot be written", error))?;
        check_written(&mut self.output)
    }
}

/// The header: index first, no edit lists, nothing that differs from run to run.
fn write_header(output: &mut Output) -> Result<(), MediaError> {
    let mut options = Dictionary::new();
    options.set("movflags", "+faststart+negative_cts_offsets");
    options.set("use_editlist", "0");
    options.set("fflags", "+bitexact");
    // Without this every track would be moved until the first decoding time is 0.
    options.set("avoid_negative_ts", "disabled");
    output
        .write_header_with(options)
        .map(|_| ())
        .map_err(|error| failure("the head of the file cannot be written", error))
}

fn add_chapters(
    output: &mut Output,
    chapters: &[Chapter],
    programme_ms: i64,
) -> Result<(), MediaError> {
    for (index, chapter) in chapters.iter().enumerate() {
        let start = seconds_to_ms(chapter.start).min(programme_ms);
        let end = chapters.get(index + 1).map_or(programme_ms, |next| seconds_to_ms(next.start));
        let id = i64::try_from(index).unwrap_or(i64::MAX);
        output
            .add_chapter(
                id,
                Rational(1, 1000),
                start,
                end.clamp(start, programme_ms),
                &chapter.title,
            )
            .map_err(|error| failure("a chapter cannot be written", error))?;
    }
    Ok(())
}

fn stream_time_base(output: &Output, stream: usize) -> Rational {
    output.stream(stream).map_or(Rational(1, 1000), |stream| stream.time_base())
}

/// Writes `packet` into its stream.
fn write_packet(output: &mut Output, packet: &Packet) -> Result<(), MediaError> {
    packet.write(output).map(|_| ()).map_err(|error| failure("the file cannot be written", error))
}

/// A failed write of the buffered end shows only in the output's state.
#[allow(unsafe_code, reason = "the output's state is not in the safe interface")]
fn check_written(output: &mut Output) -> Result<(), MediaError> {
    // SAFETY: the context is open, and so its I/O context exists until `output` is dropped.
    let error = unsafe {
        let io = (*output.as_mut_ptr()).pb;
        if io.is_null() {
            0
        } else {
            ffi::avio_flush(io);
            (*io).error
        }
    };
    if error < 0 {
        return Err(failure("the file cannot be written", ffmpeg::Error::from(error)));
    }
    Ok(())
}

fn milliseconds(frames: u64, fps: u32) -> i64 {
    i64::try_from(frames * 1000 / u64::from(fps.max(1))).unwrap_or(i64::MAX)
}

fn seconds_to_ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
