use std::collections::BTreeMap;

use proptest::prelude::*;

use super::parts::Field;
use super::*;
use crate::craft::meaning::BUILT_IN;
use crate::domain::trend::{Poll, Sighting, SourceRole, TopicProfile};

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

/// The score beside a field that does not change.
fn scored_alone(stories: Vec<Story>, histories: &Histories) -> f64 {
    let field = Field { usual_views_per_hour: 40.0, ranks: BTreeMap::new() };
    let group = group("k", stories);
    let momentum = histories.of_topic(&group.stories, NOW);
    let case = Case { group: &group, momentum, competition: 0.0 };
    case.scored(&basis(), &field, &weights(momentum.acceleration.is_some(), false)).topic.score
}

/// Looks at one story of source `a`, an hour apart, the last now.
fn polls(story: &Story, views: &[u64]) -> Vec<Poll> {
    let hours_ago = (0..views.len()).rev();
    views
        .iter()
        .zip(hours_ago)
        .map(|(views, hours)| Poll {
            at: Timestamp(NOW.0 - i64::try_from(hours).unwrap() * 3_600_000),
            source: story.source.clone(),
            role: SourceRole::Source,
            sightings: vec![Sighting {
                story: story.id.clone(),
                source: story.source.clone(),
                title: story.title.clone(),
                published: story.published,
                rank: 1,
                views: Some(*views),
            }],
        })
        .collect()
}

#[test]
fn what_is_known_of_no_topic_is_left_out_and_what_is_unknown_of_one_is_neutral_and_named() {
    let (polled, other) = (story("a", 9, Some(900)), story("b", 9, None));
    let histories = Histories::of(&polls(&polled, &[100, 200, 400, 900]), NOW);
    let told = [TopicProfile::of("other", std::slice::from_ref(&other))];
    let evidence = Evidence {
        histories: &histories,
        coverage: Coverage { competitors: &[], told: &told },
        meanings: &BUILT_IN,
    };
    let groups = [group("polled", vec![polled]), group("other", vec![other])];
    let scored = score_with(&groups, &basis(), &evidence);
    let names: Vec<_> = scored[0].topic.why.iter().map(|part| part.part.as_str()).collect();
    assert_eq!(
        names,
        ["velocity", "acceleration", "coverage", "rank", "freshness", "niche_fit", "competition"]
    );
    let weights: f64 = scored[0].topic.why.iter().map(|part| part.weight).sum();
    assert!((weights - 1.0).abs() < 1e-12);
    assert_eq!((scored[0].topic.key.as_str(), &scored[0].unknown), ("polled", &Vec::new()));
    assert_eq!(scored[1].unknown, ["velocity", "acceleration", "rank"]);
    assert!(scored[1].topic.why[..2].iter().all(|part| part.value == UNKNOWN));
    assert_eq!(scored[1].competition, 1.0);
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
        let of = |stories: Vec<Story>| scored_alone(stories, &Histories::default());
        let base = of(vec![story("a", hours, Some(views))]);
        prop_assert!(of(vec![story("a", hours, Some(views + more))]) >= base);
        prop_assert!(of(vec![story("a", hours, Some(views)), story("b", hours, Some(views))]) >= base);
        prop_assert!(of(vec![story("a", hours + older, Some(views))]) <= base);
    }

    #[test]
    fn more_views_in_the_last_look_do_not_lower_a_score(
        mut views in proptest::collection::vec(0_u64..5_000, 1..9), more in 0_u64..5_000,
    ) {
        views.sort_unstable();
        let told = story("a", 30, Some(1));
        let before = scored_alone(vec![told.clone()], &Histories::of(&polls(&told, &views), NOW));
        *views.last_mut().unwrap() += more;
        let after = scored_alone(vec![told.clone()], &Histories::of(&polls(&told, &views), NOW));
        prop_assert!(after >= before - 1e-12, "{before} {after}");
    }
}
