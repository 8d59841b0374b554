//! `ytempire simulate`: a scenario under the policies it compares.
//!
//! Architecture invariant: it reads one file and writes none; the same file gives the same figures.

use std::path::PathBuf;

use clap::Args;

use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::tables;
use crate::config::problem::ConfigError;
use crate::config::scenario::Scenario;
use crate::simulate::gpu::simulate;

/// Try the sharing of the GPU on a made-up day, in a moment and without a GPU.
///
/// A scenario names devices, models, who asks for what and when, and the policies to compare; there
/// are some in data/scenarios, and docs/scenarios.md explains them. The figures are simulated: what
/// takes how long is what the scenario says. JSON: {policies{name{kinds{name{grants, mean_wait_s,
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
    let report = simulate(&scenario);
    let told = tables::simulation(&serde_json::json!(report));
    common.output().result(&report, told)?;
    Ok(Exit::Done)
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
