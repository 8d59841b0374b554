use serde_json::{Value, json};

use super::site::{Setup, Site};

const UNKNOWN: &str = "5b1c7a3e-0000-5000-8000-000000000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_workflow_is_durable_before_it_is_answered_and_can_be_read_at_once() {
    let site = Site::new().await;
    let body = json!({ "channel_id": "deep-sea", "topic": "hold", "priority": 7 });
    let reply = site.post("/api/v1/workflows", &body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let id = reply.body["id"].as_str().unwrap().to_owned();
    assert!(site.is_durable(&id));
    assert_eq!(reply.headers["location"], format!("/api/v1/workflows/{id}"));
    assert_eq!(reply.headers["content-type"], "application/json");
    let keys: Vec<&String> = reply.body.as_object().unwrap().keys().collect();
    let expected = ["cause", "channel_id", "created_at", "id", "paused", "status", "steps"];
    assert_eq!(keys, expected);
    let read = site.get(&format!("/api/v1/workflows/{id}")).await;
    assert_eq!((read.status, &read.body["id"]), (200, &reply.body["id"]));
    let list = site.get("/api/v1/workflows").await;
    assert_eq!(list.body["items"][0]["id"], reply.body["id"]);
    let steps: Vec<&str> =
        read.body["steps"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(steps, ["trend", "script", "narration", "render", "upload"]);
    let why = site.get(&format!("/api/v1/workflows/{id}/why")).await;
    assert_eq!((why.status, &why.body["state"]), (200, &json!("running")));
    let events = site.get("/api/v1/events").await;
    let started = |event: &Value| event["event_type"] == "workflow.started";
    assert!(events.body["items"].as_array().unwrap().iter().any(started), "{events:?}");
    site.stop().await;
}

#[tokio::test]
async fn a_finished_video_is_listed_and_survives_a_restart() {
    let site = Site::new().await;
    let id = site.start("whales").await;
    let done = site.wait_for(&id, "completed").await;
    assert!(done["steps"].as_array().unwrap().iter().all(|step| step["status"] == "completed"));
    let videos = site.get("/api/v1/videos?channel=deep-sea").await;
    assert_eq!(videos.body["items"][0]["workflow"], id.as_str());
    assert_eq!(videos.body["items"][0]["path"], format!("library/{id}/video.mp4"));
    let site = site.restarted().await;
    assert_eq!(site.get("/api/v1/videos").await.body, videos.body);
    assert_eq!(site.get(&format!("/api/v1/workflows/{id}")).await.body, done);
    site.stop().await;
}

#[tokio::test]
async fn what_is_unknown_is_404_and_what_is_not_asked_so_405() {
    let site = Site::new().await;
    for path in [
        "/",
        "/api/v1",
        "/api/v1/nothing",
        "/openapi.json",
        &format!("/api/v1/workflows/{UNKNOWN}"),
        &format!("/api/v1/workflows/{UNKNOWN}/why"),
        "/api/v1/workflows/not-an-id",
        "/api/v1/channels/nowhere",
        "/api/v1/workflows?channel=nowhere",
        "/api/v1/workflows?after=not-an-id",
        "/api/v1/videos?after=not-an-id",
        "/api/v1/trends?channel=nowhere",
    ] {
        site.get(path).await.is_problem(404, "not_found");
    }
    for command in ["pause", "resume", "cancel", "retry", "drop"] {
        let path = format!("/api/v1/workflows/{UNKNOWN}/{command}");
        site.post(&path, &json!({})).await.is_problem(404, "not_found");
    }
    let started = site.post("/api/v1/workflows", &json!({ "channel_id": "nowhere" })).await;
    started.is_problem(404, "not_found");
    assert_eq!(started.body["field"], "channel_id");
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let reply = site.ask(method, "/api/v1/workflows", &[], "").await;
        reply.is_problem(405, "method_not_allowed");
        assert_eq!(reply.headers["allow"], "POST, GET, HEAD");
    }
    let head = site.ask("HEAD", "/healthz", &[], "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    site.stop().await;
}

#[tokio::test]
async fn a_wrong_request_to_start_names_the_field() {
    let site = Site::new().await;
    let cases = [
        (json!({}), 400, "missing_field", "channel_id"),
        (json!({ "channel_id": 1 }), 400, "malformed_field", "channel_id"),
        (json!({ "channel_id": "deep-sea", "mood": 1 }), 400, "unknown_field", "mood"),
        (json!({ "channel_id": "deep-sea", "priority": "5" }), 400, "malformed_field", "priority"),
        (json!({ "channel_id": "deep-sea", "priority": null }), 400, "malformed_field", "priority"),
        (json!({ "channel_id": "deep-sea", "priority": 0 }), 422, "out_of_range", "priority"),
        (json!({ "channel_id": "deep-sea", "priority": 11 }), 422, "out_of_range", "priority"),
        (json!({ "channel_id": "deep-sea", "priority": 5.5 }), 422, "out_of_range", "priority"),
        (
            json!({ "channel_id": "deep-sea", "content_type": "x" }),
            422,
            "out_of_range",
            "content_type",
        ),
        (json!({ "channel_id": "deep-sea", "topic": " " }), 422, "out_of_range", "topic"),
        (
            json!({ "channel_id": "deep-sea", "topic": "x".repeat(201) }),
            422,
            "out_of_range",
            "topic",
        ),
    ];
    for (body, status, code, field) in cases {
        let reply = site.post("/api/v1/workflows", &body).await;
        reply.is_problem(status, code);
        assert_eq!(reply.body["field"], field, "{body}");
    }
    assert_eq!(site.get("/api/v1/workflows").await.body, json!({ "items": [], "next": null }));
    let by_id = site.node.channels.find("deep-sea").unwrap().profile.id;
    let good = json!({ "channel_id": by_id, "topic": null, "priority": 5.0 });
    assert_eq!(site.post("/api/v1/workflows", &good).await.status, 201);
    site.stop().await;
}

#[tokio::test]
async fn other_hosts_origins_and_types_are_refused() {
    let site = Site::new().await;
    let list = "/api/v1/workflows";
    site.ask("GET", list, &[("host", "evil.example")], "")
        .await
        .is_problem(403, "host_not_allowed");
    let origin = [("origin", "http://evil.example")];
    site.ask("GET", list, &origin, "").await.is_problem(403, "origin_not_allowed");
    let own = format!("http://{}", site.address);
    assert_eq!(site.ask("GET", list, &[("origin", &own)], "").await.status, 200);
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let reply = site.ask("POST", list, &[("content-type", wrong)], "{}").await;
        reply.is_problem(415, "unsupported_media_type");
    }
    site.ask("POST", list, &[], "{}").await.is_problem(415, "unsupported_media_type");
    let json = [("content-type", "application/json; charset=utf-8")];
    site.ask("POST", list, &json, "{").await.is_problem(400, "malformed_json");
    let large = format!("{{\"channel_id\":\"{}\"}}", "x".repeat(70_000));
    site.ask("POST", list, &json, &large).await.is_problem(413, "body_too_large");
    site.stop().await;
}

