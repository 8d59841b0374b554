//! Ctrl-C and SIGTERM: the demo ends soon, says that nothing is lost, and the next run goes on.

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, interval};

use super::site::{LOOK_EVERY, PATIENCE, Site, end_of};
use super::trace::{done_again, executions};

/// Starts a round, sends `signal` as soon as `stage` has begun, and runs it to its end.
async fn interrupt_and_go_on(signal: Signal, stage: &str) {
    let site = Site::two_channels();
    let mut child = site.start(&["demo"]);
    let began = Instant::now();
    let mut looks = interval(LOOK_EVERY);
    while !executions(&site.execution_log()).iter().any(|line| line.stage == stage) {
        assert!(began.elapsed() < PATIENCE, "{stage} never begins: {}", site.told());
        looks.tick().await;
    }
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    let asked = Instant::now();
    kill_process(pid, signal).unwrap();
    let status = end_of(&mut child).await;
    println!("{signal:?} at {stage}: ended after {:.0} ms", asked.elapsed().as_secs_f64() * 1e3);
    assert_eq!(status.code(), Some(1), "{}", site.told());
    let told = site.told();
    assert!(told.contains("interrupted; nothing is lost"), "{told}");
    assert!(told.contains("run the same command again"), "{told}");
    assert!(!told.contains("panicked") && !told.contains("was killed"), "{told}");

    // Offline, a person sees where it stands.
    let list = site.run(&["workflow", "list", "--json"]).await.ended_with(0).json();
    let items = list["items"].as_array().unwrap();
    let waiting: Vec<_> = items.iter().filter(|item| item["status"] == "processing").collect();
    assert!(!waiting.is_empty(), "{list:#}");
    let id = waiting[0]["id"].as_str().unwrap();
    let why = site.run(&["workflow", "why", id, "--json"]).await.ended_with(0).json();
    assert!(why["stage"].is_string() && why["next"].is_string(), "{why:#}");

    let report = site.run(&["demo", "--json"]).await.ended_with(0).json();
    assert_eq!(
        (report["round"].as_u64(), report["videos"].as_array().map(Vec::len)),
        (Some(1), Some(2))
    );
    let executions = executions(&site.execution_log());
    assert!(done_again(&executions).is_empty(), "{executions:#?}");
}

#[tokio::test]
async fn ctrl_c_says_that_it_is_safe_and_the_next_run_goes_on() {
    interrupt_and_go_on(Signal::INT, "narration").await;
}

#[tokio::test]
async fn a_polite_end_during_a_render_loses_nothing() {
    interrupt_and_go_on(Signal::TERM, "render").await;
}
