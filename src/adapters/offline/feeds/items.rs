//! From the items of a parsed feed to stories.

use std::collections::BTreeSet;

use feed_rs::model::{Entry, Feed, FeedType, Text};
use serde::Deserialize;

use super::guard::Refusal;
use super::{FeedContent, FeedProblem};
use crate::craft::feedtext::{html_to_text, plain_paragraphs};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Story;

/// How a paragraph begins that names the work in which an item can be checked.
const REFERENCE_MARK: &str = "check it in:";

/// The parts of a JSON Feed that tell whether it is one, before it is parsed as such.
#[derive(Deserialize)]
struct JsonHead {
    version: Option<String>,
}

/// The popularity extension, which the feed parser does not know.
#[derive(Deserialize)]
struct JsonPopularity {
    items: Vec<JsonItem>,
}

#[derive(Deserialize)]
struct JsonItem {
    #[serde(rename = "_popularity", default)]
    popularity: Option<serde_json::Value>,
}

/// Is it JSON, whole, and a feed?
pub(super) fn check_json(text: &str) -> Result<(), Refusal> {
    let head: JsonHead = serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            Refusal::Truncated(format!("it ends at line {}", error.line()))
        } else {
            Refusal::NotAFeed(format!("it is not JSON: {error}"))
        }
    })?;
    match head.version {
        Some(version) if version.starts_with("https://jsonfeed.org/version/1") => Ok(()),
        _ => Err(Refusal::NotAFeed("it is JSON without a JSON Feed version".to_owned())),
    }
}

/// `_popularity.views` of each item in order; empty when they cannot be read.
pub(super) fn json_views(text: &str) -> Vec<Option<u64>> {
    let Ok(feed) = serde_json::from_str::<JsonPopularity>(text) else { return Vec::new() };
    let views = |item: JsonItem| item.popularity.as_ref()?.get("views")?.as_u64();
    feed.items.into_iter().map(views).collect()
}

/// The stories of `feed`; `views` are those that its own format does not carry.
pub(super) fn read_items(place: &str, feed: Feed, views: &[Option<u64>]) -> FeedContent {
    let is_html_titled = feed.feed_type != FeedType::JSON;
    let source = match &feed.title {
        Some(title) => title_text(title, is_html_titled),
        None => String::new(),
    };
    let source = if source.is_empty() { place.to_owned() } else { source };
    let feed_date = feed.published.or(feed.updated).map(|date| Timestamp(date.timestamp_millis()));

    let items = feed.entries.len();
    let mut content = FeedContent { stories: Vec::new(), problems: Vec::new(), items };
    let mut ids: BTreeSet<String> = BTreeSet::new();
    for (index, entry) in feed.entries.into_iter().enumerate() {
        let number = index + 1;
        let mut note = |code: &'static str, message: String| {
            let place = place.to_owned();
            content.problems.push(FeedProblem { place, code, message, feed_lost: false });
        };
        let title = match &entry.title {
            Some(title) => title_text(title, is_html_titled),
            None => String::new(),
        };
        let (text, reference) = split_reference(&entry_text(&entry));
        if text.is_empty() || title.is_empty() {
            let message = format!("{place}: item {number} {title:?} has no text and was left out");
            note("item_without_text", message);
            continue;
        }
        let dated =
            entry.published.or(entry.updated).map(|date| Timestamp(date.timestamp_millis()));
        if dated.is_none() {
            let message = format!(
                "{place}: item {number} {title:?} has no date and counts as old as its feed"
            );
            note("item_without_date", message);
        }
        let published = dated.or(feed_date).unwrap_or_default();
        let id = entry_id(&entry, &source, &title, dated);
        if !ids.insert(id.clone()) {
            let message =
                format!("{place}: item {number} {title:?} repeats the id {id:?} and was left out");
            note("item_repeated", message);
            continue;
        }
        content.stories.push(Story {
            id,
            title,
            url: entry.links.first().map(|link| link.href.clone()).filter(|href| !href.is_empty()),
            published,
            text,
            tags: entry_tags(&entry),
            views: entry_views(&entry).or_else(|| views.get(index).copied().flatten()),
            source: source.clone(),
            reference,
        });
    }
    if content.stories.is_empty() {
        let message = format!("{place}: the feed has no item with a title and text");
        let place = place.to_owned();
        let code = "feed_without_stories";
        content.problems.push(FeedProblem { place, code, message, feed_lost: true });
    }
    content
}

/// Titles are one line; in XML feeds they often carry HTML whatever their type says.
fn title_text(title: &Text, may_be_html: bool) -> String {
    let plain =
        if may_be_html { html_to_text(&title.content) } else { plain_paragraphs(&title.content) };
    plain.replace("\n\n", " ")
}

/// The item's body, or its summary when there is no body.
fn entry_text(entry: &Entry) -> String {
    let body = entry.content.as_ref().and_then(|content| {
        let body = content.body.as_deref()?;
        let is_plain = content.content_type.subty() == "plain";
        Some(if is_plain { plain_paragraphs(body) } else { html_to_text(body) })
    });
    match body {
        Some(body) if !body.is_empty() => body,
        _ => entry.summary.as_ref().map_or_else(String::new, |text| html_to_text(&text.content)),
    }
}

/// Takes the paragraph that names a reference work out of the text.
pub(in crate::adapters::offline) fn split_reference(text: &str) -> (String, Option<String>) {
    let mut reference = None;
    let mut prose = Vec::new();
    for paragraph in text.split("\n\n") {
        let mark = paragraph.get(..REFERENCE_MARK.len());
        let is_reference = mark.is_some_and(|mark| mark.eq_ignore_ascii_case(REFERENCE_MARK));
        if is_reference {
            let work = paragraph.get(REFERENCE_MARK.len()..).unwrap_or_default().trim();
            reference = Some(work.to_owned()).filter(|work| !work.is_empty());
        } else {
            prose.push(paragraph);
        }
    }
    (prose.join("\n\n"), reference)
}

/// The item's own id, else one derived from what it is, so that reading it again finds it again.
fn entry_id(entry: &Entry, source: &str, title: &str, dated: Option<Timestamp>) -> String {
    let own = entry.id.trim();
    if !own.is_empty() {
        return own.to_owned();
    }
    // An address says which item it is even when its date moves.
    let mark = match entry.links.first().filter(|link| !link.href.is_empty()) {
        Some(link) => link.href.clone(),
        None => dated.map_or(0, |date| date.0).to_string(),
    };
    let digest = blake3::hash(format!("{source}\n{title}\n{mark}").as_bytes()).to_hex();
    format!("derived:{}", digest.get(..16).unwrap_or_default())
}

fn entry_tags(entry: &Entry) -> Vec<String> {
    let words = entry.categories.iter().map(|category| {
        let shown = category.label.as_deref().unwrap_or(&category.term);
        html_to_text(shown).replace("\n\n", " ")
    });
    words.filter(|tag| !tag.is_empty()).collect()
}

/// `media:statistics views`, the most that any of the item's media says.
fn entry_views(entry: &Entry) -> Option<u64> {
    let communities = entry.media.iter().filter_map(|media| media.community.as_ref());
    communities.filter_map(|community| community.stats_views).max()
}
