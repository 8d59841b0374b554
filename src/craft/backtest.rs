//! How well the scores of one day ranked the growth of the next.
//!
//! Why it exists: a score is an opinion until it is held against what happened. The stored polls
//! tell what was known at a time and what came after, so every day of them is a test.
//!
//! Architecture invariant: a score is computed from the polls up to its time and nothing later.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::choose::{Material, RULE};
use super::competition::Coverage;
use super::meaning::BUILT_IN;
use super::merge::merge;
use super::momentum::{Histories, STALE_HOURS, StoryKey, hours_after, hours_between, key_of};
use super::scoring::{Evidence, Scored, score_with};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Poll, SourceRole, Story};

mod ranking;

use ranking::{mean, spearman};

/// From one test to the next, and from a score to the growth it is held against.
const DAY_HOURS: f64 = 24.0;
/// Growth is taken from the last look of the day if that is not earlier than this before its end.
const LATE_LOOK_HOURS: f64 = 12.0;
/// With fewer topics a ranking says nothing, and a day is left out.
const MIN_TOPICS: usize = 5;
/// How many of the best are compared, at most.
const TOP: usize = 5;
/// The score's range is cut into so many bands.
const BANDS: usize = 5;

/// What the test is made on.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// The stored polls of a channel, of sources and competitors.
    pub polls: &'a [Poll],
    /// Stories whose text and tags are known; others are known by title only.
    pub stories: &'a [Story],
    /// What the channel is about, in words.
    pub niche: &'a str,
}

/// One day's scores against the next day's growth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Day {
    /// The time of the scores.
    pub at: Timestamp,
    /// How many topics were scored and measured a day later.
    pub topics: usize,
    /// How many were scored, but have no views a day later.
    pub unmeasured: usize,
    /// Rank correlation (Spearman) of score and growth, in [-1, 1]; none when all are equal.
    pub correlation: Option<f64>,
    /// How many of the best were compared.
    pub top: usize,
    /// How many of the best by score were among the best by growth.
    pub hits: usize,
}

/// How well a part of the score ranked the growth by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartSkill {
    /// The part's name.
    pub part: String,
    /// Mean over the days of its rank correlation with growth.
    pub correlation: f64,
}

/// How often topics with such scores were among the day's best quarter by growth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Band {
    /// Scores from here …
    pub from: f64,
    /// … to below here.
    pub to: f64,
    /// How many topics had such a score, over all days.
    pub topics: usize,
    /// The share of them that were among the best quarter of their day.
    pub best_quarter: f64,
}

/// The result of a back-test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The days that could be tested, in order.
    pub days: Vec<Day>,
    /// Days with too few measured topics.
    pub days_left_out: usize,
    /// Mean rank correlation over the days; none without a day that has one.
    pub correlation: Option<f64>,
    /// The share of the best by score that were among the best by growth; none without days.
    pub hit_rate: Option<f64>,
    /// The share that chance would have hit.
    pub chance: Option<f64>,
    /// The parts by themselves, the best first.
    pub parts: Vec<PartSkill>,
    /// The scores' range in bands, those without topics left out.
    pub bands: Vec<Band>,
}

/// A topic with its score and what came of it.
struct Outcome {
    scored: Scored,
    growth: f64,
}

/// Tests the scores of every day of `past`, from a day after its first poll to a day before its
/// last.
#[must_use]
pub fn backtest(past: &Past<'_>) -> Report {
    let mut report = Report {
        days: Vec::new(),
        days_left_out: 0,
        correlation: None,
        hit_rate: None,
        chance: None,
        parts: Vec::new(),
        bands: Vec::new(),
    };
    let mut all: Vec<Vec<Outcome>> = Vec::new();
    for at in cutoffs(past.polls) {
        let (outcomes, unmeasured) = outcomes(past, at);
        if outcomes.len() < MIN_TOPICS {
            report.days_left_out += 1;
            continue;
        }
        report.days.push(day(at, &outcomes, unmeasured));
        all.push(outcomes);
    }
    report.correlation = mean(report.days.iter().filter_map(|day| day.correlation));
    let tops: usize = report.days.iter().map(|day| day.top).sum();
    let hits: usize = report.days.iter().map(|day| day.hits).sum();
    report.hit_rate = (tops > 0).then(|| hits as f64 / tops as f64);
    report.chance = mean(report.days.iter().map(|day| day.top as f64 / day.topics as f64));
    report.parts = parts(&all);
    report.bands = bands(&all);
    report
}

