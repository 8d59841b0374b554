//! `ytempire bench`: what the engine itself costs, on the very node that makes videos.
//!
//! Read `work` (stages that do nothing), `bench_node` (the node they run on), `drive` (starting
//! workflows and waiting for them), `engine` (the measurement), `read_back` (whether all of it is
//! there), `hold` (a node to be killed, and what became of it) and `seed` (long histories).
//!
//! Architecture invariant: nothing of the engine is left out or replaced but the work of the stages
//! and their sources; what is measured is what a video goes through.

mod bench_node;
mod drive;
mod engine;
mod figures;
mod hold;
mod read_back;
mod seed;
mod work;

use std::time::Duration;

use clap::{Args, Subcommand};

use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::runtime::node_runtime;
use crate::config::quantity::parse_duration;

/// Measure what the engine itself costs.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum BenchCommand {
    /// Run workflows of five stages that do nothing and return a payload each.
    ///
    /// Every stage is durable before the next one starts, and all goes through the channels, stages,
    /// journal and store that make videos. The data folder must be new, or left by --hold. JSON:
    /// {workflows, wall_s, wf_per_s, cpu_ms_per_wf, syncs_per_wf, p50_ms, p99_ms, fdatasync_ms,
    /// group_sync_ms, rss_mb, recovery_s, verified, payloads_read}; with --resume {live, lost,
    /// duplicated_steps, first_progress_s, recovery_s, wall_s}.
    Engine(EngineArgs),
    /// Make a data folder with channels that have long histories, to see how a node starts with them.
    ///
    /// The folder must be new; `bench engine` and `run` can use it. JSON: {channels, workflows, wall_s,
    /// bytes_per_workflow}.
    SeedHistory(SeedArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct SeedArgs {
    /// How many channels
    #[arg(long, value_name = "K", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    channels: u32,
    /// Finished workflows in each
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    workflows: u32,
    /// Bytes of each, about
    #[arg(long, value_name = "BYTES", default_value_t = 300, value_parser = clap::value_parser!(u32).range(150..=600))]
    size: u32,
}

#[derive(Debug, Clone, Args)]
pub(super) struct EngineArgs {
    /// How many workflows to run
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    workflows: u32,
    /// How many of them at once
    #[arg(long, value_name = "C", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    concurrency: u32,
    /// In how many channels
    #[arg(long, value_name = "K", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    channels: u32,
    /// Bytes that every stage returns, at most 16 KiB
    #[arg(long, value_name = "BYTES", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    payload: u32,
    /// Workflows that are run one at a time afterwards, for their latency
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    alone: u32,
    /// Keep so many workflows in flight, one after the other, until the process is killed or stopped
    #[arg(long, conflicts_with = "resume")]
    hold: bool,
    /// With --hold: how long a stage takes
    #[arg(long, value_name = "SPAN", default_value = "500ms", value_parser = span)]
    step: Duration,
    /// Only read what an earlier measurement left: what a measurement lets a process of its own do
    #[arg(long, hide = true, conflicts_with_all = ["hold", "resume"])]
    read_back: bool,
    /// Finish what a node that was held and killed had in flight, and say what became of it
    #[arg(long)]
    resume: bool,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Carries `args` out.
///
/// # Errors
/// [`CliError`]: a data folder that is on no disk or not new (2), in use (4), damaged (5), or a
/// failure of the node (1).
pub fn run(args: &BenchArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let args = match &args.command {
        BenchCommand::Engine(args) => args,
        BenchCommand::SeedHistory(args) => return seed::seed(args, common),
    };
    let (runtime, vigil) = node_runtime()?;
    let (args, common) = (args.clone(), common.clone());
    // On a thread of the runtime, where those who ask a node are too.
    let work = runtime.spawn(async move {
        if args.hold {
            hold::hold(&args, &common, vigil).await
        } else if args.resume {
            hold::resume(&args, &common, vigil).await
        } else if args.read_back {
            read_back::read_back(&args, &common)
        } else {
            engine::measure(&args, &common, vigil).await
        }
    });
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome.unwrap_or_else(|error| Err(CliError::new(Exit::Failed, "bench_panicked", error)))
}
