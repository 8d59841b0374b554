//! The library's page, drawn from what lies in the library.
//!
//! Architecture invariant: the page is derived; whatever is unreadable in the library is left out
//! of it and never changed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::library::{INCOMING, METADATA, PROVENANCE};
use crate::craft::pages::{LibraryEntry, library_page};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::ScorePart;

/// The page for the library in `root`.
pub(super) fn draw(root: &Path) -> String {
    let mut entries = Vec::new();
    for channel in folders(root) {
        if channel == INCOMING {
            continue;
        }
        for workflow in folders(&root.join(&channel)) {
            let folder = format!("{channel}/{workflow}");
            entries.extend(entry(root, &folder));
        }
    }
    library_page(&entries)
}

fn folders(parent: &Path) -> Vec<String> {
    let Ok(listing) = fs::read_dir(parent) else { return Vec::new() };
    let mut names: Vec<String> = listing
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn read(root: &Path, folder: &str, name: &str) -> Option<Value> {
    let bytes = fs::read(root.join(folder).join(name)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn entry(root: &Path, folder: &str) -> Option<LibraryEntry> {
    let metadata = read(root, folder, METADATA)?;
    let provenance = read(root, folder, PROVENANCE)?;
    let timeline = read(root, folder, "timeline.json");
    let size = |key| timeline.as_ref().and_then(|t| t.get(key)?.as_u64()).unwrap_or(0);
    let why: Vec<ScorePart> =
        serde_json::from_value(provenance.get("why")?.clone()).unwrap_or_default();
    let built_in = metadata.pointer("/generator/built_in").and_then(Value::as_array);
    let link = |what: &str, name: &str| (what.to_owned(), format!("{folder}/{name}"));
    Some(LibraryEntry {
        channel: text(&metadata, "channel")?,
        title: text(&metadata, "title")?,
        workflow: text(&metadata, "workflow")?,
        video: format!("{folder}/video.mp4"),
        thumbnail: format!("{folder}/thumbnail.jpg"),
        links: vec![
            link("Captions", "captions.srt"),
            link("Metadata", METADATA),
            link("Provenance", PROVENANCE),
        ],
        tall: size("height") > size("width"),
        duration_s: metadata.get("duration_s").and_then(Value::as_f64).unwrap_or(0.0),
        published_at: Timestamp::parse(&text(&metadata, "published_at")?).ok()?,
        score: provenance.get("score").and_then(Value::as_f64).unwrap_or(0.0),
        why,
        built_in: built_in
            .map(|notes| notes.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect())
            .unwrap_or_default(),
    })
}
