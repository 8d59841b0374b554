//! A script while it is being chosen: every sentence that could be told, in the order of the plan,
//! and the lines that stand between them.
//!
//! Architecture invariant: what is taken out takes along everything that would then point at
//! nothing.

use std::collections::BTreeSet;

use super::material::{Piece, Said};
use super::own_lines::{Cue, Numbering, opening};
use super::plan::{Intro, Part};
use super::scenes::Line;
use super::{WriterBrief, own_line, source_line};
use crate::craft::readability::TextCount;
use crate::craft::tone::Tone;
use crate::domain::script::SentenceKind;

/// In videos that are shorter, lines that could be missed are.
const ROOM_FOR_LINES_FROM: f64 = 33.0;

/// A place in the script for a sentence.
struct Slot {
    /// Its place in the pool.
    piece: usize,
    part: usize,
    /// For each thing that it points at, the slots before it that name it.
    needs: Vec<Vec<usize>>,
}

struct DraftPart {
    intro: Vec<Line>,
    number: Option<Numbering>,
}

/// The draft.
pub(super) struct Draft<'a> {
    pub(super) pool: &'a [Piece],
    brief: &'a WriterBrief<'a>,
    slots: Vec<Slot>,
    parts: Vec<DraftPart>,
    /// "Point one." and so on, as many as there may be.
    numbers: Vec<Line>,
    sign_off: Line,
    /// The slot that is always told.
    pub(super) held: usize,
}

/// Which slots are told.
pub(super) type Kept = Vec<bool>;

/// What a choice amounts to.
pub(super) struct Sum {
    /// Seconds of all lines, pauses included.
    pub(super) seconds: f64,
    /// The reading grade of all lines.
    pub(super) grade: f64,
}

