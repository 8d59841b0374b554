//! The plans of the four styles: in which order a story's paragraphs are told, and which lines
//! stand between them.
//!
//! Why it exists: the same sentences make a lesson, an entertainment, a piece of news or a list of
//! points by their order alone. Whole paragraphs move, single sentences seldom, so that what hangs
//! together stays together.
//!
//! Architecture invariant: a plan names every sentence of the story at most once.

mod educational;
mod entertainment;
mod news;
mod tutorial;

use super::material::Piece;
use super::own_lines::{Cue, Numbering};
use crate::domain::script::Style;

/// What introduces a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intro {
    /// Nothing.
    None,
    /// The script's opening line.
    Opening,
    /// The opening line, and the way back to the story's beginning.
    OpeningAndBeginning,
    /// A line of its own.
    Line(Cue),
    /// The next number.
    Number(Numbering),
    /// A line of its own, and the first number.
    LineAndNumber(Cue, Numbering),
}

/// Sentences that are told in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) intro: Intro,
    /// Places in the pool.
    pub(super) pieces: Vec<usize>,
}

impl Part {
    pub(super) fn new(intro: Intro, pieces: Vec<usize>) -> Self {
        Self { intro, pieces }
    }
}

/// A story as a plan sees it.
pub(super) struct Backbone<'a> {
    pub(super) pool: &'a [Piece],
    /// Its paragraphs as places in the pool.
    pub(super) paragraphs: Vec<Vec<usize>>,
    /// The sentence to begin with: the story's first unless that dangles.
    pub(super) hook: usize,
}

impl Backbone<'_> {
    fn piece(&self, at: usize) -> Option<&Piece> {
        self.pool.get(at)
    }

    fn first_of(&self, paragraph: &[usize]) -> Option<&Piece> {
        paragraph.first().and_then(|at| self.piece(*at))
    }

    /// The sum of `of` over the sentences of a paragraph.
    fn sum(&self, paragraph: &[usize], of: impl Fn(&Piece) -> usize) -> usize {
        paragraph.iter().filter_map(|at| self.piece(*at)).map(of).sum()
    }

    fn has(&self, paragraph: &[usize], is: impl Fn(&Piece) -> bool) -> bool {
        paragraph.iter().filter_map(|at| self.piece(*at)).any(is)
    }

    fn year(&self, paragraph: &[usize]) -> Option<u32> {
        paragraph.iter().filter_map(|at| self.piece(*at)).find_map(|piece| piece.cues.year)
    }

    /// Does the first paragraph begin with the hook?
    fn begins_with_hook(&self) -> bool {
        self.paragraphs.first().and_then(|first| first.first()) == Some(&self.hook)
    }

    /// The first parts, with `opening` before all, and the paragraphs that are left: the whole
    /// first paragraph when it begins with the hook, else the hook and the way back.
    fn lead(&self) -> (Vec<Part>, Vec<Vec<usize>>) {
        let mut rest = self.paragraphs.clone();
        if self.begins_with_hook() {
            let first = rest.remove(0);
            return (vec![Part::new(Intro::Opening, first)], rest);
        }
        let hook = self.with_announced(self.hook);
        let rest = without(rest, &hook);
        let mut parts = vec![Part::new(Intro::Opening, hook)];
        let mut rest = rest.into_iter();
        if let Some(first) = rest.next() {
            parts.push(Part::new(Intro::Line(Cue::Beginning), first));
        }
        (parts, rest.collect())
    }

    /// The sentence, and those behind it that it announces: it is nothing without them.
    fn with_announced(&self, at: usize) -> Vec<usize> {
        let mut run = vec![at];
        while let Some(last) = run.last().copied()
            && self.piece(last).is_some_and(|piece| piece.announces)
            && self.piece(last + 1).is_some()
        {
            run.push(last + 1);
        }
        run
    }

    /// Can the sentence be taken from its place: does it stand alone, and nothing behind it lean?
    fn is_loose(&self, at: usize) -> bool {
        let next_leans = self.piece(at + 1).is_some_and(|next| next.leans);
        self.piece(at).is_some_and(|piece| {
            piece.stands_alone() && !piece.announces && (piece.ends_story || !next_leans)
        })
    }
}

fn without(paragraphs: Vec<Vec<usize>>, taken: &[usize]) -> Vec<Vec<usize>> {
    let left = paragraphs.into_iter().map(|paragraph| {
        paragraph.into_iter().filter(|at| !taken.contains(at)).collect::<Vec<_>>()
    });
    left.filter(|paragraph| !paragraph.is_empty()).collect()
}

/// The plan of `style` for a story: the parts before what other sources add, and those behind.
pub(super) fn plan(style: Style, story: &Backbone<'_>) -> (Vec<Part>, Vec<Part>) {
    match style {
        Style::Educational => educational::plan(story),
        Style::Entertainment => entertainment::plan(story),
        Style::News => news::plan(story),
        Style::Tutorial => tutorial::plan(story),
    }
}
