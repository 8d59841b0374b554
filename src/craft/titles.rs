//! What is said about a video: its title, description and tags.

pub mod honest;

use std::collections::BTreeSet;

use super::headings::shortened;
use crate::domain::script::{Script, SentenceKind};
use crate::domain::trend::{Story, Topic};

/// The longest title, in characters.
pub const MAX_TITLE: usize = 100;
/// All tags together, in characters, with one between each.
pub const MAX_TAGS: usize = 500;
/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 5_000;
/// The line that the chapter list takes the place of.
pub const CHAPTERS: &str = "{chapters}";

/// The topic's own title, cleaned: no bait, no claim that no text makes, no shouting, no full stop,
/// no name of the source behind it.
#[must_use]
pub fn title(topic: &Topic) -> String {
    let mut title = without_brackets(&honest::honest_title(&topic.title, &topic.stories));
    for story in &topic.stories {
        for joint in [" - ", " | ", " – ", " — "] {
            let behind = format!("{joint}{}", story.source);
            if let Some(front) = title.strip_suffix(&behind) {
                title = front.to_owned();
            }
        }
    }
    let letters = title.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = title.chars().filter(|c| c.is_uppercase()).count();
    if letters > 8 && capitals * 10 > letters * 8 {
        title = sentence_case(&title);
    }
    title = honest::without_shouting(&title, &topic.stories);
    let calm = title.trim().trim_end_matches(['.', '!']).to_owned();
    shortened(&calm, MAX_TITLE)
}

fn sentence_case(title: &str) -> String {
    let lower = title.to_lowercase();
    let mut characters = lower.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + characters.as_str(),
        None => lower,
    }
}

fn without_brackets(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›")
}

/// The description: its first two lines say what it is about, in the words of the script; then the
/// chapters' place, the sources that are told (`told`), where to check them, and how it was made
/// (`credits`).
#[must_use]
pub fn description(script: &Script, told: &[&Story], credits: &str) -> String {
    let sources = script.sentences().filter(|(_, sentence)| sentence.kind == SentenceKind::Source);
    let mut lines: Vec<String> =
        sources.take(2).map(|(_, sentence)| sentence.text.clone()).collect();
    lines.extend([String::new(), CHAPTERS.to_owned(), String::new(), "Sources:".to_owned()]);
    lines.extend(told.iter().map(|story| {
        let place = story.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        format!("- {} ({}){place}", story.title, story.source)
    }));
    let works: BTreeSet<&str> =
        told.iter().filter_map(|story| story.reference.as_deref()).collect();
    if !works.is_empty() {
        let works: Vec<&str> = works.into_iter().collect();
        lines.push(format!("Check it in: {}", works.join(" ")));
    }
    let end = format!("\n\n{credits}");
    let room = MAX_DESCRIPTION.saturating_sub(end.len() + 8);
    let body = cut_to_bytes(&without_brackets(&lines.join("\n")), room);
    format!("{body}{}", without_brackets(&end))
}

/// Whole lines of `text` up to `most` bytes.
fn cut_to_bytes(text: &str, most: usize) -> String {
    let mut cut = String::new();
    for line in text.split('\n') {
        if cut.len() + line.len() + 1 > most {
            break;
        }
        if !cut.is_empty() {
            cut.push('\n');
        }
        cut.push_str(line);
    }
    cut
}

/// The stories' own tags, each once, those of several stories first. One with a space counts two
/// characters more, as the platform quotes it.
#[must_use]
pub fn tags<'a>(stories: impl IntoIterator<Item = &'a Story>) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for tag in stories.into_iter().flat_map(|story| &story.tags) {
        let clean = tag.replace(['<', '>', ',', '"', '\n'], " ");
        let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
        if clean.is_empty() {
            continue;
        }
        match counted.iter_mut().find(|(known, _)| known.to_lowercase() == clean.to_lowercase()) {
            Some((_, count)) => *count += 1,
            None => counted.push((clean, 1)),
        }
    }
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut tags = Vec::new();
    let mut length = 0;
    for (tag, _) in counted {
        let quotes = if tag.contains(' ') { 2 } else { 0 };
        let longer = length + tag.chars().count() + quotes + 1;
        if longer > MAX_TAGS {
            continue;
        }
        length = longer;
        tags.push(tag);
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timestamp::Timestamp;

    fn topic(title: &str, tags: &[&str]) -> Topic {
        let story = Story {
            id: "s".to_owned(),
            title: title.to_owned(),
            url: None,
            published: Timestamp(0),
            text: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            views: None,
            source: "The Paper".to_owned(),
            reference: None,
        };
        Topic {
            key: "k".to_owned(),
            title: title.to_owned(),
            score: 0.5,
            why: Vec::new(),
            stories: vec![story],
        }
    }

    #[test]
    fn titles_are_calm_short_and_free_of_angle_brackets() {
        assert_eq!(title(&topic("GREAT NEWS ABOUT SALT!!!", &[])), "Great news about salt");
        assert_eq!(title(&topic("Salt <b> - The Paper", &[])), "Salt ‹b›");
        let long = title(&topic(&"very ".repeat(60), &[]));
        assert!(long.chars().count() <= MAX_TITLE);
    }

    #[test]
    fn tags_are_unique_and_fit() {
        assert_eq!(tags(&topic("t", &["Moon", "moon", "a, b"]).stories), ["Moon", "a b"]);
        let many: Vec<String> = (0..200).map(|n| format!("tag number {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(tags(&topic("t", &many).stories).join(",").chars().count() <= MAX_TAGS);
    }
}
