//! The sample feeds, from file to script: what the built-in scout and writer promise of them.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::craft::merge::{MergeRule, StoryGroup, merge, not_told_before};
use crate::craft::pace::Pace;
use crate::craft::scoring::{ScoreBasis, score};
use crate::craft::similarity::sentence_digest;
use crate::craft::writer::{BUILT_IN_CREDITS, WriterBrief, estimated_seconds, write};
use crate::domain::script::{Script, SentenceKind, Style};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Topic, TopicProfile};

const NICHES: [&str; 2] = ["spaceflight", "kitchen-science"];

/// Stories that tell the same, by the end of their ids; all others stand alone.
const TOLD_AGAIN: [&[&str]; 37] = [
    &["leonov-spacewalk", "leonov-artist"],
    &["apollo-12-lightning", "apollo-12-surveyor"],
    &["apollo-13", "apollo-13-service-module", "apollo-13-flight-control"],
    &["apollo-8", "apollo-8-navigation"],
    &["challenger-o-ring", "challenger-commission"],
    &["hubble-repair", "hubble-deep-field", "hubble-crew"],
    &["sputnik-1", "sputnik-1-radio", "sputnik-1-shock"],
    &["goddard-1926", "goddard-roswell"],
    &["skylab-rescue", "skylab-science"],
    &["voyager-grand-tour", "voyager-pale-blue-dot"],
    &["gagarin-vostok-1", "gagarin-preparation"],
    &["luna-3", "luna-3-pictures"],
    &["friendship-7", "friendship-7-johnson"],
    &["viking", "viking-orbiters"],
    &["cassini-enceladus", "cassini-last-plunge"],
    &["new-horizons", "new-horizons-venetia"],
    &["rosetta", "rosetta-road"],
    &["guidance-computer", "guidance-computer-chips"],
    &["webb", "webb-mirrors"],
    &["baking-powder", "baking-soda-uses"],
    &["caramel", "caramel-practice"],
    &["salt-boiling", "salt-water-freezing"],
    &["egg-proteins", "egg-boiling"],
    &["gluten", "gluten-washing"],
    &["pressure-cooker", "pressure-cooker-stock"],
    &["pickling", "pickling-history"],
    &["resting-meat", "resting-meat-test"],
    &["chocolate-tempering", "chocolate-bloom", "chocolate-conching"],
    &["maillard", "maillard-practice", "maillard-limits"],
    &["microwave-oven", "microwave-spencer"],
    &["umami", "umami-msg"],
    &["popcorn", "popcorn-jump"],
    &["swiss-cheese-holes", "swiss-cheese-ripening"],
    &["honey", "honey-bees"],
    &["coffee", "coffee-espresso"],
    &["cast-iron", "cast-iron-casting"],
    &["vanilla", "vanilla-vanillin"],
];
const TOLD_AGAIN_TOO: [&[&str]; 1] = [&["onions", "onions-cooking", "onions-factor"]];

