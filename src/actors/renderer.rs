//! The render stage: has pictures made, composes the programme, and has it rendered.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::messages::StageJob;
use super::narrator::{NARRATION_FILE, NARRATION_WAV};
use super::scriptwriter::{SCRIPT_FILE, seed_of};
use super::stage_run::key_of;
use super::stage_work::{LoggedBy, StageTools, StageWork, input_artifact, parse_input, to_json};
use crate::craft::captions::{captions, to_srt};
use crate::craft::film::{self, FilmLook, ScenePicture};
use crate::craft::music::Mood;
use crate::craft::typeset::Faces;
use crate::domain::artifact::StageOutput;
use crate::domain::channel::Aspect;
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::narration::Narration;
use crate::domain::script::Script;
use crate::domain::stage::StageName;
use crate::domain::timeline::{CaptionStyle, Music, Timeline};
use crate::gpu::arbiter::Pool;
use crate::gpu::lease::Need;
use crate::ports::job::JobControl;
use crate::ports::picture::{ImageModel, PictureBrief, Pictures};
use crate::ports::video::{Card, MusicBrief, RenderOrder, RenderSummary, VideoRenderer};

/// The output with the video.
pub const VIDEO_FILE: &str = "video.mp4";
/// The output with the thumbnail.
pub const THUMBNAIL_FILE: &str = "thumbnail.jpg";
/// The output with the programme.
pub const TIMELINE_FILE: &str = "timeline.json";
/// The output with the captions.
pub const CAPTIONS_FILE: &str = "captions.srt";
/// The output that says how everything was made.
pub const MAKING_FILE: &str = "making.json";

/// Gain of the music bed in decibels, before it is ducked by 10: it then lies 15 to 20 dB under the
/// voice, heard but never in the way.
const MUSIC_GAIN_DB: f64 = -8.0;

/// How videos look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoSettings {
    /// Width in pixels, landscape.
    pub width: u32,
    /// Height in pixels, landscape.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// Encoder threads; 0 lets the encoder choose.
    pub threads: u32,
}

impl VideoSettings {
    /// Width and height for `aspect`.
    #[must_use]
    pub fn size(&self, aspect: Aspect) -> (u32, u32) {
        match aspect {
            Aspect::Landscape => (self.width, self.height),
            Aspect::Portrait => (self.height, self.width),
        }
    }
}

/// How a video was made, for provenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Making {
    /// How each picture was made, in order.
    pub pictures: Vec<String>,
    /// How the music was made.
    pub music: String,
    /// What made the video.
    pub renderer: String,
    /// What came of it.
    pub summary: RenderSummary,
}

/// Has videos rendered.
pub struct Renderer {
    images: Arc<dyn ImageModel>,
    renderer: Arc<dyn VideoRenderer>,
    faces: Arc<Faces>,
    settings: VideoSettings,
}

impl Renderer {
    /// A renderer that uses these.
    #[must_use]
    pub fn new(
        images: Arc<dyn ImageModel>,
        renderer: Arc<dyn VideoRenderer>,
        faces: Arc<Faces>,
        settings: VideoSettings,
    ) -> Self {
        Self { images, renderer, faces, settings }
    }