#[tokio::test]
async fn a_node_with_a_token_wants_to_see_it() {
    let site = Site::with(Setup { token: Some("open-sesame"), ..Setup::default() }).await;
    let refused = site.get("/api/v1/workflows").await;
    refused.is_problem(401, "unauthorised");
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    let shown = [("authorization", "Bearer open-sesame")];
    assert_eq!(site.ask("GET", "/api/v1/workflows", &shown, "").await.status, 200);
    assert_eq!(site.get("/healthz").await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn a_full_node_says_when_to_ask_again_and_repeats_what_it_took_on() {
    let site = Site::with(Setup { live_workflows: Some(2), ..Setup::default() }).await;
    let start = json!({ "channel_id": "kitchen", "topic": "hold" });
    let first = site.post_with_key("/api/v1/workflows", "one", &start).await;
    assert_eq!((first.status, site.post("/api/v1/workflows", &start).await.status), (201, 201));
    let full = site.post("/api/v1/workflows", &start).await;
    full.is_problem(429, "live_workflows");
    assert!(full.headers["retry-after"].parse::<u64>().unwrap() > 0);
    let again = site.post_with_key("/api/v1/workflows", "one", &start).await;
    assert_eq!((again.status, again.text), (201, first.text));
    assert_eq!(site.get("/readyz").await.status, 200, "a node that is full of work is ready");
    let id = first.body["id"].as_str().unwrap();
    let cancelled = site.post(&format!("/api/v1/workflows/{id}/cancel"), &json!({})).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")));
    assert_eq!(site.post("/api/v1/workflows", &start).await.status, 201);
    site.stop().await;
}

#[tokio::test]
async fn health_and_readiness_tell_what_is_wrong() {
    let site = Site::new().await;
    assert_eq!(site.get("/healthz").await.body, json!({ "status": "alive" }));
    let ready = site.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["ready"]), (200, &json!(true)), "{ready:?}");
    site.desk.is_closed.store(true, std::sync::atomic::Ordering::Relaxed);
    let closed = site.get("/readyz").await;
    closed.is_problem(503, "not_ready");
    assert!(closed.body["detail"].as_str().unwrap().contains("disk"), "{closed:?}");
    site.stop().await;
}

