//! The extractive scriptwriter: a topic's own sentences, selected, ordered and trimmed.
//!
//! Why it exists: a script that needs no model and cannot invent anything. Every sentence is its
//! sources' or is marked as the channel's own line, which states no fact.
//!
//! Architecture invariant: the same brief gives the same script; no word about the topic comes
//! from anywhere but its stories.

mod brief_cut;
mod material;
mod scenes;
mod select;

use std::collections::BTreeSet;

use super::pace::Pace;
use super::similarity::overlap;
use super::speakable::speakable;
use super::terms::terms;
use super::titles;
use super::tone::{Tone, back_to_the_beginning, turn_to_another_source};
use crate::domain::failure::Failure;
use crate::domain::script::{Script, Sentence, SentenceKind};
use crate::domain::trend::Topic;
use material::{Piece, pieces};
use scenes::Line;
use select::{Worth, settle, shorten};

/// What [`Script::writer`] says.
pub const WRITER: &str = "extractive writer (no language model)";

/// How it was made, for the end of a description, when everything is built in.
pub const BUILT_IN_CREDITS: &str = "How this was made: every sentence about the subject was \
    selected from the sources above. No language model wrote it. The voice, the pictures and the \
    music are built into YTEMPIRE.";

/// Below this many seconds there is no room for opening and sign-off.
const FULL_LENGTH_FROM: f64 = 20.0;
/// Where in the permitted range of length we aim, from 0 (shortest) to 1 (longest).
const AIM: f64 = 0.8;
/// Sentences with more of their words in common say the same.
const SAYS_THE_SAME: f64 = 0.6;
/// The same for sentences of less than six telling words.
const SAYS_THE_SAME_BRIEFLY: f64 = 0.8;

/// What a script is written from.
#[derive(Debug, Clone)]
pub struct WriterBrief<'a> {
    /// The topic; its first story is the backbone.
    pub topic: &'a Topic,
    /// The channel's tone in words, for example "calm and precise".
    pub tone: &'a str,
    /// For whom, in words, for example "children".
    pub audience: &'a str,
    /// BCP 47 language of the stories.
    pub language: &'a str,
    /// Shortest and longest length of the narration in seconds, pauses included.
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
        "the stories on {topic:?} give {found_s:.0} s of narration, and {wanted_s:.0} s are wanted: choose another topic, add sources, or shorten video_length"
    )]
    NotEnoughText {
        /// The topic's title.
        topic: String,
        /// Seconds that can be told.
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
    let count = scene_count(lines.len(), total, brief.scenes);
    let title = titles::title(brief.topic);
    let known: Vec<String> =
        brief.topic.stories.iter().map(|story| story.text.to_lowercase()).collect();
    let scenes = scenes::scenes(scenes::divide(&lines, count), &title, &known.join("\n\n"));
    let mut script = Script {
        title,
        description: String::new(),
        tags: titles::tags(brief.topic),
        scenes,
        language: brief.language.to_owned(),
        writer: WRITER.to_owned(),
    };
    script.description = titles::description(&script, brief.topic, brief.credits);
    Ok(script)
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
        sentence: Sentence { text: text.to_owned(), spoken, kind, source: None },
        leans: false,
        opens_paragraph: false,
    }
}

