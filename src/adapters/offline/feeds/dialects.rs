//! Old and odd dialects of feeds, brought into the words that the feed parser knows.
//!
//! Why it exists: Atom 0.3, RSS 0.90, RSS without a version or with a namespace of its own are still
//! served, and the parser behind us passes over all of their items. Only names and attributes are
//! changed here; nothing is added to what a feed says.
//!
//! Architecture invariant: linear work, after the guard has found the document harmless.

use std::borrow::Cow;

use super::guard::{after_non_element, first_tag};

const ATOM: &str = "http://www.w3.org/2005/Atom";
const OLD_ATOM: &str = "http://purl.org/atom/ns#";
const RSS_1: &str = "http://purl.org/rss/1.0/";
const OLD_RDF: [&str; 2] =
    ["http://my.netscape.com/rdf/simple/0.9/", "http://channel.netscape.com/rdf/simple/0.9/"];
/// Atom 0.3's names and what Atom calls them (RFC 4287).
const OLD_NAMES: [(&str, &str); 5] = [
    ("issued", "published"),
    ("modified", "updated"),
    ("created", "published"),
    ("tagline", "subtitle"),
    ("copyright", "rights"),
];
/// Elements that hold text of a declared type.
const TEXTS: [&str; 5] = ["title", "summary", "subtitle", "tagline", "rights"];

/// The document with its dialect translated; unchanged when the parser knows it as it is.
pub(super) fn translated(text: &str) -> Cow<'_, str> {
    let Some((at, root)) = root_tag(text) else { return Cow::Borrowed(text) };
    let old_root = root;
    let root = match local_name(root) {
        "rss" => plain_rss(root),
        "RDF" => OLD_RDF.iter().fold(root.to_owned(), |tag, old| tag.replace(old, RSS_1)),
        "feed" | "entry" => root.replace(OLD_ATOM, ATOM),
        _ => return Cow::Borrowed(text),
    };
    let (before, after) = text.split_at(at);
    let after = after.get(old_root.len()..).unwrap_or_default();
    if matches!(local_name(&root), "feed" | "entry") {
        let is_old = old_root.contains(OLD_ATOM);
        return Cow::Owned(format!("{before}{root}{}", atom_tags(after, is_old)));
    }
    if root == old_root {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{before}{root}{after}"))
}

/// The first element's tag and where it begins.
fn root_tag(text: &str) -> Option<(usize, &str)> {
    let mut rest = text;
    loop {
        rest = rest.get(rest.find('<')?..)?;
        match after_non_element(rest).ok()? {
            Some(after) => rest = after,
            None => return Some((text.len() - rest.len(), first_tag(rest).ok()?)),
        }
    }
}

/// The element's name without its prefix.
fn local_name(tag: &str) -> &str {
    let name = tag.trim_start_matches(['<', '/']);
    let end = name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(0);
    let name = name.get(..end).unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default()
}

/// The root of an RSS feed with a version and without a namespace of its own.
fn plain_rss(tag: &str) -> String {
    let mut plain = tag.to_owned();
    if let Some((start, end)) = attribute(&plain, "xmlns") {
        plain.replace_range(start..end, "");
    }
    if attribute(&plain, "version").is_none() {
        let name_end = plain.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(plain.len());
        plain.insert_str(name_end, " version=\"2.0\"");
    }
    plain
}

/// Where the attribute `name` begins and ends in a tag, with its quotes.
fn attribute(tag: &str, name: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = tag.get(from..)?.find(name) {
        let start = from + found;
        from = start + name.len();
        let is_begun = tag.get(..start)?.ends_with(char::is_whitespace);
        let after = tag.get(from..)?;
        let Some(value) = after.trim_start().strip_prefix('=') else { continue };
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        if is_begun {
            let value_at = tag.len() - value.len() + 1;
            let length = tag.get(value_at..)?.find(quote)?;
            return Some((start, value_at + length + 1));
        }
    }
    None
}

/// The value of the attribute `name` in lower case.
fn value_of(tag: &str, name: &str) -> Option<String> {
    let (start, end) = attribute(tag, name)?;
    let (_, value) = tag.get(start..end)?.split_once('=')?;
    Some(value.trim().trim_matches(['"', '\'']).trim().to_ascii_lowercase())
}