/// The times at which scores are made.
fn cutoffs(polls: &[Poll]) -> Vec<Timestamp> {
    let (first, last) = (polls.iter().map(|p| p.at).min(), polls.iter().map(|p| p.at).max());
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let days = (hours_between(first, last) / DAY_HOURS).floor() as u32;
    (1..days).map(|day| hours_after(first, f64::from(day) * DAY_HOURS)).collect()
}

/// The topics scored at `at` with their growth over the next day, and how many have none.
fn outcomes(past: &Past<'_>, at: Timestamp) -> (Vec<Outcome>, usize) {
    let of_role = |role: SourceRole| -> Vec<Poll> {
        past.polls.iter().filter(|poll| poll.role == role).cloned().collect()
    };
    let (sources, rivals) = (of_role(SourceRole::Source), of_role(SourceRole::Competitor));
    let known = Histories::of(&sources, at);
    let later = Histories::of(&sources, hours_after(at, DAY_HOURS));
    let texts: BTreeMap<StoryKey, &Story> =
        past.stories.iter().map(|story| (key_of(story), story)).collect();
    let stories = stories_at(&known, &texts, at);
    let competitors = stories_at(&Histories::of(&rivals, at), &BTreeMap::new(), at);
    let material = Material::of(&stories, at, past.niche, &[]);
    let evidence = Evidence {
        histories: &known,
        coverage: Coverage { competitors: &competitors, told: &[] },
        meanings: &BUILT_IN,
    };
    let scored = score_with(&merge(&stories, &RULE), &material.basis(), &evidence);
    let all = scored.len();
    let outcomes: Vec<Outcome> = scored
        .into_iter()
        .filter_map(|scored| {
            growth(&scored.topic.stories, &later, at).map(|growth| Outcome { scored, growth })
        })
        .collect();
    let unmeasured = all - outcomes.len();
    (outcomes, unmeasured)
}

/// The stories that were seen lately, as they were known at `at`.
fn stories_at(known: &Histories, texts: &BTreeMap<StoryKey, &Story>, at: Timestamp) -> Vec<Story> {
    let lately = known.iter().filter(|(_, seen)| hours_between(seen.last_seen, at) <= STALE_HOURS);
    lately
        .map(|(key, seen)| {
            let (source, id) = key.clone();
            let text = texts.get(key);
            Story {
                id,
                title: seen.title.clone(),
                url: None,
                published: seen.published,
                text: text.map(|story| story.text.clone()).unwrap_or_default(),
                tags: text.map(|story| story.tags.clone()).unwrap_or_default(),
                views: seen.views_at(at).map(|(_, views)| views),
                source,
                reference: None,
            }
        })
        .collect()
}

/// The views that `stories` gained in the day after `at`, an hour; none when no story has views
/// both before and late in that day. A counter that shrank gained nothing.
fn growth(stories: &[Story], later: &Histories, at: Timestamp) -> Option<f64> {
    let end = hours_after(at, DAY_HOURS);
    let gained = stories.iter().filter_map(|story| {
        let history = later.get(&key_of(story))?;
        let (before, views_before) = history.views_at(at)?;
        let (after, views_after) = history.views_at(end)?;
        let is_late_enough = hours_between(after, end) <= LATE_LOOK_HOURS && after > before;
        let views = views_after.saturating_sub(views_before) as f64;
        is_late_enough.then(|| views / hours_between(before, after))
    });
    gained.fold(None, |sum, gained| Some(sum.unwrap_or(0.0) + gained))
}

fn day(at: Timestamp, outcomes: &[Outcome], unmeasured: usize) -> Day {
    let scores: Vec<f64> = outcomes.iter().map(|outcome| outcome.scored.topic.score).collect();
    let growths: Vec<f64> = outcomes.iter().map(|outcome| outcome.growth).collect();
    let top = TOP.min(outcomes.len().div_ceil(4));
    // Outcomes are in the order of their scores.
    let best = best_by_growth(&growths, top);
    let hits = best.iter().filter(|place| **place < top).count();
    Day {
        at,
        topics: outcomes.len(),
        unmeasured,
        correlation: spearman(&scores, &growths),
        top,
        hits,
    }
}

