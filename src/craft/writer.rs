//! The extractive scriptwriter: a topic's own sentences, selected, ordered and trimmed.
//!
//! Why it exists: a script that needs no model and cannot invent anything. Every sentence is its
//! sources' or is marked as the channel's own line, which states no fact.
//!
//! Architecture invariant: the same brief gives the same script; no word about the topic comes
//! from anywhere but its stories.

mod back_reference;
mod brief_cut;
mod cues;
mod draft;
mod leaning;
mod material;
mod own_lines;
mod plan;
mod repair;
mod scenes;
mod select;
mod stories;

use std::collections::BTreeSet;

use super::audience::Audience;
use super::pace::Pace;
use super::readability::count;
use super::speakable::speakable;
use super::terms::terms;
use super::titles;
use crate::domain::failure::Failure;
use crate::domain::script::{Script, Sentence, SentenceKind, Style};
use crate::domain::trend::{Story, Topic};
use draft::Draft;
use material::{Piece, Reading, Said};
use scenes::Line;
use select::{Worth, choose};
use stories::Told;

/// What [`Script::writer`] says.
pub const WRITER: &str = "extractive writer (no language model)";

/// How it was made, for the end of a description, when everything is built in.
pub const BUILT_IN_CREDITS: &str = "How this was made: every sentence about the subject was \
    selected from the sources above. No language model wrote it. The voice, the pictures and the \
    music are built into YTEMPIRE.";

/// Below this many seconds there is no room for opening and sign-off.
const FULL_LENGTH_FROM: f64 = 20.0;
/// How far a script may be from the length it was asked for, as a part of it.
pub const TOLERANCE: f64 = 0.1;

/// What a script is written from.
#[derive(Debug, Clone)]
pub struct WriterBrief<'a> {
    /// The topic; its first story is the backbone.
    pub topic: &'a Topic,
    /// Stories on other topics of the same niche, the closest first: told as further chapters when
    /// the topic's own do not suffice.
    pub related: &'a [Story],
    /// Which plan the narrative follows.
    pub style: Style,
    /// The channel's tone in words, for example "calm and precise".
    pub tone: &'a str,
    /// For whom, in words, for example "children"; see [`Audience::of`] for what is understood.
    pub audience: &'a str,
    /// BCP 47 language of the stories.
    pub language: &'a str,
    /// Shortest and longest length of the narration in seconds, pauses included; the middle is
    /// aimed at. [`around`] gives the range for one length.
    pub seconds: (f64, f64),
    /// Fewest and most scenes; fewer where there is not enough to say.
    pub scenes: (usize, usize),
    /// How fast the voice is.
    pub pace: Pace,
    /// [`super::similarity::sentence_digest`] of sentences that must not be told again.
    pub used: &'a BTreeSet<u64>,
    /// How the video is made, for the description; [`BUILT_IN_CREDITS`] when all is built in.
    pub credits: &'a str,
    /// Chooses between equally good lines.
    pub seed: u64,
}

/// Why no script could be written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WriterError {
    /// The stories do not have enough sentences that can be told.
    #[error(
        "the stories on {topic:?} give {found_s:.0} s of narration, and {wanted_s:.0} s are wanted: choose another topic, add sources, or ask for a shorter video"
    )]
    NotEnoughText {
        /// The topic's title.
        topic: String,
        /// Seconds that can be told at the most.
        found_s: f64,
        /// Seconds that are wanted at the least.
        wanted_s: f64,
    },
}

impl WriterError {
    /// The stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotEnoughText { .. } => "not_enough_text",
        }
    }

    /// As the failure of a stage: permanent, because the same stories give the same again.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        Failure::permanent(self.code(), self)
    }
}

/// Writes a script.
///
/// # Errors
/// [`WriterError::NotEnoughText`] when the stories cannot fill the shortest permitted length.
pub fn write(brief: &WriterBrief<'_>) -> Result<Script, WriterError> {
    let lines = if brief.seconds.1 < FULL_LENGTH_FROM {
        brief_cut::lines(brief)?
    } else {
        full_lines(brief)?
    };
    let total = narration_seconds(&lines, brief.scenes.0, &brief.pace);
    let scene_count = scene_count(lines.len(), total, brief.scenes);
    let title = titles::title(brief.topic);
    let known: Vec<String> = brief.stories().map(|story| story.text.to_lowercase()).collect();
    let scenes = scenes::scenes(scenes::divide(&lines, scene_count), &title, &known.join("\n\n"));
    let mut script = Script {
        title,
        description: String::new(),
        tags: Vec::new(),
        scenes,
        language: brief.language.to_owned(),
        writer: WRITER.to_owned(),
    };
    let told: Vec<&Story> = brief.stories().filter(|story| tells(&script, story)).collect();
    script.tags = titles::tags(told.iter().copied());
    script.description = titles::description(&script, &told, brief.credits);
    Ok(script)
}

fn tells(script: &Script, story: &Story) -> bool {
    script.sentences().any(|(_, said)| said.source.as_ref() == Some(&story.id))
}

impl<'a> WriterBrief<'a> {
    /// The stories of the topic, then the related ones.
    fn stories(&self) -> impl Iterator<Item = &'a Story> {
        self.topic.stories.iter().chain(self.related)
    }
}

