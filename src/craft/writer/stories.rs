//! The stories that a script is written from: the backbone, what other sources on the same topic
//! add, and related stories as further chapters.

use std::collections::BTreeSet;

use super::material::{Piece, read_story};
use super::own_lines::Cue;
use super::plan::{Backbone, Intro, Part, plan};
use super::select::Worth;
use super::{WriterBrief, reading};
use crate::craft::similarity::overlap;
use crate::craft::terms::terms;
use crate::domain::script::Style;

/// Sentences with more of their words in common say the same.
const SAYS_THE_SAME: f64 = 0.6;
/// The same for sentences of less than six telling words.
const SAYS_THE_SAME_BRIEFLY: f64 = 0.8;
/// At most so many related stories are told.
const MOST_RELATED: usize = 12;
/// No further story is read when there are so many times as many seconds as are wanted.
const ENOUGH: f64 = 2.0;
/// Longer sentences do not begin a video.
const HOOK_WORDS: usize = 34;

/// How much of the stories is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// So many other sources of the topic.
    sources: usize,
    /// So many sentences of each.
    each: usize,
    /// So many related stories.
    related: usize,
}

/// What was read.
pub(super) struct Told {
    /// All sentences, story by story.
    pub(super) pool: Vec<Piece>,
    backbone: Vec<usize>,
    hook: usize,
    /// What each other source of the topic adds.
    additions: Vec<Vec<usize>>,
    /// What each related story tells.
    related: Vec<Vec<usize>>,
}

impl Told {
    /// Reads the stories; `None` when none has a sentence to begin with.
    pub(super) fn read(brief: &WriterBrief<'_>, worth: &Worth) -> Option<Self> {
        let mut pool = Vec::new();
        let mut stories: Vec<Vec<usize>> = Vec::new();
        let reading = reading(brief);
        let own = brief.topic.stories.len();
        for (number, story) in brief.stories().enumerate() {
            let available: f64 = pool.iter().map(|piece: &Piece| piece.said.seconds).sum();
            if number >= own && available > ENOUGH * worth.aim {
                break;
            }
            let start = pool.len();
            read_story(&mut pool, story, number, &reading);
            stories.push((start..pool.len()).collect());
        }
        let own_stories = stories.get(..own).unwrap_or_default();
        let (backbone_at, hook) = own_stories
            .iter()
            .enumerate()
            .find_map(|(at, story)| Some((at, hook(&pool, story, &worth.title_terms, worth)?)))?;
        let backbone = stories.get(backbone_at).cloned().unwrap_or_default();
        let subject: BTreeSet<String> =
            brief.topic.stories.iter().flat_map(|story| terms(&story.title)).collect();
        let mut known = backbone.clone();
        let mut additions = Vec::new();
        for (at, story) in own_stories.iter().enumerate() {
            if at == backbone_at {
                continue;
            }
            let added = addition(&pool, story, &known, Some(&subject));
            if !added.is_empty() {
                known.extend(&added);
                additions.push(added);
            }
        }
        let mut related = Vec::new();
        for story in stories.get(own..).unwrap_or_default() {
            let added = addition(&pool, story, &known, None);
            if added.len() >= 3 && related.len() < MOST_RELATED {
                known.extend(&added);
                related.push(added);
            }
        }
        // Whoever has not heard how a further story begins would not know what it is about.
        for added in additions.iter().chain(&related) {
            let Some((first, others)) = added.split_first() else { continue };
            for at in others {
                if let Some(piece) = pool.get_mut(*at) {
                    piece.needs.push(BTreeSet::from([*first]));
                }
            }
        }
        Some(Self { pool, backbone, hook, additions, related })
    }

    /// What can be taken in, in the order in which it should be tried: two sentences of another
    /// source, more of all of them, nothing but the backbone, then related stories one by one.
    pub(super) fn extents(&self) -> Vec<Extent> {
        let all = self.additions.len();
        let mut extents = Vec::new();
        for (sources, each) in [(1, 2), (2, 2), (all, 4), (all, usize::MAX), (0, 0)] {
            let extent = Extent { sources: sources.min(all), each, related: 0 };
            if !extents.contains(&extent) && (sources == 0 || all > 0) {
                extents.push(extent);
            }
        }
        extents.extend((1..=self.related.len()).map(|related| Extent {
            sources: all,
            each: usize::MAX,
            related,
        }));
        extents
    }