fn source_line(piece: &Piece, opens_paragraph: bool) -> Line {
    Line {
        seconds: piece.seconds,
        sentence: Sentence {
            text: piece.text.clone(),
            spoken: piece.spoken.clone(),
            kind: SentenceKind::Source,
            source: Some(piece.source.clone()),
        },
        leans: piece.leans,
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

/// Opening, the backbone story shortened to fit, a turn to the other sources, sign-off.
fn full_lines(brief: &WriterBrief<'_>) -> Result<Vec<Line>, WriterError> {
    let pace = &brief.pace;
    let tone = Tone::of(brief.tone);
    let (least, most) = brief.seconds;
    let aim = least + AIM * (most - least);
    let told: Vec<Vec<Piece>> =
        brief.topic.stories.iter().map(|story| pieces(story, pace, brief.used)).collect();
    let worth = worth(brief);
    let Some((backbone_at, hook)) = (0..told.len())
        .find_map(|at| told.get(at).and_then(|pieces| hook(pieces, &worth)).map(|hook| (at, hook)))
    else {
        return Err(not_enough(brief, 0.0));
    };
    let Some(backbone) = told.get(backbone_at) else { return Err(not_enough(brief, 0.0)) };

    let opening = own_line(tone.opening(brief.seed), SentenceKind::Opening, pace);
    let sign_off = own_line(tone.sign_off(brief.seed), SentenceKind::SignOff, pace);
    let turn = own_line(turn_to_another_source(brief.seed), SentenceKind::Connective, pace);
    let back = own_line(back_to_the_beginning(brief.seed), SentenceKind::Connective, pace);

    let subject: BTreeSet<String> =
        brief.topic.stories.iter().flat_map(|story| terms(&story.title)).collect();
    let others: Vec<&[Piece]> = told
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != backbone_at)
        .map(|(_, pieces)| additions(pieces, backbone, &subject))
        .filter(|additions| !additions.is_empty())
        .collect();
    // First with two sentences of another source, then with more of all of them, then with none.
    let mut longest = 0.0_f64;
    for (sources, each) in [(1, 2), (2, 2), (others.len(), 4), (others.len(), usize::MAX), (0, 0)] {
        let added: Vec<&[Piece]> = others
            .iter()
            .take(sources)
            .map(|pieces| pieces.get(..each.min(pieces.len())).unwrap_or_default())
            .collect();
        let mut frame = vec![opening.clone(), sign_off.clone()];
        if hook > 0 {
            frame.push(back.clone());
        }
        if added.iter().any(|pieces| !pieces.is_empty()) {
            frame.push(turn.clone());
        }
        frame.extend(added.iter().flat_map(|pieces| pieces.iter()).map(|p| source_line(p, false)));
        let room = aim - narration_seconds(&frame, brief.scenes.1, pace) - pace.sentence_pause;
        let mut kept: BTreeSet<usize> = (0..backbone.len()).collect();
        settle(&mut kept, backbone);
        shorten(&mut kept, backbone, &worth, hook, (room, pace.sentence_pause));

        let mut lines = vec![opening.clone()];
        lines.extend(backbone_lines(backbone, &kept, hook, &back));
        if added.iter().any(|pieces| !pieces.is_empty()) {
            lines.push(turn.clone());
            for pieces in &added {
                let line = |(at, piece)| source_line(piece, at == 0);
                lines.extend(pieces.iter().enumerate().map(line));
            }
        }
        lines.push(sign_off.clone());
        let total = narration_seconds(&lines, brief.scenes.1, pace);
        if total >= least && total <= most {
            return Ok(lines);
        }
        longest = longest.max(total);
    }
    Err(not_enough(brief, longest))
}

fn worth(brief: &WriterBrief<'_>) -> Worth {
    let audience = brief.audience.to_lowercase();
    let plain = ["child", "kid", "beginner", "young", "famil", "learner"];
    Worth {
        title_terms: terms(&brief.topic.title).into_iter().collect(),
        plain: plain.iter().any(|word| audience.contains(word)),
    }
}

/// The sentence that a video begins with: the story's first when it stands alone and names the
/// subject, else the strongest that does and after which nothing leans.
fn hook(pieces: &[Piece], worth: &Worth) -> Option<usize> {
    let fits = |at: usize| {
        let Some(piece) = pieces.get(at) else { return false };
        let names_subject = !piece.terms.is_disjoint(&worth.title_terms);
        piece.stands_alone() && names_subject && piece.words() <= 34
    };
    if fits(0) {
        return Some(0);
    }
    let leaves_no_gap = |at: usize| pieces.get(at + 1).is_none_or(|next| !next.leans);
    let strongest = (1..pieces.len())
        .filter(|at| fits(*at) && leaves_no_gap(*at))
        .max_by(|a, b| worth.of(*a, pieces).total_cmp(&worth.of(*b, pieces)));
    // A story may begin beside its subject; its own beginning is still better than none.
    strongest.or_else(|| pieces.first().filter(|piece| piece.stands_alone()).map(|_| 0))
}

/// The beginning of another source's story, as far as it hangs together, says something new and
/// names the subject at once.
fn additions<'a>(
    pieces: &'a [Piece],
    backbone: &[Piece],
    subject: &BTreeSet<String>,
) -> &'a [Piece] {
    let begins_well = pieces
        .first()
        .is_some_and(|piece| piece.stands_alone() && !piece.terms.is_disjoint(subject));
    if !begins_well {
        return &[];
    }
    // A few words in common are soon most of a short sentence's.
    let limit = |known: &Piece, piece: &Piece| {
        let shorter = known.terms.len().min(piece.terms.len());
        if shorter < 6 { SAYS_THE_SAME_BRIEFLY } else { SAYS_THE_SAME }
    };
    let is_new = |piece: &Piece| {
        backbone.iter().all(|known| overlap(&known.terms, &piece.terms) < limit(known, piece))
    };
    let count = pieces.iter().take_while(|piece| piece.usable && is_new(piece)).count();
    pieces.get(..count).unwrap_or_default()
}

/// The kept sentences in order, the hook first.
fn backbone_lines(
    backbone: &[Piece],
    kept: &BTreeSet<usize>,
    hook: usize,
    back: &Line,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut paragraph = None;
    if hook > 0 {
        lines.extend(backbone.get(hook).map(|piece| source_line(piece, false)));
        lines.push(back.clone());
    }
    for at in kept.iter().filter(|at| hook == 0 || **at != hook) {
        let Some(piece) = backbone.get(*at) else { continue };
        lines.push(source_line(piece, paragraph != Some(piece.paragraph)));
        paragraph = Some(piece.paragraph);
    }
    lines
}

#[cfg(test)]
mod tests;
