//! A lesson: the question, background, how it works step by step, what came of it, what to keep.

use super::{Backbone, Intro, Part};
use crate::craft::writer::own_lines::Cue;

/// A paragraph with so many explaining words explains.
const EXPLAINS: usize = 2;

pub(super) fn plan(story: &Backbone<'_>) -> (Vec<Part>, Vec<Part>) {
    let (mut parts, mut rest) = story.lead();
    let kept = remembered(story, &mut rest);
    let (mut has_background, mut has_how) = (false, false);
    let count = rest.len();
    for (at, paragraph) in rest.into_iter().enumerate() {
        let first = story.first_of(&paragraph);
        let looks_back = first.is_some_and(|piece| piece.cues.background);
        let explains = story.sum(&paragraph, |piece| piece.cues.explains) >= EXPLAINS
            && story.year(&paragraph).is_none();
        let is_last = at + 1 == count;
        let follows = first.is_some_and(|piece| piece.cues.follows || piece.cues.year.is_some());
        let intro = if at == 0 && looks_back && !has_background {
            has_background = true;
            Intro::Line(Cue::Background)
        } else if explains && !has_how && !is_last {
            has_how = true;
            Intro::Line(Cue::How)
        } else if is_last && at > 0 && follows && !looks_back {
            Intro::Line(Cue::Outcome)
        } else {
            Intro::None
        };
        parts.push(Part::new(intro, paragraph));
    }
    (parts, kept.map(|at| Part::new(Intro::Line(Cue::Remember), vec![at])).into_iter().collect())
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