    /// The parts of a script of `style` that takes in so much.
    pub(super) fn parts(&self, style: Style, extent: Extent) -> Vec<Part> {
        let story = Backbone {
            pool: &self.pool,
            paragraphs: paragraphs(&self.pool, &self.backbone),
            hook: self.hook,
        };
        let (mut parts, closing) = plan(style, &story);
        for (at, added) in self.additions.iter().take(extent.sources).enumerate() {
            let pieces = added.iter().copied().take(extent.each).collect();
            let intro = if at == 0 { Intro::Line(Cue::OtherSource) } else { Intro::None };
            parts.push(Part::new(intro, pieces));
        }
        parts.extend(closing);
        for told in self.related.iter().take(extent.related) {
            let mut intro = Intro::Line(Cue::Related);
            for paragraph in paragraphs(&self.pool, told) {
                parts.push(Part::new(intro, paragraph));
                intro = Intro::None;
            }
        }
        parts
    }
}

/// Places in the pool, divided where a paragraph begins.
fn paragraphs(pool: &[Piece], places: &[usize]) -> Vec<Vec<usize>> {
    let mut divided: Vec<Vec<usize>> = Vec::new();
    let mut current = None;
    for at in places.iter().copied() {
        let paragraph = pool.get(at).map(|piece| piece.paragraph);
        match divided.last_mut().filter(|_| paragraph == current) {
            Some(last) => last.push(at),
            None => divided.push(vec![at]),
        }
        current = paragraph;
    }
    divided
}

/// The sentence that a story is begun with: its first when it stands alone and names the subject,
/// else the strongest that does and after which nothing leans.
fn hook(
    pool: &[Piece],
    story: &[usize],
    title_terms: &BTreeSet<String>,
    worth: &Worth,
) -> Option<usize> {
    let fits = |at: usize| {
        pool.get(at).is_some_and(|piece| {
            let names_subject = !piece.terms.is_disjoint(title_terms);
            piece.stands_alone() && names_subject && piece.words() <= HOOK_WORDS
        })
    };
    let first = *story.first()?;
    if fits(first) {
        return Some(first);
    }
    let leaves_no_gap = |at: usize| pool.get(at + 1).is_none_or(|next| !next.leans);
    let value = |at: usize| pool.get(at).map_or(0.0, |piece| worth.of(piece));
    let strongest = story
        .iter()
        .skip(1)
        .copied()
        .filter(|at| fits(*at) && leaves_no_gap(*at))
        .max_by(|one, other| value(*one).total_cmp(&value(*other)));
    // A story may begin beside its subject; its own beginning is still better than none.
    strongest.or_else(|| pool.get(first).filter(|piece| piece.stands_alone()).map(|_| first))
}

/// What a story adds to `known`: as far as it hangs together from its beginning and says something
/// new, when it begins well: standing alone and, if a subject is given, naming it.
fn addition(
    pool: &[Piece],
    story: &[usize],
    known: &[usize],
    subject: Option<&BTreeSet<String>>,
) -> Vec<usize> {
    let first = story.first().and_then(|at| pool.get(*at));
    let begins_well = first.is_some_and(|piece| {
        piece.stands_alone() && subject.is_none_or(|subject| !piece.terms.is_disjoint(subject))
    });
    if !begins_well {
        return Vec::new();
    }
    // A few words in common are soon most of a short sentence's.
    let limit = |known: &Piece, piece: &Piece| {
        let shorter = known.terms.len().min(piece.terms.len());
        if shorter < 6 { SAYS_THE_SAME_BRIEFLY } else { SAYS_THE_SAME }
    };
    let is_new = |piece: &Piece| {
        known
            .iter()
            .filter_map(|at| pool.get(*at))
            .all(|known| overlap(&known.terms, &piece.terms) < limit(known, piece))
    };
    let new = |at: &usize| pool.get(*at).is_some_and(|piece| piece.usable && is_new(piece));
    if subject.is_some() {
        return story.iter().copied().take_while(new).collect();
    }
    // A chapter of its own may leave out a sentence that was told; what leans on it goes with it.
    story.iter().copied().filter(new).collect()
}
