//! Damage to the data folder: what is only a torn write is cut, what is damage is told with its place
//! and touched by nobody, and what can be rebuilt is rebuilt.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use serde_json::{Value, json};

use super::site::Site;
use super::trace::{JournalEnd, verified};

fn overwrite(site: &Site, offset: u64, bytes: &[u8]) {
    let end = JournalEnd::of(&site.journal());
    let file = OpenOptions::new().write(true).open(end.segment()).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

#[tokio::test]
async fn a_torn_tail_is_sound_and_the_next_run_goes_on() {
    let site = Site::finished().await;
    let tail = JournalEnd::of(&site.journal()).offset();
    overwrite(&site, tail, b"half a frame");
    let before = site.snapshot();
    let ran = site.run(&["journal", "verify", "--json"]).await.ended_with(0);
    let found = ran.json();
    assert_eq!((&found["ok"], &found["problems"][0]["kind"]), (&json!(true), &json!("torn_tail")));
    assert_eq!(found["problems"][0]["offset"], tail);
    let list = site.run(&["workflow", "list", "--json"]).await.ended_with(0).json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(site.snapshot(), before, "reading mends something");

    let next = site.run(&["demo", "--json"]).await.ended_with(0);
    assert_eq!(next.json()["round"], 2);
    assert!(next.stderr.contains("cut off"), "the cut is not told: {}", next.stderr);
    assert_eq!(verified(&site.journal()).problems, []);
}

#[tokio::test]
async fn a_flipped_byte_stops_every_command_with_5_and_its_place_and_nothing_is_changed() {
    let site = Site::finished().await;
    // In the first frame's payload.
    overwrite(&site, 4_096 + 40, b"\xff\xfe\xfd");
    let before = site.snapshot();
    let found = site.run(&["journal", "verify", "--json"]).await.ended_with(5).json();
    let problem = &found["problems"][0];
    assert_eq!((&found["ok"], &problem["kind"]), (&json!(false), &json!("bad_frame")));
    assert_eq!((&problem["offset"], &problem["seq"]), (&json!(4_096), &json!(1)), "{found}");
    for command in [["workflow", "list"], ["demo", "--json"], ["demo", "--data-dir=state"]] {
        let ran = site.run(&command).await.ended_with(5);
        assert!(ran.stderr.contains("0000000000000001.seg at byte 4096"), "{ran:#?}");
        assert!(ran.stderr.contains("remedy"), "{ran:#?}");
    }
    let told: Value = site.run(&["demo", "--json"]).await.ended_with(5).json();
    assert_eq!(told["error"]["code"], "journal_damaged");
    let mut after = site.snapshot();
    // The folder's own time of change moves, because the lock's holder was noted and removed.
    after.insert(site.state(), before[&site.state()].clone());
    assert_eq!(after, before, "a damaged journal is touched");
}

#[tokio::test]
async fn a_deleted_store_is_rebuilt_silently() {
    let site = Site::finished().await;
    fs::remove_dir_all(site.state().join("store")).unwrap();
    let next = site.run(&["demo", "--json"]).await.ended_with(0);
    assert_eq!(next.json()["round"], 2);
    assert!(!next.stderr.contains("WARN"), "{}", next.stderr);
    assert!(site.state().join("store/db").exists());
}

#[tokio::test]
async fn a_damaged_store_is_set_aside_and_rebuilt() {
    let site = Site::finished().await;
    for entry in fs::read_dir(site.state().join("store")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::write(entry.path(), b"this is no store").unwrap();
        }
    }
    let next = site.run(&["demo", "--json"]).await.ended_with(0);
    assert_eq!(next.json()["round"], 2);
    let names = fs::read_dir(site.state()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("store.bad-")), "{names:?}");
    assert!(names.iter().any(|name| name == "store"), "{names:?}");
}
