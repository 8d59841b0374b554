//! An entertainment: the strongest surprise, then the story from its beginning, a turn, and one
//! thing that was kept for the end.

use super::{Backbone, Intro, Part, without};
use crate::craft::writer::own_lines::Cue;

/// A surprise must be so much stronger than the story's own beginning to go before it.
const STRONGER: f64 = 0.3;
/// Longer sentences are no hooks.
const HOOK_WORDS: usize = 26;

pub(super) fn plan(story: &Backbone<'_>) -> (Vec<Part>, Vec<Part>) {
    let hook = surprise(story);
    let begins_with_it =
        story.paragraphs.first().and_then(|first| first.first()).copied() == Some(hook);
    let opening = story.with_announced(hook);
    let rest = without(story.paragraphs.clone(), &opening);
    let mut parts = vec![Part::new(Intro::None, opening)];
    let payoff_at = payoff(story, &rest, hook);
    let rest = match payoff_at {
        Some(at) => without(rest, &[at]),
        None => rest,
    };
    let count = rest.len();
    let mut has_turned = false;
    for (at, paragraph) in rest.into_iter().enumerate() {
        let turns = story
            .first_of(&paragraph)
            .is_some_and(|piece| piece.cues.turns && !piece.leans || piece.cues.surprise >= 1.2);
        let intro = if at == 0 {
            if begins_with_it { Intro::Opening } else { Intro::OpeningAndBeginning }
        } else if turns && !has_turned && at * 2 >= count {
            has_turned = true;
            Intro::Line(Cue::Turn)
        } else {
            Intro::None
        };
        parts.push(Part::new(intro, paragraph));
    }
    let payoff = payoff_at.map(|at| Part::new(Intro::Line(Cue::Payoff), vec![at]));
    (parts, payoff.into_iter().collect())
}

/// The strongest surprise that can go first; the story's own beginning when none is stronger.
fn surprise(story: &Backbone<'_>) -> usize {
    let first_strength = story.piece(story.hook).map_or(0.0, |piece| piece.cues.surprise);
    let own_words = story.piece(story.hook).map(|piece| &piece.terms);
    let mut best = (first_strength + STRONGER, story.hook);
    for at in story.paragraphs.iter().flatten().copied() {
        let Some(piece) = story.piece(at) else { continue };
        // Who has heard nothing yet must see what it is about.
        let is_named = own_words.is_some_and(|words| !words.is_disjoint(&piece.terms));
        let fits = story.is_loose(at)
            && piece.needs.is_empty()
            && is_named
            && piece.words() <= HOOK_WORDS
            && piece.cues.concrete > 0;
        if fits && piece.cues.surprise > best.0 {
            best = (piece.cues.surprise, at);
        }
    }
    best.1
}

/// The second surprise of the story's last third, or its end, kept for the end.
fn payoff(story: &Backbone<'_>, rest: &[Vec<usize>], hook: usize) -> Option<usize> {
    let late = rest.len().saturating_sub(rest.len().div_ceil(3));
    let candidates = rest.get(late..)?.iter().flatten().copied();
    let loose = candidates.filter(|at| *at != hook && story.is_loose(*at));
    let strength = |at: usize| {
        story
            .piece(at)
            .map_or(0.0, |piece| piece.cues.surprise + if piece.ends_story { 0.5 } else { 0.0 })
    };
    loose
        .filter(|at| story.piece(*at).is_some_and(|piece| piece.words() >= 8))
        .max_by(|one, other| strength(*one).total_cmp(&strength(*other)))
        .filter(|at| strength(*at) > 0.0)
}
