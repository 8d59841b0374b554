//! Videos that are longer than one topic suffices for, in the style that the channel asks for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::site::{HEAD, Site, good_feed, space};

/// The one file called `name` in the library.
fn published(site: &Site, name: &str) -> Value {
    let library = site.state().join("library/space");
    let folders = fs::read_dir(library).unwrap().map(|entry| entry.unwrap().path());
    let file = folders.map(|folder| folder.join(name)).find(|file| file.exists()).unwrap();
    read(&file)
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[tokio::test]
async fn a_long_video_tells_related_stories_as_further_chapters_and_names_them() {
    let channel = space(&[good_feed()])
        .replace("[\"5s\", \"7s\"]", "[\"150s\", \"165s\"]")
        .replace("scenes = [1, 2]", "scenes = [8, 12]\npersonality = { style = \"news\" }");
    let site = Site::bare();
    site.write("ytempire.toml", format!("{HEAD}{channel}").as_bytes());
    site.run(&["demo", "--json"]).await.ended_with(0);
    let seconds = published(&site, "metadata.json")["duration_s"].as_f64().unwrap();
    assert!((150.0 * 0.9..=165.0 * 1.1).contains(&seconds), "{seconds} s");
    let provenance = published(&site, "provenance.json");
    let sources: BTreeSet<&str> = provenance["script"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|sentence| sentence["source"].as_str())
        .collect();
    assert!(sources.len() >= 2, "{sources:?}");
    let told: BTreeSet<&str> = provenance["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["id"].as_str().unwrap())
        .collect();
    assert!(sources.is_subset(&told), "{sources:?} {told:?}");
}
