//! Bad feeds through the demo: one beside a good one is told and passed over; where all are bad the
//! demo fails before it begins anything; a channel without enough to say does not stop another.

use std::fs::{self, File};
use std::path::PathBuf;

use serde_json::json;
use ytempire::domain::event::Event;

use super::site::{Site, good_feed, kitchen, sample, space};
use super::trace::{commits, videos};

/// A feed of `items`, each with a title and a text.
fn rss(items: &[(String, String)]) -> Vec<u8> {
    let mut text = String::from(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Test</title>\
         <link>https://example.org</link><description>A feed</description>",
    );
    for (number, (title, body)) in items.iter().enumerate() {
        text.push_str(&format!(
            "<item><guid>test-{number}</guid><title>{title}</title>\
             <pubDate>Fri, 13 Nov 2026 08:00:00 GMT</pubDate>\
             <description>{body}</description></item>"
        ));
    }
    text.push_str("</channel></rss>");
    text.into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = [0xFEFF].into_iter().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// A document whose entities would grow to gigabytes.
fn entity_bomb() -> Vec<u8> {
    let mut text =
        String::from("<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a0 \"boom boom boom\">");
    for level in 1..12 {
        let previous = format!("&a{};", level - 1).repeat(10);
        text.push_str(&format!("<!ENTITY a{level} \"{previous}\">"));
    }
    text.push_str("]><rss version=\"2.0\"><channel><title>&a11;</title></channel></rss>");
    text.into_bytes()
}

/// The kinds of bad feeds.
const KINDS: [&str; 8] = [
    "missing",
    "empty",
    "truncated",
    "web-page",
    "utf-16",
    "100-mb",
    "entity-bomb",
    "without-text",
];

/// Writes the bad feed of `kind` and gives its path.
fn bad_feed(site: &Site, kind: &str) -> PathBuf {
    let name = format!("{kind}.xml");
    let good = fs::read_to_string(good_feed()).unwrap();
    match kind {
        "missing" => site.path().join(name),
        "empty" => site.write(&name, b""),
        // In the middle of its first item, so that no story is whole.
        "truncated" => site.write(&name, &good.as_bytes()[..good.find("<item>").unwrap() + 60]),
        "web-page" => site.write(&name, b"<!DOCTYPE html><html><body><h1>404</h1></body></html>"),
        // It says that it is UTF-8, and is not.
        "utf-16" => {
            let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"></rss>";
            let bytes = utf16(text);
            site.write(&name, &bytes[2..])
        }
        "100-mb" => {
            let path = site.path().join(name);
            File::create(&path).unwrap().set_len(100 << 20).unwrap();
            path
        }
        "entity-bomb" => site.write(&name, &entity_bomb()),
        "without-text" => site.write(&name, &rss(&[("A rocket".to_owned(), String::new())])),
        other => panic!("no such kind: {other}"),
    }
}

#[tokio::test]
async fn bad_feeds_beside_a_good_one_are_told_once_and_the_video_is_made() {
    let site = Site::bare();
    let mut feeds: Vec<PathBuf> = KINDS.iter().map(|kind| bad_feed(&site, kind)).collect();
    feeds.insert(4, good_feed());
    let config = format!("{}{}", super::site::HEAD, space(&feeds));
    site.write("ytempire.toml", config.as_bytes());
    let ran = site.run(&["demo", "--json"]).await.ended_with(0);
    assert_eq!(ran.json()["videos"].as_array().map(Vec::len), Some(1));
    for kind in KINDS {
        let told = ran.stderr.lines().filter(|line| line.contains(&format!("{kind}.xml")));
        // Its item, and that nothing is left of the feed then.
        let expected = if kind == "without-text" { 2 } else { 1 };
        assert_eq!(told.count(), expected, "how often {kind} is told: {}", ran.stderr);
    }
    assert_eq!(videos(&site.state().join("library")).len(), 1);
}

/// A channel whose only feed is of `kind` fails before a workflow begins, and says why.
async fn only(kind: &str, expected: &str) {
    let site = Site::bare();
    let feed = bad_feed(&site, kind);
    let config = format!("{}{}", super::site::HEAD, space(&[feed]));
    site.write("ytempire.toml", config.as_bytes());
    let ran = site.run(&["demo", "--json"]).await.ended_with(1);
    assert_eq!(ran.error_code(), "no_source_readable");
    let error = ran.json()["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&format!("{kind}.xml")) && message.contains(expected), "{message}");
    assert!(error["where"].as_str().unwrap().contains("channel space"), "{error}");
    assert!(error["remedy"].is_string(), "{error}");
    let begun = commits(&site.journal()).into_iter().flat_map(|(_, commit)| commit.events);
    let begun = begun.filter(|event| matches!(event, Event::WorkflowStarted { .. }));
    assert_eq!(begun.count(), 0, "a workflow was begun");
}

#[tokio::test]
async fn a_missing_feed_alone_is_a_clear_failure() {
    only("missing", "there is no such feed file").await;
}

#[tokio::test]
async fn an_empty_feed_alone_is_a_clear_failure() {
    only("empty", "the feed is empty").await;
}

#[tokio::test]
async fn a_truncated_feed_alone_is_a_clear_failure() {
    only("truncated", "cut off").await;
}

#[tokio::test]
async fn a_web_page_alone_is_a_clear_failure() {
    only("web-page", "not an RSS, Atom or JSON feed").await;
}

#[tokio::test]
async fn a_feed_in_a_wrong_encoding_alone_is_a_clear_failure() {
    only("utf-16", "").await;
}

#[tokio::test]
async fn a_feed_of_100_mb_alone_is_a_clear_failure() {
    only("100-mb", "at most").await;
}

#[tokio::test]
async fn an_entity_bomb_alone_is_a_clear_failure() {
    only("entity-bomb", "hostile").await;
}

#[tokio::test]
async fn a_feed_without_text_alone_is_a_clear_failure() {
    only("without-text", "").await;
}

#[tokio::test]
async fn a_channel_with_too_little_text_is_parked_and_the_other_finishes_its_video() {
    let site = Site::bare();
    let short = rss(&[("A rocket on the pad".to_owned(), "A rocket stands there.".to_owned())]);
    let short = site.write("short.xml", &short);
    let config = format!(
        "{}{}{}",
        super::site::HEAD,
        space(&[short]),
        kitchen(&[sample("kitchen-science/the-test-kitchen.rss.xml")])
    );
    site.write("ytempire.toml", config.as_bytes());
    let ran = site.run(&["demo", "--json"]).await.ended_with(1);
    let report = ran.json();
    assert_eq!(report["error"]["code"], "video_parked");
    let told = report["error"].to_string();
    assert!(told.contains("not_enough_text") && told.contains("channel space"), "{told}");
    assert_eq!(report["videos"].as_array().map(Vec::len), Some(1), "{report:#}");
    assert_eq!(report["videos"][0]["channel"], "kitchen");
    let parked = site.run(&["workflow", "list", "--parked", "--json"]).await.ended_with(0).json();
    assert_eq!(parked["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(parked["items"][0]["status"], json!("failed"));
    assert!(parked["items"][0]["cause"].to_string().contains("not_enough_text"), "{parked:#}");

    // The next run tries the parked one again and makes no second video of the other.
    site.run(&["demo", "--json"]).await.ended_with(1);
    assert_eq!(videos(&site.state().join("library")).len(), 1);
}