    /// The order for the video of `script`, as `narration` times it.
    fn order(
        &self,
        tools: &StageTools,
        script: &Script,
        narration: &Narration,
        wav: &std::path::Path,
        pictures: &Pictures,
        seed: u64,
    ) -> Result<RenderOrder, Failure> {
        let (width, height) = self.settings.size(tools.profile.aspect);
        let look = FilmLook {
            width,
            height,
            fps: self.settings.fps,
            narration: wav.display().to_string(),
            music: Some(Music { path: "music.wav".into(), gain_db: MUSIC_GAIN_DB, duck: true }),
            loudness_lufs: -14.0,
            caption_style: CaptionStyle::default(),
        };
        let files: Vec<ScenePicture> = (1_u32..)
            .zip(&pictures.scenes)
            .map(|(number, picture)| ScenePicture {
                image: format!("scene-{number}.jpg"),
                layer: picture.layer_svg.as_ref().map(|_| format!("card-{number}.svg")),
                motion: picture.motion,
                focus: picture.focus,
            })
            .collect();
        let cues = captions(narration, width, height, &self.faces);
        let timeline = film::compose(script, narration, &look, &files, cues)
            .map_err(|problem| Failure::permanent(problem.code(), problem))?;
        let seconds = timeline.scenes.iter().map(|scene| scene.duration).sum();
        let cards = files.iter().zip(&pictures.scenes).map(|(file, picture)| Card {
            svg: picture.background_svg.clone(),
            width: picture.width,
            height: picture.height,
            file: file.image.clone(),
        });
        let layers = files
            .iter()
            .zip(&pictures.scenes)
            .filter_map(|(file, picture)| Some((file.layer.clone()?, picture.layer_svg.clone()?)));
        let (thumbnail_width, thumbnail_height) = thumbnail_size(tools.profile.aspect);
        Ok(RenderOrder {
            cards: cards.collect(),
            layers: layers.collect(),
            thumbnail: Card {
                svg: pictures.thumbnail_svg.clone(),
                width: thumbnail_width,
                height: thumbnail_height,
                file: THUMBNAIL_FILE.to_owned(),
            },
            music: Some(MusicBrief {
                seed,
                mood: Mood::for_tone(&tools.profile.tone).name().to_owned(),
                seconds,
                file: "music.wav".to_owned(),
            }),
            timeline,
            threads: self.settings.threads,
        })
    }
}

fn thumbnail_size(aspect: Aspect) -> (u32, u32) {
    match aspect {
        Aspect::Landscape => (1280, 720),
        Aspect::Portrait => (720, 1280),
    }
}

#[async_trait]
impl StageWork for Renderer {
    fn stage(&self) -> StageName {
        StageName::Render
    }

    fn logged_by(&self) -> LoggedBy {
        LoggedBy::Child
    }

    fn need(&self) -> Option<Need> {
        Some(Need::slots(Pool::Render, 1))
    }

    fn settings(&self, _job: &StageJob, tools: &StageTools) -> String {
        format!(
            "render 1\n{}\n{}\n{:?}\n{}\n{:?}",
            self.images.describe(),
            self.renderer.describe(),
            self.settings,
            tools.profile.palette,
            tools.profile.aspect,
        )
    }

    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        let script = tools.input(job, StageName::Script, SCRIPT_FILE).await?;
        let script: Script = parse_input(SCRIPT_FILE, &script)?;
        let narration = tools.input(job, StageName::Narration, NARRATION_FILE).await?;
        let narration: Narration = parse_input(NARRATION_FILE, &narration)?;
        let wav = input_artifact(job, StageName::Narration, NARRATION_WAV)?;
        let wav = tools.artifacts.path(wav).await?;
        let seed = seed_of(job.ticket.workflow, job.ticket.take.0);
        let brief = PictureBrief {
            script: &script,
            profile: &tools.profile,
            size: self.settings.size(tools.profile.aspect),
            thumbnail_size: thumbnail_size(tools.profile.aspect),
            seed,
        };
        control.report(0.0, "drawing");
        let pictures = self.images.pictures(&brief, control).await?;
        let order = self.order(tools, &script, &narration, &wav, &pictures, seed)?;
        let key = key_of(self, tools, job);
        let workbench = tools.artifacts.workbench(job.ticket.workflow, key).await?;
        let rendered = self.renderer.render(&order, &workbench, control).await?;
        let making = Making {
            pictures: pictures.scenes.iter().map(|scene| scene.made_by.clone()).collect(),
            music: format!(
                "synthesised bed, mood {} (built in)",
                Mood::for_tone(&tools.profile.tone)
            ),
            renderer: self.renderer.describe(),
            summary: rendered.summary,
        };
        let store = &tools.artifacts;
        let captions = to_srt(&order.timeline.captions).into_bytes();
        // In a release the narration lies beside the timeline.
        let timeline = Timeline { narration: Some(NARRATION_WAV.to_owned()), ..order.timeline };
        let output = StageOutput {
            artifacts: vec![
                store.adopt(VIDEO_FILE, &rendered.video).await?,
                store.adopt(THUMBNAIL_FILE, &rendered.thumbnail).await?,
                store.put(TIMELINE_FILE, to_json(TIMELINE_FILE, &timeline)?).await?,
                store.put(CAPTIONS_FILE, captions).await?,
                store.put(MAKING_FILE, to_json(MAKING_FILE, &making)?).await?,
            ],
        };
        Ok(StageSuccess { output, finding: Finding::Nothing })
    }
}
