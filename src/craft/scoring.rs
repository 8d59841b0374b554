//! How promising a topic is, and why.
//!
//! Architecture invariant: the score is exactly Σ value·weight of the parts that are shown, so that
//! a person can check it; it depends on nothing but the stories, the niche and the time handed in.

use std::collections::BTreeMap;

use super::merge::StoryGroup;
use super::terms::terms;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{ScorePart, Story, Topic};

/// How much each part counts; the weights sum to 1.
const WEIGHTS: [(Part, f64); 5] = [
    (Part::Velocity, 0.25),
    (Part::Coverage, 0.15),
    (Part::Rank, 0.15),
    (Part::Freshness, 0.25),
    (Part::NicheFit, 0.20),
];

/// Views an hour that count half, when no story of the day has views to compare with.
const USUAL_VIEWS_PER_HOUR: f64 = 50.0;
/// What a part is worth when its source says nothing about it.
const UNKNOWN: f64 = 0.5;

#[derive(Clone, Copy)]
enum Part {
    Velocity,
    Coverage,
    Rank,
    Freshness,
    NicheFit,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Velocity => "velocity",
            Self::Coverage => "coverage",
            Self::Rank => "rank",
            Self::Freshness => "freshness",
            Self::NicheFit => "niche_fit",
        }
    }
}

/// What topics are scored against.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreBasis {
    /// The time that counts as now.
    pub as_of: Timestamp,
    /// Hours after which freshness has halved; positive.
    pub half_life_hours: f64,
    /// What the channel is about, in words.
    pub niche: String,
}

/// What is usual among all stories of the day.
struct Field {
    /// Views an hour of the middle story.
    usual_views_per_hour: f64,
    /// Place of each story among those of its source by views, 1 for the most viewed, falling
    /// to 1/n; by source and id.
    ranks: BTreeMap<(String, String), f64>,
}

/// Scores `groups` and sorts them, the most promising first, ties by key.
#[must_use]
pub fn score(groups: &[StoryGroup], basis: &ScoreBasis) -> Vec<Topic> {
    let stories: Vec<&Story> = groups.iter().flat_map(|group| &group.stories).collect();
    let field = Field {
        usual_views_per_hour: usual_views_per_hour(&stories, basis.as_of),
        ranks: ranks(&stories),
    };
    let mut topics: Vec<Topic> = groups.iter().map(|group| topic(group, basis, &field)).collect();
    topics.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(&b.key)));
    topics
}

fn topic(group: &StoryGroup, basis: &ScoreBasis, field: &Field) -> Topic {
    let value = |part: Part| match part {
        Part::Velocity => velocity(&group.stories, basis.as_of, field.usual_views_per_hour),
        Part::Coverage => coverage(&group.stories),
        Part::Rank => rank(&group.stories, field),
        Part::Freshness => freshness(&group.stories, basis.as_of, basis.half_life_hours),
        Part::NicheFit => niche_fit(&group.stories, &basis.niche),
    };
    let why: Vec<ScorePart> = WEIGHTS
        .iter()
        .map(|(part, weight)| ScorePart {
            part: part.name().to_owned(),
            value: value(*part).clamp(0.0, 1.0),
            weight: *weight,
        })
        .collect();
    let score = why.iter().map(|part| part.value * part.weight).sum::<f64>().clamp(0.0, 1.0);
    Topic {
        key: group.key.clone(),
        title: group.title.clone(),
        score,
        why,
        stories: group.stories.clone(),
    }
}

fn age_hours(story: &Story, as_of: Timestamp) -> f64 {
    as_of.since(story.published).as_secs_f64() / 3_600.0
}

/// Views an hour, the first hour counted whole.
fn views_per_hour(story: &Story, as_of: Timestamp) -> Option<f64> {
    story.views.map(|views| views as f64 / age_hours(story, as_of).max(1.0))
}

fn usual_views_per_hour(stories: &[&Story], as_of: Timestamp) -> f64 {
    let mut rates: Vec<f64> =
        stories.iter().filter_map(|story| views_per_hour(story, as_of)).collect();
    rates.sort_by(f64::total_cmp);
    let middle = rates.get(rates.len() / 2).copied().unwrap_or(USUAL_VIEWS_PER_HOUR);
    middle.max(1.0)
}

/// Views an hour of all its stories, r / (r + usual), four parts of five; the number of mentions
/// n, 1 − 1/n, the fifth.
fn velocity(stories: &[Story], as_of: Timestamp, usual: f64) -> f64 {
    let rates: Vec<f64> = stories.iter().filter_map(|story| views_per_hour(story, as_of)).collect();
    let views = if rates.is_empty() {
        UNKNOWN
    } else {
        let rate: f64 = rates.iter().sum();
        rate / (rate + usual)
    };
    let mentions = 1.0 - 1.0 / stories.len().max(1) as f64;
    0.8 * views + 0.2 * mentions
}

