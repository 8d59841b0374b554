//! A whole node through made-up days: `ytempire simulate` of an engine scenario.
//!
//! Channels ask for videos at the times of the scenario; the tree, the broker and the journal are the
//! node's own, as in `tree`. What stages work on is made up, and takes as long as the scenario says.
//! The node dies as often as it says, and comes back.
//!
//! Architecture invariant: every promise is checked after every event, as for the seeds of `tree`, and
//! a run depends on its scenario and on nothing else.

mod asking;
mod report;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use asking::Asking;
pub use report::{ChannelReport, EngineReport};

use super::tree::deeds::{Deed, Plan};
use super::tree::live_once;
use super::tree::node::SimNode;
use super::tree::universe::{Setting, Surroundings, Universe, WALL_ORIGIN, rng_about};
use crate::config::scenario::{EngineScenario, Span};
use crate::domain::channel::ChannelRules;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::invariants::Violation;
use crate::domain::retry::Policies;
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;

/// How often is looked, in milliseconds, and how often while somebody waits for an answer.
const LOOK_MS: u64 = 60_000;
const LOOK_AGAIN_MS: u64 = 1_000;
/// Longer than anything waits by itself; after that something has been forgotten (D5).
const PATIENCE_MS: u64 = 30 * 24 * 3_600_000;
/// A node that died is back after so many milliseconds.
const BACK_AFTER_MS: (u64, u64) = (200, 5_000);

/// A broken promise: the engine, or the simulation, is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} was broken after {at_ms} ms of the simulated time: {}", violation.invariant, violation.found)]
pub struct EngineFailure {
    /// When, in virtual milliseconds from the beginning.
    pub at_ms: u64,
    /// Which promise, and what was found.
    pub violation: Violation,
}

/// Runs the scenario to its end: until every video is published, or needs a person.
///
/// # Errors
/// [`EngineFailure`] when a promise was broken.
pub fn simulate(scenario: &EngineScenario) -> Result<EngineReport, EngineFailure> {
    let universe = universe_of(scenario);
    run(scenario, &universe)
        .map_err(|violation| EngineFailure { at_ms: universe.time.now_ms(), violation })
}

fn universe_of(scenario: &EngineScenario) -> Arc<Universe> {
    // Each video has a story of its own, also where some were tried in vain.
    let stories = scenario.channels.iter().map(|channel| channel.videos.saturating_mul(2));
    let EngineScenario { seed, work, failures_ppm, .. } = *scenario;
    Universe::of(Setting {
        seed,
        rules: vec![ChannelRules::default(); scenario.channels.len()],
        policies: Policies::default(),
        origin: WALL_ORIGIN,
        plan: Arc::new(Steady { seed, work, failures_ppm }),
        around: Surroundings {
            slots: (scenario.render_slots, scenario.light_slots),
            stories: stories.collect(),
            platform_ms: 1,
        },
        logged: false,
    })
}

/// Work as long as the scenario says, of which a share fails and is tried again.
struct Steady {
    seed: u64,
    work: [Span; StageName::ALL.len()],
    failures_ppm: u64,
}

impl Plan for Steady {
    fn deed(&self, _channel: &ChannelName, ticket: &Ticket) -> Deed {
        let mut rng = rng_about(self.seed, &format!("{ticket:?}"));
        let mut spans = StageName::ALL.iter().zip(&self.work);
        let span = spans.find(|(stage, _)| **stage == ticket.stage);
        let lasts_ms =
            span.map_or(0, |(_, Span(low, high))| rng.between(millis(*low), millis(*high)));
        match rng.below(1_000_000) < self.failures_ppm {
            true => Deed::Fail(lasts_ms, Failure::transient("simulated_failure", "simulated")),
            false => Deed::Work(lasts_ms),
        }
    }
}

/// How a life of the node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Crash,
    Finished,
}

fn run(scenario: &EngineScenario, universe: &Arc<Universe>) -> Result<EngineReport, Violation> {
    let mut asking = Asking::of(scenario);
    let mut rng = rng_about(scenario.seed, "crashes");
    let mut restarts = 0;
    loop {
        let dies_ms = scenario.crash_every.map(|every| {
            let every_ms = millis(every);
            universe.time.now_ms() + rng.between(every_ms / 2, every_ms.saturating_mul(3) / 2)
        });
        let gap_ms = rng.between(BACK_AFTER_MS.0, BACK_AFTER_MS.1);
        if live_once(universe, gap_ms, live(universe, &mut asking, restarts, dies_ms))?
            == End::Finished
        {
            return report::of(scenario, universe, &asking, restarts);
        }
        restarts += 1;
        universe.disk.crash(0);
    }
}

/// One life of the node, until it dies or all is done.
async fn live(
    universe: &Arc<Universe>,
    asking: &mut Asking,
    life: u64,
    dies_ms: Option<u64>,
) -> Result<End, Violation> {
    let node = SimNode::start(universe, life).await?;
    asking.begin_life();
    let mut applied = node.fold.watch_applied();
    let mut moved_ms = universe.time.now_ms();
    loop {
        universe.check()?;
        node.read_feed()?;
        let now_ms = universe.time.now_ms();
        asking.hear(now_ms);
        asking.ask(&node, now_ms)?;
        if asking.is_over(universe, &node)? {
            node.stop().await;
            universe.check()?;
            return Ok(End::Finished);
        }
        if dies_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            return Ok(End::Crash);
        }
        let next_ms = asking.next_ms();
        if next_ms.is_none() && now_ms > moved_ms + PATIENCE_MS {
            let found = format!("nothing has happened since {moved_ms} ms, and not all is done");
            return Err(Violation { invariant: "D5", found });
        }
        let soonest_ms = next_ms.into_iter().chain(dies_ms).min();
        let wait_ms = soonest_ms.map_or(LOOK_MS, |at_ms| at_ms.saturating_sub(now_ms));
        let wait_ms = if asking.has_no_answer() { wait_ms.min(LOOK_AGAIN_MS) } else { wait_ms };
        let until = Instant::now() + Duration::from_millis(wait_ms);
        tokio::select! {
            biased;
            ended = node.tree.ended() => {
                let found = format!("the tree ended: {:?}", ended.err());
                return Err(Violation { invariant: "S1", found });
            }
            _ = applied.changed() => moved_ms = universe.time.now_ms(),
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
