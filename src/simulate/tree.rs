//! The second rung: the whole tree of a node on a paused clock, over a simulated disk and outside.
//!
//! The actors, the supervisors, the broker, the journal's writer and the works of the stages are the
//! real ones. Sources, models, voice, renderer, platform, clock, chance and disk are stand-ins. The
//! seed draws what clients want and what goes wrong: work that fails, panics, hangs; actors that are
//! killed or panic in a handler; syncs that fail; crashes and restarts of the node.
//!
//! Architecture invariant: each life of the node has a runtime of its own, so that a crash leaves
//! nothing behind but what the universe keeps: the disk, the artifacts and the platform's ledger.

pub mod deeds;
pub mod node;
pub mod universe;

mod clients;
mod course;
mod outside;
mod platform;
mod store;
mod watcher;

use std::fmt;
use std::sync::Arc;

use crate::domain::artifact::Digest;
use crate::domain::invariants::Violation;
use crate::simulate::coverage::Coverage;

use course::{Course, End};
use deeds::SeededPlan;
use node::model;
use universe::{Universe, rng_about};

/// Fewest commands that clients send in a run.
pub const MIN_COMMANDS: u64 = 200;
/// Fewest faults that a run meets.
pub const MIN_FAULTS: u64 = 5;
/// Fewest restarts of the whole node in a run.
pub const MIN_RESTARTS: u64 = 1;

/// What a run without violations did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeReport {
    /// Fingerprint of every committed event, in order and with its time.
    pub trace_hash: Digest,
    /// Commands that clients sent.
    pub commands: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Restarts of the whole node.
    pub restarts: u64,
    /// Events that became durable.
    pub events: u64,
    /// Videos on the platform at the end.
    pub publications: u64,
    /// Virtual time that passed, in milliseconds.
    pub virtual_ms: u64,
    /// What was reached.
    pub coverage: Coverage,
}

/// A broken promise, and how to see it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFailure {
    /// The seed that leads to it.
    pub seed: u64,
    /// Virtual time in milliseconds.
    pub at_ms: u64,
    /// Which invariant, and what was found.
    pub violation: Violation,
    /// What happened last, oldest first.
    pub recent: Vec<String>,
}

impl fmt::Display for TreeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.recent {
            writeln!(f, "  {line}")?;
        }
        let Violation { invariant, found } = &self.violation;
        writeln!(f, "seed {} broke {invariant} at {} ms: {found}", self.seed, self.at_ms)?;
        write!(
            f,
            "replay it: YTEMPIRE_SIM_SEED={} cargo test --test sim no_seed_of_the_whole_tree",
            self.seed
        )
    }
}

impl std::error::Error for TreeFailure {}

/// Runs the history of `seed` to its end.
///
/// # Errors
/// [`TreeFailure`] on the first violation of an invariant, with what led to it.
pub fn run_tree(seed: u64) -> Result<TreeReport, Box<TreeFailure>> {
    let quiet = universe_of(seed, false);
    match run(&quiet) {
        Ok(report) => Ok(report),
        // The same history once more, written down this time.
        Err(first) => {
            let logged = universe_of(seed, true);
            let violation = run(&logged).err().unwrap_or(first);
            let (at_ms, recent) = (logged.time.now_ms(), logged.recent());
            Err(Box::new(TreeFailure { seed, at_ms, violation, recent }))
        }
    }
}

fn universe_of(seed: u64, logged: bool) -> Arc<Universe> {
    let channels = usize::try_from(rng_about(seed, "channels").between(2, 3)).unwrap_or(2);
    Universe::new(seed, channels, Arc::new(SeededPlan(seed)), logged)
}

/// Runs `future` as one life of a node, on a paused clock of its own, then takes everything that
/// lives away at once. The next life begins `gap_ms` later.
///
/// # Errors
/// [`Violation`] when there is no runtime, or what `future` found.
pub fn live_once<T>(
    universe: &Universe,
    gap_ms: u64,
    future: impl Future<Output = Result<T, Violation>>,
) -> Result<T, Violation> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| model(&error))?;
    runtime.block_on(async {
        universe.time.begin_life();
        let outcome = future.await;
        universe.time.end_life(gap_ms);
        outcome
    })
}

fn run(universe: &Arc<Universe>) -> Result<TreeReport, Violation> {
    let mut course = Course::new(universe.seed);
    loop {
        let gap_ms = course.rng.between(200, 5_000);
        let end = live_once(universe, gap_ms, course.live(universe))?;
        if end == End::Finished {
            break;
        }
        course.between_lives(universe, end);
    }
    course.check_the_end(universe)?;
    let (trace_hash, events) = universe.history();
    Ok(TreeReport {
        trace_hash,
        commands: course.clients.commands,
        faults: universe.faults(),
        restarts: course.restarts,
        events,
        publications: universe.ledger.count(),
        virtual_ms: universe.time.now_ms(),
        coverage: universe.coverage(),
    })
}
