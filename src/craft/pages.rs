//! Writes the library's page, where a person watches what was made.
//!
//! Why it exists: a folder of files is no result one can look at. The page opens from the file
//! system, needs nothing from elsewhere, and says which parts came from built-in stand-ins.
//!
//! Architecture invariant: text from outside is escaped, links are relative, no script runs.

use std::fmt::Write as _;

use crate::domain::timestamp::Timestamp;
use crate::domain::trend::ScorePart;

use super::film::clock;
use super::svg::escape;

/// One published video of the library. Paths are relative to the page, with `/`.
#[derive(Debug, Clone, PartialEq)]
pub struct LibraryEntry {
    /// The channel's name as people read it.
    pub channel: String,
    /// The video's title.
    pub title: String,
    /// The workflow that made it.
    pub workflow: String,
    /// The video file.
    pub video: String,
    /// The thumbnail, a JPEG or PNG file.
    pub thumbnail: String,
    /// More files to open: what they are, and where; for example captions, provenance.
    pub links: Vec<(String, String)>,
    /// Whether the video is higher than wide.
    pub tall: bool,
    /// Length in seconds.
    pub duration_s: f64,
    /// When it was published.
    pub published_at: Timestamp,
    /// The topic's score, in [0, 1].
    pub score: f64,
    /// What the score is made of.
    pub why: Vec<ScorePart>,
    /// Which parts came from built-in stand-ins, a sentence each.
    pub built_in: Vec<String>,
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#f4f5f8;--card:#fff;--ink:#171a23;--quiet:#575d6e;\
--line:#dfe2ea;--accent:#2750c4}\
@media(prefers-color-scheme:dark){:root{--ground:#0f1219;--card:#191d27;--ink:#eef0f6;\
--quiet:#a5adc0;--line:#2b3140;--accent:#8fb0ff}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 Inter,system-ui,sans-serif}\
header,main,footer{max-width:78rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}\
header{padding-top:3rem;padding-bottom:1.5rem}\
h1{font-size:clamp(1.7rem,4vw,2.5rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 .4rem}\
header p,footer{color:var(--quiet);margin:0}\
ul.videos{list-style:none;margin:0;padding:0;display:grid;gap:1.75rem;\
grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));align-items:start}\
article{background:var(--card);border:1px solid var(--line);border-radius:1rem;overflow:hidden}\
video{display:block;width:100%;aspect-ratio:16/9;background:#000;object-fit:contain}\
.body{padding:1.1rem 1.25rem 1.25rem}\
h2{font-size:1.15rem;line-height:1.3;margin:.15rem 0 .5rem;overflow-wrap:anywhere}\
.channel{color:var(--accent);font-weight:600;font-size:.9rem;margin:0}\
.facts{color:var(--quiet);font-size:.88rem;margin:0 0 .75rem}\
details{border-top:1px solid var(--line);padding:.6rem 0;font-size:.9rem}\
summary{cursor:pointer;font-weight:600}\
table{width:100%;border-collapse:collapse;margin-top:.5rem}\
th,td{text-align:right;padding:.2rem 0;font-weight:400;font-variant-numeric:tabular-nums}\
th:first-child{text-align:left}thead th{color:var(--quiet);font-size:.82rem}\
details ul{margin:.5rem 0 0;padding-left:1.2rem;color:var(--quiet)}\
.links{border-top:1px solid var(--line);padding-top:.7rem;margin:0;font-size:.9rem}\
.links a{display:inline-block}\
a{color:var(--accent);margin-right:1rem}\
a:focus-visible,summary:focus-visible,video:focus-visible{outline:3px solid var(--accent);\
outline-offset:2px}\
code{font-size:.8rem;overflow-wrap:anywhere}\
.empty{background:var(--card);border:1px dashed var(--line);border-radius:1rem;padding:2rem}\
footer{padding-top:2.5rem;padding-bottom:3rem;font-size:.88rem}";

/// The page for these entries, newest first.
#[must_use]
pub fn library_page(entries: &[LibraryEntry]) -> String {
    let mut newest_first: Vec<&LibraryEntry> = entries.iter().collect();
    newest_first.sort_by(|one, two| {
        (two.published_at, &two.workflow).cmp(&(one.published_at, &one.workflow))
    });
    let count = match entries.len() {
        0 => "No videos yet".to_owned(),
        1 => "1 video".to_owned(),
        more => format!("{more} videos"),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>YTEMPIRE library</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>YTEMPIRE library</h1><p>{count}, newest first.</p></header>\n<main>\n"
    );
    if newest_first.is_empty() {
        page.push_str("<p class=\"empty\">Nothing is published yet. Videos appear here.</p>\n");
    } else {
        page.push_str("<ul class=\"videos\">\n");
        for (index, entry) in newest_first.iter().enumerate() {
            card(&mut page, entry, index + 1);
        }
        page.push_str("</ul>\n");
    }
    page.push_str(
        "</main>\n<footer><p>Made on this machine by YTEMPIRE. Each video says which of its parts \
         come from built-in stand-ins.</p></footer>\n</body>\n</html>\n",
    );
    page
}

fn card(page: &mut String, entry: &LibraryEntry, number: usize) {
    let title = escape(&entry.title);
    let shape = if entry.tall { "vertical" } else { "landscape" };
    let _ = write!(
        page,
        "<li><article aria-labelledby=\"v{number}\">\n\
         <video controls preload=\"none\" poster=\"{poster}\" aria-label=\"{title}\">\
         <source src=\"{video}\" type=\"video/mp4\">\
         <a href=\"{video}\">Open the video</a></video>\n<div class=\"body\">\n\
         <p class=\"channel\">{channel}</p>\n<h2 id=\"v{number}\">{title}</h2>\n\
         <p class=\"facts\">{length} · {shape} · {published}</p>\n",
        poster = link(&entry.thumbnail),
        video = link(&entry.video),
        channel = escape(&entry.channel),
        length = clock(entry.duration_s),
        published = day_and_time(entry.published_at),
    );
    reasons(page, entry);
    if !entry.built_in.is_empty() {
        page.push_str("<details><summary>Built-in stand-ins used</summary><ul>");
        for note in &entry.built_in {
            let _ = write!(page, "<li>{}</li>", escape(note));
        }
        page.push_str("</ul></details>\n");
    }
    let _ = write!(page, "<p class=\"links\"><a href=\"{}\">Video file</a>", link(&entry.video));
    for (name, path) in &entry.links {
        let _ = write!(page, "<a href=\"{}\">{}</a>", link(path), escape(name));
    }
    let _ = writeln!(page, "<br><code>workflow {}</code></p>", escape(&entry.workflow));
    page.push_str("</div>\n</article></li>\n");
}

/// Why this topic: the score and its parts.
fn reasons(page: &mut String, entry: &LibraryEntry) {
    let _ = write!(page, "<details><summary>Why this topic: score {:.2}</summary>", entry.score);
    if !entry.why.is_empty() {
        page.push_str(
            "<table><thead><tr><th scope=\"col\">Reason</th><th scope=\"col\">Value</th>\
             <th scope=\"col\">Weight</th><th scope=\"col\">Adds</th></tr></thead><tbody>",
        );
        for part in &entry.why {
            let _ = write!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td></tr>",
                escape(&part.part.replace('_', " ")),
                part.value,
                part.weight,
                part.value * part.weight
            );
        }
        page.push_str("</tbody></table>");
    }
    page.push_str("</details>\n");
}

/// A time as `2026-11-15 12:00 UTC`.
fn day_and_time(time: Timestamp) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => text,
    }
}

