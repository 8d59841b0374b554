//! The topics of the day as rows of the trends list.
//!
//! Why it exists: the owner wants to see what the scout sees: every topic, also those that were
//! used, with how it moves and why it scores as it does.
//!
//! Architecture invariant: a row's score is the score by which topics are chosen, no other.

use super::choose::{Material, RULE};
use super::merge::{merge_by, told_before};
use super::momentum::Histories;
use super::scoring::{Scored, score_with};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::TrendRow;

/// A row for each topic of `material`, the most promising first, ties by key.
#[must_use]
pub fn trend_rows(material: &Material<'_>) -> Vec<TrendRow> {
    let groups = merge_by(material.stories, &RULE, material.meanings);
    let used = told_before(&groups, material.told, &RULE, material.meanings);
    let used_keys: Vec<&str> = groups
        .iter()
        .zip(used)
        .filter(|(_, used)| *used)
        .map(|(group, _)| group.key.as_str())
        .collect();
    let histories = Histories::of(material.polls, material.as_of);
    let scored = score_with(&groups, &material.basis(), &material.evidence(&histories));
    scored
        .into_iter()
        .map(|scored| {
            let is_used = used_keys.contains(&scored.topic.key.as_str());
            row(scored, &histories, material.as_of, is_used)
        })
        .collect()
}

fn row(scored: Scored, histories: &Histories, as_of: Timestamp, used: bool) -> TrendRow {
    let stories = &scored.topic.stories;
    let first = stories.iter().min_by_key(|story| {
        (histories.first_detected(std::slice::from_ref(*story)), &story.source, &story.id)
    });
    let mut sources: Vec<String> = stories.iter().map(|story| story.source.clone()).collect();
    sources.sort_unstable();
    sources.dedup();
    TrendRow {
        source: first.map(|story| story.source.clone()).unwrap_or_default(),
        sources,
        viral_score: scored.topic.score,
        competition_level: scored.competition,
        velocity: scored.momentum.velocity,
        acceleration: scored.momentum.acceleration,
        first_detected: histories.first_detected(stories).unwrap_or(as_of),
        peak_prediction: scored.momentum.peak,
        decay_half_life_hours: scored.momentum.half_life_hours,
        unknown: scored.unknown,
        used,
        topic: scored.topic.key,
        title: scored.topic.title,
        why: scored.topic.why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::trend::{Poll, Sighting, SourceRole, Story, TopicProfile};

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn story(source: &str, title: &str, text: &str, hours_old: i64) -> Story {
        Story {
            id: title.to_owned(),
            title: title.to_owned(),
            url: None,
            published: Timestamp(NOW.0 - hours_old * 3_600_000),
            text: text.to_owned(),
            tags: Vec::new(),
            views: Some(100),
            source: source.to_owned(),
            reference: None,
        }
    }

    fn stories() -> Vec<Story> {
        vec![
            story("a", "Why onions make you cry", "A sliced onion sets free a sulphur gas.", 30),
            story("b", "Onions and the gas that makes you cry", "Sliced onion, sulphur gas.", 20),
            story("b", "How yeast raises bread", "Yeast breathes gas into the dough.", 10),
        ]
    }

    fn poll(hours_ago: i64, of: &Story, views: u64) -> Poll {
        Poll {
            at: Timestamp(NOW.0 - hours_ago * 3_600_000),
            source: of.source.clone(),
            role: SourceRole::Source,
            sightings: vec![Sighting {
                story: of.id.clone(),
                source: of.source.clone(),
                title: of.title.clone(),
                published: of.published,
                rank: 1,
                views: Some(views),
            }],
        }
    }

    #[test]
    fn a_row_says_who_had_it_first_how_it_moves_and_whether_it_was_used() {
        let stories = stories();
        let polls: Vec<Poll> = [(3, 100), (2, 200), (1, 350), (0, 600)]
            .into_iter()
            .map(|(ago, views)| poll(ago, &stories[1], views))
            .collect();
        let told = [TopicProfile::of("old", &stories[2..])];
        let material = Material { polls: &polls, ..Material::of(&stories, NOW, "kitchen", &told) };
        let rows = trend_rows(&material);
        assert_eq!(rows.len(), 2, "{rows:#?}");
        let onions = rows.iter().find(|row| row.title.contains("nion")).unwrap();
        assert_eq!((onions.source.as_str(), onions.used), ("a", false));
        assert_eq!(onions.sources, ["a", "b"]);
        assert_eq!(onions.first_detected, stories[0].published);
        assert!(onions.velocity.unwrap() > 100.0 && onions.acceleration.unwrap() > 0.0);
        let yeast = rows.iter().find(|row| row.title.contains("yeast")).unwrap();
        assert!(yeast.used && yeast.competition_level == 1.0 && yeast.peak_prediction.is_none());
        assert_eq!(yeast.unknown, ["acceleration"]);
    }

    #[test]
    fn the_rows_of_unused_topics_are_ranked_as_they_are_chosen() {
        let stories = stories();
        let material = Material::of(&stories, NOW, "kitchen", &[]);
        let ranked: Vec<(String, f64)> = crate::craft::choose::rank(&material)
            .into_iter()
            .map(|topic| (topic.key, topic.score))
            .collect();
        let rows: Vec<(String, f64)> =
            trend_rows(&material).into_iter().map(|row| (row.topic, row.viral_score)).collect();
        assert_eq!(ranked, rows);
    }

    #[test]
    fn a_row_has_the_names_that_the_trends_list_promises() {
        let stories = stories();
        let row = &trend_rows(&Material::of(&stories, NOW, "kitchen", &[]))[0];
        let json = serde_json::to_value(row).unwrap();
        for name in
            ["topic", "title", "source", "viral_score", "competition_level", "first_detected"]
        {
            assert!(!json[name].is_null(), "{name}");
        }
        assert!(json.as_object().unwrap().contains_key("peak_prediction"));
    }
}
