//! `ytempire simulate`: a scenario of a node, or of the GPU under the policies it compares.
//!
//! Architecture invariant: it reads one file and writes none; the same file gives the same figures.

use std::path::PathBuf;

use clap::Args;

use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::tables;
use crate::config::problem::ConfigError;
use crate::config::scenario::Scenario;
use crate::simulate::{engine, gpu};

/// Try the node, or its sharing of a GPU, on a made-up day, in a moment and without a GPU.
///
/// A scenario of kind "gpu" names devices, models, who asks for what and when, and the policies to
/// compare; one of kind "engine" names channels, the videos they ask for, how long the work takes and
/// how often the node dies. There are some in data/scenarios, and docs/scenarios.md explains them. The
/// figures are simulated: what takes how long is what the scenario says. JSON of kind "engine":
/// {channels{name{videos, published, parked, mean_s, p99_s, max_s}}, makespan_s, events,
/// failed_attempts, restarts, trace_hash}; of kind "gpu": {policies{name{kinds{name{grants, mean_wait_s,
/// p99_wait_s, max_wait_s, refused}}, loads, evictions, lease_busy, byte_second_utilisation,
/// makespan_s, deadline_misses, oom}}}.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// The scenario, a TOML file
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: the scenario cannot be read or has a problem (2).
pub fn run(args: &SimulateArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let scenario = Scenario::load(&args.scenario).map_err(|error| refused(&error))?;
    match scenario {
        Scenario::Gpu(scenario) => {
            let report = gpu::simulate(&scenario);
            let told = tables::simulation(&serde_json::json!(report));
            common.output().result(&report, told)?;
        }
        Scenario::Engine(scenario) => {
            let report = engine::simulate(&scenario).map_err(|failure| broken(&failure))?;
            let told = tables::engine(&serde_json::json!(report));
            common.output().result(&report, told)?;
        }
    }
    Ok(Exit::Done)
}

fn broken(failure: &engine::EngineFailure) -> CliError {
    CliError::new(Exit::Failed, "promise_broken", failure.to_string())
        .remedy("this is a bug: report it with the scenario, which leads to it again")
}

fn refused(error: &ConfigError) -> CliError {
    match error {
        ConfigError::Unreadable { file, source } => {
            let message = format!("cannot read the scenario: {source}");
            CliError::new(Exit::BadUsage, "scenario_unreadable", message)
                .at(file.display())
                .remedy("name a scenario; there are some in data/scenarios")
        }
        ConfigError::Invalid { file, problems } => {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            CliError::new(Exit::BadUsage, "scenario_invalid", told.join("\n"))
                .at(file.display())
                .remedy("mend the lines; docs/scenarios.md lists the keys")
        }
    }
}
