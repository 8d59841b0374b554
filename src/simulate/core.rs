//! The first rung: the pure core under a model of everything around it.
//!
//! The domain is the real one. The journal, the stage workers, the platform and the shell of the
//! channel's actor are models, as small as their contracts allow, with faults drawn from the seed.
//!
//! Architecture invariant: what leaves the model's channel (work, replies) comes from the fold of
//! acknowledged frames only (D2); what it decides, it decides ahead of them.

mod channel;
mod client;
mod faults;
mod journal;
mod workers;
mod world;

use std::fmt;

use crate::domain::artifact::Digest;
use crate::domain::invariants::Violation;

use super::coverage::Coverage;
use world::World;

/// Fewest commands that a run decides.
pub const MIN_COMMANDS: u64 = 200;
/// Fewest faults that a run meets.
pub const MIN_FAULTS: u64 = 5;
/// Fewest restarts of the whole node in a run.
pub const MIN_RESTARTS: u64 = 1;
/// A run that takes more steps than this does not come to an end by itself (D5).
const MAX_STEPS: u64 = 200_000;

/// What a run without violations did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreReport {
    /// Fingerprint of everything that happened, in order.
    pub trace_hash: Digest,
    /// Commands that were decided or rejected.
    pub commands: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Restarts of the whole node.
    pub restarts: u64,
    /// Events that became durable.
    pub events: u64,
    /// Videos on the platform at the end.
    pub publications: u64,
    /// What was reached.
    pub coverage: Coverage,
}

/// A broken promise, and how to see it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreFailure {
    /// The seed that leads to it.
    pub seed: u64,
    /// After how many steps.
    pub step: u64,
    /// Virtual time in milliseconds.
    pub at_ms: u64,
    /// Which invariant, and what was found.
    pub violation: Violation,
    /// What happened last, oldest first.
    pub recent: Vec<String>,
}

impl fmt::Display for CoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.recent {
            writeln!(f, "  {line}")?;
        }
        writeln!(
            f,
            "seed {} broke {} at step {} ({} ms): {}",
            self.seed, self.violation.invariant, self.step, self.at_ms, self.violation.found
        )?;
        write!(f, "replay it: YTEMPIRE_SIM_SEED={} cargo test --test sim", self.seed)
    }
}

impl std::error::Error for CoreFailure {}

/// Runs the history of `seed` to its end.
///
/// # Errors
/// [`CoreFailure`] on the first violation of an invariant, with what led to it.
pub fn run_core(seed: u64) -> Result<CoreReport, Box<CoreFailure>> {
    let mut quiet = World::new(seed, false);
    match run(&mut quiet) {
        Ok(()) => Ok(quiet.report()),
        // The same history once more, written down this time.
        Err(first) => {
            let mut logged = World::new(seed, true);
            let violation = run(&mut logged).err().unwrap_or(first);
            Err(Box::new(CoreFailure {
                seed,
                step: logged.steps,
                at_ms: logged.now,
                violation,
                recent: logged.take_log(),
            }))
        }
    }
}

fn run(world: &mut World) -> Result<(), Violation> {
    world.begin()?;
    while world.faulty {
        world.step(MAX_STEPS)?;
        let enough = world.commands >= world.target_commands
            && world.faults >= MIN_FAULTS
            && world.restarts >= MIN_RESTARTS;
        if enough {
            world.end_of_trouble();
        }
    }
    while !world.is_quiet() {
        world.step(MAX_STEPS)?;
    }
    world.check_the_end()
}