#[tokio::test]
async fn channels_trends_scripts_and_analytics_answer_as_the_desk_says() {
    let site = Site::new().await;
    let channels = site.get("/api/v1/channels").await;
    assert_eq!(channels.body["items"][0]["name"], "deep-sea");
    assert_eq!(channels.body["items"][0]["sources"][0]["source"], "deep-sea.xml");
    let paused = site.post("/api/v1/channels/kitchen/pause", &json!({})).await;
    assert_eq!((paused.status, &paused.body["paused"]), (200, &json!(true)));
    site.post("/api/v1/channels/kitchen/pause", &json!({})).await.is_problem(409, "not_applicable");
    assert_eq!(site.get("/api/v1/channels/kitchen").await.body["paused"], true);
    assert_eq!(site.post("/api/v1/channels/kitchen/resume", &json!({})).await.status, 200);
    site.post("/api/v1/channels", &json!({ "name": "new" }))
        .await
        .is_problem(409, "no_config_file");
    site.post("/api/v1/channels", &json!({ "name": "kitchen" }))
        .await
        .is_problem(409, "channel_exists");
    site.post("/api/v1/channels", &json!({ "name": "No" })).await.is_problem(422, "out_of_range");
    let trends = site.get("/api/v1/trends?limit=1").await;
    assert_eq!(trends.body["items"][0]["viral_score"], 0.9);
    let next = trends.body["next"].as_str().unwrap();
    let rest = site.get(&format!("/api/v1/trends?after={next}")).await;
    assert_eq!(rest.body["items"].as_array().map(Vec::len), Some(3));
    let script = site.post("/api/v1/generate/script", &json!({ "topic": "salt" })).await;
    assert_eq!((script.status, &script.body["script"]), (200, &json!("salt")));
    let none = site.post("/api/v1/generate/script", &json!({ "topic": "nothing" })).await;
    none.is_problem(404, "no_source_for_topic");
    assert_eq!(site.get("/api/v1/analytics").await.body, json!({ "items": [], "next": null }));
    site.stop().await;
}

#[tokio::test]
async fn the_brokers_books_are_shown_with_the_life_that_holds_them() {
    let site = Site::new().await;
    let view = site.get("/api/v1/gpu").await;
    assert_eq!(
        (view.status, &view.body["driver"], &view.body["life"]),
        (200, &json!("none"), &json!(1))
    );
    assert_eq!(
        view.body["pools"][0],
        json!({ "pool": "render", "capacity": 1, "used": 0, "waiting": 0 })
    );
    site.get("/api/v1/gpu?limit=1").await.is_problem(400, "unknown_field");
    let life = site.node.broker.life();
    site.node.broker.handle().current().unwrap().actor().kill();
    site.node.broker.next_life(life).await;
    assert_eq!(site.get("/api/v1/gpu").await.body["life"], 2);
    site.stop().await;
}

#[tokio::test]
async fn figures_are_there_for_prometheus() {
    let site = Site::new().await;
    let id = site.start("whales").await;
    site.wait_for(&id, "completed").await;
    let failed = site.start("fail").await;
    site.wait_for(&failed, "failed").await;
    let held = site.start("hold").await;
    site.get("/api/v1/nothing").await.is_problem(404, "not_found");
    let reply = site.get("/metrics").await;
    assert_eq!(reply.status, 200);
    assert!(reply.headers["content-type"].starts_with("application/openmetrics-text"));
    let has = |line: &str| assert!(reply.text.contains(line), "{line} in {}", reply.text);
    has("ytempire_videos_generated_total{channel=\"deep-sea\",status=\"completed\"} 1\n");
    has("ytempire_videos_generated_total{channel=\"deep-sea\",status=\"failed\"} 1\n");
    has("ytempire_active_workflows{type=\"trending\"} 1\n");
    has("ytempire_active_workflows{type=\"evergreen\"} 0\n");
    has("ytempire_video_processing_duration_seconds_count{stage=\"render\"} 1\n");
    has(
        "ytempire_api_request_duration_seconds_bucket{le=\"+Inf\",endpoint=\"/api/v1/workflows\",method=\"POST\"} 3\n",
    );
    has("ytempire_api_request_duration_seconds_count{endpoint=\"none\",method=\"GET\"} 1\n");
    has("ytempire_gpu_broker_news_total{news=\"granted\"}");
    assert!(reply.text.ends_with("# EOF\n"));
    assert!(!reply.text.contains(&held), "no label comes from a request");
    site.get("/metrics?x=1").await.is_problem(400, "unknown_field");
    site.stop().await;
}
