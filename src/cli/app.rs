//! The command line: what there is, and who carries it out.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::bench::{self, BenchArgs};
use super::channel_cmd::{self, ChannelArgs};
use super::config_cmd::{self, ConfigArgs};
use super::demo::{self, DemoArgs};
use super::doctor::{self, DoctorArgs};
use super::gpu_cmd::{self, GpuArgs};
use super::journal_cmd::{self, JournalArgs};
use super::options::CommonOptions;
use super::output::{CliError, Exit, Output};
use super::render::{self, RenderArgs};
use super::script_cmd::{self, ScriptArgs};
use super::serve::{self, RunArgs};
use super::simulate_cmd::{self, SimulateArgs};
use super::stage_worker;
use super::trends_cmd::{self, TrendsArgs};
use super::workflow_cmd::{self, WorkflowArgs};
use crate::adapters::system::SystemClock;
use crate::ports::clock::Clock;
use crate::telemetry::failpoint;
use crate::worker::spawn::WORKER_COMMAND;

/// YTEMPIRE: finds what is trending, decides what to make, writes, narrates, renders and publishes.
///
/// Text for people goes to stderr; with --json the result goes to stdout.
/// Exit codes: 0 done, 1 failed, 2 bad usage, config or input file, 3 node unreachable, 4 data folder
/// in use, 5 data damaged, 6 wait timed out.
#[derive(Debug, Parser)]
#[command(name = "ytempire", version, max_term_width = 100)]
struct App {
    #[command(flatten)]
    common: CommonOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(DemoArgs),
    Run(RunArgs),
    Workflow(WorkflowArgs),
    Channel(ChannelArgs),
    Trends(TrendsArgs),
    Script(ScriptArgs),
    Render(RenderArgs),
    Journal(JournalArgs),
    Simulate(SimulateArgs),
    Gpu(GpuArgs),
    Bench(BenchArgs),
    Config(ConfigArgs),
    Doctor(DoctorArgs),
}

/// Reads the command line, carries it out, and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == WORKER_COMMAND) {
        return stage_worker::run();
    }
    let app = match App::try_parse() {
        Ok(app) => app,
        Err(error) => return usage(&error),
    };
    log_to_stderr();
    if let Some(point) = std::env::var_os(failpoint::VARIABLE)
        && let Err(wrong) = failpoint::arm(&point.to_string_lossy())
    {
        let told = CliError::new(Exit::BadUsage, "bad_failpoint", wrong);
        return app.common.output().fail(&told);
    }
    carry_out(app)
}

/// A wrong command line: told by clap, and with `--json` also as a failure on stdout.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nobody is left to be helped when stdout is gone.
        let _ = error.print();
        return Exit::Done.into();
    }
    let json = std::env::args_os().any(|argument| argument == "--json");
    if !json {
        let _ = error.print();
        return Exit::BadUsage.into();
    }
    let text = error.render().to_string();
    let message = match error.kind() {
        // What clap renders then is the help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        _ => text.lines().next().unwrap_or_default().trim_start_matches("error: "),
    };
    let told = CliError::new(Exit::BadUsage, "bad_usage", message)
        .at("command line")
        .remedy("see `ytempire --help`");
    Output { json }.fail(&told)
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("YTEMPIRE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let logging = logging.with_ansi(std::io::stderr().is_terminal()).with_target(false);
    // A subscriber that is already there is as good.
    let _ = logging.try_init();
}

fn carry_out(app: App) -> ExitCode {
    let App { common, command } = app;
    let output = common.output();
    match command {
        Command::Demo(args) => output.finish(demo::run(&args, &common)),
        Command::Run(args) => output.finish(serve::run(&args, &common)),
        Command::Workflow(args) => output.finish(workflow_cmd::run(&args, &common)),
        Command::Channel(args) => output.finish(channel_cmd::run(&args, &common)),
        Command::Trends(args) => output.finish(trends_cmd::run(&args, &common)),
        Command::Script(args) => output.finish(script_cmd::run(&args, &common)),
        Command::Render(args) => match common.settings() {
            Ok(settings) => render::run(&args, &settings.config.render, common.json),
            Err(error) => output.fail(&error),
        },
        Command::Journal(args) => output.finish(journal_cmd::run(&args, &common)),
        Command::Gpu(args) => output.finish(gpu_cmd::run(&args, &common)),
        Command::Bench(args) => output.finish(bench::run(&args, &common)),
        Command::Simulate(args) => output.finish(simulate_cmd::run(&args, &common)),
        Command::Config(args) => {
            let is_set = |name: &str| std::env::var_os(name).is_some();
            output.finish(config_cmd::run(&args, &common, &is_set))
        }
        Command::Doctor(args) => output.finish(doctor::run(&args, &common, SystemClock.now())),
    }
}