/// All that follows an Atom feed's root, tag by tag.
fn atom_tags(text: &str, is_old: bool) -> String {
    let mut translated = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        translated.push_str(before);
        let Ok(None) = after_non_element(from) else {
            let after = after_non_element(from).ok().flatten().unwrap_or_default();
            translated.push_str(from.get(..from.len() - after.len()).unwrap_or_default());
            rest = after;
            continue;
        };
        let Ok(tag) = first_tag(from) else {
            rest = from;
            break;
        };
        translated.push_str(&atom_tag(tag, is_old));
        rest = from.get(tag.len()..).unwrap_or_default();
    }
    translated.push_str(rest);
    translated
}

fn atom_tag(tag: &str, is_old: bool) -> Cow<'_, str> {
    let name = local_name(tag);
    let renamed = OLD_NAMES.iter().find(|(old, _)| is_old && *old == name);
    let is_text = TEXTS.contains(&name) || (is_old && name == "content");
    if renamed.is_none() && !is_text {
        return Cow::Borrowed(tag);
    }
    let mut translated = tag.to_owned();
    if is_text
        && let Some((start, end)) = attribute(tag, "type")
        && let Some(declared) = value_of(tag, "type")
    {
        let mode = value_of(tag, "mode");
        let is_marked_up = is_old && mode.as_deref().is_none_or(|mode| mode == "xml");
        let meant = match declared.as_str() {
            "html" | "text/html" | "application/xhtml+xml" if is_marked_up => "xhtml",
            "html" | "text/html" => "html",
            "xhtml" | "application/xhtml+xml" if mode.as_deref() != Some("escaped") => "xhtml",
            "xhtml" | "application/xhtml+xml" => "html",
            _ => "text",
        };
        translated.replace_range(start..end, &format!("type=\"{meant}\""));
    }
    if let Some((old, new)) = renamed {
        translated = translated.replacen(old, new, 1);
    }
    Cow::Owned(translated)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::domain::timestamp::Timestamp;

    #[test]
    fn atom_0_3_is_read_with_its_dates_and_texts() {
        let feed = "<?xml version=\"1.0\"?><!-- <feed> --><feed version=\"0.3\" xmlns=\"http://purl.org/atom/ns#\">\
            <title>Old</title><entry><title type=\"text/html\" mode=\"escaped\">A &amp;lt; B</title><id>a</id>\
            <issued>2026-11-12T10:00:00Z</issued><content type=\"application/xhtml+xml\" mode=\"xml\">\
            <div xmlns=\"http://www.w3.org/1999/xhtml\"><p>It <b>flew</b>.</p></div></content></entry></feed>";
        let content = parse("f", feed.as_bytes()).unwrap();
        assert_eq!(content.stories.len(), 1);
        let story = &content.stories[0];
        assert_eq!((story.text.as_str(), story.source.as_str()), ("It flew.", "Old"));
        assert_eq!(story.published, Timestamp::parse("2026-11-12T10:00:00Z").unwrap());
    }

    #[test]
    fn rss_without_a_version_or_with_a_namespace_is_read() {
        for root in ["<rss>", "<rss xmlns=\"http://backend.userland.com/rss2\" version=\"2.0\">"] {
            let feed = format!(
                "{root}<channel><title>T</title><item><title>A</title><description>B.</description></item></channel></rss>"
            );
            assert_eq!(parse("f", feed.as_bytes()).unwrap().stories.len(), 1, "{root}");
        }
    }

    #[test]
    fn an_attribute_is_found_by_its_whole_name() {
        let tag = "<a xtype=\"1\" type = 'text/html' href=\"type=\">";
        assert_eq!(value_of(tag, "type").as_deref(), Some("text/html"));
        assert_eq!(value_of("<a b=\"type=1\">", "type"), None);
        assert_eq!(plain_rss("<rss>"), "<rss version=\"2.0\">");
    }

    #[test]
    fn what_is_known_stays_as_it_is() {
        let text = "<rss version=\"2.0\"><channel/></rss>";
        assert!(matches!(translated(text), Cow::Borrowed(_)));
    }
}
