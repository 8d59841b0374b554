//! `ytempire trends backtest`: how well the scores of each day ranked the growth of the next, on the
//! looks at the sources that a node has kept.
//!
//! Architecture invariant: it reads files only, so it works beside a running node.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::options::CommonOptions;
use super::output::{CliError, Exit};
use crate::adapters::offline::polls::PollFiles;
use crate::adapters::system::SystemClock;
use crate::craft::backtest::{Past, Report, backtest};
use crate::domain::ids::ChannelName;
use crate::domain::timestamp::Timestamp;
use crate::ports::clock::Clock;
use crate::ports::source_store::PollLog;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Test the scores on the past: how well each day's ranked the next day's growth.
///
/// Needs what a node has seen of its sources for at least two days, with views.
/// JSON: {channels[{channel, report}]}.
#[derive(Debug, Clone, Args)]
pub struct BacktestArgs {
    /// Only this channel, by name
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// How many days back
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(2..=366))]
    days: u16,
}

#[derive(Debug, Serialize)]
struct Tested {
    channel: ChannelName,
    report: Report,
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: channel unknown, or the looks cannot be read (1).
pub fn run(args: &BacktestArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let polls = PollFiles::new(settings.data_dir().join("polls"));
    let now = SystemClock.now();
    let from = now.minus(DAY * u32::from(args.days));
    let wanted =
        settings.config.channels.iter().filter(|channel| {
            args.channel.as_ref().is_none_or(|name| channel.name.as_str() == name)
        });
    let mut tested = Vec::new();
    for channel in wanted {
        let report = test(&polls, &channel.name, &channel.niche, (from, now))?;
        tested.push(Tested { channel: channel.name.clone(), report });
    }
    if tested.is_empty() {
        let message = "the config has no such channel; list them with `ytempire channel list`";
        return Err(CliError::new(Exit::Failed, "not_found", message));
    }
    let told: Vec<String> =
        tested.iter().map(|tested| format!("{}:\n{}", tested.channel, tested.report)).collect();
    common.output().result(&serde_json::json!({ "channels": tested }), told.join("\n"))?;
    Ok(Exit::Done)
}

fn test(
    polls: &PollFiles,
    channel: &ChannelName,
    niche: &str,
    (from, until): (Timestamp, Timestamp),
) -> Result<Report, CliError> {
    let looks = polls.read(channel, from, until).map_err(|failure| {
        CliError::new(Exit::Failed, "polls_unreadable", &failure.message).at(channel)
    })?;
    Ok(backtest(&Past { polls: &looks, stories: &[], niche }))
}
