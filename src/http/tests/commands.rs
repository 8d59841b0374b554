use serde_json::json;

use super::site::Site;

fn path(id: &str, command: &str) -> String {
    format!("/api/v1/workflows/{id}/{command}")
}

#[tokio::test]
async fn every_command_is_carried_out_or_refused_with_a_reason() {
    let site = Site::new().await;
    let id = site.start("hold").await;
    let nothing = json!({});
    let paused = site.post(&path(&id, "pause"), &nothing).await;
    assert_eq!((paused.status, &paused.body["paused"]), (200, &json!(true)));
    site.post(&path(&id, "pause"), &nothing).await.is_problem(409, "not_applicable");
    assert_eq!(site.post(&path(&id, "resume"), &nothing).await.body["paused"], false);
    for senseless in ["resume", "retry", "drop"] {
        site.post(&path(&id, senseless), &nothing).await.is_problem(409, "not_applicable");
    }
    let urgent = site.post(&path(&id, "reprioritise"), &json!({ "priority": 9 })).await;
    assert_eq!(urgent.status, 200);
    site.post(&path(&id, "reprioritise"), &json!({ "priority": 9 }))
        .await
        .is_problem(409, "not_applicable");
    site.post(&path(&id, "reprioritise"), &nothing).await.is_problem(400, "missing_field");
    site.post(&path(&id, "reprioritise"), &json!({ "priority": 99 }))
        .await
        .is_problem(422, "out_of_range");
    site.post(&path(&id, "pause"), &json!({ "why": 1 })).await.is_problem(400, "unknown_field");
    let cancelled = site.ask("POST", &path(&id, "cancel"), &[], "").await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")));
    site.post(&path(&id, "cancel"), &nothing).await.is_problem(409, "not_applicable");
    site.stop().await;
}

#[tokio::test]
async fn a_parked_workflow_can_be_retried_and_dropped() {
    let site = Site::new().await;
    let id = site.start("fail").await;
    let parked = site.wait_for(&id, "failed").await;
    assert!(parked["cause"].as_str().unwrap().contains("permanent_failure"));
    let list = site.get("/api/v1/workflows?parked=true&status=failed").await;
    assert_eq!(list.body["items"][0]["id"], id.as_str());
    assert_eq!(site.post(&path(&id, "retry"), &json!({})).await.status, 200);
    site.wait_for(&id, "failed").await;
    assert_eq!(site.post(&path(&id, "drop"), &json!({})).await.status, 200);
    let dropped = site.get(&format!("/api/v1/workflows/{id}/why")).await;
    assert!(dropped.body["reason"].as_str().unwrap().contains("dropped"), "{dropped:?}");
    let still = site.get("/api/v1/workflows?parked=true").await;
    assert_eq!(still.body["items"], json!([]));
    site.stop().await;
}

#[tokio::test]
async fn the_same_key_gives_the_first_answer_and_another_request_is_refused() {
    let site = Site::new().await;
    let body = json!({ "channel_id": "deep-sea", "topic": "whales" });
    let first = site.post_with_key("/api/v1/workflows", "key-1", &body).await;
    assert_eq!(first.status, 201);
    let id = first.body["id"].as_str().unwrap();
    site.wait_for(id, "completed").await;
    let again = site.post_with_key("/api/v1/workflows", "key-1", &body).await;
    assert_eq!((again.status, &again.text), (201, &first.text), "the first body, not a newer one");
    assert_eq!(again.headers["location"], first.headers["location"]);
    let other = json!({ "channel_id": "deep-sea", "topic": "sharks" });
    let reused = site.post_with_key("/api/v1/workflows", "key-1", &other).await;
    reused.is_problem(409, "idempotency_key_reused");
    let elsewhere = json!({ "channel_id": "kitchen", "topic": "whales" });
    site.post_with_key("/api/v1/workflows", "key-1", &elsewhere)
        .await
        .is_problem(409, "idempotency_key_reused");
    site.post_with_key(&path(id, "pause"), "key-1", &json!({}))
        .await
        .is_problem(409, "idempotency_key_reused");
    let list = site.get("/api/v1/workflows").await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(1));
    for wrong in ["", "a b", &"k".repeat(201)] {
        let reply = site.post_with_key("/api/v1/workflows", wrong, &body).await;
        reply.is_problem(400, "malformed_idempotency_key");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_repeated_refusal_stays_the_first_one() {
    let site = Site::new().await;
    let id = site.start("hold").await;
    let refused = site.post_with_key(&path(&id, "resume"), "r", &json!({})).await;
    refused.is_problem(409, "not_applicable");
    assert_eq!(site.post(&path(&id, "pause"), &json!({})).await.status, 200);
    let again = site.post_with_key(&path(&id, "resume"), "r", &json!({})).await;
    assert_eq!((again.status, again.text), (409, refused.text));
    assert_eq!(site.get(&format!("/api/v1/workflows/{id}")).await.body["paused"], true);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_repetitions_at_once_start_one_workflow() {
    let site = std::sync::Arc::new(Site::new().await);
    let asking = (0..100).map(|_| {
        let site = std::sync::Arc::clone(&site);
        tokio::spawn(async move {
            let body = json!({ "channel_id": "deep-sea", "topic": "hold" });
            let reply = site.post_with_key("/api/v1/workflows", "same", &body).await;
            (reply.status, reply.text)
        })
    });
    let mut answers = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        answers.push(asked.await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 201), "{answers:?}");
    let list = site.get("/api/v1/workflows").await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_video_that_needs_approval_waits_for_it_and_can_be_rejected() {
    let site = Site::new().await;
    let start = json!({ "channel_id": "kitchen", "topic": "salt" });
    let mut ids = Vec::new();
    for _ in 0..2 {
        let started = site.post("/api/v1/workflows", &start).await;
        let id = started.body["id"].as_str().unwrap().to_owned();
        site.wait_for(&id, "awaiting_approval").await;
        ids.push(id);
    }
    assert_eq!(site.post(&path(&ids[0], "approve"), &json!({})).await.status, 200);
    site.wait_for(&ids[0], "completed").await;
    let rejected = site.post(&path(&ids[1], "reject"), &json!({})).await;
    assert_eq!((rejected.status, &rejected.body["status"]), (200, &json!("cancelled")));
    assert_eq!(rejected.body["cause"], "rejected");
    site.post(&path(&ids[0], "approve"), &json!({})).await.is_problem(409, "not_applicable");
    site.stop().await;
}

#[tokio::test]
async fn the_first_answer_is_given_again_after_a_restart() {
    let site = Site::new().await;
    let body = json!({ "channel_id": "deep-sea", "topic": "whales" });
    let first = site.post_with_key("/api/v1/workflows", "key-1", &body).await;
    let id = first.body["id"].as_str().unwrap().to_owned();
    site.wait_for(&id, "completed").await;
    let refused = site.post_with_key(&path(&id, "pause"), "key-2", &json!({})).await;
    refused.is_problem(409, "not_applicable");
    let site = site.restarted().await;
    let again = site.post_with_key("/api/v1/workflows", "key-1", &body).await;
    assert_eq!((again.status, again.text), (201, first.text));
    let still = site.post_with_key(&path(&id, "pause"), "key-2", &json!({})).await;
    assert_eq!((still.status, still.text), (409, refused.text));
    let other = json!({ "channel_id": "kitchen", "topic": "salt" });
    site.post_with_key("/api/v1/workflows", "key-1", &other)
        .await
        .is_problem(409, "idempotency_key_reused");
    site.stop().await;
}