/// n sources that tell it: 1 − 2⁻ⁿ.
fn coverage(stories: &[Story]) -> f64 {
    let mut sources: Vec<&str> = stories.iter().map(|story| story.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    1.0 - 0.5_f64.powf(sources.len() as f64)
}

fn ranks(stories: &[&Story]) -> BTreeMap<(String, String), f64> {
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

/// The best place that one of its stories has in its source.
fn rank(stories: &[Story], field: &Field) -> f64 {
    let places = stories
        .iter()
        .filter_map(|story| field.ranks.get(&(story.source.clone(), story.id.clone())).copied());
    places.max_by(f64::total_cmp).unwrap_or(UNKNOWN)
}

/// Halves every half-life after its newest story; 1 for one that is not yet published.
fn freshness(stories: &[Story], as_of: Timestamp, half_life_hours: f64) -> f64 {
    let ages = stories.iter().map(|story| age_hours(story, as_of));
    let youngest = ages.min_by(f64::total_cmp).unwrap_or(f64::INFINITY);
    0.5_f64.powf(youngest / half_life_hours.max(0.001))
}

/// The share of the niche's words that the stories speak of: fully in a title or a tag, three
/// quarters in the text, half when only a longer or shorter word of the same beginning is there.
fn niche_fit(stories: &[Story], niche: &str) -> f64 {
    let mut wanted = terms(niche);
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return UNKNOWN;
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
    wanted.iter().map(fit).sum::<f64>() / wanted.len() as f64
}

fn begin_alike(one: &str, other: &str) -> bool {
    const COMMON: usize = 5;
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    common >= COMMON
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn story(source: &str, hours_old: u32, views: Option<u64>) -> Story {
        Story {
            id: format!("{source}-{hours_old}-{views:?}"),
            title: "Salt and the boiling point".to_owned(),
            url: None,
            published: Timestamp(NOW.0 - i64::from(hours_old) * 3_600_000),
            text: "Salt changes little about how water boils.".to_owned(),
            tags: vec!["kitchen science".to_owned()],
            views,
            source: source.to_owned(),
            reference: None,
        }
    }

    fn basis() -> ScoreBasis {
        ScoreBasis { as_of: NOW, half_life_hours: 72.0, niche: "kitchen science".to_owned() }
    }

    fn group(key: &str, stories: Vec<Story>) -> StoryGroup {
        StoryGroup { key: key.to_owned(), title: "t".to_owned(), stories }
    }

    #[test]
    fn the_parts_add_up_and_their_weights_sum_to_one() {
        let topics = score(&[group("k", vec![story("a", 5, Some(100))])], &basis());
        let topic = &topics[0];
        let sum: f64 = topic.why.iter().map(|part| part.value * part.weight).sum();
        let weights: f64 = topic.why.iter().map(|part| part.weight).sum();
        assert!((sum - topic.score).abs() < 1e-12 && (weights - 1.0).abs() < 1e-12);
        let names: Vec<_> = topic.why.iter().map(|part| part.part.as_str()).collect();
        assert_eq!(names, ["velocity", "coverage", "rank", "freshness", "niche_fit"]);
    }

    #[test]
    fn ties_are_broken_by_key() {
        let same = || vec![story("a", 5, Some(100))];
        let topics = score(&[group("b", same()), group("a", same())], &basis());
        assert_eq!(topics[0].key, "a");
    }

    #[test]
    fn a_story_of_another_niche_scores_lower() {
        let other = ScoreBasis { niche: "volcanoes of Iceland".to_owned(), ..basis() };
        let groups = [group("k", vec![story("a", 5, Some(100))])];
        assert!(score(&groups, &basis())[0].score > score(&groups, &other)[0].score + 0.15);
    }

    proptest! {
        #[test]
        fn scores_stay_in_range(
            stories in proptest::collection::vec((0_usize..3, -50_i64..5_000, any::<Option<u64>>()), 1..6),
            niche in "[a-z ]{0,20}",
        ) {
            let stories: Vec<Story> = stories
                .into_iter()
                .map(|(source, hours, views)| {
                    let mut told = story(["a", "b", "c"][source], 0, views);
                    told.published = Timestamp(NOW.0 - hours * 3_600_000);
                    told
                })
                .collect();
            let topics = score(&[group("k", stories)], &ScoreBasis { niche, ..basis() });
            prop_assert!((0.0..=1.0).contains(&topics[0].score));
            prop_assert!(topics[0].why.iter().all(|part| (0.0..=1.0).contains(&part.value)));
        }

        #[test]
        fn more_views_more_sources_and_less_age_never_lower_a_score(
            views in 0_u64..100_000, more in 0_u64..100_000, hours in 0_u32..500, older in 0_u32..500,
        ) {
            let field = Field { usual_views_per_hour: 40.0, ranks: BTreeMap::new() };
            let of = |stories: Vec<Story>| topic(&group("k", stories), &basis(), &field).score;
            let base = of(vec![story("a", hours, Some(views))]);
            prop_assert!(of(vec![story("a", hours, Some(views + more))]) >= base);
            prop_assert!(of(vec![story("a", hours, Some(views)), story("b", hours, Some(views))]) >= base);
            prop_assert!(of(vec![story("a", hours + older, Some(views))]) <= base);
        }
    }
}
