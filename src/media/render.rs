//! A whole video from a checked timeline.
//!
//! Two threads: one draws frames, the caller's encodes them; a bounded channel between them keeps
//! memory small. The file is written aside, flushed and renamed, so whatever has the final name is
//! complete. Architecture invariant: a render that fails or is cancelled leaves nothing behind.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use serde::Serialize;
use tokio::time::Instant;

use super::compose::Composer;
use super::encode::{Movie, MovieSpec, VIDEO_ENCODER};
use super::error::{MediaError, MediaFault};
use super::load::LoadedTimeline;
use super::planes::Planes;
use super::sound::mix::{Mix, MixRequest, MusicRequest, SAMPLE_RATE, mix};
use super::verify::{Expected, verify};
use crate::domain::timeline::Timeline;
use crate::domain::timeline_frames::FramePlan;

/// How many drawn frames may wait for the encoder.
const FRAMES_AHEAD: usize = 4;

/// The presets that x264 knows, from fast to thorough.
pub const PRESETS: [&str; 10] = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
];
/// The highest constant rate factor.
pub const MAX_CRF: u32 = 51;

/// How a video is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderOptions {
    /// One of [`PRESETS`].
    pub preset: String,
    /// x264 constant rate factor: 0 (lossless) to [`MAX_CRF`].
    pub crf: u32,
    /// Encoder threads; 0 lets x264 choose.
    pub threads: u32,
    /// Language of the captions (ISO 639-2).
    pub language: String,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { preset: "veryfast".to_owned(), crf: 20, threads: 0, language: "eng".to_owned() }
    }
}

/// How far a render is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Frames that are encoded.
    pub frame: u64,
    /// All frames.
    pub frames: u64,
}

/// Something that was done in another way than asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fallback {
    /// What.
    pub what: String,
    /// What was asked for.
    pub from: String,
    /// What was done.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// What was rendered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RenderReport {
    /// The file.
    pub out: PathBuf,
    /// How many frames it has.
    pub frames: u64,
    /// Its length in seconds.
    pub duration_s: f64,
    /// Integrated loudness in LUFS; none without sound.
    pub lufs: Option<f64>,
    /// True peak in dBTP; none without sound.
    pub true_peak_dbtp: Option<f64>,
    /// The video encoder.
    pub encoder: String,
    /// What was done in another way than asked for.
    pub fallbacks: Vec<Fallback>,
    /// CPU time of the process while it rendered, in seconds.
    pub cpu_s: f64,
    /// Time it took, in seconds.
    pub wall_s: f64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// Renders `timeline` into the file `out`, which is replaced if it exists.
///
/// `progress` is told of every encoded frame; `cancelled` is asked before every frame.
///
/// # Errors
/// Input (options, a broken picture or sound), machine, output (`disk_full`, `output_unwritable`),
/// engine, or cancelled; then neither `out` nor anything beside it was changed.
pub fn render(
    timeline: &LoadedTimeline,
    out: &Path,
    options: &RenderOptions,
    progress: &mut dyn FnMut(Progress),
    cancelled: &dyn Fn() -> bool,
) -> Result<RenderReport, MediaError> {
    let (begun, cpu_before) = (Instant::now(), cpu_seconds());
    check_options(options)?;
    refuse_input_as_output(timeline, out)?;
    let file = PartFile::create(out)?;
    let plan = FramePlan::of(timeline.timeline());
    let sound = mix(&mix_request(timeline, plan.frames), cancelled)?;
    let spec = movie_spec(timeline.timeline(), plan.frames, options);
    Movie::create(&file.path, &spec, &sound.pcm)
        .and_then(|movie| encode_all(timeline, movie, plan.frames, progress, cancelled))
        .map_err(
            |error| if error.fault == MediaFault::Output { error.in_file(out) } else { error },
        )?;
    let expected =
        Expected { frames: plan.frames, fps: spec.fps, captions: !spec.captions.is_empty() };
    let verified = verify(&file.path, &expected)?;
    if cancelled() {
        return Err(MediaError::cancelled());
    }
    file.keep()?;
    let Mix { lufs, true_peak_dbtp, .. } = sound;
    Ok(RenderReport {
        out: out.to_path_buf(),
        frames: verified.frames,
        duration_s: to_milliseconds(verified.duration_s),
        lufs,
        true_peak_dbtp,
        encoder: VIDEO_ENCODER.to_owned(),
        fallbacks: Vec::new(),
        cpu_s: to_milliseconds(cpu_seconds() - cpu_before),
        wall_s: to_milliseconds(begun.elapsed().as_secs_f64()),
        sha256: verified.sha256,
    })
}

fn check_options(options: &RenderOptions) -> Result<(), MediaError> {
    if !PRESETS.contains(&options.preset.as_str()) {
        let message = format!("x264 has no preset {:?}", options.preset);
        let advice = format!("use one of {}", PRESETS.join(", "));
        return Err(MediaError::input("render_preset", message).at("preset").remedy(advice));
    }
    if options.crf > MAX_CRF {
        let message = format!("crf {} is out of range", options.crf);
        return Err(MediaError::input("render_crf", message).at("crf").remedy("use 0 to 51"));
    }
    Ok(())
}

/// A video must not replace a file that it is made of.
fn refuse_input_as_output(timeline: &LoadedTimeline, out: &Path) -> Result<(), MediaError> {
    let Ok(existing) = out.canonicalize() else { return Ok(()) };
    let is_out = |input: &PathBuf| input.canonicalize().is_ok_and(|input| input == existing);
    if timeline.files().iter().any(is_out) {
        let message = "the video would replace a file that it is made of";
        return Err(MediaError::input("bad_output", message)
            .in_file(out)
            .remedy("name another file"));
    }
    Ok(())
}

