//! The contract of every command: exit codes, one JSON value with `--json`, nothing on stdout
//! without, help for people; and reading commands change no byte.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use super::site::{Ran, Site};

/// Every command, with what it needs on its command line.
const COMMANDS: [&[&str]; 14] = [
    &["demo"],
    &["workflow", "list"],
    &["workflow", "show", "5b1c7a3e-0000-5000-8000-000000000000"],
    &["workflow", "why", "5b1c7a3e-0000-5000-8000-000000000000"],
    &["render", "timeline.json", "--out", "film.mp4"],
    &["journal", "verify"],
    &["config", "check"],
    &["config", "show"],
    &["config", "init"],
    &["doctor"],
    &["channel", "list"],
    &["channel", "show", "kitchen"],
    &["trends"],
    &["script", "--topic", "salt"],
];

/// Those that read the data folder.
const READING: [&[&str]; 5] = [COMMANDS[1], COMMANDS[2], COMMANDS[3], COMMANDS[5], COMMANDS[10]];

fn with_json<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter().copied().chain(["--json"]).collect()
}

/// Runs a command for people and for programs; both must end alike.
async fn both(site: &Site, args: &[&str], code: i32) -> (Ran, Value) {
    let for_people = site.run(args).await.ended_with(code);
    assert_eq!(for_people.stdout, "", "{args:?} prints to stdout without --json");
    assert_ne!(for_people.stderr, "", "{args:?} tells people nothing");
    let for_programs = site.run(&with_json(args)).await.ended_with(code);
    let value = for_programs.json();
    assert_eq!(value.get("error").is_some(), code != 0, "{value}");
    (for_people, value)
}

#[tokio::test]
async fn every_command_has_help() {
    let site = Site::bare();
    for command in COMMANDS {
        let words = command.iter().take_while(|word| word.chars().all(char::is_alphabetic));
        let args: Vec<&str> = words.copied().chain(["--help"]).collect();
        let ran = site.run(&args).await.ended_with(0);
        assert!(ran.stdout.contains("Usage:"), "{args:?}: {ran:#?}");
        let says_what_it_does = ran.stdout.lines().next().is_some_and(|line| line.len() > 15);
        assert!(says_what_it_does && ran.stdout.contains("--json"), "{args:?}: {ran:#?}");
    }
    assert!(site.snapshot().is_empty(), "help leaves something behind");
}

