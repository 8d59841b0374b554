use serde_json::{Value, json};

use super::site::{Setup, Site};
use crate::journal::open::write_checkpoint;
use crate::journal::segment::SegmentOptions;

fn seqs(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn workflows_come_newest_first_in_pages_that_make_up_the_list() {
    let site = Site::new().await;
    let mut started = Vec::new();
    for _ in 0..7 {
        started.push(site.start("whales").await);
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = site.get(&format!("/api/v1/workflows?limit=3{after}")).await;
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.reverse();
    assert_eq!(seen, started);
    let none = site.get("/api/v1/workflows?channel=kitchen").await;
    assert_eq!(none.body["items"], json!([]));
    for wrong in ["limit=0", "limit=501"] {
        let reply = site.get(&format!("/api/v1/workflows?{wrong}")).await;
        reply.is_problem(422, "out_of_range");
    }
    site.get("/api/v1/workflows?limit=x").await.is_problem(400, "malformed_query");
    site.get("/api/v1/workflows?colour=red").await.is_problem(400, "unknown_field");
    site.get("/api/v1/workflows?status=odd").await.is_problem(422, "out_of_range");
    site.stop().await;
}

#[tokio::test]
async fn a_reader_of_events_sees_every_one_once_in_order_also_over_a_restart() {
    let site = Site::new().await;
    let id = site.start("whales").await;
    site.wait_for(&id, "completed").await;
    let all = site.get("/api/v1/events?limit=500").await.body;
    let dense: Vec<u64> = (1..=seqs(&all).len() as u64).collect();
    assert_eq!((seqs(&all), &all["next"]), (dense.clone(), &Value::Null));
    let types: Vec<&str> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["event_type"].as_str())
        .collect();
    for expected in [
        "internal",
        "workflow.started",
        "stage.started",
        "stage.succeeded",
        "trend.detected",
        "content.ready",
        "video.published",
        "workflow.completed",
    ] {
        assert!(types.contains(&expected), "{expected}: {types:?}");
    }

    // After a restart nothing of it is in memory: it comes from the journal's files.
    let site = site.restarted().await;
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let page = site.get(&format!("/api/v1/events?after={after}&limit=4")).await.body;
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen[..dense.len()], all["items"].as_array().unwrap()[..]);
    let last = seqs(&json!({ "items": seen })).last().copied().unwrap();
    let nothing = site.get(&format!("/api/v1/events?after={last}")).await.body;
    assert_eq!(nothing, json!({ "items": [], "next": null }));
    let future = site.get(&format!("/api/v1/events?after={}", u64::MAX)).await;
    assert_eq!((future.status, &future.body["items"]), (200, &json!([])));
    site.get("/api/v1/events?after=-1").await.is_problem(422, "out_of_range");
    site.get("/api/v1/events?after=x").await.is_problem(400, "malformed_query");
    site.stop().await;
}

#[tokio::test]
async fn a_cursor_older_than_what_is_kept_is_told_so() {
    let segments = SegmentOptions { segment_bytes: 8 * 1024, fill_step: 4 * 1024 };
    let site = Site::with(Setup { segments, ..Setup::default() }).await;
    for _ in 0..4 {
        let id = site.start("whales").await;
        site.wait_for(&id, "completed").await;
        // What is before the last two checkpoints goes.
        write_checkpoint(&site.node.journal_folder, &site.node.fold).unwrap();
    }
    let site = site.restarted().await;
    let gone = site.get("/api/v1/events?after=0").await;
    gone.is_problem(410, "cursor_expired");
    let oldest = gone.body["oldest"].as_u64().unwrap();
    assert!(oldest > 1);
    let kept = site.get("/api/v1/events").await.body;
    assert_eq!(seqs(&kept)[0], oldest);
    let same = site.get(&format!("/api/v1/events?after={}", oldest - 1)).await.body;
    assert_eq!(same, kept);
    site.stop().await;
}
