//! Lines in order, divided into scenes.

use std::collections::BTreeSet;

use crate::craft::headings::{MAX_HEADING, heading, neutral, shortened};
use crate::craft::readability::TextCount;
use crate::craft::terms::terms;
use crate::domain::script::{Scene, Sentence, SentenceKind};

/// A sentence of the script with what matters for dividing.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) sentence: Sentence,
    pub(super) seconds: f64,
    pub(super) count: TextCount,
    /// It should stay with the line before.
    pub(super) leans: bool,
    /// A new paragraph of its source begins here.
    pub(super) opens_paragraph: bool,
}

/// A scene without any sentence of a source, or cut after a line that leads on: never wanted.
const NEVER: f64 = 100.0;
/// Torn from the sentence that it leans on.
const TORN: f64 = 3.0;
/// A line that turns to something else should begin a scene.
const NO_TURN: f64 = 2.0;
/// A scene that begins inside a paragraph.
const INSIDE_PARAGRAPH: f64 = 0.4;

/// Divides `lines` into `count` scenes of like length, at the places where a pause is natural.
pub(super) fn divide(lines: &[Line], count: usize) -> Vec<Vec<Line>> {
    let count = count.clamp(1, lines.len().max(1));
    let total: f64 = lines.iter().map(|line| line.seconds).sum();
    let mean = total / count as f64;
    // best[scenes][end]: the least cost of dividing lines[..end], and where its last scene begins.
    let mut best: Vec<Vec<Option<(f64, usize)>>> = vec![vec![None; lines.len() + 1]; count + 1];
    if let Some(start) = best.first_mut().and_then(|row| row.first_mut()) {
        *start = Some((0.0, 0));
    }
    for scenes in 1..=count {
        for end in scenes..=lines.len() {
            let mut least: Option<(f64, usize)> = None;
            for start in (scenes - 1)..end {
                let before = best.get(scenes - 1).and_then(|row| row.get(start)).copied().flatten();
                let (Some((so_far, _)), Some(part)) = (before, lines.get(start..end)) else {
                    continue;
                };
                let cost = so_far + scene_cost(part, start, mean);
                if least.is_none_or(|(known, _)| cost < known) {
                    least = Some((cost, start));
                }
            }
            if let Some(cell) = best.get_mut(scenes).and_then(|row| row.get_mut(end)) {
                *cell = least;
            }
        }
    }
    let mut parts = Vec::new();
    let mut end = lines.len();
    for scenes in (1..=count).rev() {
        let Some((_, start)) = best.get(scenes).and_then(|row| row.get(end)).copied().flatten()
        else {
            break;
        };
        parts.push(lines.get(start..end).unwrap_or_default().to_vec());
        end = start;
    }
    parts.reverse();
    parts
}

fn scene_cost(part: &[Line], start: usize, mean: f64) -> f64 {
    let seconds: f64 = part.iter().map(|line| line.seconds).sum();
    let mut cost = ((seconds - mean) / mean.max(0.1)).powi(2);
    let has_source = part.iter().any(|line| line.sentence.kind == SentenceKind::Source);
    let leads_on = part.last().is_some_and(|line| line.sentence.kind == SentenceKind::Connective);
    if !has_source || leads_on {
        cost += NEVER;
    }
    if let Some(first) = part.first().filter(|_| start > 0) {
        let turns = first.sentence.kind == SentenceKind::Connective;
        cost += if first.leans { TORN } else { 0.0 };
        cost += if first.opens_paragraph || turns { 0.0 } else { INSIDE_PARAGRAPH };
    }
    let hidden_turns =
        part.iter().skip(1).filter(|line| line.sentence.kind == SentenceKind::Connective).count();
    cost + NO_TURN * hidden_turns as f64
}

/// Scenes with number, heading and what the picture should show. `subject` is the video's title,
/// `known` all that its sources say, in lower case.
pub(super) fn scenes(parts: Vec<Vec<Line>>, subject: &str, known: &str) -> Vec<Scene> {
    let name = subject.split(':').next().unwrap_or(subject).trim();
    let mut taken: BTreeSet<String> = terms(name).into_iter().collect();
    let mut scenes = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let told: Vec<&str> = part
            .iter()
            .filter(|line| line.sentence.kind == SentenceKind::Source)
            .map(|line| line.sentence.text.as_str())
            .collect();
        let heading = if index == 0 {
            shortened(name, MAX_HEADING)
        } else {
            let so_far: Vec<&str> =
                scenes.iter().map(|scene: &Scene| scene.heading.as_str()).collect();
            heading(&told, &taken, known, neutral(&so_far))
        };
        taken.extend(terms(&heading));
        let shown = told.first().copied().unwrap_or(name);
        scenes.push(Scene {
            number: u32::try_from(index + 1).unwrap_or(u32::MAX),
            visual: format!("{name} - {heading}: {shown}"),
            heading,
            sentences: part.into_iter().map(|line| line.sentence).collect(),
        });
    }
    scenes
}
