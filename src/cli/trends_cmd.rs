//! `ytempire trends`: what is talked about around the channels, and how promising it is.
//!
//! Without a running node, the sources that are files and folders are read here and now.

use clap::{Args, Subcommand};

use super::backtest::{self, BacktestArgs};
use super::node_link::{Link, NodeOption, query};
use super::offline;
use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::tables;

/// See what is talked about around the channels, the most promising first. JSON: {items[], next}.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct TrendsArgs {
    #[command(subcommand)]
    command: Option<TrendsCommand>,
    #[command(flatten)]
    node: NodeOption,
    /// Only what is talked about around this channel, by name or id
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Only those after this one in the list: the `next` of the list before
    #[arg(long, value_name = "TOPIC")]
    after: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
enum TrendsCommand {
    Backtest(BacktestArgs),
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: channel unknown (1), folder in use by a node that does not answer (4).
pub fn run(args: &TrendsArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    if let Some(TrendsCommand::Backtest(backtest)) = &args.command {
        return backtest::run(backtest, common);
    }
    let page = match Link::find(&args.node, common)? {
        Link::Node(node) => {
            let parameters = query(&[
                ("channel", args.channel.clone()),
                ("limit", Some(args.limit.to_string())),
                ("after", args.after.clone()),
            ]);
            node.get(&format!("/api/v1/trends{parameters}"))?
        }
        Link::Folder { settings, lock: _lock } => {
            let (channel, after) = (args.channel.as_deref(), args.after.as_deref());
            offline::trends(&settings, channel, usize::from(args.limit), after)?
        }
    };
    common.output().result(&page, tables::trends(&page))?;
    Ok(Exit::Done)
}
