//! What each part of a score is worth, in [0, 1].

use std::collections::BTreeMap;

use crate::craft::momentum::{Histories, Momentum, StoryKey, hours_between, key_of};
use crate::craft::terms::terms;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Story;

/// Views an hour that count half, when no story of the day has views to compare with.
const USUAL_VIEWS_PER_HOUR: f64 = 50.0;
/// Acceleration is weighed by what it adds in so many hours.
const AHEAD_HOURS: f64 = 12.0;

/// What is usual among all stories of the day.
pub(super) struct Field {
    /// Views an hour of the middle story, at least 1.
    pub(super) usual_views_per_hour: f64,
    /// Place of each story among those of its source by views, 1 for the most viewed, falling
    /// to 1/n.
    pub(super) ranks: BTreeMap<StoryKey, f64>,
}

impl Field {
    /// What is usual among `stories`.
    pub(super) fn of(stories: &[&Story], as_of: Timestamp, histories: &Histories) -> Self {
        let mut rates: Vec<f64> =
            stories.iter().filter_map(|story| histories.of_story(story, as_of).velocity).collect();
        rates.sort_by(f64::total_cmp);
        let middle = rates.get(rates.len() / 2).copied().unwrap_or(USUAL_VIEWS_PER_HOUR);
        Self { usual_views_per_hour: middle.max(1.0), ranks: ranks(stories) }
    }
}

/// Views an hour of all its stories, r / (r + usual), four parts of five; the number of mentions
/// n, 1 − 1/n, the fifth.
pub(super) fn velocity(momentum: &Momentum, mentions: usize, field: &Field) -> Option<f64> {
    let rate = momentum.velocity?;
    let views = rate / (rate + field.usual_views_per_hour);
    let mentions = 1.0 - 1.0 / mentions.max(1) as f64;
    Some(0.8 * views + 0.2 * mentions)
}

/// What acceleration adds to the velocity in half a day, g times the usual one: ½ + ½·g/(1 + |g|);
/// so ½ is steady, more is growing faster, less is slowing down.
pub(super) fn acceleration(momentum: &Momentum, field: &Field) -> Option<f64> {
    let gain = momentum.acceleration? * AHEAD_HOURS / field.usual_views_per_hour;
    Some(0.5 + 0.5 * gain / (1.0 + gain.abs()))
}

/// n sources that tell it: 1 − 2⁻ⁿ.
pub(super) fn coverage(stories: &[Story]) -> f64 {
    let mut sources: Vec<&str> = stories.iter().map(|story| story.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    1.0 - 0.5_f64.powf(sources.len() as f64)
}

fn ranks(stories: &[&Story]) -> BTreeMap<StoryKey, f64> {
    let mut by_source: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for story in stories {
        if let Some(views) = story.views {
            by_source.entry(&story.source).or_default().push((views, &story.id));
        }
    }
    let mut ranks = BTreeMap::new();
    for (source, viewed) in by_source {
        let all = viewed.len() as f64;
        for (views, id) in &viewed {
            let ahead = viewed.iter().filter(|(others, _)| others > views).count() as f64;
            ranks.insert((source.to_owned(), (*id).to_owned()), 1.0 - ahead / all);
        }
    }
    ranks
}

/// The best place that one of its stories has in its source; none when no source says views.
pub(super) fn rank(stories: &[Story], field: &Field) -> Option<f64> {
    let places = stories.iter().filter_map(|story| field.ranks.get(&key_of(story)).copied());
    places.max_by(f64::total_cmp)
}

/// Halves every half-life after its newest story; 1 for one that is not yet published.
pub(super) fn freshness(stories: &[Story], as_of: Timestamp, half_life_hours: f64) -> f64 {
    let ages = stories.iter().map(|story| hours_between(story.published, as_of).max(0.0));
    let youngest = ages.min_by(f64::total_cmp).unwrap_or(f64::INFINITY);
    0.5_f64.powf(youngest / half_life_hours.max(0.001))
}

/// The share of the niche's words that the stories speak of: fully in a title or a tag, three
/// quarters in the text, half when only a longer or shorter word of the same beginning is there; none for a niche without words.
pub(super) fn niche_fit(stories: &[Story], niche: &str) -> Option<f64> {
    let mut wanted = terms(niche);
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return None;
    }
    let marked: Vec<String> = stories
        .iter()
        .flat_map(|story| std::iter::once(&story.title).chain(&story.tags))
        .flat_map(|text| terms(text))
        .collect();
    let told: Vec<String> = stories.iter().flat_map(|story| terms(&story.text)).collect();
    let fit = |word: &String| {
        if marked.contains(word) {
            1.0
        } else if told.contains(word) {
            0.75
        } else if marked.iter().chain(&told).any(|other| begin_alike(word, other)) {
            0.5
        } else {
            0.0
        }
    };
    Some(wanted.iter().map(fit).sum::<f64>() / wanted.len() as f64)
}

fn begin_alike(one: &str, other: &str) -> bool {
    const COMMON: usize = 5;
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    common >= COMMON
}
