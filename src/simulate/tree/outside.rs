//! Stand-ins for everything that stages use: sources, writer, voice, pictures, renderer.
//!
//! They give valid work at once and never fail; time and failure are the deeds' part.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::store::MemoryStore;
use crate::domain::failure::Failure;
use crate::domain::narration::{Narration, SpokenSentence};
use crate::domain::script::{Scene, Script, Sentence, SentenceKind};
use crate::domain::timeline::Motion;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Story;
use crate::ports::job::JobControl;
use crate::ports::picture::{ImageModel, PictureBrief, Pictures, ScenePicture};
use crate::ports::text::{ScriptBrief, TextModel};
use crate::ports::trends::{Harvest, TrendSource};
use crate::ports::video::{RenderOrder, RenderSummary, Rendered, VideoRenderer};
use crate::ports::voice::{Spoken, Voice};
use crate::simulate::rng::Rng;

/// Stories of a channel: enough that no seed uses them up.
pub(super) const STORIES: u32 = 48;
/// Words of a story's text.
const WORDS: usize = 24;
/// When all stories are new.
const AS_OF: Timestamp = Timestamp(1_767_225_600_000);

/// A source with stories that have no word in common.
pub(super) struct Stories(Vec<Story>);

impl Stories {
    /// `count` stories of channel `channel`.
    pub(super) fn new(channel: usize, count: u32) -> Self {
        let mut rng = Rng::new(u64::try_from(channel).unwrap_or(0));
        Self((0..count).map(|number| story(number, &mut rng)).collect())
    }
}

fn story(number: u32, rng: &mut Rng) -> Story {
    let title: Vec<String> = (0..3).map(|_| word(rng)).collect();
    let text: Vec<String> = (0..WORDS).map(|_| word(rng)).collect();
    Story {
        id: format!("story-{number}"),
        title: title.join(" "),
        url: None,
        published: AS_OF,
        text: format!("{}.", text.join(" ")),
        tags: vec![word(rng)],
        views: Some(rng.below(10_000)),
        source: "simulated source".to_owned(),
        reference: None,
    }
}

/// A word of four random syllables: hardly ever the same twice.
fn word(rng: &mut Rng) -> String {
    const CONSONANTS: [&str; 12] = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "t", "v"];
    const VOWELS: [&str; 4] = ["a", "e", "i", "o"];
    let mut text = String::new();
    for _ in 0..4 {
        text.push_str(rng.pick(&CONSONANTS).copied().unwrap_or("b"));
        text.push_str(rng.pick(&VOWELS).copied().unwrap_or("a"));
    }
    text
}

#[async_trait]
impl TrendSource for Stories {
    async fn harvest(&self) -> Result<Harvest, Failure> {
        Ok(Harvest { as_of: AS_OF, stories: self.0.clone(), ..Harvest::default() })
    }
}

/// Writes two scenes on every topic.
pub(super) struct Writer;

#[async_trait]
impl TextModel for Writer {
    fn describe(&self) -> String {
        "simulated writer".to_owned()
    }

    async fn write(&self, brief: &ScriptBrief, _control: &JobControl) -> Result<Script, Failure> {
        let topic = &brief.topic;
        let sentence =
            |text: String, kind, source| Sentence { spoken: text.clone(), text, kind, source };
        let source = topic.stories.first().map(|story| story.id.clone());
        let opening = sentence("Welcome back.".to_owned(), SentenceKind::Opening, None);
        let fact =
            sentence(format!("This is about {}.", topic.title), SentenceKind::Source, source);
        let close = sentence("Goodbye.".to_owned(), SentenceKind::SignOff, None);
        let scene = |number: u32, sentences: Vec<Sentence>| Scene {
            number,
            heading: format!("Part {number}"),
            sentences,
            visual: topic.title.clone(),
        };
        Ok(Script {
            title: topic.title.clone(),
            description: "{chapters}".to_owned(),
            tags: vec!["simulated".to_owned()],
            scenes: vec![scene(1, vec![opening, fact]), scene(2, vec![close])],
            language: "en".to_owned(),
            writer: self.describe(),
        })
    }
}

/// Speaks every sentence in two seconds.
pub(super) struct Speaker(pub(super) Arc<MemoryStore>);

#[async_trait]
impl Voice for Speaker {
    fn describe(&self) -> String {
        "simulated voice".to_owned()
    }

    async fn speak(
        &self,
        script: &Script,
        _voice: &str,
        workbench: &Path,
        _control: &JobControl,
    ) -> Result<Spoken, Failure> {
        let mut sentences = Vec::new();
        let mut at = 0.2;
        for (scene, sentence) in script.sentences() {
            let (start, end) = (at, at + 2.0);
            let text = sentence.text.clone();
            sentences.push(SpokenSentence { scene, text, start, end, words: Vec::new() });
            at = end + 0.4;
        }
        let voice = self.describe();
        let narration = Narration { duration_s: at, sample_rate: 16_000, voice, sentences };
        let wav = workbench.join("narration.wav");
        self.0.write(&wav, format!("sound of {}", script.title).into_bytes());
        Ok(Spoken { narration, wav })
    }
}

/// Draws empty cards.
pub(super) struct Painter;

#[async_trait]
impl ImageModel for Painter {
    fn describe(&self) -> String {
        "simulated painter".to_owned()
    }

    async fn pictures(
        &self,
        brief: &PictureBrief<'_>,
        _control: &JobControl,
    ) -> Result<Pictures, Failure> {
        let (width, height) = brief.size;
        let picture = || ScenePicture {
            background_svg: "<svg/>".to_owned(),
            layer_svg: None,
            motion: Motion::Still,
            focus: None,
            width,
            height,
            made_by: self.describe(),
        };
        let scenes = brief.script.scenes.iter().map(|_| picture()).collect();
        Ok(Pictures { scenes, thumbnail_svg: "<svg/>".to_owned() })
    }
}

/// Renders a few bytes.
pub(super) struct Camera(pub(super) Arc<MemoryStore>);

#[async_trait]
impl VideoRenderer for Camera {
    fn describe(&self) -> String {
        "simulated renderer".to_owned()
    }

    async fn render(
        &self,
        order: &RenderOrder,
        workbench: &Path,
        _control: &JobControl,
    ) -> Result<Rendered, Failure> {
        let (video, thumbnail) = (workbench.join("video.mp4"), workbench.join("thumbnail.jpg"));
        self.0.write(&video, format!("video of {}", order.timeline.scenes.len()).into_bytes());
        self.0.write(&thumbnail, b"thumbnail".to_vec());
        let duration_s: f64 = order.timeline.scenes.iter().map(|scene| scene.duration).sum();
        let encoder = self.describe();
        let summary = RenderSummary { frames: 1, duration_s, lufs: None, encoder };
        Ok(Rendered { summary, video, thumbnail })
    }
}
