//! The commands over HTTP, with the real binary: while a node runs they ask it, when none runs the
//! reading ones read the folder and the others say that there is none.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::site::{LOOK_EVERY, PATIENCE, Site, end_of};

/// Commands that change something.
const CHANGING: [&[&str]; 9] = [
    &["workflow", "start", "--channel", "kitchen"],
    &["workflow", "pause", "5b1c7a3e-0000-5000-8000-000000000000"],
    &["workflow", "cancel", "5b1c7a3e-0000-5000-8000-000000000000"],
    &["workflow", "retry", "5b1c7a3e-0000-5000-8000-000000000000"],
    &["workflow", "reprioritise", "5b1c7a3e-0000-5000-8000-000000000000", "--priority", "9"],
    &["workflow", "approve", "5b1c7a3e-0000-5000-8000-000000000000"],
    &["channel", "pause", "kitchen"],
    &["channel", "add", "new-one"],
    &["channel", "remove", "kitchen"],
];

async fn told(site: &Site, args: &[&str], code: i32) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    site.run(&args).await.ended_with(code).json()
}

/// The address in `node.json`, as soon as it is there.
async fn url(site: &Site) -> String {
    let began = Instant::now();
    let mut looks = interval(LOOK_EVERY);
    loop {
        let file = std::fs::read(site.state().join("node.json")).unwrap_or_default();
        let node: Value = serde_json::from_slice(&file).unwrap_or_default();
        if let Some(url) = node["url"].as_str() {
            return url.to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "no address: {}", site.told());
        looks.tick().await;
    }
}

#[tokio::test]
async fn without_a_node_changing_commands_end_with_3_and_change_nothing() {
    let site = Site::two_channels();
    let before = site.snapshot();
    for command in CHANGING {
        let value = told(&site, command, 3).await;
        assert_eq!(value["error"]["code"], "node_unreachable", "{command:?}");
        assert!(value["error"]["remedy"].is_string(), "{command:?}");
    }
    let dead = told(&site, &["workflow", "list", "--node", "http://127.0.0.1:1"], 3).await;
    assert_eq!(dead["error"]["code"], "node_unreachable");
    let wrong = told(&site, &["workflow", "list", "--node", "nonsense"], 2).await;
    assert_eq!(wrong["error"]["code"], "bad_usage");
    let channels = told(&site, &["channel", "list"], 0).await;
    let names: Vec<&str> = channels["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|channel| channel["name"].as_str())
        .collect();
    assert_eq!(names.len(), 2, "{channels}");
    let one = told(&site, &["channel", "show", names[0]], 0).await;
    assert_eq!(one, channels["items"][0]);
    assert_eq!(told(&site, &["channel", "show", "nowhere"], 1).await["error"]["code"], "not_found");
    assert_eq!(site.snapshot(), before);
}

#[tokio::test]
async fn a_folder_whose_holder_does_not_answer_ends_commands_with_4() {
    let site = Site::two_channels();
    std::fs::create_dir(site.state()).unwrap();
    let lock = File::create(site.state().join("lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let node = json!({ "pid": 1, "url": "http://127.0.0.1:1", "boot_id": "b" });
    site.write("state/node.json", node.to_string().as_bytes());
    for command in CHANGING.into_iter().chain([&["workflow", "list"] as &[&str]]) {
        let value = told(&site, command, 4).await;
        assert_eq!(value["error"]["code"], "node_not_answering", "{command:?}");
    }
}

#[tokio::test]
async fn while_a_node_runs_commands_ask_it_and_steer_it() {
    let site = Site::two_channels();
    let mut child = site.start(&["demo"]);
    let url = url(&site).await;
    let began = Instant::now();
    let id = loop {
        let list = told(&site, &["workflow", "list", "--channel", "kitchen"], 0).await;
        if let Some(id) = list["items"][0]["id"].as_str() {
            break id.to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "nothing starts: {}", site.told());
    };
    let shown = told(&site, &["workflow", "show", &id, "--node", &url], 0).await;
    assert_eq!(shown["id"], id.as_str());
    let why = told(&site, &["workflow", "why", &id], 0).await;
    assert!(why["reason"].is_string() && why["next"].is_string(), "{why}");
    let refused = told(&site, &["workflow", "retry", &id], 1).await;
    assert_eq!(refused["error"]["code"], "not_applicable");
    let cancelled = told(&site, &["workflow", "cancel", &id], 0).await;
    assert_eq!(cancelled["status"], "cancelled");
    let unknown = ["workflow", "show", "5b1c7a3e-0000-5000-8000-000000000000"];
    assert_eq!(told(&site, &unknown, 1).await["error"]["code"], "not_found");
    let for_people = site.run(&["workflow", "list"]).await.ended_with(0);
    assert!(for_people.stderr.contains("kitchen") && for_people.stdout.is_empty());
    assert!(end_of(&mut child).await.success(), "{}", site.told());
    assert!(!site.state().join("node.json").exists());
    let offline = told(&site, &["workflow", "show", &id], 0).await;
    assert_eq!((&offline["id"], &offline["status"]), (&cancelled["id"], &cancelled["status"]));
}
