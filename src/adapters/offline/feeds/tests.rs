use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::domain::timestamp::Timestamp;

const RSS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Orbit</title>
<item><title>Caf&#233; &amp;amp; rocket</title><guid>one</guid><pubDate>Thu, 12 Nov 2026 19:00:00 +0000</pubDate><category>rockets</category>
<description>Short.</description><content:encoded><![CDATA[<p>It flew.</p><p>It landed.</p><p>Check it in: A. Author, A Work, 2003.</p>]]></content:encoded>
<media:group><media:community><media:statistics views="2640"/></media:community></media:group></item>
<item><title>Second</title><description>&lt;b&gt;Bold&lt;/b&gt; text.</description></item>
</channel></rss>"#;

const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>Archive</title><id>f</id><updated>2026-11-13T12:05:00Z</updated>
<entry><title>Entry</title><id>e1</id><updated>2026-11-13T12:05:00Z</updated><category term="Venus"/><content type="html">&lt;p&gt;Hot.&lt;/p&gt;</content></entry></feed>"#;

const JSON: &str = r#"{"version":"https://jsonfeed.org/version/1.1","title":"Notes","items":[
{"id":"j1","title":"Salt","content_text":"Salt is salty.\n\nCheck it in: B, C, 1999.","date_published":"2026-11-11T20:40:00Z","tags":["salt"],"_popularity":{"views":31150}},
{"id":"j2","title":"Pepper","content_html":"<p>Pepper is hot.</p>","date_published":"2026-11-11T20:40:00Z"}]}"#;

fn read(bytes: &[u8]) -> Result<FeedContent, FeedError> {
    parse("feed.xml", bytes)
}

fn code_of(bytes: &[u8]) -> &'static str {
    let error = read(bytes).expect_err("must be refused");
    let message = error.to_string();
    assert!(message.starts_with("feed.xml: ") && !message.ends_with('.'), "{message}");
    error.code()
}

#[test]
fn rss_becomes_stories() {
    let content = read(RSS.as_bytes()).unwrap();
    let first = &content.stories[0];
    assert_eq!(first.title, "Café & rocket");
    assert_eq!(first.text, "It flew.\n\nIt landed.");
    assert_eq!(first.reference.as_deref(), Some("A. Author, A Work, 2003."));
    assert_eq!(first.views, Some(2640));
    assert_eq!(first.tags, ["rockets"]);
    assert_eq!(first.published, Timestamp::parse("2026-11-12T19:00:00Z").unwrap());
    assert_eq!((first.source.as_str(), first.id.as_str()), ("Orbit", "one"));
    assert_eq!(content.stories[1].text, "Bold text.");
}

#[test]
fn atom_and_json_feed_become_stories() {
    let atom = read(ATOM.as_bytes()).unwrap();
    assert_eq!(atom.stories[0].text, "Hot.");
    assert_eq!(atom.stories[0].tags, ["Venus"]);
    let json = read(JSON.as_bytes()).unwrap();
    assert_eq!(json.stories[0].views, Some(31150));
    assert_eq!(json.stories[0].reference.as_deref(), Some("B, C, 1999."));
    assert_eq!(json.stories[1].views, None);
    assert_eq!(json.stories[1].text, "Pepper is hot.");
}

#[test]
fn an_item_without_an_id_keeps_the_same_derived_id() {
    let first = read(RSS.as_bytes()).unwrap().stories[1].id.clone();
    assert!(first.starts_with("derived:"), "{first}");
    assert_eq!(first, read(RSS.as_bytes()).unwrap().stories[1].id);
}

#[test]
fn items_without_text_date_or_with_repeated_ids_are_noted() {
    let feed = r#"<rss version="2.0"><channel><title>T</title>
      <item><title>No text</title><guid>a</guid></item>
      <item><title>Dateless</title><guid>b</guid><description>Words.</description></item>
      <item><title>Again</title><guid>b</guid><description>Words.</description></item></channel></rss>"#;
    let content = read(feed.as_bytes()).unwrap();
    assert_eq!(content.stories.len(), 1);
    let codes: Vec<_> = content.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        ["item_without_text", "item_without_date", "item_without_date", "item_repeated"]
    );
}

#[test]
fn a_missing_file_a_folder_and_an_empty_file_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read_feed(&FeedSource::File(folder.path().join("none.xml"))).unwrap_err();
    assert_eq!(missing.code(), "feed_missing");
    let a_folder = read_feed(&FeedSource::File(folder.path().to_owned())).unwrap_err();
    assert_eq!(a_folder.code(), "feed_unreadable");
    assert_eq!(code_of(b""), "feed_empty");
    assert_eq!(code_of(b" \n "), "feed_empty");
}

