//! Which sentences are told when not all of them can be.
//!
//! Why it exists: a whole text hangs together; so we begin with all of it and take out what is
//! missed least, together with everything that would then point at nothing, until it fits; then
//! single sentences are exchanged until length and grade are right.

use std::collections::BTreeSet;

use super::draft::{Draft, Kept};
use super::material::Piece;
use crate::craft::audience::Audience;
use crate::domain::script::Style;

/// A tenth of the length beside the aim costs as much as this much worth of sentences.
const TENTH_OFF: f64 = 6.0;
/// Each grade beside the audience's range.
const GRADE_OFF: f64 = 8.0;
/// Telling from one story only what several stories tell.
const ONE_OF_SEVERAL: f64 = 4.0;
/// Length is good enough so near to the aim.
const NEAR_ENOUGH: f64 = 0.02;
/// A script of less of the wanted length is too short.
const NEAR: f64 = 0.92;
/// Grades are kept so far inside of the range.
const GRADE_MARGIN: f64 = 0.3;
/// Drafts of more sentences are only improved by single ones.
const MOST_FOR_EXCHANGES: usize = 32;
/// Improvements end after so many changes.
const MOST_CHANGES: usize = 20;

/// How much a sentence is worth telling, and what a script should be like.
pub(super) struct Worth {
    /// The words of the topic's title.
    pub(super) title_terms: BTreeSet<String>,
    pub(super) audience: Audience,
    pub(super) style: Style,
    /// Wanted seconds.
    pub(super) aim: f64,
}

impl Worth {
    /// Higher for what names the subject, is concrete, and stands at the beginning of a paragraph
    /// or the end of the story; for each style, for what it lives on.
    pub(super) fn of(&self, piece: &Piece) -> f64 {
        let words = piece.words();
        let named = piece.terms.intersection(&self.title_terms).count().min(3) as f64;
        let mut worth = 1.0 + 0.25 * named;
        worth += 0.3 * piece.cues.concrete.min(3) as f64;
        worth += if piece.opens_paragraph { 0.4 } else { 0.0 };
        worth += if piece.ends_story { 0.6 } else { 0.0 };
        worth += if (8..=22).contains(&words) { 0.3 } else { 0.0 };
        worth += match self.style {
            Style::Educational => 0.3 * piece.cues.explains.min(2) as f64,
            Style::Entertainment => 0.4 * piece.cues.surprise.min(2.0),
            Style::News => 0.15 * piece.cues.concrete.min(4) as f64,
            Style::Tutorial => 0.2 * piece.cues.advises.min(3) as f64,
        };
        let too_long = words.saturating_sub(self.audience.sentence_words());
        (worth - 0.15 * too_long as f64).max(0.1)
    }

    /// Are length and grade as they should be?
    pub(super) fn fits(&self, draft: &Draft<'_>, kept: &Kept) -> bool {
        let sum = draft.sum(kept);
        let (lowest, highest) = self.audience.grades();
        let is_near = (sum.seconds - self.aim).abs() <= (1.0 - NEAR) * self.aim;
        is_near && (lowest..=highest).contains(&sum.grade)
    }

    /// What a choice costs: less is better.
    fn cost(&self, draft: &Draft<'_>, worths: &[f64], kept: &Kept) -> f64 {
        let sum = draft.sum(kept);
        let off = ((sum.seconds - self.aim).abs() / self.aim.max(1.0) - NEAR_ENOUGH).max(0.0);
        let (lowest, highest) = self.audience.grades();
        let grade_off =
            (sum.grade - (highest - GRADE_MARGIN)).max(lowest + GRADE_MARGIN - sum.grade).max(0.0);
        let told = worths.iter().zip(kept).enumerate().filter(|(_, (_, is_kept))| **is_kept);
        let worth: f64 = told
            .map(|(at, (worth, _))| worth - if draft.is_repaired(at, kept) { 0.5 } else { 0.0 })
            .sum();
        let one_sided = if draft.tells_one_of_several(kept) { ONE_OF_SEVERAL } else { 0.0 };
        10.0 * TENTH_OFF * off + GRADE_OFF * grade_off + one_sided - 0.5 * worth
    }
}

