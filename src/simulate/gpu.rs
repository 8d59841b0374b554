//! The broker's policy over hours and days of made-up demand, in milliseconds: `ytempire simulate`.
//!
//! The same demand, drawn from one seed, meets each policy that is compared. The arbiter is the
//! node's own; only time, loads and holders are simulated.
//!
//! Architecture invariant: nothing here decides who gets what. A run depends on its scenario and on
//! nothing else.

mod demand;
mod machine;
mod report;
mod run;

pub use report::{KindReport, PolicyReport, Report, Tally};

use crate::config::scenario::GpuScenario;

/// Runs the scenario under each of its policies.
#[must_use]
pub fn simulate(scenario: &GpuScenario) -> Report {
    let kinds = machine::Kinds::of(scenario);
    let jobs = demand::draw(scenario, &kinds);
    let policies = scenario.policy.kinds.iter().map(|policy| {
        let tally = run::run(scenario, &kinds, &jobs, *policy);
        (policy.name().to_owned(), tally.report())
    });
    Report { policies: policies.collect() }
}

#[cfg(test)]
mod tests;
