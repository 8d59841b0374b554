//! What is promised of a node over made-up days: fair shares, nothing lost, nothing twice, and the same
//! figures for the same scenario.

use super::{ChannelReport, EngineReport, simulate};
use crate::config::scenario::{EngineScenario, Scenario};

fn shipped(name: &str) -> EngineScenario {
    let file = format!("{}/data/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    match Scenario::load(file.as_ref()) {
        Ok(Scenario::Engine(scenario)) => scenario,
        other => panic!("{other:#?}"),
    }
}

fn run(scenario: &EngineScenario) -> EngineReport {
    simulate(scenario).unwrap_or_else(|failure| panic!("{failure}"))
}

fn all_are_published(report: &EngineReport) {
    for (name, channel) in &report.channels {
        assert_eq!(channel.published, channel.videos, "{name}: {channel:?}");
    }
}

fn steady(report: &EngineReport) -> &ChannelReport {
    &report.channels["steady"]
}

#[test]
fn a_burst_of_one_channel_delays_another_by_no_more_than_its_share() {
    let calm = run(&shipped("engine-calm"));
    let burst = run(&shipped("engine-burst"));
    all_are_published(&calm);
    all_are_published(&burst);
    println!("alone {:?}\nbeside the burst {:?}", steady(&calm), steady(&burst));
    // Half of a machine makes a video in twice the time, and work that is under way is not
    // interrupted: of each stage that shares slots, the longest may have to end first.
    let under_way_s = 40.0 + 40.0 + 120.0;
    let bound_s = 2.0 * steady(&calm).max_s + under_way_s;
    assert!(steady(&burst).max_s <= bound_s, "{:?}, bound {bound_s}", steady(&burst));
    // In order of arrival it would have waited for most of the burst's sixty renders.
    assert!(burst.channels["burst"].max_s > 60.0 * 60.0, "{burst:?}");
}

#[test]
fn failures_and_crashes_lose_nothing_and_the_same_scenario_gives_the_same_report() {
    let scenario = shipped("engine-storm");
    let report = run(&scenario);
    assert!(report.restarts >= 50, "{report:?}");
    assert!(report.failed_attempts >= 40, "{report:?}");
    let parked: usize = report.channels.values().map(|channel| channel.parked).sum();
    let published: usize = report.channels.values().map(|channel| channel.published).sum();
    assert_eq!(published + parked, 5 * 21, "{report:?}");
    assert!(parked <= 3, "{report:?}");
    assert_eq!(run(&scenario), report);
}