/// The best choice found, and what it costs: everything, shortened to about the aim, then improved;
/// or, where that does not fit, the beginning alone, grown.
pub(super) fn choose(draft: &Draft<'_>, worth: &Worth) -> (Kept, f64) {
    let worths: Vec<f64> =
        (0..draft.len()).map(|at| draft.piece(at).map_or(0.0, |piece| worth.of(piece))).collect();
    let mut kept = vec![true; draft.len()];
    draft.settle(&mut kept);
    let could_fit = draft.sum(&kept).seconds >= NEAR * worth.aim;
    shorten(draft, &mut kept, &worths, worth.aim);
    let mut cost = improve(draft, &mut kept, &worths, worth);
    // From the other side: the beginning alone, or with one other sentence, and what makes it
    // better.
    for other in 0..draft.len() {
        if !could_fit || worth.fits(draft, &kept) {
            break;
        }
        let mut grown = vec![false; draft.len()];
        draft.take_in(draft.held, &mut grown);
        draft.take_in(other, &mut grown);
        draft.settle(&mut grown);
        let grown_cost = improve(draft, &mut grown, &worths, worth);
        if grown_cost < cost {
            (kept, cost) = (grown, grown_cost);
        }
    }
    (kept, cost)
}

/// Shortens `kept` until it takes at most the wanted seconds; the held sentence is never taken out.
fn shorten(draft: &Draft<'_>, kept: &mut Kept, worths: &[f64], aim: f64) {
    loop {
        let now = draft.sum(kept).seconds;
        if now <= aim {
            return;
        }
        let mut best: Option<(f64, Kept)> = None;
        for at in (0..draft.len()).filter(|at| *at != draft.held) {
            let Some(rest) = toggled(draft, kept, at, false) else { continue };
            let both = kept.iter().zip(&rest).zip(worths);
            let gone: f64 =
                both.filter(|((kept, rest), _)| kept != rest).map(|(_, worth)| worth).sum();
            let freed = now - draft.sum(&rest).seconds;
            // What is freed beyond the need is wasted.
            let useful = freed.min(now - aim + 2.0).max(0.1);
            let cost = gone / useful;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, rest));
            }
        }
        let Some((_, rest)) = best else { return };
        *kept = rest;
    }
}

/// Takes in, takes out and exchanges single sentences as long as that makes the choice better; the
/// cost of what is reached.
fn improve(draft: &Draft<'_>, kept: &mut Kept, worths: &[f64], worth: &Worth) -> f64 {
    let mut cost = worth.cost(draft, worths, kept);
    for _ in 0..MOST_CHANGES {
        let mut best: Option<(f64, Kept)> = None;
        let mut consider = |choice: Kept| {
            let cost = worth.cost(draft, worths, &choice);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, choice));
            }
        };
        for at in 0..draft.len() {
            let wanted = kept.get(at) != Some(&true);
            let Some(changed) = toggled(draft, kept, at, wanted) else { continue };
            if !wanted && draft.len() <= MOST_FOR_EXCHANGES {
                for other in 0..draft.len() {
                    if kept.get(other) == Some(&false)
                        && let Some(exchanged) = toggled(draft, &changed, other, true)
                    {
                        consider(exchanged);
                    }
                }
            }
            consider(changed);
        }
        match best {
            Some((least, choice)) if least < cost - 1e-9 => {
                cost = least;
                *kept = choice;
            }
            _ => return cost,
        }
    }
    cost
}

/// `kept` with one slot changed and what follows from it; `None` when it cannot be changed, or the
/// held sentence would go.
fn toggled(draft: &Draft<'_>, kept: &Kept, at: usize, wanted: bool) -> Option<Kept> {
    if kept.get(at) == Some(&wanted) || at == draft.held {
        return None;
    }
    let mut changed = kept.clone();
    if wanted {
        draft.take_in(at, &mut changed);
    } else {
        *changed.get_mut(at)? = false;
    }
    draft.settle(&mut changed);
    let stays = changed.get(draft.held) == Some(&true);
    (stays && changed.get(at) == Some(&wanted)).then_some(changed)
}