/// The range of length for a script of `seconds`: [`TOLERANCE`] to both sides.
#[must_use]
pub fn around(seconds: f64) -> (f64, f64) {
    (seconds * (1.0 - TOLERANCE), seconds * (1.0 + TOLERANCE))
}

/// Fewest and most scenes for a script of `seconds`: a new picture every 8 to 12 seconds, every 15
/// to 20 in long ones.
#[must_use]
pub fn scenes_for(seconds: f64) -> (usize, usize) {
    let scenes = |each: f64| ((seconds / each).round() as usize).max(1);
    if seconds <= 120.0 { (scenes(12.0), scenes(8.0)) } else { (scenes(20.0), scenes(15.0)) }
}

/// What the narration of `script` will take at `pace`, in seconds, pauses included.
#[must_use]
pub fn estimated_seconds(script: &Script, pace: &Pace) -> f64 {
    let spoken: f64 = script.sentences().map(|(_, said)| pace.seconds(&said.spoken)).sum();
    let sentences = script.sentences().count();
    let scene_joints = script.scenes.len().saturating_sub(1);
    let sentence_joints = sentences.saturating_sub(1 + scene_joints);
    spoken
        + pace.around
        + pace.sentence_pause * sentence_joints as f64
        + pace.scene_pause * scene_joints as f64
}

fn narration_seconds(lines: &[Line], scenes: usize, pace: &Pace) -> f64 {
    let spoken: f64 = lines.iter().map(|line| line.seconds).sum();
    let joints = lines.len().saturating_sub(1) as f64;
    let scene_joints = scenes.saturating_sub(1) as f64;
    let longer_pause = (pace.scene_pause - pace.sentence_pause).max(0.0);
    spoken + pace.around + joints * pace.sentence_pause + scene_joints * longer_pause
}

/// About two lines a scene, within the range; short videos have one or two scenes.
fn scene_count(lines: usize, total_seconds: f64, (fewest, most): (usize, usize)) -> usize {
    if total_seconds < FULL_LENGTH_FROM {
        return if lines >= 2 && total_seconds >= 5.0 { most.clamp(1, 2) } else { 1 };
    }
    (lines / 2).clamp(fewest.max(1), most.max(fewest).max(1)).min(lines.max(1))
}

/// A line of the channel's own.
fn own_line(text: &str, kind: SentenceKind, pace: &Pace) -> Line {
    let spoken = speakable(text);
    Line {
        seconds: pace.seconds(&spoken),
        count: count(&spoken),
        sentence: Sentence { text: text.to_owned(), spoken, kind, source: None },
        leans: false,
        opens_paragraph: false,
    }
}

fn source_line(piece: &Piece, said: &Said, leans: bool, opens_paragraph: bool) -> Line {
    Line {
        seconds: said.seconds,
        count: said.count,
        sentence: Sentence {
            text: said.text.clone(),
            spoken: said.spoken.clone(),
            kind: SentenceKind::Source,
            source: Some(piece.source.clone()),
        },
        leans,
        opens_paragraph,
    }
}

fn not_enough(brief: &WriterBrief<'_>, found_s: f64) -> WriterError {
    WriterError::NotEnoughText {
        topic: brief.topic.title.clone(),
        found_s,
        wanted_s: brief.seconds.0,
    }
}

fn reading<'a>(brief: &'a WriterBrief<'_>) -> Reading<'a> {
    let sentence_words = Audience::of(brief.audience).sentence_words();
    Reading { pace: &brief.pace, used: brief.used, sentence_words }
}

fn worth(brief: &WriterBrief<'_>) -> Worth {
    Worth {
        title_terms: terms(&brief.topic.title).into_iter().collect(),
        audience: Audience::of(brief.audience),
        style: brief.style,
        aim: (brief.seconds.0 + brief.seconds.1) / 2.0,
    }
}

/// The plan of the style, filled with as much of the stories as fits.
fn full_lines(brief: &WriterBrief<'_>) -> Result<Vec<Line>, WriterError> {
    let (least, most) = brief.seconds;
    let worth = worth(brief);
    let Some(told) = Told::read(brief, &worth) else { return Err(not_enough(brief, 0.0)) };
    let mut longest = 0.0_f64;
    let mut nearest: Option<(f64, Vec<Line>)> = None;
    for extent in told.extents() {
        let draft = Draft::new(&told.pool, told.parts(brief.style, extent), brief);
        let (kept, cost) = choose(&draft, &worth);
        let lines = draft.lines(&kept);
        let scenes = scene_count(lines.len(), draft.sum(&kept).seconds, brief.scenes);
        let total = narration_seconds(&lines, scenes, &brief.pace);
        longest = longest.max(total);
        let fits = total >= least && total <= most;
        if fits && nearest.as_ref().is_none_or(|(known, _)| cost < *known) {
            let is_good = worth.fits(&draft, &kept);
            nearest = Some((cost, lines));
            if is_good {
                break;
            }
        }
    }
    nearest.map(|(_, lines)| lines).ok_or_else(|| not_enough(brief, longest))
}

#[cfg(test)]
mod tests;
