//! The feeds of feedparser's own test suite, with the number of entries that feedparser finds in
//! each. `scripts/feed-corpus` fetches them; they are not part of this repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::parse;

/// The share of the well-formed files with entries in which the count must be feedparser's.
const WANTED: f64 = 0.97;
/// The longest that one of these small files may take, on a busy machine.
const SLOWEST: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Counted {
    entries: usize,
    well_formed: bool,
}

fn corpus() -> Option<(PathBuf, BTreeMap<String, Counted>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/feed-corpus");
    let text = std::fs::read_to_string(folder.join("expected.json")).ok()?;
    let expected = serde_json::from_str(&text).expect("the list that scripts/feed-corpus wrote");
    Some((folder.join("tests"), expected))
}

#[test]
fn the_files_of_feedparser_are_read_as_feedparser_reads_them() {
    let Some((folder, expected)) = corpus() else {
        println!("skipped: no corpus in target/feed-corpus; fetch it with `make feed-corpus`");
        return;
    };
    assert!(expected.len() > 2_000, "{} files are not the whole corpus", expected.len());
    let (mut with_entries, mut differing) = (0_usize, Vec::new());
    for (name, counted) in &expected {
        let bytes = std::fs::read(folder.join(name)).expect(name);
        let began = Instant::now();
        let content = parse(name, &bytes);
        assert!(began.elapsed() < SLOWEST, "{name} took {:?}", began.elapsed());
        if !counted.well_formed || counted.entries == 0 {
            continue;
        }
        with_entries += 1;
        let found = content.as_ref().map(|content| content.items);
        if found != Ok(counted.entries) {
            let found = found.map_err(ToString::to_string);
            differing.push(format!("{name}: {} entries, here {found:?}", counted.entries));
        }
    }
    let same = with_entries - differing.len();
    println!(
        "{same} of {with_entries} files with entries are read alike; {} differ",
        differing.len()
    );
    #[expect(clippy::cast_precision_loss, reason = "a few thousand files")]
    let share = same as f64 / with_entries as f64;
    assert!(share >= WANTED, "{share:.4} of the files are read alike\n{}", differing.join("\n"));
}