impl<'a> Draft<'a> {
    /// The first part's first sentence is held.
    pub(super) fn new(pool: &'a [Piece], parts: Vec<Part>, brief: &'a WriterBrief<'a>) -> Self {
        let tone = Tone::of(brief.tone);
        let aim = (brief.seconds.0 + brief.seconds.1) / 2.0;
        let has_room = aim >= ROOM_FOR_LINES_FROM;
        let mut said = BTreeSet::new();
        let mut line = |cue: Cue| {
            let wanted = has_room || cue.is_needed();
            let text = wanted.then(|| cue.line(brief.seed, &mut said)).flatten();
            text.map(|text| own_line(text, SentenceKind::Connective, &brief.pace))
        };
        let opening = || {
            let text = opening(brief.style, tone, &brief.topic.title, brief.seed);
            own_line(&text, SentenceKind::Opening, &brief.pace)
        };
        let mut slots = Vec::new();
        let mut drafted = Vec::new();
        for (at, part) in parts.into_iter().enumerate() {
            let mut number = None;
            let intro = match part.intro {
                Intro::None => Vec::new(),
                Intro::Opening => vec![opening()],
                Intro::OpeningAndBeginning if has_room => {
                    std::iter::once(opening()).chain(line(Cue::Beginning)).collect()
                }
                Intro::OpeningAndBeginning => line(Cue::Beginning).into_iter().collect(),
                Intro::Line(cue) => line(cue).into_iter().collect(),
                Intro::Number(numbering) => {
                    number = Some(numbering);
                    Vec::new()
                }
                Intro::LineAndNumber(cue, numbering) => {
                    number = Some(numbering);
                    line(cue).into_iter().collect()
                }
            };
            drafted.push(DraftPart { intro, number });
            slots.extend(part.pieces.into_iter().map(|piece| (piece, at)));
        }
        let slots = with_needs(pool, &slots);
        let sign_off = own_line(tone.sign_off(brief.seed), SentenceKind::SignOff, &brief.pace);
        let counted = drafted.iter().filter_map(|part: &DraftPart| part.number);
        let numbers = (1_u64..)
            .zip(counted)
            .map(|(number, counted)| {
                own_line(&counted.line(number), SentenceKind::Connective, &brief.pace)
            })
            .collect();
        Self { pool, brief, slots, parts: drafted, numbers, sign_off, held: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn piece(&self, slot: usize) -> Option<&Piece> {
        self.slots.get(slot).and_then(|slot| self.pool.get(slot.piece))
    }

    /// Takes out of `kept` what cannot be told or points at what is not told before it.
    pub(super) fn settle(&self, kept: &mut Kept) {
        loop {
            let lost: Vec<usize> = (0..self.slots.len())
                .filter(|at| kept.get(*at) == Some(&true) && !self.is_understood(*at, kept))
                .collect();
            if lost.is_empty() {
                return;
            }
            for at in lost {
                if let Some(is_kept) = kept.get_mut(at) {
                    *is_kept = false;
                }
            }
        }
    }

    fn is_understood(&self, at: usize, kept: &Kept) -> bool {
        let (Some(slot), Some(piece)) = (self.slots.get(at), self.piece(at)) else { return false };
        if !piece.usable || (piece.leans && piece.alone.is_none() && !self.follows_on(at, kept)) {
            return false;
        }
        if piece.announces {
            let next = (at + 1..self.slots.len()).find(|next| kept.get(*next) == Some(&true));
            let next = next.and_then(|next| self.slots.get(next));
            if next.is_none_or(|next| next.piece != slot.piece + 1 || next.part != slot.part) {
                return false;
            }
        }
        slot.needs.iter().all(|naming| naming.iter().any(|at| kept.get(*at) == Some(&true)))
    }

    /// Takes slot `at` into `kept` together with what it needs to be understood: the sentence it
    /// leans on, one that it announces, and for each thing it points at the nearest that names it.
    pub(super) fn take_in(&self, at: usize, kept: &mut Kept) {
        let mut wanted = vec![at];
        while let Some(at) = wanted.pop() {
            let (Some(slot), Some(piece)) = (self.slots.get(at), self.piece(at)) else { continue };
            let Some(is_kept) = kept.get_mut(at) else { continue };
            *is_kept = true;
            let is_neighbour = |other: usize, place: usize| {
                self.slots
                    .get(other)
                    .is_some_and(|other| other.piece == place && other.part == slot.part)
            };
            if piece.leans
                && piece.alone.is_none()
                && let Some(before) = at.checked_sub(1)
                && is_neighbour(before, slot.piece.wrapping_sub(1))
                && kept.get(before) == Some(&false)
            {
                wanted.push(before);
            }
            if piece.announces
                && is_neighbour(at + 1, slot.piece + 1)
                && kept.get(at + 1) == Some(&false)
            {
                wanted.push(at + 1);
            }
            for naming in &slot.needs {
                if !naming.iter().any(|at| kept.get(*at) == Some(&true)) {
                    wanted.extend(naming.last());
                }
            }
        }
    }

    /// Is the sentence before it in its story told right before it?
    fn follows_on(&self, at: usize, kept: &Kept) -> bool {
        let before = (0..at).rev().find(|before| kept.get(*before) == Some(&true));
        let (Some(before), Some(slot)) =
            (before.and_then(|before| self.slots.get(before)), self.slots.get(at))
        else {
            return false;
        };
        before.piece + 1 == slot.piece && before.part == slot.part
    }

    /// The words of a slot: repaired when what it leans on is not told right before it.
    fn said(&self, at: usize, kept: &Kept) -> Option<&Said> {
        let piece = self.piece(at)?;
        match &piece.alone {
            Some(alone) if piece.leans && !self.follows_on(at, kept) => Some(alone),
            _ => Some(&piece.said),
        }
    }

    /// Is the sentence repaired, given what is told before it?
    pub(super) fn is_repaired(&self, at: usize, kept: &Kept) -> bool {
        self.piece(at)
            .is_some_and(|piece| piece.leans && piece.alone.is_some() && !self.follows_on(at, kept))
    }

    /// Is all that is told from one story, though there are others?
    pub(super) fn tells_one_of_several(&self, kept: &Kept) -> bool {
        let mut told = (0..self.slots.len()).filter(|at| kept.get(*at) == Some(&true));
        let story = |at: usize| self.piece(at).map(|piece| piece.story);
        let Some(first) = told.next().map(story) else { return false };
        let is_other = |at: usize| story(at) != first;
        !told.any(is_other) && (0..self.slots.len()).any(is_other)
    }

    /// Length and grade of a choice.
    pub(super) fn sum(&self, kept: &Kept) -> Sum {
        let pace = &self.brief.pace;
        let mut total = self.sign_off.count;
        let mut seconds = self.sign_off.seconds;
        let mut lines = 1_usize;
        let mut add = |said_seconds: f64, counted: TextCount| {
            seconds += said_seconds;
            total = total.plus(counted);
            lines += 1;
        };
        let mut part = None;
        let mut number = self.first_number(kept);
        for at in (0..self.slots.len()).filter(|at| kept.get(*at) == Some(&true)) {
            let (Some(slot), Some(said)) = (self.slots.get(at), self.said(at, kept)) else {
                continue;
            };
            if part != Some(slot.part) {
                part = Some(slot.part);
                for line in self.intro(slot.part, &mut number) {
                    add(line.seconds, line.count);
                }
            }
            add(said.seconds, said.count);
        }
        let scenes = self.brief.scenes.1.min(lines / 2).max(1);
        let joints = lines.saturating_sub(scenes) as f64;
        let seconds = seconds
            + pace.around
            + joints * pace.sentence_pause
            + scenes.saturating_sub(1) as f64 * pace.scene_pause;
        Sum { seconds, grade: total.grade().unwrap_or(0.0) }
    }

    /// Where counting begins; `None` when there is nothing to count but one.
    fn first_number(&self, kept: &Kept) -> Option<usize> {
        let told = self.slots.iter().zip(kept).filter(|(_, is_kept)| **is_kept);
        let parts: BTreeSet<usize> = told.map(|(slot, _)| slot.part).collect();
        let is_counted =
            |part: &&usize| self.parts.get(**part).is_some_and(|part| part.number.is_some());
        (parts.iter().filter(is_counted).count() > 1).then_some(0)
    }

    /// The lines before a part, with its number if it is counted.
    fn intro(&self, part: usize, number: &mut Option<usize>) -> impl Iterator<Item = &Line> {
        let part = self.parts.get(part);
        let counted = part.and_then(|part| part.number).and_then(|_| {
            let at = (*number)?;
            *number = Some(at + 1);
            self.numbers.get(at)
        });
        part.map(|part| part.intro.as_slice()).unwrap_or_default().iter().chain(counted)
    }

    /// The chosen lines.
    pub(super) fn lines(&self, kept: &Kept) -> Vec<Line> {
        let mut lines = Vec::new();
        let (mut part, mut paragraph) = (None, None);
        let mut number = self.first_number(kept);
        for at in (0..self.slots.len()).filter(|at| kept.get(*at) == Some(&true)) {
            let (Some(slot), Some(piece), Some(said)) =
                (self.slots.get(at), self.piece(at), self.said(at, kept))
            else {
                continue;
            };
            if part != Some(slot.part) {
                part = Some(slot.part);
                lines.extend(self.intro(slot.part, &mut number).cloned());
            }
            let here = Some((piece.story, piece.paragraph));
            let leans = piece.leans && self.follows_on(at, kept);
            lines.push(source_line(piece, said, leans, paragraph != here));
            paragraph = here;
        }
        lines.push(self.sign_off.clone());
        lines
    }
}

/// The slots, each with the slots before it that it needs.
fn with_needs(pool: &[Piece], slots: &[(usize, usize)]) -> Vec<Slot> {
    let needs_of = |at: usize, piece: usize| -> Vec<Vec<usize>> {
        let needs = pool.get(piece).map(|piece| piece.needs.as_slice()).unwrap_or_default();
        let before = slots.get(..at).unwrap_or_default();
        let named = |naming: &BTreeSet<usize>| -> Vec<usize> {
            let told = before.iter().enumerate().filter(|(_, (piece, _))| naming.contains(piece));
            told.map(|(at, _)| at).collect()
        };
        needs.iter().map(named).collect()
    };
    slots
        .iter()
        .enumerate()
        .map(|(at, (piece, part))| Slot { piece: *piece, part: *part, needs: needs_of(at, *piece) })
        .collect()
}
