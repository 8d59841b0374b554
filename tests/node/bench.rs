//! `ytempire bench`: it measures on the real node, refuses folders in which nothing would be measured,
//! and counts what a kill costs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::site::Site;

/// A folder on a disk: the system's folder for temporary files may be in memory.
fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn engine<'a>(data: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["bench", "engine", "--channels", "3", "--json", "--data-dir"];
    fixed.into_iter().chain([data.to_str().unwrap()]).chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn every_workflow_is_measured_durable_and_read_back() {
    let (site, folder) = (Site::bare(), folder());
    let data = folder.path().join("state");
    let sizes = ["--workflows", "60", "--concurrency", "20", "--payload", "500", "--alone", "5"];
    let ran = site.run(&engine(&data, &sizes)).await.ended_with(0);
    let found = ran.json();
    assert_eq!((&found["workflows"], &found["payloads_read"]), (&60.into(), &300.into()));
    assert_eq!(found["verified"], true, "{found}");
    for figure in ["wall_s", "wf_per_s", "cpu_ms_per_wf", "p50_ms", "p99_ms", "rss_mb"] {
        assert!(found[figure].as_f64().is_some_and(|value| value > 0.0), "{figure}: {found}");
    }
    // Six frames for a workflow cannot all share one sync with the others, nor need one each.
    let syncs = found["syncs_per_wf"].as_f64().unwrap();
    assert!(syncs * 60.0 >= 6.0, "every stage is durable before the next: {found}");
    let again = site.run(&engine(&data, &sizes)).await.ended_with(2);
    assert_eq!(again.error_code(), "folder_not_new");
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let refused = site.run(&engine(&memory.join("ytempire-bench"), &sizes)).await;
        assert_eq!(refused.ended_with(2).error_code(), "folder_in_memory");
        // It was made to be looked at, and is empty.
        let _ = std::fs::remove_dir(memory.join("ytempire-bench"));
    }
}

#[tokio::test]
async fn what_was_in_flight_at_a_kill_is_finished_and_only_what_was_running_is_done_again() {
    let (site, folder) = (Site::bare(), folder());
    let data = folder.path().join("state");
    let args = engine(&data, &["--hold", "--concurrency", "40", "--step", "50ms"]);
    let mut held = Command::new(env!("CARGO_BIN_EXE_ytempire"))
        .args(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(held.stderr.take().unwrap());
    let holding = told.lines().any(|line| line.unwrap().starts_with("holding 40 workflows"));
    held.kill().unwrap();
    held.wait().unwrap();
    assert!(holding);
    let found = site.run(&engine(&data, &["--resume"])).await.ended_with(0).json();
    let number = |name: &str| found[name].as_u64().unwrap();
    assert_eq!(number("lost"), 0, "{found}");
    assert!(number("live") >= 40 && number("running_at_kill") >= 1, "{found}");
    assert!(number("duplicated_steps") <= number("running_at_kill"), "{found}");
    assert!(found["first_progress_s"].as_f64().is_some(), "{found}");
}

#[tokio::test]
async fn a_seeded_history_is_one_a_node_starts_with() {
    let (site, folder) = (Site::bare(), folder());
    let data = folder.path().join("state");
    let path = data.to_str().unwrap();
    let sizes = ["--channels", "3", "--workflows", "700", "--json", "--data-dir", path];
    let seed: Vec<&str> = ["bench", "seed-history"].into_iter().chain(sizes).collect();
    let seeded: Value = site.run(&seed).await.ended_with(0).json();
    assert_eq!(seeded["workflows"], 2_100, "{seeded}");
    let verified = site.run(&["journal", "verify", "--json", "--data-dir", path]).await;
    assert_eq!(verified.ended_with(0).json()["ok"], true);
    let list = site.run(&["workflow", "list", "--json", "--limit", "5", "--data-dir", path]).await;
    let list = list.ended_with(0).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 5, "{list}");
    assert_eq!(list["items"][0]["status"], "completed", "{list}");
    site.run(&engine(&data, &["--resume"])).await.ended_with(0);
}
