//! The four styles over every topic of the samples: what the built-in writer promises of them.

use std::collections::BTreeSet;

use super::*;
use crate::craft::audience::Audience;
use crate::craft::merge::{MergeRule, merge};
use crate::craft::pace::Pace;
use crate::craft::readability::script_grade;
use crate::craft::scoring::{ScoreBasis, score};
use crate::craft::similarity::sentence_digest;
use crate::craft::titles::honest::ungrounded;
use crate::craft::topic_match::related;
use crate::craft::writer::{
    BUILT_IN_CREDITS, TOLERANCE, WriterBrief, WriterError, around, estimated_seconds, scenes_for,
    write,
};
use crate::domain::script::{Script, SentenceKind, Style};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Topic;

const NICHES: [&str; 2] = ["spaceflight", "kitchen-science"];

fn topics(niche: &str) -> Vec<Topic> {
    let folder = format!("{}/data/samples/{niche}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(&folder).expect("the samples are part of the repository");
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let harvest = read_all(&files.into_iter().map(FeedSource::File).collect::<Vec<_>>());
    let groups = merge(&harvest.stories, &MergeRule::default());
    let as_of = Timestamp::parse("2026-11-15T12:00:00Z").unwrap();
    let niche = niche.replace('-', " ");
    score(&groups, &ScoreBasis { as_of, half_life_hours: 72.0, niche })
}

fn try_script(
    topic: &Topic,
    related: &[Story],
    style: Style,
    seconds: f64,
    audience: &str,
) -> Result<Script, WriterError> {
    write(&WriterBrief {
        topic,
        related,
        style,
        tone: "curious",
        audience,
        language: "en",
        seconds: around(seconds),
        scenes: scenes_for(seconds),
        pace: Pace::default(),
        used: &BTreeSet::new(),
        credits: BUILT_IN_CREDITS,
        seed: sentence_digest(&topic.key),
    })
}

/// Checks one script; the problems in words.
fn problems(script: &Script, stories: &[&Story], seconds: f64, audience: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let estimated = estimated_seconds(script, &Pace::default());
    if (estimated - seconds).abs() > seconds * TOLERANCE + 1e-9 {
        problems.push(format!("{estimated:.1} s"));
    }
    let (lowest, highest) = Audience::of(audience).grades();
    let grade = script_grade(script);
    if !(lowest..=highest).contains(&grade) {
        problems.push(format!("grade {grade:.1}"));
    }
    let mut said_before = BTreeSet::new();
    let mut before: Option<(&str, Option<&String>)> = None;
    let mut told: Vec<(&String, &String)> = Vec::new();
    for (_, said) in script.sentences() {
        if !said_before.insert(sentence_digest(&said.text)) {
            problems.push(format!("repeated: {}", said.text));
        }
        match (&said.source, said.kind) {
            (Some(id), SentenceKind::Source) => {
                let story = stories.iter().find(|story| story.id == *id);
                let text = story.map_or("", |story| story.text.as_str());
                if !is_traceable(&said.text, text) {
                    problems.push(format!("not in its source: {}", said.text));
                }
                let is_new_place = !follows(before, &said.text, id, text);
                if is_new_place && (dangles(&said.text) || points_back_inside(&said.text)) {
                    problems.push(format!("dangles: {}", said.text));
                }
                told.push((id, &said.text));
                let nobody = is_new_place && speaks_of_nobody(&told, text);
                if nobody {
                    problems.push(format!("who? {}", said.text));
                }
                for thing in left_out(&told, &script.title, text) {
                    problems.push(format!("which {thing}? {}", said.text));
                }
            }
            (None, SentenceKind::Source) => problems.push(format!("no source: {}", said.text)),
            (_, _) => {
                let title = script.title.to_lowercase();
                let is_question = said
                    .text
                    .strip_prefix("Today: ")
                    .is_some_and(|rest| title.contains(&rest.trim_end_matches('.').to_lowercase()));
                if said.text.chars().any(|c| c.is_ascii_digit()) && !is_question {
                    problems.push(format!("a fact of its own: {}", said.text));
                }
            }
        }
        before = Some((said.text.as_str(), said.source.as_ref()));
    }
    problems
}

fn words(text: &str) -> Vec<String> {
    let bare = text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    bare.filter(|word| !word.is_empty()).collect()
}

/// Do all its words, but at most three at its beginning, stand in a row in the source, and those
/// three somewhere in it?
fn is_traceable(sentence: &str, source: &str) -> bool {
    let (said, known) = (words(sentence), words(source));
    (0..=3.min(said.len())).any(|named| {
        let (name, rest) = said.split_at(named);
        let stem = |word: &String| word.trim_end_matches("'s").trim_end_matches('\'').to_owned();
        let is_known = name.iter().all(|word| known.iter().any(|k| stem(k) == stem(word)));
        is_known && known.windows(rest.len().max(1)).any(|row| row == rest)
    })
}

/// Does it begin with a word that points back?
fn dangles(text: &str) -> bool {
    let first = words(text).into_iter().next().unwrap_or_default();
    [
        "he",
        "she",
        "it",
        "they",
        "his",
        "her",
        "its",
        "their",
        "this",
        "these",
        "that",
        "those",
        "but",
        "and",
        "so",
        "yet",
        "however",
        "therefore",
        "then",
        "such",
        "them",
    ]
    .contains(&first.as_str())
}

/// Does a word inside it point back: "had also", "than either planet"?
fn points_back_inside(text: &str) -> bool {
    let words = words(text);
    let pairs = words.windows(2);
    pairs.enumerate().any(|(at, pair)| match pair {
        [one, next] if one == "also" => {
            next != "and"
                && at.checked_sub(1).is_none_or(|at| words[at] != "but" && words[at] != "and")
        }
        [one, _] if one == "either" || one == "neither" => {
            !words.contains(&"or".to_owned()) && !words.contains(&"nor".to_owned())
        }
        [one, next] if one == "such" => next != "as" && next != "a",
        [one, next] => one == "without" && next == "that",
        _ => false,
    })
}

fn is_name(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

/// Does the last of `told` speak of him or her, though nobody was named in it before that, nor in
/// the three sentences of the same source told before it?
fn speaks_of_nobody(told: &[(&String, &String)], source: &str) -> bool {
    let inside = source.split_whitespace().zip(source.split_whitespace().skip(1));
    let known: BTreeSet<String> = inside
        .filter(|(before, word)| !before.ends_with('.') && is_name(word))
        .map(|(_, word)| word.to_lowercase())
        .collect();
    let Some(((id, text), earlier)) = told.split_last() else { return false };
    let written: Vec<&str> = text.split_whitespace().collect();
    let pronoun = |word: &&str| {
        let bare = word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
        ["he", "his", "him", "she", "her"].contains(&bare.as_str())
    };
    let Some(at) = written.iter().position(pronoun) else { return false };
    let is_meant = |at: usize, word: &str| {
        // A first word is a name when it is one elsewhere.
        is_name(word) && (at > 0 || known.contains(&word.to_lowercase()))
    };
    let named_here = written[..at].iter().enumerate().any(|(at, word)| is_meant(at, word));
    // "a man who wondered why his broth was so good"
    let described_here = written[..at].contains(&"who");
    let near = earlier.iter().rev().filter(|(source, _)| source == id).take(3);
    let named_before = near
        .into_iter()
        .any(|(_, text)| text.split_whitespace().enumerate().any(|(at, word)| is_meant(at, word)));
    !(named_here || described_here || named_before)
}

/// Things that the last of `told` speaks of as known, though the source brings them up in a
/// sentence that is not told: "the shield", where "a shield" was left out.
fn left_out(told: &[(&String, &String)], title: &str, source: &str) -> Vec<String> {
    let Some(((_, text), earlier)) = told.split_last() else { return Vec::new() };
    let stem = |word: &str| word.trim_end_matches('s').to_owned();
    let mut known: BTreeSet<String> = words(title).iter().map(|word| stem(word)).collect();
    known.extend(earlier.iter().flat_map(|(_, text)| words(text)).map(|word| stem(&word)));
    let said = words(text);
    let known_words = words(source);
    let start = known_words.windows(3.min(said.len())).position(|row| said.starts_with(row));
    let before = &known_words[..start.unwrap_or(0)];
    let mut things = Vec::new();
    for (at, pair) in said.windows(2).enumerate() {
        let [article, thing] = pair else { continue };
        let is_introduced = before
            .windows(2)
            .any(|pair| (pair[0] == "a" || pair[0] == "an") && stem(&pair[1]) == stem(thing));
        let is_no_thing =
            ["new", "first", "last", "same", "whole", "old"].contains(&thing.as_str());
        let told_here = said[..at].iter().any(|word| stem(word) == stem(thing));
        let ends_phrase = said.get(at + 2).is_none_or(|next| next != "of");
        if article == "the"
            && !is_no_thing
            && is_introduced
            && ends_phrase
            && !told_here
            && !known.contains(&stem(thing))
        {
            things.push(thing.clone());
        }
    }
    things
}

/// Is what was told right before also what stands right before it in its source?
fn follows(before: Option<(&str, Option<&String>)>, text: &str, id: &str, source: &str) -> bool {
    let Some((told, Some(from))) = before else { return false };
    let (told, said, known) = (words(told), words(text), words(source));
    let ends = told.iter().rev().take(3).rev();
    let joint: Vec<&String> = ends.chain(said.iter().take(3)).collect();
    // "and" or "but" may have stood between two halves of a sentence.
    let is_row = known.windows(joint.len()).any(|row| row.iter().eq(joint.iter().copied()))
        || known.windows(joint.len() + 1).any(|row| {
            let (head, tail) = row.split_at(told.len().min(3));
            head.iter().chain(tail.iter().skip(1)).eq(joint.iter().copied())
        });
    from == id && is_row
}

#[test]
fn every_story_of_spaceflight_in_every_style_and_length_is_grounded_fits_and_suits() {
    check_topics("spaceflight", "curious adults");
}

#[test]
fn every_story_of_the_kitchen_in_every_style_and_length_is_grounded_fits_and_suits() {
    check_topics("kitchen-science", "home cooks");
}

fn check_topics(niche: &str, audience: &str) {
    let mut wrong = Vec::new();
    let topics = topics(niche);
    assert!(topics.len() >= 60, "{niche}: {} topics", topics.len());
    for topic in &topics {
        let near = related(topic, &topics, 12);
        let stories: Vec<&Story> = topic.stories.iter().chain(&near).collect();
        for (style, seconds) in
            Style::ALL.into_iter().flat_map(|style| [(style, 20.0), (style, 60.0), (style, 180.0)])
        {
            let what = format!("{} {seconds} {}", style.name(), topic.title);
            match try_script(topic, &near, style, seconds, audience) {
                Ok(script) => {
                    let found = problems(&script, &stories, seconds, audience);
                    wrong.extend(found.into_iter().map(|found| format!("{what}: {found}")));
                    let alien = ungrounded(&script.title, &topic.stories);
                    assert!(alien.is_empty(), "{}: {alien:?}", script.title);
                    assert!(script.description.len() <= 5_000);
                    assert!(script.tags.join(",").chars().count() <= 500);
                }
                Err(error) => wrong.push(format!("{what}: {error}")),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong: {:#?}",
        wrong.len(),
        wrong.iter().take(60).collect::<Vec<_>>()
    );
}

#[test]
fn the_styles_tell_the_same_topic_differently() {
    for niche in NICHES {
        let topics = topics(niche);
        for topic in topics.iter().step_by(4) {
            let near = related(topic, &topics, 4);
            let told: BTreeSet<Vec<String>> = Style::ALL
                .into_iter()
                .map(|style| {
                    let script = try_script(topic, &near, style, 60.0, "curious adults").unwrap();
                    script.sentences().map(|(_, said)| said.text.clone()).collect()
                })
                .collect();
            assert_eq!(told.len(), 4, "{}", topic.title);
        }
    }
}

#[test]
fn ten_minutes_draw_on_related_stories_and_name_them_as_sources() {
    for niche in NICHES {
        let topics = topics(niche);
        for (topic, style) in topics.iter().zip(Style::ALL.into_iter().cycle()).take(4) {
            let near = related(topic, &topics, 12);
            let script = try_script(topic, &near, style, 600.0, "curious adults").unwrap();
            let stories: Vec<&Story> = topic.stories.iter().chain(&near).collect();
            assert_eq!(problems(&script, &stories, 600.0, "curious adults"), [""; 0]);
            let sources: BTreeSet<String> =
                script.sentences().filter_map(|(_, said)| said.source.clone()).collect();
            assert!(sources.len() > topic.stories.len());
            for story in stories.iter().filter(|story| sources.contains(&story.id)) {
                assert!(script.description.contains(&story.title), "{}", story.title);
            }
        }
    }
}

#[test]
fn what_the_sources_cannot_fill_is_refused_with_what_is_possible() {
    let topics = topics("spaceflight");
    let topic = topics.first().unwrap();
    let error = try_script(topic, &[], Style::News, 600.0, "curious adults").unwrap_err();
    let WriterError::NotEnoughText { found_s, wanted_s, .. } = error;
    assert!((540.0..541.0).contains(&wanted_s));
    assert!(found_s > 60.0 && found_s < wanted_s);
    assert!(try_script(topic, &[], Style::News, found_s, "curious adults").is_ok());
}

#[test]
fn children_get_simpler_scripts_than_experts() {
    for niche in NICHES {
        let (mut in_range, mut count) = (0, 0);
        for topic in &topics(niche) {
            let grade = |audience: &str| {
                let script = try_script(topic, &[], Style::Educational, 45.0, audience).unwrap();
                script_grade(&script)
            };
            let (children, experts) = (grade("children"), grade("experts"));
            assert!(children < experts, "{}: {children} {experts}", topic.title);
            count += 1;
            in_range += usize::from(children <= Audience::Children.grades().1);
        }
        assert!(in_range * 10 >= count * 7, "{niche}: {in_range} of {count}");
    }
}