/// A relative path as a URL reference: everything but unreserved characters (RFC 3986) and `/` is
/// percent-encoded; `./` in front keeps a colon or two slashes from meaning something else.
fn link(path: &str) -> String {
    let mut url = "./".to_owned();
    for byte in path.trim_start_matches('/').bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
        if plain {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(title: &str, at: i64) -> LibraryEntry {
        LibraryEntry {
            channel: "Orbit & Notes".into(),
            title: title.into(),
            workflow: format!("w{at}"),
            video: "orbit/1 #a?.mp4".into(),
            thumbnail: "orbit/1.jpg".into(),
            links: vec![("Provenance".into(), "orbit/provenance.json".into())],
            tall: false,
            duration_s: 61.4,
            published_at: Timestamp(at),
            score: 0.71,
            why: vec![ScorePart { part: "niche_fit".into(), value: 0.9, weight: 0.2 }],
            built_in: vec!["Voice: flite <slt>".into()],
        }
    }

    #[test]
    fn the_newest_comes_first_and_everything_is_told() {
        let page = library_page(&[entry("Older", 1_000), entry("Newer", 1_763_208_000_000)]);
        assert!(page.find("Newer") < page.find("Older"));
        for text in [
            "2 videos",
            "1:01",
            "Orbit &amp; Notes",
            "flite &lt;slt&gt;",
            "niche fit",
            "0.18",
            "2025-11-15 12:00 UTC",
            "./orbit/1%20%23a%3F.mp4",
            "preload=\"none\"",
            "score 0.71",
        ] {
            assert!(page.contains(text), "{text}");
        }
    }

    #[test]
    fn an_empty_library_says_so_and_nothing_comes_from_elsewhere() {
        let page = library_page(&[]);
        assert!(page.contains("No videos yet"));
        let full = library_page(&[entry("One", 1)]);
        for outside in ["http:", "https:", "src=\"//", "<script", "url("] {
            assert!(!full.contains(outside), "{outside}");
        }
    }

    proptest! {
        #[test]
        fn text_from_outside_never_becomes_markup(text in "\\PC{0,60}<script>[\"'&<>]{0,9}") {
            let mut hostile = entry(&text, 1);
            hostile.channel = text.clone();
            hostile.video = text.clone();
            hostile.built_in = vec![text.clone()];
            hostile.links = vec![(text.clone(), text.clone())];
            hostile.workflow = text.clone();
            let page = library_page(&[hostile]);
            prop_assert!(!page.contains("<script"));
            let tags = |page: &str| page.matches('<').count();
            prop_assert_eq!(tags(&page), tags(&library_page(&[entry("plain", 1)])));
        }
    }
}