fn movie_spec<'a>(
    timeline: &'a Timeline,
    frames: u64,
    options: &'a RenderOptions,
) -> MovieSpec<'a> {
    MovieSpec {
        width: timeline.width,
        height: timeline.height,
        fps: timeline.fps,
        frames,
        preset: &options.preset,
        crf: options.crf,
        threads: options.threads,
        captions: &timeline.captions,
        language: &options.language,
        chapters: &timeline.chapters,
        title: timeline.title.as_deref(),
    }
}

fn mix_request(loaded: &LoadedTimeline, frames: u64) -> MixRequest {
    let timeline = loaded.timeline();
    let samples = frames * u64::from(SAMPLE_RATE) / u64::from(timeline.fps.max(1));
    MixRequest {
        narration: timeline.narration.as_ref().map(|path| loaded.resolve(path)),
        music: timeline.music.as_ref().map(|music| MusicRequest {
            path: loaded.resolve(&music.path),
            gain_db: music.gain_db,
            duck: music.duck,
        }),
        loudness_lufs: timeline.loudness_lufs,
        samples: usize::try_from(samples).unwrap_or(usize::MAX),
    }
}

/// Draws on another thread what is encoded on this one.
fn encode_all(
    timeline: &LoadedTimeline,
    mut movie: Movie<'_>,
    frames: u64,
    progress: &mut dyn FnMut(Progress),
    cancelled: &dyn Fn() -> bool,
) -> Result<(), MediaError> {
    thread::scope(|scope| {
        let (drawn, to_encode) = sync_channel(FRAMES_AHEAD);
        let (used, to_draw) = channel();
        let painter = thread::Builder::new()
            .name("compose".to_owned())
            .spawn_scoped(scope, move || draw_all(timeline, &drawn, &to_draw))
            .map_err(|error| MediaError::engine("no_thread", error))?;
        let encoded = encode_drawn(&mut movie, frames, &to_encode, &used, progress, cancelled);
        // Without a reader the painter stops at its next frame.
        drop(to_encode);
        if painter.join().is_err() {
            return Err(MediaError::engine("compose_stopped", "drawing a frame broke off"));
        }
        encoded?;
        movie.finish()
    })
}

/// Draws every frame until nobody wants more; used frames come back to be drawn over.
fn draw_all(
    timeline: &LoadedTimeline,
    drawn: &SyncSender<Result<Planes, MediaError>>,
    used: &Receiver<Planes>,
) {
    let size = (timeline.timeline().width as usize, timeline.timeline().height as usize);
    let mut composer = match Composer::new(timeline) {
        Ok(composer) => composer,
        Err(error) => {
            // Nobody listens only when the render has already failed for another reason.
            let _ = drawn.send(Err(error));
            return;
        }
    };
    for index in 0..composer.frames() {
        let mut frame = used.try_recv().unwrap_or_else(|_| Planes::black(size.0, size.1));
        let result = composer.draw(index, &mut frame).map(|()| frame);
        let failed = result.is_err();
        if drawn.send(result).is_err() || failed {
            return;
        }
    }
}

fn encode_drawn(
    movie: &mut Movie<'_>,
    frames: u64,
    drawn: &Receiver<Result<Planes, MediaError>>,
    used: &Sender<Planes>,
    progress: &mut dyn FnMut(Progress),
    cancelled: &dyn Fn() -> bool,
) -> Result<(), MediaError> {
    for index in 0..frames {
        if cancelled() {
            return Err(MediaError::cancelled());
        }
        let frame = drawn.recv().map_err(|_| {
            MediaError::engine("compose_stopped", format!("frame {index} was never drawn"))
        })??;
        movie.write_frame(&frame)?;
        // The other thread may have drawn its last frame already.
        let _ = used.send(frame);
        progress(Progress { frame: index + 1, frames });
    }
    Ok(())
}

/// The file beside `out` that becomes `out` when it is complete, and is removed otherwise.
struct PartFile {
    path: PathBuf,
    out: PathBuf,
    kept: bool,
}

impl PartFile {
    fn create(out: &Path) -> Result<Self, MediaError> {
        let bad = |message: &str| {
            MediaError::input("bad_output", message)
                .in_file(out)
                .remedy("name a file in a folder that exists")
        };
        let name = out.file_name().ok_or_else(|| bad("this is no file name"))?;
        if out.is_dir() {
            return Err(bad("this is a folder"));
        }
        if !folder_of(out).is_dir() {
            return Err(bad("its folder does not exist"));
        }
        let mut part_name = name.to_os_string();
        part_name.push(".part");
        Ok(Self { path: out.with_file_name(part_name), out: out.to_path_buf(), kept: false })
    }

    /// Flushes the file to the disk and gives it its name.
    fn keep(mut self) -> Result<(), MediaError> {
        let publish = || -> io::Result<()> {
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, &self.out)?;
            File::open(folder_of(&self.out))?.sync_all()
        };
        publish()
            .map_err(|error| MediaError::output("output_unwritable", error).in_file(&self.out))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept {
            // It may never have been made; a file that cannot be removed is overwritten next time.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The folder of a file; the current one when its path is a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// CPU seconds of this process so far, from proc(5), in hundredths; 0 where there is no such file.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; the fields behind it are numbers.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    ticks / TICKS_PER_SECOND
}

fn to_milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
