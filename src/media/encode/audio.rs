//! The audio track: AAC-LC, 48 kHz, stereo, 384 kb/s.
//!
//! An AAC encoder starts with a packet that holds no sound yet, its priming. Players skip it when
//! an edit list says so; there is none here, so the packet is left out and the second one starts at
//! 0. A decoder then has no earlier half to overlap the first 21 ms with and fades them in.

use ffmpeg_next::channel_layout::ChannelLayout;
use ffmpeg_next::codec::{self, encoder};
use ffmpeg_next::format::context::Output;
use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::{Dictionary, Packet, Rational, frame};

use super::super::error::MediaError;
use super::super::ffmpeg::failure;
use super::write_packet;

/// Samples per second.
pub(super) const SAMPLE_RATE: u32 = 48_000;
/// Samples of one AAC frame (ISO/IEC 14496-3).
const FRAME: usize = 1024;
const BIT_RATE: usize = 384_000;

pub(super) struct AudioTrack {
    encoder: encoder::audio::Encoder,
    stream: usize,
    time_base: Rational,
    sent: usize,
    /// Length of the programme in samples.
    length: usize,
}

impl AudioTrack {
    pub(super) fn open(output: &mut Output, length: usize) -> Result<Self, MediaError> {
        let codec = encoder::find_by_name("aac").ok_or_else(|| {
            MediaError::machine("encoder_missing", "FFmpeg has no AAC encoder")
                .remedy("install the Debian package libavcodec59 or newer")
        })?;
        let mut context = codec::Context::new_with_codec(codec);
        context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let mut audio =
            context.encoder().audio().map_err(|error| failure("AAC cannot be set up", error))?;
        let rate = SAMPLE_RATE as i32;
        audio.set_rate(rate);
        audio.set_channel_layout(ChannelLayout::STEREO);
        audio.set_format(Sample::F32(Type::Planar));
        audio.set_bit_rate(BIT_RATE);
        audio.set_time_base(Rational(1, rate));
        // The search for bands that mid and side describe better takes half of the encoder's time;
        // at this bit rate left and right have all the bits they need.
        let mut options = Dictionary::new();
        options.set("aac_ms", "0");
        let encoder =
            audio.open_with(options).map_err(|error| failure("AAC cannot be started", error))?;
        let mut stream =
            output.add_stream(codec).map_err(|error| failure("no audio track", error))?;
        stream.set_parameters(&encoder);
        stream.set_time_base(Rational(1, rate));
        let stream = stream.index();
        Ok(Self { encoder, stream, time_base: Rational(1, rate), sent: 0, length })
    }

    pub(super) fn stream(&self) -> usize {
        self.stream
    }

    pub(super) fn set_time_base(&mut self, time_base: Rational) {
        self.time_base = time_base;
    }

    /// Encodes whole AAC frames of `pcm` up to sample `end`.
    pub(super) fn encode_up_to(
        &mut self,
        output: &mut Output,
        pcm: &[[f32; 2]],
        end: usize,
    ) -> Result<(), MediaError> {
        while self.sent + FRAME <= end.min(self.length) {
            self.encode_frame(output, pcm)?;
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        output: &mut Output,
        pcm: &[[f32; 2]],
    ) -> Result<(), MediaError> {
        while self.sent < self.length {
            self.encode_frame(output, pcm)?;
        }
        self.encoder.send_eof().map_err(|error| failure("AAC cannot be closed", error))?;
        self.drain(output)
    }

    /// Encodes the next frame; silence fills what the programme does not.
    fn encode_frame(&mut self, output: &mut Output, pcm: &[[f32; 2]]) -> Result<(), MediaError> {
        let samples = pcm.get(self.sent..).unwrap_or_default();
        let mut buffer = frame::Audio::new(Sample::F32(Type::Planar), FRAME, ChannelLayout::STEREO);
        buffer.set_rate(SAMPLE_RATE);
        for channel in 0..2 {
            let plane = buffer.plane_mut::<f32>(channel);
            plane.fill(0.0);
            for (target, source) in plane.iter_mut().zip(samples) {
                *target = source[channel];
            }
        }
        buffer.set_pts(i64::try_from(self.sent).ok());
        self.sent += FRAME;
        self.encoder.send_frame(&buffer).map_err(|error| failure("AAC refused sound", error))?;
        self.drain(output)
    }

    fn drain(&mut self, output: &mut Output) -> Result<(), MediaError> {
        let length = i64::try_from(self.length).unwrap_or(i64::MAX);
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            let start = packet.pts().unwrap_or(-1);
            let is_priming = start < 0;
            if is_priming || start >= length {
                continue;
            }
            packet.set_stream(self.stream);
            packet.set_duration((length - start).min(FRAME as i64));
            packet.rescale_ts(Rational(1, SAMPLE_RATE as i32), self.time_base);
            write_packet(output, &packet)?;
        }
        Ok(())
    }
}
