//! The pictures of a programme, frame by frame.
//!
//! Architecture invariant: what is held at any moment is at most two scenes and one caption, so
//! memory does not grow with the length of the programme.

use std::collections::BTreeMap;

use super::caption_art::{CaptionArtist, word_at};
use super::error::MediaError;
use super::load::LoadedTimeline;
use super::motion::{CameraPath, Sampler};
use super::overlay::{OPAQUE, Overlay};
use super::picture::Picture;
use super::planes::Planes;
use crate::domain::timeline::{Timeline, TimelineScene};
use crate::domain::timeline_frames::{FramePlan, SceneFrames, frame_at};

/// How much larger than the frame at its strongest magnification a moving picture is kept, so that
/// interpolation between its pixels stays sharp.
const OVERSAMPLING: f64 = 1.0;
/// How long a drawing takes to appear or to go, in seconds.
const LAYER_FADE_S: f64 = 0.2;

/// A drawing and the frames of the programme in which it is seen.
#[derive(Debug)]
struct TimedOverlay {
    overlay: Overlay,
    from: u64,
    until: u64,
    fade_in: u64,
    fade_out: u64,
}

/// A scene ready to be shown.
#[derive(Debug)]
struct SceneArt {
    canvas: Planes,
    path: CameraPath,
    layers: Vec<TimedOverlay>,
}

/// The drawn caption, kept while it does not change.
#[derive(Debug)]
struct DrawnCaption {
    caption: usize,
    word: Option<usize>,
    overlay: Overlay,
}

/// Makes the frames of a programme in order.
#[derive(Debug)]
pub struct Composer<'a> {
    loaded: &'a LoadedTimeline,
    plan: FramePlan,
    captions: Option<CaptionArtist<'a>>,
    scenes: BTreeMap<usize, SceneArt>,
    caption: Option<DrawnCaption>,
    sampler: Sampler,
    incoming: Planes,
}

impl<'a> Composer<'a> {
    /// A composer for the checked timeline.
    ///
    /// # Errors
    /// Machine `font_missing`.
    pub fn new(loaded: &'a LoadedTimeline) -> Result<Self, MediaError> {
        let timeline = loaded.timeline();
        let (width, height) = (timeline.width, timeline.height);
        let captions = if timeline.caption_style.burn && !timeline.captions.is_empty() {
            let style = &timeline.caption_style;
            Some(CaptionArtist::new(loaded.artist(), width, height, style)?)
        } else {
            None
        };
        Ok(Self {
            loaded,
            plan: FramePlan::of(timeline),
            captions,
            scenes: BTreeMap::new(),
            caption: None,
            sampler: Sampler::default(),
            incoming: Planes::black(width as usize, height as usize),
        })
    }

    /// How many frames there are.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.plan.frames
    }

    /// Draws frame `index` (from 0) into `frame`.
    ///
    /// # Errors
    /// Input when a picture turns out to be broken, with its place in the timeline.
    pub fn draw(&mut self, index: u64, frame: &mut Planes) -> Result<(), MediaError> {
        let Some(scene) = self.plan.scene_of(index) else {
            let message = format!("frame {index} is behind the end");
            return Err(MediaError::engine("no_such_frame", message));
        };
        // The second half of a transition belongs to the next scene's share.
        let outgoing = match scene.checked_sub(1) {
            Some(before) if self.plan.scenes[before].transition.contains(&index) => before,
            _ => scene,
        };
        self.scenes.retain(|&number, _| number >= outgoing);
        self.draw_scene(outgoing, index, frame)?;
        let transition = self.plan.scenes[outgoing].transition.clone();
        if transition.contains(&index) {
            let mut incoming = std::mem::replace(&mut self.incoming, Planes::black(0, 0));
            let drawn = self.draw_scene(outgoing + 1, index, &mut incoming);
            let weight = (index - transition.start) * 256 / (transition.end - transition.start);
            frame.dissolve_into(&incoming, weight as u32);
            self.incoming = incoming;
            drawn?;
        }
        self.draw_caption(index, frame)
    }

    fn draw_scene(
        &mut self,
        number: usize,
        index: u64,
        frame: &mut Planes,
    ) -> Result<(), MediaError> {
        let visible = self.plan.scenes[number].visible.clone();
        if !self.scenes.contains_key(&number) {
            let art = prepare(self.loaded, number, &self.plan.scenes[number])?;
            self.scenes.insert(number, art);
        }
        let Some(art) = self.scenes.get(&number) else { return Ok(()) };
        if art.path.is_still() {
            frame.clone_from(&art.canvas);
        } else {
            let steps = (visible.end - visible.start).saturating_sub(1).max(1);
            let progress = index.saturating_sub(visible.start) as f64 / steps as f64;
            let view = art.path.view(progress, art.canvas.y.width, art.canvas.y.height);
            self.sampler.sample(&art.canvas, &view, frame);
        }
        for layer in &art.layers {
            layer.overlay.blend(frame, layer.opacity(index));
        }
        Ok(())
    }

    fn draw_caption(&mut self, index: u64, frame: &mut Planes) -> Result<(), MediaError> {
        let Some(artist) = &self.captions else { return Ok(()) };
        let timeline = self.loaded.timeline();
        let fps = timeline.fps;
        let after =
            timeline.captions.partition_point(|caption| frame_at(caption.start, fps) <= index);
        let Some(number) = after.checked_sub(1) else { return Ok(()) };
        let Some(caption) = timeline.captions.get(number) else { return Ok(()) };
        if index >= frame_at(caption.end, fps) {
            self.caption = None;
            return Ok(());
        }
        let seconds = index as f64 / f64::from(fps);
        let word = if timeline.caption_style.highlight { word_at(caption, seconds) } else { None };
        let is_drawn = self
            .caption
            .as_ref()
            .is_some_and(|drawn| (drawn.caption, drawn.word) == (number, word));
        if !is_drawn {
            let place = || format!("captions[{number}]");
            let lines = artist.lines(caption).map_err(|error| error.at(place()))?;
            let overlay = artist.draw(&lines, word).map_err(|error| error.at(place()))?;
            self.caption = Some(DrawnCaption { caption: number, word, overlay });
        }
        if let Some(drawn) = &self.caption {
            drawn.overlay.blend(frame, OPAQUE);
        }
        Ok(())
    }
}

