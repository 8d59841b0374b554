//! What came of a scenario.

use std::collections::BTreeMap;

use serde::Serialize;

use super::asking::{Ask, Asking};
use crate::config::scenario::EngineScenario;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::ids::ChannelId;
use crate::domain::invariants::Violation;
use crate::domain::workflow::Ending;
use crate::simulate::tree::node::channel_name;
use crate::simulate::tree::universe::{Universe, WALL_ORIGIN};

/// What became of a channel's videos.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ChannelReport {
    /// Videos that it asked for.
    pub videos: usize,
    /// Of them those that were published, each once.
    pub published: usize,
    /// Those that need a person.
    pub parked: usize,
    /// Seconds from asking to the video's publication, on average.
    pub mean_s: f64,
    /// 99 of 100 took no longer (nearest rank).
    pub p99_s: f64,
    /// The longest.
    pub max_s: f64,
}

/// What became of a scenario. A run in which a promise was broken has no report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineReport {
    /// By name of the channel.
    pub channels: BTreeMap<String, ChannelReport>,
    /// When the last video was published, in seconds of the simulated time.
    pub makespan_s: f64,
    /// Events that were committed; the promises were checked after each.
    pub events: u64,
    /// Attempts that failed by themselves, not by a death of the node.
    pub failed_attempts: usize,
    /// How often the node died and came back.
    pub restarts: u64,
    /// Fingerprint of all events and their times: the same for the same scenario.
    pub trace_hash: String,
}

/// Sums up, and checks that nothing that was answered is lost and nothing is there twice.
pub(super) fn of(
    scenario: &EngineScenario,
    universe: &Universe,
    asking: &Asking,
    restarts: u64,
) -> Result<EngineReport, Violation> {
    let mut channels = BTreeMap::new();
    let mut last_ms = 0;
    for (index, wish) in scenario.channels.iter().enumerate() {
        let id = ChannelId::of_name(&channel_name(index)?);
        let mut report = ChannelReport::default();
        let mut took_ms = Vec::new();
        for ask in asking.answered.iter().filter(|ask| ask.channel == index) {
            report.videos += 1;
            match published_ms(universe, id, ask)? {
                None => report.parked += 1,
                Some(at_ms) => {
                    last_ms = last_ms.max(at_ms);
                    took_ms.push(at_ms.saturating_sub(ask.at_ms));
                }
            }
        }
        report.published = took_ms.len();
        took_ms.sort_unstable();
        let total: u64 = took_ms.iter().sum();
        let rank = (took_ms.len() * 99).div_ceil(100);
        let p99 = rank.checked_sub(1).and_then(|at| took_ms.get(at)).copied();
        report.mean_s = seconds(total) / (took_ms.len().max(1) as f64);
        report.p99_s = seconds(p99.unwrap_or(0));
        report.max_s = seconds(took_ms.last().copied().unwrap_or(0));
        channels.insert(wish.name.clone(), report);
    }
    let (trace_hash, events) = universe.history();
    let failures = universe.failures();
    let by_itself = |failure: &Failure| failure.class != FailureClass::Interrupted;
    let failed = failures.iter().filter(|(_, failure)| by_itself(failure));
    Ok(EngineReport {
        channels,
        makespan_s: seconds(last_ms),
        events,
        failed_attempts: failed.count(),
        restarts,
        trace_hash: trace_hash.to_string(),
    })
}

/// When the video was published; none if it needs a person.
fn published_ms(
    universe: &Universe,
    channel: ChannelId,
    ask: &Ask,
) -> Result<Option<u64>, Violation> {
    let workflow = ask.workflow();
    let times = universe.published_at(workflow);
    let Some(ending) = universe.workflow(channel, workflow, |found| found.ending().cloned()) else {
        let found = format!("{workflow} was answered and lost");
        return Err(Violation { invariant: "D1", found });
    };
    match (ending, times.as_slice()) {
        (Some(Ending::Completed(_)), [at]) => {
            Ok(Some(u64::try_from(at.0 - WALL_ORIGIN.0).unwrap_or(0)))
        }
        (Some(Ending::Completed(_)), other) => {
            let found = format!("{workflow} was published {} times", other.len());
            Err(Violation { invariant: "D3", found })
        }
        _ => Ok(None),
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
