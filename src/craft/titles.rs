//! What is said about a video: its title, description and tags.

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

/// The topic's own title, cleaned: no shouting, no full stop, no name of the source behind it.
#[must_use]
pub fn title(topic: &Topic) -> String {
    let mut title = without_brackets(&topic.title);
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

/// The description: what it is about in two sentences, the chapters' place, the sources, where
/// to check them, and how it was made (`credits`).
#[must_use]
pub fn description(script: &Script, topic: &Topic, credits: &str) -> String {
    let told = script.sentences().filter(|(_, sentence)| sentence.kind == SentenceKind::Source);
    let summary: Vec<&str> = told.take(2).map(|(_, sentence)| sentence.text.as_str()).collect();
    let mut lines = vec![summary.join(" "), String::new(), CHAPTERS.to_owned(), String::new()];
    lines.push("Sources:".to_owned());
    lines.extend(told_stories(script, topic).map(|story| {
        let place = story.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        format!("- {} ({}){place}", story.title, story.source)
    }));
    let mut works: Vec<&str> =
        told_stories(script, topic).filter_map(|story| story.reference.as_deref()).collect();
    works.sort_unstable();
    works.dedup();
    if !works.is_empty() {
        lines.push(format!("Check it in: {}", works.join(" ")));
    }
    let end = format!("\n\n{credits}");
    let room = MAX_DESCRIPTION.saturating_sub(end.len() + 8);
    let body = cut_to_bytes(&without_brackets(&lines.join("\n")), room);
    format!("{body}{}", without_brackets(&end))
}

/// The stories of the topic of which the script tells something, the richest first.
fn told_stories<'a>(script: &'a Script, topic: &'a Topic) -> impl Iterator<Item = &'a Story> {
    topic.stories.iter().filter(|story| {
        script.sentences().any(|(_, sentence)| sentence.source.as_ref() == Some(&story.id))
    })
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

/// The stories' own tags, each once, those of several stories first.
#[must_use]
pub fn tags(topic: &Topic) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for tag in topic.stories.iter().flat_map(|story| &story.tags) {
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
        length += tag.chars().count() + 1;
        if length > MAX_TAGS {
            break;
        }
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
        assert_eq!(title(&topic("SHOCKING NEWS ABOUT SALT!!!", &[])), "Shocking news about salt");
        assert_eq!(title(&topic("Salt <b> - The Paper", &[])), "Salt ‹b›");
        let long = title(&topic(&"very ".repeat(60), &[]));
        assert!(long.chars().count() <= MAX_TITLE);
    }

    #[test]
    fn tags_are_unique_and_fit() {
        assert_eq!(tags(&topic("t", &["Moon", "moon", "a, b"])), ["Moon", "a b"]);
        let many: Vec<String> = (0..200).map(|n| format!("tag number {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(tags(&topic("t", &many)).join(",").chars().count() <= MAX_TAGS);
    }
}