/// The places of the `count` highest of `growths`, ties by place.
fn best_by_growth(growths: &[f64], count: usize) -> Vec<usize> {
    let mut places: Vec<(usize, f64)> = growths.iter().copied().enumerate().collect();
    places.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    places.into_iter().take(count).map(|(place, _)| place).collect()
}

fn parts(days: &[Vec<Outcome>]) -> Vec<PartSkill> {
    let mut skills: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for outcomes in days {
        let growths: Vec<f64> = outcomes.iter().map(|outcome| outcome.growth).collect();
        let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for part in outcomes.iter().flat_map(|outcome| &outcome.scored.topic.why) {
            values.entry(&part.part).or_default().push(part.value);
        }
        for (part, values) in values {
            skills.entry(part).or_default().extend(spearman(&values, &growths));
        }
    }
    let mut skills: Vec<PartSkill> = skills
        .into_iter()
        .filter_map(|(part, each)| {
            let correlation = mean(each.into_iter())?;
            Some(PartSkill { part: part.to_owned(), correlation })
        })
        .collect();
    skills.sort_by(|a, b| b.correlation.total_cmp(&a.correlation));
    skills
}

fn bands(days: &[Vec<Outcome>]) -> Vec<Band> {
    let mut counts = [(0_usize, 0_usize); BANDS];
    for outcomes in days {
        let growths: Vec<f64> = outcomes.iter().map(|outcome| outcome.growth).collect();
        let best = best_by_growth(&growths, outcomes.len().div_ceil(4));
        for (place, outcome) in outcomes.iter().enumerate() {
            let band = (outcome.scored.topic.score * BANDS as f64) as usize;
            if let Some((topics, hits)) = counts.get_mut(band.min(BANDS - 1)) {
                *topics += 1;
                *hits += usize::from(best.contains(&place));
            }
        }
    }
    let bands = counts.iter().enumerate().filter(|(_, (topics, _))| *topics > 0);
    bands
        .map(|(band, (topics, hits))| Band {
            from: band as f64 / BANDS as f64,
            to: (band + 1) as f64 / BANDS as f64,
            topics: *topics,
            best_quarter: *hits as f64 / *topics as f64,
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(hit_rate) = self.hit_rate else {
            return write!(
                f,
                "nothing to test: it takes polls of more than two days and at least {MIN_TOPICS} \
                 topics with views a day ({} days left out)",
                self.days_left_out
            );
        };
        writeln!(f, "day                       topics  correlation  best hit")?;
        for day in &self.days {
            let correlation =
                day.correlation.map_or("-".to_owned(), |value| format!("{value:+.2}"));
            let at = day.at.to_string();
            let (topics, hits, top) = (day.topics, day.hits, day.top);
            writeln!(f, "{at:<24}  {topics:>6}  {correlation:>11}  {hits} of {top}")?;
        }
        writeln!(f)?;
        let correlation =
            self.correlation.map_or("none".to_owned(), |value| format!("{value:+.2}"));
        writeln!(f, "mean rank correlation of score and growth: {correlation} (1 best, 0 chance)")?;
        let chance = 100.0 * self.chance.unwrap_or_default();
        let hit_rate = 100.0 * hit_rate;
        writeln!(
            f,
            "best by score that were best by growth: {hit_rate:.0} % (chance: {chance:.0} %)"
        )?;
        writeln!(f, "the parts by themselves:")?;
        for part in &self.parts {
            writeln!(f, "  {:<14} {:+.2}", part.part, part.correlation)?;
        }
        writeln!(f, "scores that came among the day's best quarter:")?;
        for band in &self.bands {
            let (from, to, topics) = (band.from, band.to, band.topics);
            let share = 100.0 * band.best_quarter;
            writeln!(f, "  {from:.1} to {to:.1}: {share:.0} % of {topics}")?;
        }
        let left_out = self.days_left_out;
        if left_out > 0 {
            writeln!(f, "{left_out} days left out: fewer than {MIN_TOPICS} topics with views")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
