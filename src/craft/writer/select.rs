//! Which sentences of a story are told when not all of them can be.
//!
//! Why it exists: a whole text hangs together; so we begin with all of it and take out what is
//! missed least, together with everything that would then point at nothing, until it fits.

use std::collections::BTreeSet;

use super::material::Piece;

/// How much a sentence is worth telling.
pub(super) struct Worth {
    /// The words of the topic's title.
    pub(super) title_terms: BTreeSet<String>,
    /// Sentences of more words are worth less: the audience is young or new to it.
    pub(super) plain: bool,
}

impl Worth {
    /// Higher for what names the subject, is concrete, and stands at the beginning of a paragraph
    /// or the end of the story.
    pub(super) fn of(&self, at: usize, pieces: &[Piece]) -> f64 {
        let Some(piece) = pieces.get(at) else { return 0.0 };
        let words = piece.words() as f64;
        let named = piece.terms.intersection(&self.title_terms).count().min(3) as f64;
        let opens_paragraph = at
            .checked_sub(1)
            .and_then(|before| pieces.get(before))
            .is_none_or(|before| before.paragraph != piece.paragraph);
        let is_last = at + 1 == pieces.len();
        let mut worth = 1.0 + 0.25 * named;
        worth += 0.3 * concreteness(&piece.text);
        worth += if opens_paragraph { 0.4 } else { 0.0 };
        worth += if is_last { 1.0 } else { 0.0 };
        worth += if (8.0..=22.0).contains(&words) { 0.3 } else { 0.0 };
        if self.plain && words > 18.0 {
            worth -= 0.6;
        }
        worth.max(0.1)
    }
}

/// Numbers and names, up to three.
fn concreteness(text: &str) -> f64 {
    let concrete = text.split(' ').skip(1).filter(|word| {
        word.chars().any(|c| c.is_ascii_digit()) || word.starts_with(char::is_uppercase)
    });
    concrete.count().min(3) as f64
}

/// Takes out of `kept` what cannot be told or points at what is not told.
pub(super) fn settle(kept: &mut BTreeSet<usize>, pieces: &[Piece]) {
    loop {
        let lost: Vec<usize> =
            kept.iter().copied().filter(|at| !is_understood(*at, kept, pieces)).collect();
        if lost.is_empty() {
            return;
        }
        for at in lost {
            kept.remove(&at);
        }
    }
}

fn is_understood(at: usize, kept: &BTreeSet<usize>, pieces: &[Piece]) -> bool {
    let Some(piece) = pieces.get(at) else { return false };
    let before_is_told = at.checked_sub(1).is_some_and(|before| kept.contains(&before));
    piece.usable
        && (!piece.leans || before_is_told)
        && (!piece.announces || kept.contains(&(at + 1)))
        && piece.needs.iter().all(|naming| !naming.is_disjoint(kept))
}

/// Shortens `kept` until it takes at most `most` seconds, each sentence costing `pause` more;
/// `held` is never taken out. It may end far below `most` only when whole chains must go.
pub(super) fn shorten(
    kept: &mut BTreeSet<usize>,
    pieces: &[Piece],
    worth: &Worth,
    held: usize,
    (most, pause): (f64, f64),
) {
    let seconds = |set: &BTreeSet<usize>| -> f64 {
        set.iter().filter_map(|at| pieces.get(*at)).map(|piece| piece.seconds + pause).sum()
    };
    loop {
        let now = seconds(kept);
        if now <= most {
            return;
        }
        let mut best: Option<(f64, BTreeSet<usize>)> = None;
        for at in kept.iter().copied().filter(|at| *at != held) {
            let mut rest = kept.clone();
            rest.remove(&at);
            settle(&mut rest, pieces);
            if !rest.contains(&held) {
                continue;
            }
            let gone: f64 = kept.difference(&rest).map(|at| worth.of(*at, pieces)).sum();
            let freed = now - seconds(&rest);
            // What is freed beyond the need is wasted.
            let useful = freed.min(now - most + 2.0).max(0.1);
            let cost = gone / useful;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, rest));
            }
        }
        let Some((_, rest)) = best else { return };
        *kept = rest;
    }
}
