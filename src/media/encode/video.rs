//! The video track: H.264 High, 4:2:0, BT.709, closed groups of half a second, two B-frames.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::{self, encoder};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::{Dictionary, Packet, Rational, frame, picture};

use super::super::error::MediaError;
use super::super::ffmpeg::failure;
use super::super::planes::Planes;
use super::{MovieSpec, VIDEO_ENCODER, write_packet};

pub(super) struct VideoTrack {
    encoder: encoder::video::Encoder,
    stream: usize,
    frame_base: Rational,
    time_base: Rational,
    buffer: frame::Video,
    next: i64,
}

impl VideoTrack {
    pub(super) fn open(output: &mut Output, spec: &MovieSpec<'_>) -> Result<Self, MediaError> {
        let codec = encoder::find_by_name(VIDEO_ENCODER).ok_or_else(|| {
            MediaError::machine("encoder_missing", "FFmpeg has no libx264")
                .remedy("install the Debian package libavcodec59 or newer")
        })?;
        let mut context = codec::Context::new_with_codec(codec);
        context.set_flags(
            codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP | codec::Flags::BITEXACT,
        );
        let fps = i32::try_from(spec.fps).unwrap_or(i32::MAX);
        let frame_base = Rational(1, fps);
        let mut video =
            context.encoder().video().map_err(|error| failure("x264 cannot be set up", error))?;
        video.set_width(spec.width);
        video.set_height(spec.height);
        video.set_format(Pixel::YUV420P);
        video.set_time_base(frame_base);
        video.set_frame_rate(Some(Rational(fps, 1)));
        video.set_gop((spec.fps / 2).max(1));
        video.set_max_b_frames(2);
        video.set_aspect_ratio(Rational(1, 1));
        let encoder = video
            .open_with(options(spec))
            .map_err(|error| failure("x264 cannot be started", error))?;
        let mut stream =
            output.add_stream(codec).map_err(|error| failure("no video track", error))?;
        stream.set_parameters(&encoder);
        stream.set_time_base(frame_base);
        stream.set_rate(Rational(fps, 1));
        stream.set_avg_frame_rate(Rational(fps, 1));
        let stream = stream.index();
        let buffer = frame::Video::new(Pixel::YUV420P, spec.width, spec.height);
        Ok(Self { encoder, stream, frame_base, time_base: frame_base, buffer, next: 0 })
    }

    pub(super) fn stream(&self) -> usize {
        self.stream
    }

    pub(super) fn set_time_base(&mut self, time_base: Rational) {
        self.time_base = time_base;
    }

    pub(super) fn encode(
        &mut self,
        output: &mut Output,
        planes: &Planes,
    ) -> Result<(), MediaError> {
        self.own_buffer()?;
        for (index, plane) in planes.all().into_iter().enumerate() {
            let stride = self.buffer.stride(index);
            let rows = self.buffer.data_mut(index).chunks_mut(stride.max(1));
            for (target, source) in rows.zip(plane.rows()) {
                if let Some(target) = target.get_mut(..source.len()) {
                    target.copy_from_slice(source);
                }
            }
        }
        self.buffer.set_pts(Some(self.next));
        self.buffer.set_kind(picture::Type::None);
        self.next += 1;
        self.encoder
            .send_frame(&self.buffer)
            .map_err(|error| failure("x264 refused a frame", error))?;
        self.drain(output)
    }

    /// x264 copies what it is given, but FFmpeg may still hold a reference to the buffer.
    #[allow(unsafe_code, reason = "whether a frame is shared is not in the safe interface")]
    fn own_buffer(&mut self) -> Result<(), MediaError> {
        // SAFETY: the pointer is that of a frame with allocated buffers that lives as long as self.
        let result = unsafe { ffmpeg::ffi::av_frame_make_writable(self.buffer.as_mut_ptr()) };
        if result < 0 {
            return Err(failure("no memory for a frame", ffmpeg::Error::from(result)));
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, output: &mut Output) -> Result<(), MediaError> {
        self.encoder.send_eof().map_err(|error| failure("x264 cannot be closed", error))?;
        self.drain(output)
    }

    fn drain(&mut self, output: &mut Output) -> Result<(), MediaError> {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(self.stream);
            packet.set_duration(1);
            packet.rescale_ts(self.frame_base, self.time_base);
            write_packet(output, &packet)?;
        }
        Ok(())
    }
}

fn options(spec: &MovieSpec<'_>) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("preset", spec.preset);
    options.set("crf", &spec.crf.to_string());
    options.set("threads", &spec.threads.to_string());
    options.set("profile", "high");
    options.set("colorspace", "bt709");
    options.set("color_primaries", "bt709");
    options.set("color_trc", "bt709");
    options.set("color_range", "tv");
    options.set("chroma_sample_location", "left");
    options
}
