//! The render job: pictures and music first, then the video and its thumbnail.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::reporter::Reporter;
use crate::craft::music::{MUSIC_RATE, Mood, compose};
use crate::domain::failure::Failure;
use crate::media::drawing::Artist;
use crate::media::error::MediaError;
use crate::media::load::load;
use crate::media::render::{RenderOptions, render};

use crate::media::sound::wav::{self, Sound};
use crate::media::thumbnail::write_thumbnail;
use crate::worker::protocol::{Drawing, MusicOrder, RenderJob};

/// Quality of the JPEG files that pictures are kept in between drawing and rendering.
const PICTURE_QUALITY: u8 = 95;
/// Share of the progress that drawing and music take.
const PREPARATION: f64 = 0.06;

/// Renders `job`; the result is what [`crate::ports::video::RenderSummary`] reads.
pub(super) fn render_job(job: &RenderJob, reporter: &Reporter) -> Result<Value, Failure> {
    let artist = Artist::new()?;
    let pieces = job.cards.len() + 2;
    for (index, card) in job.cards.iter().enumerate() {
        reporter.progress(PREPARATION * index as f64 / pieces as f64, "drawing");
        draw(&artist, card)?;
    }
    if let Some(thumbnail) = &job.thumbnail {
        let svg = read(&thumbnail.svg)?;
        let upright = thumbnail.height > thumbnail.width;
        write_thumbnail(&artist, None, Some(&svg), None, upright, &thumbnail.out)?;
    }
    if let Some(music) = &job.music {
        make_music(music)?;
    }
    let timeline = load(&job.timeline)?;
    let options = RenderOptions {
        preset: job.options.preset.clone(),
        crf: u32::from(job.options.crf),
        threads: job.options.threads,
        ..RenderOptions::default()
    };
    let mut on_progress = |progress: crate::media::render::Progress| {
        let done = progress.frame as f64 / progress.frames.max(1) as f64;
        let note = format!("frame {} of {}", progress.frame, progress.frames);
        reporter.progress(PREPARATION + (1.0 - PREPARATION) * done, note);
    };
    // The parent cancels by ending this process.
    let report = render(&timeline, &job.out, &options, &mut on_progress, &|| false)?;
    Ok(json!({
        "frames": report.frames,
        "duration_s": report.duration_s,
        "lufs": report.lufs,
        "encoder": report.encoder,
    }))
}

fn draw(artist: &Artist, card: &Drawing) -> Result<(), MediaError> {
    let svg = read(&card.svg)?;
    let raster = artist.rasterise(&svg, card.width, card.height, None)?;
    let png = card.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    if png { raster.save_png(&card.out) } else { raster.save_jpeg(&card.out, PICTURE_QUALITY) }
}

fn read(path: &Path) -> Result<String, MediaError> {
    fs::read_to_string(path)
        .map_err(|error| MediaError::input("svg_unreadable", error).in_file(path))
}

fn make_music(order: &MusicOrder) -> Result<(), Failure> {
    let mood: Mood =
        order.mood.parse().map_err(|error| Failure::permanent("unknown_mood", error))?;
    let samples = compose(order.seed, mood, order.seconds);
    wav::write_whole(&order.out, &Sound { rate: MUSIC_RATE, channels: 2, samples })?;
    Ok(())
}
