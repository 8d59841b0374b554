//! `ytempire workflow`: start videos, see what is in the making and why, and steer it.
//!
//! A running node is asked over HTTP. Without one, the reading commands fold the journal, and change
//! no byte of it.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::node_link::{Link, NodeClient, NodeOption, query, told_here};
use super::options::{CommonOptions, Settings};
use super::output::{CliError, Exit};
use super::settings::open_error;
use super::tables::{self, ChannelNames};
use crate::config::quantity::parse_duration;
use crate::domain::ids::ChannelId;
use crate::domain::view::WhyView;
use crate::http::archive::Archive;
use crate::http::orchestrator::channel_with_past;
use crate::http::query::encode;
use crate::http::workflows::{Filter, list, view, why};
use crate::journal::fold::Fold;
use crate::journal::open::{journal_folder, read_only};

/// How often `start --wait` looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Start videos, see what is in the making and why, and steer it.
#[derive(Debug, Clone, Args)]
pub struct WorkflowArgs {
    #[command(flatten)]
    node: NodeOption,
    #[command(subcommand)]
    command: WorkflowCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WorkflowCommand {
    /// Start a video in a channel. JSON: the workflow.
    Start(StartArgs),
    /// List workflows, newest first. JSON: {items[], next}.
    List(ListArgs),
    /// Show one workflow with its five stages.
    Show(Named),
    /// Say why a workflow is where it is, and what happens next.
    Why(Named),
    /// Stop a workflow before its next stage.
    Pause(Named),
    /// Let a paused workflow go on.
    Resume(Named),
    /// Give a workflow up at once, whatever it is doing.
    Cancel(Named),
    /// Do the parked stage of a workflow anew.
    Retry(Named),
    /// Give a parked workflow up for good.
    Drop(Named),
    /// Change how urgent a workflow is.
    Reprioritise {
        #[command(flatten)]
        named: Named,
        /// From 1 to 10; 10 is most urgent
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=10))]
        priority: u8,
    },
    /// Let a video that waits for approval be published.
    Approve(Named),
    /// Give a video that waits for approval up.
    Reject(Named),
}

#[derive(Debug, Clone, Args)]
struct Named {
    /// The workflow's id
    #[arg(value_name = "WORKFLOW")]
    id: String,
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum ContentKind {
    /// The topic with the best score now
    Trending,
    /// The topic with the best score for the channel's next slot
    Scheduled,
    /// From notes, regardless of freshness
    Evergreen,
}

#[derive(Debug, Clone, Args)]
struct StartArgs {
    /// The channel, by name or id
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    /// How the topic is chosen
    #[arg(long = "type", value_enum, default_value_t = ContentKind::Trending)]
    kind: ContentKind,
    /// How urgent it is, from 1 to 10; 10 is most urgent
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=10))]
    priority: u8,
    /// What the video should be about
    #[arg(long, value_name = "TEXT")]
    topic: Option<String>,
    /// Wait until the video is published, or is not going to be
    #[arg(long)]
    wait: bool,
    /// With --wait: how long at the most, for example 30m; then exit 6
    #[arg(long, value_name = "SPAN", requires = "wait", value_parser = span)]
    timeout: Option<Duration>,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

#[derive(Debug, Clone, Args)]
struct ListArgs {
    /// Only workflows of this channel, by name or id
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only workflows with this status
    #[arg(long, value_name = "STATUS", value_parser = [
        "pending", "processing", "awaiting_approval", "completed", "failed", "cancelled",
    ])]
    status: Option<String>,
    /// Only parked workflows: those that need a person
    #[arg(long)]
    parked: bool,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Only those after this one in the list: the `next` of the list before
    #[arg(long, value_name = "WORKFLOW")]
    after: Option<String>,
}