/// Loads scene `number`: its picture and its drawings.
fn prepare(
    loaded: &LoadedTimeline,
    number: usize,
    frames: &SceneFrames,
) -> Result<SceneArt, MediaError> {
    let timeline = loaded.timeline();
    let Some(scene) = timeline.scenes.get(number) else {
        return Err(MediaError::engine("no_such_scene", format!("there is no scene {number}")));
    };
    let picture = Picture::load(&loaded.resolve(&scene.image))
        .map_err(|error| error.at(format!("scenes[{number}].image")))?;
    let seconds = (frames.visible.end - frames.visible.start) as f64 / f64::from(timeline.fps);
    let (width, height) = (timeline.width, timeline.height);
    let focus = scene.focus.as_ref();
    let free = CameraPath::new(scene.motion, seconds, None);
    let factor = if free.is_still() { 1.0 } else { free.most_zoom() * OVERSAMPLING };
    let (canvas, keep) = picture.cover(enlarged(width, factor), enlarged(height, factor), focus)?;
    let path = CameraPath::new(scene.motion, seconds, keep);
    let layers = prepare_layers(loaded, timeline, scene, number, frames)?;
    // A focus as large as the frame leaves no room to move: then the path stands still.
    let still_canvas = if path.is_still() && !free.is_still() {
        picture.cover(width, height, focus)?.0
    } else {
        canvas
    };
    Ok(SceneArt { canvas: still_canvas, path, layers })
}

/// `side` times `factor`, even.
fn enlarged(side: u32, factor: f64) -> u32 {
    let half = (f64::from(side) * factor / 2.0).ceil();
    half as u32 * 2
}

fn prepare_layers(
    loaded: &LoadedTimeline,
    timeline: &Timeline,
    scene: &TimelineScene,
    number: usize,
    frames: &SceneFrames,
) -> Result<Vec<TimedOverlay>, MediaError> {
    let mut layers = Vec::with_capacity(scene.layers.len());
    for (index, layer) in scene.layers.iter().enumerate() {
        let place = format!("scenes[{number}].layers[{index}].svg");
        let (width, height) = (timeline.width, timeline.height);
        let raster = loaded
            .svg(&layer.svg)
            .and_then(|svg| {
                let resources = loaded.resources(&layer.svg);
                loaded.artist().rasterise(&svg, width, height, Some(&resources))
            })
            .map_err(|error| error.at(place))?;
        let fps = timeline.fps;
        // What is there from the start to the end of a scene also takes part in its transitions.
        let from_start = layer.enter <= 0.0;
        let exit = layer.exit.filter(|&exit| exit < scene.duration);
        let from = if from_start {
            frames.visible.start
        } else {
            frames.share.start + frame_at(layer.enter, fps)
        };
        let until =
            exit.map_or(frames.visible.end, |seconds| frames.share.start + frame_at(seconds, fps));
        let fade = frame_at(LAYER_FADE_S, fps).min(until.saturating_sub(from) / 4);
        let fade_in = if from_start { 0 } else { fade };
        let fade_out = if exit.is_some() { fade } else { 0 };
        let overlay = Overlay::new(&raster, 0, 0);
        layers.push(TimedOverlay { overlay, from, until, fade_in, fade_out });
    }
    Ok(layers)
}

impl TimedOverlay {
    /// How much of it is seen at frame `index`, 0 to [`OPAQUE`].
    fn opacity(&self, index: u64) -> u32 {
        if index < self.from || index >= self.until {
            return 0;
        }
        let rising = part(index - self.from + 1, self.fade_in + 1);
        let falling = part(self.until - index, self.fade_out + 1);
        rising.min(falling)
    }
}

/// `done` of `all` as an opacity.
fn part(done: u64, all: u64) -> u32 {
    let opaque = u64::from(OPAQUE);
    (done * opaque / all).min(opaque) as u32
}
