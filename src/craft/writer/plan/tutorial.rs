//! A guide: the goal, what lies behind it, the steps in order, and a check. A story that gives no
//! advice is told point by point instead, and nothing in it is called a step.

use super::{Backbone, Intro, Part};
use crate::craft::writer::material::Piece;
use crate::craft::writer::own_lines::{Cue, Numbering};

/// First words of a sentence that tells the listener to do something, or when.
const COMMANDS: [&str; 44] = [
    "first", "then", "next", "finally", "now", "add", "bake", "boil", "bring", "check", "choose",
    "click", "close", "cook", "cover", "cut", "dry", "fill", "heat", "install", "keep", "leave",
    "let", "make", "measure", "mix", "open", "place", "pour", "press", "put", "remove", "rinse",
    "run", "set", "start", "stir", "take", "turn", "type", "use", "wait", "wash", "write",
];

/// A paragraph with so many advising words advises.
const ADVISES: usize = 3;

pub(super) fn plan(story: &Backbone<'_>) -> (Vec<Part>, Vec<Part>) {
    let (mut parts, rest) = story.lead();
    let advises = |paragraph: &Vec<usize>| {
        story.sum(paragraph, |piece| piece.cues.advises) >= ADVISES
            && story.year(paragraph).is_none()
    };
    let (mut practice, mut behind): (Vec<_>, Vec<_>) = rest.iter().cloned().partition(advises);
    if practice.len() < 2 {
        let points = rest.into_iter().map(|p| Part::new(Intro::Number(Numbering::Points), p));
        parts.extend(points);
        return (parts, Vec::new());
    }
    let checks = |paragraph: &Vec<usize>| story.has(paragraph, |piece| piece.cues.checks);
    let check = behind.iter().rposition(checks).map(|at| behind.remove(at));
    let check = check.or_else(|| {
        let at = practice.iter().rposition(checks).filter(|_| practice.len() > 2)?;
        Some(practice.remove(at))
    });
    let reasons: Vec<usize> = behind.into_iter().flatten().collect();
    if !reasons.is_empty() {
        parts.push(Part::new(Intro::Line(Cue::Why), reasons));
    }
    let commands = practice.iter().filter(|p| story.first_of(p).is_some_and(commands)).count();
    let counted = if commands * 2 > practice.len() { Numbering::Steps } else { Numbering::Points };
    for (at, paragraph) in practice.into_iter().enumerate() {
        let first = Intro::LineAndNumber(Cue::Practice, counted);
        let intro = if at == 0 { first } else { Intro::Number(counted) };
        parts.push(Part::new(intro, paragraph));
    }
    let check = check.map(|paragraph| Part::new(Intro::Line(Cue::Check), paragraph));
    (parts, check.into_iter().collect())
}

fn commands(piece: &Piece) -> bool {
    let first = piece.said.text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    COMMANDS.contains(&first.to_lowercase().as_str())
}