#[tokio::test]
async fn bad_usage_ends_with_2_and_is_told_to_programs_too() {
    let site = Site::bare();
    let wrong: [&[&str]; 7] = [
        &["nonsense"],
        &["demo", "--no-such-option"],
        &["workflow"],
        &["workflow", "show"],
        &["workflow", "list", "--limit", "0"],
        &["render", "timeline.json"],
        &["--data-dir"],
    ];
    for args in wrong {
        let ran = site.run(args).await.ended_with(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}: {ran:#?}");
        let mut for_programs = vec!["--json"];
        for_programs.extend(args);
        let ran = site.run(&for_programs).await.ended_with(2);
        assert_eq!(ran.error_code(), "bad_usage", "{args:?}");
        assert!(!ran.stdout.contains("See what"), "help is no message: {ran:#?}");
    }
}

#[tokio::test]
async fn a_wrong_config_ends_every_command_with_2_and_its_line() {
    let site = Site::bare();
    site.write("ytempire.toml", b"[node]\nnmae = \"a\"\n");
    for command in COMMANDS.iter().filter(|command| !matches!(command[..], ["config", "init"])) {
        if *command == ["doctor"] {
            // It looks at everything and tells the config among the rest.
            let ran = site.run(&with_json(command)).await.ended_with(1);
            assert!(ran.stdout.contains("nmae") || ran.stdout.contains("ytempire.toml"), "{ran:?}");
            continue;
        }
        let (told, value) = both(&site, command, 2).await;
        assert!(told.stderr.contains("ytempire.toml:2:1"), "{command:?}: {told:#?}");
        assert_eq!(value["error"]["code"], "config_invalid", "{command:?}");
    }
    assert!(!site.state().exists());
    let named = site.run(&["workflow", "list", "--config", "none.toml", "--json"]).await;
    assert_eq!(named.ended_with(2).error_code(), "config_unreadable");
}

#[tokio::test]
async fn config_init_check_and_show_fit_together() {
    let site = Site::bare();
    assert_eq!(both(&site, &["config", "check"], 2).await.1["error"]["code"], "config_missing");
    site.run(&["config", "init"]).await.ended_with(0);
    let before = site.snapshot();
    let again = site.run(&["config", "init", "--json"]).await;
    assert!(matches!(again.code, Some(1 | 2)), "{again:#?}");
    assert!(!again.error_code().is_empty());
    let (_, checked) = both(&site, &["config", "check"], 0).await;
    assert_eq!((&checked["ok"], &checked["channels"]), (&json!(true), &json!([])));
    let shown = site.run(&["config", "show"]).await.ended_with(0);
    let shown_json = site.run(&["config", "show", "--json"]).await.ended_with(0).json();
    assert_eq!(shown_json["render"]["fps"], 30);
    assert_eq!(site.snapshot(), before, "reading the config changes something");

    // What is shown is a config that means the same.
    let text = if shown.stdout.is_empty() { shown.stderr } else { shown.stdout };
    site.write("shown.toml", text.as_bytes());
    site.run(&["config", "check", "--config", "shown.toml"]).await.ended_with(0);
    let of_shown = site.run(&["config", "show", "--json", "--config", "shown.toml"]).await;
    assert_eq!(of_shown.ended_with(0).json(), shown_json);
}

#[tokio::test]
async fn doctor_looks_and_changes_nothing() {
    let site = Site::two_channels();
    let before = site.snapshot();
    let (_, value) = both(&site, &["doctor"], 0).await;
    let checks = value["checks"].as_array().unwrap();
    let is_whole = |check: &Value| {
        let level = check["level"].as_str().unwrap_or_default();
        check["name"].is_string()
            && check["detail"].is_string()
            && ["ok", "warning"].contains(&level)
            && (level == "ok" || check["remedy"].is_string())
    };
    assert!(checks.len() > 5 && checks.iter().all(is_whole), "{value:#}");
    assert_eq!(site.snapshot(), before);
}

#[tokio::test]
async fn an_empty_folder_holds_no_workflows_and_stays_empty() {
    let site = Site::two_channels();
    let before = site.snapshot();
    let (_, list) = both(&site, &["workflow", "list"], 0).await;
    assert_eq!(list, json!({ "items": [], "next": null }));
    for command in [COMMANDS[2], COMMANDS[3]] {
        assert_eq!(both(&site, command, 1).await.1["error"]["code"], "not_found");
    }
    assert_eq!(both(&site, &["journal", "verify"], 1).await.1["error"]["code"], "no_journal");
    assert_eq!(site.snapshot(), before, "reading makes something");
}

#[tokio::test]
async fn a_folder_in_use_ends_every_command_that_needs_it_with_4() {
    let site = Site::two_channels();
    std::fs::create_dir(site.state()).unwrap();
    let lock = File::create(site.state().join("lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let before = site.snapshot();
    for command in READING.into_iter().chain([COMMANDS[0]]) {
        let (told, value) = both(&site, command, 4).await;
        assert_eq!(value["error"]["code"], "folder_in_use", "{command:?}");
        assert!(value["error"]["remedy"].is_string(), "{command:?}: {told:#?}");
    }
    assert_eq!(site.snapshot(), before);
    drop(lock);
    site.run(&["workflow", "list"]).await.ended_with(0);
}

#[tokio::test]
async fn finished_workflows_are_listed_shown_and_explained_without_changing_a_byte() {
    let site = Site::finished().await;
    let before = site.snapshot();
    let (_, list) = both(&site, &["workflow", "list"], 0).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!((items.len(), &list["next"]), (2, &Value::Null));
    for item in items {
        assert_eq!(item["status"], "completed");
        assert_eq!(item["steps"].as_array().map(Vec::len), Some(5));
        let id = item["id"].as_str().unwrap();
        assert_eq!(both(&site, &["workflow", "show", id], 0).await.1, *item);
        let (_, why) = both(&site, &["workflow", "why", id], 0).await;
        assert_eq!((&why["workflow"], &why["state"]), (&item["id"], &json!("completed")));
        for key in ["stage", "reason", "since", "until", "next"] {
            assert!(why.get(key).is_some(), "{key} is missing: {why}");
        }
    }

    let (_, first) = both(&site, &["workflow", "list", "--limit", "1"], 0).await;
    let next = first["next"].as_str().unwrap();
    let (_, rest) = both(&site, &["workflow", "list", "--after", next], 0).await;
    assert_eq!([&first["items"][0], &rest["items"][0]], [&items[0], &items[1]]);
    let (_, one) = both(&site, &["workflow", "list", "--channel", "kitchen"], 0).await;
    assert_eq!(one["items"].as_array().map(Vec::len), Some(1));
    let (_, parked) = both(&site, &["workflow", "list", "--parked"], 0).await;
    assert_eq!(parked["items"], json!([]));
    for wrong in [["show", "not-an-id"], ["list", "--after=not-an-id"]] {
        let (_, value) = both(&site, &["workflow", wrong[0], wrong[1]], 1).await;
        assert_eq!(value["error"]["code"], "not_found");
    }

    let (_, sound) = both(&site, &["journal", "verify"], 0).await;
    assert_eq!((&sound["ok"], &sound["problems"]), (&json!(true), &json!([])));
    assert_eq!(sound["first_seq"], 1);
    site.run(&["doctor"]).await.ended_with(0);
    assert_eq!(site.snapshot(), before, "a reading command changes something");
}

#[tokio::test]
async fn every_run_of_the_demo_makes_the_next_round_on_other_topics() {
    let site = Site::finished().await;
    let second = site.run(&["demo", "--json"]).await.ended_with(0).json();
    assert_eq!((&second["round"], &second["exhausted"]), (&json!(2), &json!([])));
    let videos = second["videos"].as_array().unwrap();
    assert_eq!(videos.len(), 2, "{second:#}");
    for video in videos {
        for file in ["video", "thumbnail"] {
            let path = video[file].as_str().unwrap();
            assert!(std::fs::metadata(path).unwrap().len() > 0, "{path}");
        }
        let why = video["why"].as_array().unwrap();
        let number = |part: &Value, key: &str| part[key].as_f64().unwrap();
        let weights: f64 = why.iter().map(|part| number(part, "weight")).sum();
        let score: f64 = why.iter().map(|p| number(p, "weight") * number(p, "value")).sum();
        assert!((weights - 1.0).abs() < 1e-9, "{video:#}");
        assert!((score - video["score"].as_f64().unwrap()).abs() < 1e-9, "{video:#}");
        let stages: Vec<&str> = video["stages"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|s| s["stage"].as_str())
            .collect();
        assert_eq!(stages, ["trend", "script", "narration", "render", "upload"]);
    }
    let list = site.run(&["workflow", "list", "--json"]).await.ended_with(0).json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(4));
    let library = super::trace::videos(&site.state().join("library"));
    assert_eq!(library.len(), 4);
    let mut topics: Vec<String> = library
        .iter()
        .map(|(channel, video)| {
            let path = site.state().join("library").join(channel).join(video);
            let text = std::fs::read_to_string(path.join("provenance.json")).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            value["topic"].to_string()
        })
        .collect();
    topics.sort();
    topics.dedup();
    assert_eq!(topics.len(), 4, "a topic came twice: {topics:?}");
}

#[tokio::test]
async fn a_fresh_demo_moves_the_past_aside_and_begins_anew() {
    let site = Site::finished().await;
    let fresh = site.run(&["demo", "--fresh", "--json"]).await.ended_with(0).json();
    assert_eq!((&fresh["round"], fresh["videos"].as_array().map(Vec::len)), (&json!(1), Some(2)));
    let entries = std::fs::read_dir(site.state()).unwrap().map(Result::unwrap);
    let aside: Vec<_> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("before-"))
        .collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(super::trace::videos(&aside[0].path().join("library")).len(), 2);
}

/// A timeline of one picture.
fn timeline(site: &Site, image: &str, extra: &str) -> String {
    let picture = image::RgbImage::from_pixel(64, 64, image::Rgb([40, 90, 160]));
    picture.save(site.path().join("a.png")).unwrap();
    let text = format!(
        r#"{{"version":1,"width":64,"height":64,"fps":10,"scenes":[{{"image":"{image}","duration":1.0}}]{extra}}}"#
    );
    site.write("timeline.json", text.as_bytes());
    text
}

#[tokio::test]
async fn render_makes_a_film_of_a_timeline() {
    let site = Site::bare();
    timeline(&site, "a.png", "");
    let (_, value) = both(&site, COMMANDS[4], 0).await;
    assert_eq!((&value["frames"], &value["lufs"]), (&json!(10), &Value::Null));
    for key in ["out", "duration_s", "true_peak_dbtp", "encoder", "fallbacks", "cpu_s", "wall_s"] {
        assert!(value.get(key).is_some(), "{key} is missing: {value}");
    }
    let film = std::fs::read(site.path().join("film.mp4")).unwrap();
    assert_eq!(&film[4..8], b"ftyp");
    assert_eq!(value["sha256"].as_str().map(str::len), Some(64));
    assert!(!site.state().exists(), "rendering needs no data folder");
}

#[tokio::test]
async fn a_bad_timeline_ends_render_with_2_and_names_the_element() {
    let site = Site::bare();
    let (_, missing) = both(&site, COMMANDS[4], 2).await;
    assert!(missing["error"]["where"].to_string().contains("timeline.json"), "{missing}");
    timeline(&site, "none.png", "");
    let (_, no_image) = both(&site, COMMANDS[4], 2).await;
    assert!(no_image["error"].to_string().contains("none.png"), "{no_image}");
    timeline(&site, "a.png", r#","tempo":3"#);
    let (_, unknown) = both(&site, COMMANDS[4], 2).await;
    assert!(unknown["error"].to_string().contains("tempo"), "{unknown}");
    site.write("timeline.json", b"{\"version\":1,");
    both(&site, COMMANDS[4], 2).await;
    assert!(!site.path().join("film.mp4").exists(), "a failed render leaves a film");
    timeline(&site, "a.png", "");
    let nowhere = ["render", "timeline.json", "--out", "no/such/folder/film.mp4"];
    let ran = site.run(&with_json(&nowhere)).await;
    assert!(matches!(ran.code, Some(1 | 2)), "{ran:#?}");
    assert!(!ran.error_code().is_empty());
}