fn harvest(niche: &str) -> Harvest {
    let folder = format!("{}/data/samples/{niche}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(&folder).expect("the samples are part of the repository");
    // The competitor's feed lies in a folder beside them and is no source of stories.
    let mut files: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    read_all(&files.into_iter().map(FeedSource::File).collect::<Vec<_>>())
}

fn topics(niche: &str, groups: &[StoryGroup]) -> Vec<Topic> {
    let as_of = Timestamp::parse("2026-11-15T12:00:00Z").unwrap();
    let niche = niche.replace('-', " ");
    score(groups, &ScoreBasis { as_of, half_life_hours: 72.0, niche })
}

fn script(
    topic: &Topic,
    seconds: (f64, f64),
    scenes: (usize, usize),
    used: &BTreeSet<u64>,
    seed: u64,
) -> Script {
    let brief = WriterBrief {
        topic,
        related: &[],
        style: Style::default(),
        tone: "calm and curious",
        audience: "curious adults",
        language: "en",
        seconds,
        scenes,
        pace: Pace::default(),
        used,
        credits: BUILT_IN_CREDITS,
        seed,
    };
    write(&brief).unwrap_or_else(|error| panic!("{error}"))
}

fn told(script: &Script) -> impl Iterator<Item = &str> {
    let sources = script.sentences().filter(|(_, said)| said.kind == SentenceKind::Source);
    sources.map(|(_, said)| said.text.as_str())
}

#[test]
fn every_sample_is_read_without_a_problem() {
    for niche in NICHES {
        let harvest = harvest(niche);
        assert_eq!(harvest.problems, []);
        assert!(harvest.stories.len() >= 80);
        let complete = |story: &Story| story.views.is_some() && story.reference.is_some();
        assert!(harvest.stories.iter().all(complete));
    }
}

#[test]
fn stories_told_again_are_merged_and_no_others() {
    for niche in NICHES {
        for group in merge(&harvest(niche).stories, &MergeRule::default()) {
            let ids: BTreeSet<&str> =
                group.stories.iter().map(|story| story.id.rsplit('/').next().unwrap()).collect();
            let expected = TOLD_AGAIN
                .iter()
                .chain(&TOLD_AGAIN_TOO)
                .find(|same| same.iter().any(|id| ids.contains(id)));
            match expected {
                Some(same) => assert_eq!(ids, same.iter().copied().collect()),
                None => assert_eq!(ids.len(), 1, "{ids:?}"),
            }
        }
    }
}

#[test]
fn a_topic_that_was_told_is_not_told_again_by_another_of_its_sources() {
    let rule = MergeRule::default();
    for niche in NICHES {
        for group in merge(&harvest(niche).stories, &rule) {
            let Some((_, others)) = group.stories.split_first() else { continue };
            let used = [TopicProfile::of("key of old", &group.stories)];
            let rest: Vec<Story> = others.to_vec();
            assert_eq!(not_told_before(merge(&rest, &rule), &used, &rule), [], "{}", group.title);
        }
    }
}

#[test]
fn rounds_in_a_row_have_different_topics_and_share_no_sentence() {
    let rule = MergeRule::default();
    for niche in NICHES {
        let stories = harvest(niche).stories;
        let mut used_topics: Vec<TopicProfile> = Vec::new();
        let mut used_sentences: BTreeSet<u64> = BTreeSet::new();
        let mut rounds = 0_u64;
        loop {
            let left = not_told_before(merge(&stories, &rule), &used_topics, &rule);
            let ranked = topics(niche, &left);
            let Some(topic) = ranked.first() else { break };
            let script = script(topic, (45.0, 75.0), (6, 8), &used_sentences, rounds);
            for sentence in told(&script) {
                assert!(used_sentences.insert(sentence_digest(sentence)), "told twice: {sentence}");
            }
            used_topics.push(TopicProfile::of(&topic.key, &topic.stories));
            rounds += 1;
        }
        assert!(rounds >= 20, "{niche}: {rounds}");
    }
}

#[test]
fn every_script_is_grounded_fits_and_can_be_published() {
    for niche in NICHES {
        let groups = merge(&harvest(niche).stories, &MergeRule::default());
        for (seed, topic) in topics(niche, &groups).iter().enumerate() {
            let script = script(topic, (45.0, 75.0), (6, 8), &BTreeSet::new(), seed as u64);
            let seconds = estimated_seconds(&script, &Pace::default());
            assert!((45.0..=75.0).contains(&seconds), "{}: {seconds}", script.title);
            assert!((6..=8).contains(&script.scenes.len()), "{}", script.title);
            let texts: BTreeMap<&str, &str> = topic
                .stories
                .iter()
                .map(|story| (story.id.as_str(), story.text.as_str()))
                .collect();
            for (_, said) in script.sentences() {
                let Some(source) = &said.source else { continue };
                let text = texts[source.as_str()].replace("\n\n", " ");
                assert!(text.contains(&said.text), "not in its source: {}", said.text);
            }
            let sources: BTreeSet<_> =
                script.sentences().filter_map(|(_, said)| said.source.clone()).collect();
            assert!(sources.len() >= 2 || topic.stories.len() == 1, "{}: one source", script.title);
            assert!(script.title.chars().count() <= 100);
            assert!(script.description.lines().any(|line| line == "{chapters}"));
            assert!(
                script.description.contains("No language model")
                    && script.description.contains("Check it in: ")
            );
            assert!(
                script.description.len() <= 5_000 && script.tags.join(",").chars().count() <= 500
            );
            let published = format!("{}{}", script.title, script.description);
            assert!(!published.contains(['<', '>']));
            let headings = script.scenes.iter().map(|scene| scene.heading.chars().count());
            assert!(headings.into_iter().all(|length| (1..=60).contains(&length)));
        }
    }
}

#[test]
fn every_topic_can_be_told_in_a_few_seconds() {
    for niche in NICHES {
        let groups = merge(&harvest(niche).stories, &MergeRule::default());
        for topic in topics(niche, &groups) {
            for range in [(3.0, 6.0), (5.0, 12.0)] {
                let script = script(&topic, range, (1, 2), &BTreeSet::new(), 1);
                let seconds = estimated_seconds(&script, &Pace::default());
                assert!(
                    seconds >= range.0 - 0.3 && seconds <= range.1,
                    "{}: {seconds}",
                    script.title
                );
                assert!((1..=2).contains(&script.scenes.len()));
            }
        }
    }
}
