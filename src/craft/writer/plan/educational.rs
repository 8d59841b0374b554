//! A lesson: the question, background, how it works step by step, what came of it, what to keep.

use super::{Backbone, Intro, Part};
use crate::craft::writer::own_lines::Cue;

/// A paragraph with so many explaining words explains.
const EXPLAINS: usize = 2;

pub(super) fn plan(story: &Backbone<'_>) -> (Vec<Part>, Vec<Part>) {
    let (mut parts, mut rest) = story.lead();
    let kept = remembered(story, &mut rest);
    let (mut has_background, mut has_how) = (false, false);
    // What other sources add comes before the end, so that the end stays the end.
    let end = if rest.len() > 1 { rest.pop() } else { None };
    for (at, paragraph) in rest.into_iter().enumerate() {
        let looks_back = story.first_of(&paragraph).is_some_and(|piece| piece.cues.background);
        let explains = story.sum(&paragraph, |piece| piece.cues.explains) >= EXPLAINS
            && story.year(&paragraph).is_none();
        let intro = if at == 0 && looks_back && !has_background {
            has_background = true;
            Intro::Line(Cue::Background)
        } else if explains && !has_how {
            has_how = true;
            Intro::Line(Cue::How)
        } else {
            Intro::None
        };
        parts.push(Part::new(intro, paragraph));
    }
    let mut closing = Vec::new();
    if let Some(paragraph) = end {
        let follows = story.first_of(&paragraph).is_some_and(|piece| {
            (piece.cues.follows || piece.cues.year.is_some()) && !piece.cues.background
        });
        let intro = if follows { Intro::Line(Cue::Outcome) } else { Intro::None };
        closing.push(Part::new(intro, paragraph));
    }
    closing.extend(kept.map(|at| Part::new(Intro::Line(Cue::Remember), vec![at])));
    (parts, closing)
}

/// Takes the story's last sentence out of its paragraph, when it can stand for the whole.
fn remembered(story: &Backbone<'_>, rest: &mut [Vec<usize>]) -> Option<usize> {
    let last_paragraph = rest.last_mut().filter(|paragraph| paragraph.len() >= 3)?;
    let last = *last_paragraph.last()?;
    let piece = story.piece(last).filter(|piece| piece.ends_story)?;
    let is_general = piece.cues.year.is_none() && piece.cues.concrete <= 2 && piece.words() <= 24;
    if !(is_general && story.is_loose(last)) {
        return None;
    }
    last_paragraph.pop()
}
