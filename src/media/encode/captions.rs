//! The soft captions: 3GPP timed text (tx3g, 3GPP TS 26.245), one sample per caption.
//!
//! The muxer puts an empty sample behind each caption, where nothing is said. The track begins with
//! an empty one too when its first caption is later, because there is no edit list to say so.

use ffmpeg_next::codec::{self, Parameters};
use ffmpeg_next::format::context::Output;
use ffmpeg_next::media::Type;
use ffmpeg_next::{Dictionary, Packet, Rational};

use super::super::error::MediaError;
use super::super::ffmpeg::failure;
use super::{MovieSpec, milliseconds, seconds_to_ms, write_packet};

/// A text and when it is shown, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cue {
    start: i64,
    end: i64,
    text: String,
}

pub(super) struct CaptionTrack {
    stream: usize,
    time_base: Rational,
    cues: Vec<Cue>,
    next: usize,
}

impl CaptionTrack {
    pub(super) fn open(output: &mut Output, spec: &MovieSpec<'_>) -> Result<Self, MediaError> {
        let mut stream = output
            .add_stream(codec::Id::None)
            .map_err(|error| failure("no caption track", error))?;
        let mut parameters = Parameters::new();
        parameters.set_medium(Type::Subtitle);
        parameters.set_id(codec::Id::MOV_TEXT);
        stream.set_parameters(parameters);
        stream.set_time_base(Rational(1, 1000));
        let mut metadata = Dictionary::new();
        metadata.set("language", spec.language);
        stream.set_metadata(metadata);
        let stream = stream.index();
        let cues = cues(spec);
        Ok(Self { stream, time_base: Rational(1, 1000), cues, next: 0 })
    }

    pub(super) fn stream(&self) -> usize {
        self.stream
    }

    pub(super) fn set_time_base(&mut self, time_base: Rational) {
        self.time_base = time_base;
    }

    /// Writes the captions that start before `now_ms`.
    pub(super) fn write_up_to(
        &mut self,
        output: &mut Output,
        now_ms: i64,
    ) -> Result<(), MediaError> {
        while let Some(cue) = self.cues.get(self.next).filter(|cue| cue.start < now_ms) {
            let mut packet = Packet::copy(&tx3g(&cue.text));
            packet.set_stream(self.stream);
            packet.set_pts(Some(cue.start));
            packet.set_dts(Some(cue.start));
            packet.set_duration(cue.end - cue.start);
            packet.set_flags(codec::packet::Flags::KEY);
            packet.rescale_ts(Rational(1, 1000), self.time_base);
            write_packet(output, &packet)?;
            self.next += 1;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, output: &mut Output) -> Result<(), MediaError> {
        self.write_up_to(output, i64::MAX)
    }
}

/// A text as a sample: its length in bytes, then UTF-8.
fn tx3g(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(text.bytes().take(usize::from(length)));
    bytes
}

/// The captions, behind an empty text when the first one does not start at 0.
fn cues(spec: &MovieSpec<'_>) -> Vec<Cue> {
    let programme = milliseconds(spec.frames, spec.fps);
    let mut cues = Vec::with_capacity(spec.captions.len() + 1);
    let mut now = 0;
    for caption in spec.captions {
        let start = seconds_to_ms(caption.start).clamp(now, programme);
        let end = seconds_to_ms(caption.end).min(programme);
        if end <= start {
            continue;
        }
        if cues.is_empty() && start > 0 {
            cues.push(Cue { start: 0, end: start, text: String::new() });
        }
        cues.push(Cue { start, end, text: caption.text.clone() });
        now = end;
    }
    cues
}
