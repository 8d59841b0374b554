//! A piece of news, as an inverted pyramid: what, who and when; the details; what followed; at last
//! the background, which can be missed.

use super::{Backbone, Intro, Part};
use crate::craft::writer::own_lines::Cue;

pub(super) fn plan(story: &Backbone<'_>) -> (Vec<Part>, Vec<Part>) {
    let (mut parts, rest) = story.lead();
    let now = parts.iter().find_map(|part| story.year(&part.pieces));
    let (mut details, mut followed, mut background) = (Vec::new(), Vec::new(), Vec::new());
    let count = rest.len();
    for (at, paragraph) in rest.into_iter().enumerate() {
        let Some(first) = story.first_of(&paragraph) else { continue };
        let year = story.year(&paragraph);
        let is_late = at * 3 >= count * 2;
        let is_earlier = matches!((year, now), (Some(year), Some(now)) if year < now);
        let is_later = matches!((year, now), (Some(year), Some(now)) if year > now);
        if first.cues.background || is_earlier {
            background.push(paragraph);
        } else if is_late && (is_later || first.cues.follows) {
            followed.push(paragraph);
        } else {
            details.push(paragraph);
        }
    }
    // The strongest detail leads; what cannot be understood there is left out by whoever selects.
    details.sort_by_key(|paragraph| std::cmp::Reverse(newsworthiness(story, paragraph)));
    parts.extend(introduced(Cue::Details, details));
    let behind = [introduced(Cue::Outcome, followed), introduced(Cue::Background, background)];
    (parts, behind.into_iter().flatten().collect())
}

/// Names and numbers of a paragraph, in steps, so that near equals keep their order.
fn newsworthiness(story: &Backbone<'_>, paragraph: &[usize]) -> usize {
    let concrete = story.sum(paragraph, |piece| piece.cues.concrete.min(4));
    concrete / 3
}

/// One part of all these paragraphs, so that its line stands before whichever is told.
fn introduced(cue: Cue, paragraphs: Vec<Vec<usize>>) -> Option<Part> {
    let pieces: Vec<usize> = paragraphs.into_iter().flatten().collect();
    (!pieces.is_empty()).then(|| Part::new(Intro::Line(cue), pieces))
}
