//! The crash sweep: the program dies at each of its failpoints, again and again, and then everything
//! is finished, each video is there once, and the journal was sound after every death.

use ytempire::telemetry::failpoint::{ALL, VARIABLE};

use super::ledger::Ledger;
use super::site::{CHANNELS, Site, ran};
use super::trace::{commits, counts, each_is_published_once, verified};

/// Dies `times` times at each point, and finishes what was begun.
async fn sweep(times: u64) {
    let mut workflows = 0;
    for point in ALL {
        workflows += die_at(point, times).await;
    }
    println!("{} points, {times} deaths at each; {workflows} workflows, each once", ALL.len());
}

/// Dies `times` times at `point`, finishes, and says how many workflows there were.
async fn die_at(point: &str, times: u64) -> usize {
    let site = Site::two_channels();
    let library = site.state().join("library");
    let mut ledger = Ledger::of(&library, &CHANNELS);
    let mut history = Vec::new();
    let (mut deaths, mut tries, mut survived) = (0, 0, false);
    while deaths < times {
        tries += 1;
        assert!(tries <= 4 * times + 4, "{point} is hardly ever passed: {deaths} deaths");
        // The count goes up, so that each death comes a little later in the work; a point that was
        // passed less often is met at its first pass the next time.
        let count = if survived { 1 } else { 1 + deaths % 6 };
        let mut command = site.command(&["demo", "--json"]);
        command.env(VARIABLE, format!("{point}={count}"));
        let end = ran(&mut command).await;
        assert!(!end.stderr.contains("panicked"), "{point}={count}: {end:#?}");
        match end.code {
            // It died, by a signal.
            None => {
                deaths += 1;
                survived = false;
            }
            // The round was over before that: the next one begins.
            Some(0) => survived = true,
            Some(_) => panic!("{point}={count}: {end:#?}"),
        }
        ledger.look();
        if site.journal().exists() {
            let found = verified(&site.journal());
            assert!(found.ok, "after {point}={count}: {found:?}");
            let now = commits(&site.journal());
            assert!(now.starts_with(&history), "after {point}={count} events are gone");
            history = now;
        }
    }
    site.run(&["demo"]).await.ended_with(0);
    let counts = counts(&commits(&site.journal()));
    each_is_published_once(&counts, &library);
    ledger.holds_once(counts.keys().map(ToString::to_string));
    counts.len()
}

#[tokio::test]
async fn a_death_at_any_failpoint_loses_nothing_and_publishes_nothing_twice() {
    sweep(1).await;
}

/// As often as the bar asks for; some minutes.
#[tokio::test]
#[ignore = "takes some minutes: make drills"]
async fn twenty_deaths_at_every_failpoint() {
    sweep(20).await;
}

#[tokio::test]
async fn a_failpoint_that_is_none_is_refused() {
    let site = Site::bare();
    let mut command = site.command(&["doctor", "--json"]);
    command.env(VARIABLE, "somewhere=1");
    assert_eq!(ran(&mut command).await.ended_with(2).error_code(), "bad_failpoint");
}