impl ListArgs {
    fn is_filtered(&self) -> bool {
        let filters = [&self.channel, &self.status, &self.after];
        self.parked || filters.iter().any(|filter| filter.is_some())
    }
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: workflow unknown or the command senseless (1), no node for a command that changes
/// something (3), folder in use by a node that does not answer (4), journal damaged (5), `--wait`
/// timed out (6).
pub fn run(args: &WorkflowArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let link = Link::find(&args.node, common)?;
    let command = |named: &Named, verb: &str, body: &Value| {
        (format!("/api/v1/workflows/{}/{verb}", encode(&named.id)), body.clone())
    };
    let nothing = json!({});
    let (path, body) = match &args.command {
        WorkflowCommand::Start(start) => return start_workflow(start, &link.node()?, common),
        WorkflowCommand::List(list) => return list_workflows(list, &link, common),
        WorkflowCommand::Show(named) => return show(named, &link, common),
        WorkflowCommand::Why(named) => return explain(named, &link, common),
        WorkflowCommand::Pause(named) => command(named, "pause", &nothing),
        WorkflowCommand::Resume(named) => command(named, "resume", &nothing),
        WorkflowCommand::Cancel(named) => command(named, "cancel", &nothing),
        WorkflowCommand::Retry(named) => command(named, "retry", &nothing),
        WorkflowCommand::Drop(named) => command(named, "drop", &nothing),
        WorkflowCommand::Reprioritise { named, priority } => {
            command(named, "reprioritise", &json!({ "priority": priority }))
        }
        WorkflowCommand::Approve(named) => command(named, "approve", &nothing),
        WorkflowCommand::Reject(named) => command(named, "reject", &nothing),
    };
    let value = link.node()?.post(&path, &body)?;
    common.output().result(&value, tables::workflow(&value))?;
    Ok(Exit::Done)
}

fn start_workflow(
    args: &StartArgs,
    node: &NodeClient,
    common: &CommonOptions,
) -> Result<Exit, CliError> {
    let body = json!({
        "channel_id": args.channel, "content_type": args.kind, "priority": args.priority,
        "topic": args.topic,
    });
    let started = node.post("/api/v1/workflows", &body)?;
    let id = tables::text(&started, "id");
    if !args.wait {
        let words = format!("started workflow {id}; follow it with `ytempire workflow why {id}`");
        common.output().result(&started, words)?;
        return Ok(Exit::Done);
    }
    common.output().say(format_args!("started workflow {id}"));
    let ended = wait(node, &id, args.timeout)?;
    common.output().result(&ended, tables::workflow(&ended))?;
    let is_published = tables::text(&ended, "status") == "completed";
    Ok(if is_published { Exit::Done } else { Exit::Failed })
}

/// Waits until a workflow is completed, failed or cancelled.
fn wait(node: &NodeClient, id: &str, limit: Option<Duration>) -> Result<Value, CliError> {
    let began = Instant::now();
    loop {
        let workflow = node.get(&format!("/api/v1/workflows/{}", encode(id)))?;
        let status = tables::text(&workflow, "status");
        if matches!(status.as_str(), "completed" | "failed" | "cancelled") {
            return Ok(workflow);
        }
        if limit.is_some_and(|limit| began.elapsed() >= limit) {
            let message = format!("the workflow is still {status}; it goes on");
            return Err(CliError::new(Exit::WaitTimedOut, "wait_timed_out", message)
                .at(id)
                .remedy(format!("see `ytempire workflow why {id}`")));
        }
        let left = limit.map_or(LOOK_EVERY, |limit| limit.saturating_sub(began.elapsed()));
        node.pause(left.min(LOOK_EVERY));
    }
}

fn show(named: &Named, link: &Link, common: &CommonOptions) -> Result<Exit, CliError> {
    let value = match link {
        Link::Node(node) => node.get(&format!("/api/v1/workflows/{}", encode(&named.id)))?,
        Link::Folder { settings, .. } => {
            let archive = Archive::new(settings.data_dir());
            let found = view(&fold_of(settings)?, &archive, &named.id);
            to_json(&found.map_err(|problem| told_here(&problem).at(&named.id))?)?
        }
    };
    common.output().result(&value, tables::workflow(&value))?;
    Ok(Exit::Done)
}

fn explain(named: &Named, link: &Link, common: &CommonOptions) -> Result<Exit, CliError> {
    let value = match link {
        Link::Node(node) => node.get(&format!("/api/v1/workflows/{}/why", encode(&named.id)))?,
        Link::Folder { settings, .. } => {
            let archive = Archive::new(settings.data_dir());
            let found = why(&fold_of(settings)?, &archive, &named.id);
            to_json(&at_rest(found.map_err(|problem| told_here(&problem).at(&named.id))?))?
        }
    };
    common.output().result(&value, tables::why(&value))?;
    Ok(Exit::Done)
}

/// The folder is read only while no process holds it, so what the journal shows as running was cut
/// off.
fn at_rest(mut view: WhyView) -> WhyView {
    if view.state == "running" {
        view.reason = format!("{}, but no node is running: it was cut off", view.reason);
        view.next =
            "it is made again at the next start, by `ytempire run` or `ytempire demo`".to_owned();
    }
    view
}

fn list_workflows(args: &ListArgs, link: &Link, common: &CommonOptions) -> Result<Exit, CliError> {
    let (value, names) = match link {
        Link::Node(node) => list_of_node(args, node, common)?,
        Link::Folder { settings, .. } => list_of_folder(args, settings)?,
    };
    let is_empty = value.get("items").and_then(Value::as_array).is_none_or(Vec::is_empty);
    let words = if is_empty && args.is_filtered() {
        "no workflow is like that; `ytempire workflow list` lists all".to_owned()
    } else if is_empty {
        "no workflows yet; `ytempire demo` or `ytempire workflow start` starts some".to_owned()
    } else {
        tables::workflows(&value, &names)
    };
    common.output().result(&value, words)?;
    Ok(Exit::Done)
}

fn list_of_node(
    args: &ListArgs,
    node: &NodeClient,
    common: &CommonOptions,
) -> Result<(Value, ChannelNames), CliError> {
    let parameters = query(&[
        ("channel", args.channel.clone()),
        ("status", args.status.clone()),
        ("parked", args.parked.then(|| "true".to_owned())),
        ("limit", Some(args.limit.to_string())),
        ("after", args.after.clone()),
    ]);
    let page = node.get(&format!("/api/v1/workflows{parameters}"))?;
    let mut names = ChannelNames::new();
    if !common.json {
        let channels = node.get("/api/v1/channels?limit=500")?;
        for channel in channels.get("items").and_then(Value::as_array).into_iter().flatten() {
            names.insert(tables::text(channel, "id"), tables::text(channel, "name"));
        }
    }
    Ok((page, names))
}

fn list_of_folder(args: &ListArgs, settings: &Settings) -> Result<(Value, ChannelNames), CliError> {
    let fold = fold_of(settings)?;
    let channel = match &args.channel {
        Some(asked) => Some(channel_of(asked, &fold, settings)?),
        None => None,
    };
    let filter = Filter { channel, status: args.status.clone(), parked: args.parked };
    let archive = Archive::new(settings.data_dir());
    let limit = usize::from(args.limit);
    let page = list(&fold, &archive, &filter, limit, args.after.as_deref());
    let page = page.map_err(|problem| told_here(&problem).at("--after"))?;
    let named = fold.channels().into_iter().filter_map(|channel| {
        let name = fold.read(channel, |state| state.name.clone())?;
        Some((channel.to_string(), name.to_string()))
    });
    Ok((to_json(&page)?, named.collect()))
}

/// A channel exists when the config or the journal knows it, by name or id.
fn channel_of(asked: &str, fold: &Fold, settings: &Settings) -> Result<ChannelId, CliError> {
    let mut channels = settings.config.channels.iter();
    let configured =
        channels.find(|channel| channel.name.as_str() == asked || channel.id.to_string() == asked);
    let found = configured.map(|channel| channel.id).or_else(|| channel_with_past(fold, asked));
    found.ok_or_else(|| {
        CliError::new(Exit::Failed, "not_found", format!("there is no channel {asked}"))
            .at("--channel")
            .remedy("see the channels with `ytempire channel list`")
    })
}

/// Everything that is in the journal of a folder that nobody holds.
///
/// # Errors
/// Exit 5 when it is damaged.
pub(super) fn fold_of(settings: &Settings) -> Result<Fold, CliError> {
    let folder = journal_folder(settings.data_dir());
    read_only(&folder).map_err(|error| open_error(&folder, &error))
}

/// `value` as JSON.
///
/// # Errors
/// When it cannot be written so.
pub(super) fn to_json(value: &impl Serialize) -> Result<Value, CliError> {
    serde_json::to_value(value).map_err(|error| CliError::new(Exit::Failed, "not_printable", error))
}
