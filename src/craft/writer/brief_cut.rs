//! Scripts of a few seconds: the strongest sentence that fits, and what follows it.

use super::material::{Piece, Said, read_story};
use super::repair::first_clause;
use super::scenes::Line;
use super::{
    WriterBrief, WriterError, narration_seconds, not_enough, own_line, reading, source_line, worth,
};
use crate::craft::similarity::sentence_digest;
use crate::craft::tone::Tone;
use crate::domain::script::SentenceKind;

/// What the first sentence of a story is worth more than others: it was written to stand there.
const FIRST_SENTENCE: f64 = 3.0;
/// What a sentence of the richest story is worth more.
const FIRST_STORY: f64 = 1.0;

/// Lines for a narration within the brief's range.
pub(super) fn lines(brief: &WriterBrief<'_>) -> Result<Vec<Line>, WriterError> {
    let (least, most) = brief.seconds;
    let worth = worth(brief);
    let sign_off =
        own_line(Tone::of(brief.tone).sign_off(brief.seed), SentenceKind::SignOff, &brief.pace);
    let mut best: Option<(f64, Vec<Line>)> = None;
    let mut longest = 0.0_f64;
    for (place, story) in brief.topic.stories.iter().enumerate() {
        let mut told = Vec::new();
        read_story(&mut told, story, place, &reading(brief));
        for (at, piece) in
            told.iter().enumerate().filter(|(_, piece)| piece.stands_alone() && !piece.announces)
        {
            for opening in [Some(piece.clone()), clause(piece, brief)].into_iter().flatten() {
                let whole = opening.said.text == piece.said.text;
                let follow = told.iter().skip(at + 1).take_while(|next| whole && next.usable);
                let lines = fill(&opening, follow, &sign_off, brief);
                let total = narration_seconds(&lines, 2, &brief.pace);
                if total > most {
                    continue;
                }
                longest = longest.max(total);
                let named = opening.terms.intersection(&worth.title_terms).count().min(3) as f64;
                let begins = if at == 0 { FIRST_SENTENCE } else { 0.0 };
                let richest = if place == 0 { FIRST_STORY } else { 0.0 };
                let value = worth.of(piece) + 1.5 * named + begins + richest;
                if total >= least && best.as_ref().is_none_or(|(known, _)| value > *known) {
                    best = Some((value, lines));
                }
            }
        }
    }
    best.map(|(_, lines)| lines).ok_or_else(|| not_enough(brief, longest))
}

/// The sentence, then the following ones while they fit, then the sign-off if it fits.
fn fill<'a>(
    opening: &Piece,
    follow: impl Iterator<Item = &'a Piece>,
    sign_off: &Line,
    brief: &WriterBrief<'_>,
) -> Vec<Line> {
    let most = brief.seconds.1;
    let mut lines = vec![source_line(opening, &opening.said, false, true)];
    for next in follow {
        lines.push(source_line(next, &next.said, next.leans, false));
        if narration_seconds(&lines, 2, &brief.pace) > most {
            lines.pop();
            break;
        }
    }
    lines.push(sign_off.clone());
    if narration_seconds(&lines, 2, &brief.pace) > most {
        lines.pop();
    }
    lines
}

/// The first clause of a sentence that is too long as a whole.
fn clause(piece: &Piece, brief: &WriterBrief<'_>) -> Option<Piece> {
    let text = first_clause(&piece.said.text)?;
    if brief.used.contains(&sentence_digest(&text)) {
        return None;
    }
    Some(Piece { said: Said::new(text, &brief.pace), ..piece.clone() })
}
