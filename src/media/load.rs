//! A timeline with its files: everything that can be wrong is found before the first frame.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::caption_art::CaptionArtist;
use super::drawing::{Artist, MAX_SVG_BYTES};
use super::error::MediaError;
use super::picture;
use super::sound::wav;
use crate::domain::timeline::Timeline;
use crate::domain::timeline_check::{TimelineError, check, parse, programme_seconds};

/// The largest timeline file that is read, in bytes.
const MAX_TIMELINE_BYTES: u64 = 16 * 1024 * 1024;
/// The highest sample rate of a sound file.
const MAX_SAMPLE_RATE: f64 = 384_000.0;
/// How much longer than the programme a narration may be: the error of its length as a decimal.
const SAME_S: f64 = 0.001;

/// A checked timeline whose files exist and begin as they should.
#[derive(Debug)]
pub struct LoadedTimeline {
    timeline: Timeline,
    folder: PathBuf,
    source: Option<PathBuf>,
    artist: Artist,
}

impl From<TimelineError> for MediaError {
    fn from(error: TimelineError) -> Self {
        Self::input(error.code, error.message).at(error.place).remedy(error.remedy)
    }
}

/// Reads the timeline file at `path` and checks it and its files.
///
/// # Errors
/// Input: the element and what is wrong with it. Machine `font_missing`.
pub fn load(path: &Path) -> Result<LoadedTimeline, MediaError> {
    let unreadable = |reason: &dyn std::fmt::Display| {
        MediaError::input("timeline_unreadable", reason)
            .in_file(path)
            .remedy("name a timeline file as docs/timeline.md says")
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_TIMELINE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_TIMELINE_BYTES {
        return Err(unreadable(&"the file is larger than 16 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable(&"the file is not UTF-8"))?;
    let timeline = parse(text.trim_start_matches('\u{feff}'))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let loaded = LoadedTimeline::check_files(timeline, folder)?;
    Ok(LoadedTimeline { source: Some(path.to_path_buf()), ..loaded })
}

impl LoadedTimeline {
    /// Checks `timeline`, whose paths are relative to `folder`, and its files.
    ///
    /// # Errors
    /// As [`load`].
    pub fn new(timeline: Timeline, folder: &Path) -> Result<Self, MediaError> {
        check(&timeline)?;
        Self::check_files(timeline, folder)
    }

    fn check_files(timeline: Timeline, folder: &Path) -> Result<Self, MediaError> {
        let artist = Artist::new()?;
        let loaded = Self { timeline, folder: folder.to_path_buf(), source: None, artist };
        loaded.check_scenes()?;
        loaded.check_sound()?;
        loaded.check_captions()?;
        Ok(loaded)
    }

    /// The timeline.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The fonts and the pen.
    #[must_use]
    pub fn artist(&self) -> &Artist {
        &self.artist
    }

    /// A path of the timeline as the file system knows it.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Every file that the video is made of, the timeline's own file included if there is one.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let timeline = &self.timeline;
        let mut names: Vec<&str> = Vec::new();
        for scene in &timeline.scenes {
            names.push(&scene.image);
            names.extend(scene.layers.iter().map(|layer| layer.svg.as_str()));
        }
        names.extend(timeline.narration.as_deref());
        names.extend(timeline.music.as_ref().map(|music| music.path.as_str()));
        let mut files: Vec<PathBuf> = names.into_iter().map(|name| self.resolve(name)).collect();
        files.extend(self.source.clone());
        files
    }

    /// The text of an SVG file of the timeline.
    ///
    /// # Errors
    /// Input `svg_unreadable`.
    pub fn svg(&self, path: &str) -> Result<String, MediaError> {
        let file_name = self.resolve(path);
        let unreadable = |reason: &dyn std::fmt::Display| {
            MediaError::input("svg_unreadable", format!("{}: {reason}", file_name.display()))
                .remedy("name an SVG file")
        };
        let file = File::open(&file_name).map_err(|error| unreadable(&error))?;
        let mut text = String::new();
        let most = MAX_SVG_BYTES as u64 + 1;
        file.take(most).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
        Ok(text)
    }

    /// The folder where pictures inside an SVG file are looked for.
    #[must_use]
    pub fn resources(&self, svg: &str) -> PathBuf {
        let file = self.resolve(svg);
        file.parent().map_or_else(|| self.folder.clone(), Path::to_path_buf)
    }

    fn check_scenes(&self) -> Result<(), MediaError> {
        for (index, scene) in self.timeline.scenes.iter().enumerate() {
            picture::check(&self.resolve(&scene.image))
                .map_err(|error| error.at(format!("scenes[{index}].image")))?;
            for (number, layer) in scene.layers.iter().enumerate() {
                let place = format!("scenes[{index}].layers[{number}].svg");
                let drawn = self
                    .svg(&layer.svg)
                    .and_then(|svg| self.artist.check(&svg, Some(&self.resources(&layer.svg))));
                drawn.map_err(|error| error.at(place))?;
            }
        }
        Ok(())
    }

    fn check_sound(&self) -> Result<(), MediaError> {
        let programme = programme_seconds(&self.timeline);
        if let Some(narration) = &self.timeline.narration {
            let length = self.sound_seconds(narration, programme + 1.0);
            let seconds = length.map_err(|error| error.at("narration"))?;
            if seconds > programme + SAME_S {
                let message =
                    format!("the narration is longer than the programme of {programme} s");
                return Err(MediaError::input("narration_too_long", message)
                    .at("narration")
                    .remedy("make the scenes longer"));
            }
        }
        if let Some(music) = &self.timeline.music {
            self.sound_seconds(&music.path, 1.0).map_err(|error| error.at("music.path"))?;
        }
        Ok(())
    }

    /// The length of a sound file as far as `most` seconds.
    fn sound_seconds(&self, path: &str, most: f64) -> Result<f64, MediaError> {
        let file = self.resolve(path);
        let named = |error: MediaError| MediaError {
            place: String::new(),
            message: format!("{}: {}", file.display(), error.message),
            ..error
        };
        let sound = wav::read(&file, (most * MAX_SAMPLE_RATE) as usize).map_err(named)?;
        if sound.frames() == 0 {
            let message = format!("{}: there is no sound in it", file.display());
            return Err(MediaError::input("sound_unreadable", message).remedy("give another file"));
        }
        Ok(sound.frames() as f64 / f64::from(sound.rate))
    }

    fn check_captions(&self) -> Result<(), MediaError> {
        let timeline = &self.timeline;
        if !timeline.caption_style.burn || timeline.captions.is_empty() {
            return Ok(());
        }
        let (width, height) = (timeline.width, timeline.height);
        let captions = CaptionArtist::new(&self.artist, width, height, &timeline.caption_style)?;
        for (index, caption) in timeline.captions.iter().enumerate() {
            captions.lines(caption).map_err(|error| error.at(format!("captions[{index}]")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