#[test]
fn a_truncated_feed_is_refused_wherever_it_is_cut() {
    for whole in [RSS, ATOM, JSON] {
        for cut in whole.char_indices().map(|(at, _)| at).skip(1) {
            let error = read(&whole.as_bytes()[..cut]).expect_err("a cut feed was read");
            let is_named =
                matches!(error, FeedError::Truncated { .. } | FeedError::NotAFeed { .. });
            assert!(is_named, "{error}");
        }
    }
    assert_eq!(code_of(&RSS.as_bytes()[..RSS.len() / 2]), "feed_truncated");
    assert_eq!(code_of(&JSON.as_bytes()[..JSON.len() / 2]), "feed_truncated");
}

#[test]
fn what_is_not_a_feed_is_refused() {
    for not_a_feed in [
        "<!DOCTYPE html><html><body>404</body></html>",
        "<html><br></html>",
        "just text",
        "{\"error\": 404}",
        "{broken",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    ] {
        assert_eq!(code_of(not_a_feed.as_bytes()), "feed_not_a_feed", "{not_a_feed}");
    }
    assert_eq!(code_of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "feed_not_a_feed");
}

#[test]
fn encodings_are_read_as_declared() {
    let latin = RSS.replace("UTF-8", "ISO-8859-1").replace("&#233;", "\u{e9}");
    let latin_bytes: Vec<u8> = latin.chars().map(|c| c as u8).collect();
    assert_eq!(read(&latin_bytes).unwrap().stories[0].title, "Café & rocket");

    let utf16 = RSS.replace("UTF-8", "UTF-16");
    let little: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked: Vec<u8> = [&[0xff, 0xfe], little.as_slice()].concat();
    for bytes in [little, big, marked] {
        assert_eq!(read(&bytes).unwrap().stories.len(), 2);
    }
}

#[test]
fn a_wrong_encoding_is_refused_or_noted() {
    let mislabelled: Vec<u8> = RSS.replace("&#233;", "\u{e9}").chars().map(|c| c as u8).collect();
    assert_eq!(code_of(&mislabelled), "feed_encoding");

    let utf8_as_latin = RSS.replace("UTF-8", "ISO-8859-1").replace("&#233;", "é");
    let content = read(utf8_as_latin.as_bytes()).unwrap();
    assert_eq!(content.stories[0].title, "Café & rocket");
    assert_eq!(content.problems[0].code, "feed_encoding_undeclared");
    let unknown = RSS.replace("UTF-8", "klingon");
    assert_eq!(read(unknown.as_bytes()).unwrap().stories.len(), 2);
    let mut unknown_bytes = unknown.into_bytes();
    unknown_bytes.push(0xff);
    assert_eq!(code_of(&unknown_bytes), "feed_encoding");
}

#[test]
fn a_feed_of_a_hundred_megabytes_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.xml");
    let file = File::create(&path).unwrap();
    file.set_len(100_000_000).unwrap();
    let error = read_feed(&FeedSource::File(path)).unwrap_err();
    assert_eq!(error.code(), "feed_too_large");
}

#[test]
fn an_entity_bomb_is_refused_unexpanded() {
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a \"ha\">");
    for level in 0..30 {
        bomb.push_str(&format!("<!ENTITY b{level} \"&a;&a;\">"));
    }
    bomb.push_str("]><rss version=\"2.0\"><channel><title>&b29;</title></channel></rss>");
    assert_eq!(code_of(bomb.as_bytes()), "feed_hostile");
    let outside =
        "<!DOCTYPE rss [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><rss version=\"2.0\"/>";
    assert_eq!(code_of(outside.as_bytes()), "feed_hostile");
}

#[test]
fn deep_wide_and_many_elements_are_refused() {
    let deep = format!("<rss version=\"2.0\">{}", "<a>".repeat(100_000));
    assert_eq!(code_of(deep.as_bytes()), "feed_hostile");
    let wide = format!("<rss version=\"2.0\" {}/>", "a=\"\" ".repeat(1_000));
    assert_eq!(code_of(wide.as_bytes()), "feed_hostile");
    let many = format!("<rss version=\"2.0\">{}</rss>", "<a/>".repeat(400_000));
    assert_eq!(code_of(many.as_bytes()), "feed_hostile");
    let nested_json = format!("{{\"version\":{}", "[".repeat(1_000_000));
    assert!(read(nested_json.as_bytes()).is_err());
}

#[test]
fn one_bad_feed_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.xml");
    File::create(&good).unwrap().write_all(ATOM.as_bytes()).unwrap();
    let harvest = read_all(&[
        FeedSource::File(folder.path().join("none.xml")),
        FeedSource::File(good),
        FeedSource::Embedded { name: "built in", bytes: b"garbage" },
        FeedSource::Embedded { name: "again", bytes: ATOM.as_bytes() },
    ]);
    let ids: Vec<_> = harvest.stories.iter().map(|story| story.id.as_str()).collect();
    assert_eq!(ids, ["e1", "Archive#e1"]);
    let lost: Vec<_> = harvest.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(lost, ["feed_missing", "feed_not_a_feed"]);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_damaged_feed_panics(
        which in 0_usize..3,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = [RSS, ATOM, JSON][which].as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes);
    }
}
