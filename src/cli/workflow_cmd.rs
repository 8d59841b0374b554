//! `ytempire workflow`: what videos are in the making, and why each is where it is.
//!
//! Without a running node these commands fold the journal, and change no byte of it.

use std::cmp::Reverse;
use std::sync::Arc;

use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::json;

use super::data_folder::feel_lock;
use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::settings::open_error;
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::view::{WhyView, WorkflowView, status, why_view, workflow_view};
use crate::domain::workflow::Workflow;
use crate::journal::fold::Fold;
use crate::journal::history::{HistoryError, HistoryFolder};
use crate::journal::open::{journal_folder, read_only};
use crate::journal::segment::files::DiskFiles;

/// See what videos are in the making.
#[derive(Debug, Clone, Args)]
pub struct WorkflowArgs {
    #[command(subcommand)]
    command: WorkflowCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WorkflowCommand {
    /// List workflows, newest first. JSON: {items[], next}.
    List(ListArgs),
    /// Show one workflow with its five stages.
    Show {
        /// The workflow's id
        #[arg(value_name = "WORKFLOW")]
        id: String,
    },
    /// Say why a workflow is where it is, and what happens next.
    Why {
        /// The workflow's id
        #[arg(value_name = "WORKFLOW")]
        id: String,
    },
}

#[derive(Debug, Clone, Args)]
struct ListArgs {
    /// Only workflows of this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
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

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: folder in use (4), journal damaged (5), workflow unknown (1).
pub fn run(args: &WorkflowArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let _lock = feel_lock(settings.data_dir())?;
    let folder = journal_folder(settings.data_dir());
    let fold = read_only(&folder).map_err(|error| open_error(&folder, &error))?;
    let history = HistoryFolder::new(settings.data_dir(), Arc::new(DiskFiles));
    match &args.command {
        WorkflowCommand::List(list) => list_workflows(list, &fold, &history, common),
        WorkflowCommand::Show { id } => {
            let (channel, workflow) = find(&fold, &history, id)?;
            let view = workflow_view(channel, &workflow);
            common.output().result(&view, show_in_words(&view))?;
            Ok(Exit::Done)
        }
        WorkflowCommand::Why { id } => {
            let (_, workflow) = find(&fold, &history, id)?;
            let view = at_rest(why_view(&workflow));
            common.output().result(&view, why_in_words(&view))?;
            Ok(Exit::Done)
        }
    }
}

/// These commands read only while no process holds the folder, so what the journal shows as running
/// was cut off.
fn at_rest(mut view: WhyView) -> WhyView {
    if view.state == "running" {
        view.reason = format!("{}, but no node is running: it was cut off", view.reason);
        view.next = "it is made again at the next start, for example by `ytempire demo`".to_owned();
    }
    view
}

fn history_error(error: &HistoryError) -> CliError {
    let exit = if error.is_loss() { Exit::DataDamaged } else { Exit::Failed };
    CliError::new(exit, error.code(), error)
}

fn find(fold: &Fold, history: &HistoryFolder, id: &str) -> Result<(ChannelId, Workflow), CliError> {
    let unknown = || {
        CliError::new(Exit::Failed, "not_found", format!("there is no workflow {id}"))
            .at(id)
            .remedy("list them with `ytempire workflow list`")
    };
    let wanted: WorkflowId = id.parse().map_err(|_| unknown())?;
    let channels = fold.channels().into_iter();
    let mut found = channels.filter_map(|channel| {
        let workflow = fold.read(channel, |state| state.workflows.get(&wanted).cloned())?;
        Some((channel, workflow))
    });
    if let Some(found) = found.next() {
        return Ok(found);
    }
    let archived = history.find(fold, wanted).map_err(|error| history_error(&error))?;
    archived.ok_or_else(unknown)
}

fn list_workflows(
    args: &ListArgs,
    fold: &Fold,
    history: &HistoryFolder,
    common: &CommonOptions,
) -> Result<Exit, CliError> {
    if let Some(asked) = &args.channel {
        check_channel(asked, fold, common)?;
    }
    let mut all: Vec<(String, ChannelId, Workflow)> = Vec::new();
    for channel in fold.channels() {
        let state = fold.state(channel);
        let name = state.name.as_ref().map_or_else(|| channel.to_string(), ToString::to_string);
        let asked = args.channel.as_ref();
        if asked.is_some_and(|asked| *asked != name && *asked != channel.to_string()) {
            continue;
        }
        let (archived, problems) = history.of_channel(fold, channel);
        for error in problems {
            tracing::warn!(%error, "some finished videos are not listed");
        }
        let workflows = state.workflows.into_values().chain(archived);
        all.extend(workflows.map(|workflow| (name.clone(), channel, workflow)));
    }
    if args.parked {
        all.retain(|(_, _, workflow)| workflow.ending().is_none() && !workflow.is_live());
    }
    all.sort_by_key(|(_, _, workflow)| Reverse((workflow.created_at, workflow.id)));
    if let Some(after) = &args.after {
        let place = all.iter().position(|(_, _, workflow)| workflow.id.to_string() == *after);
        let Some(place) = place else {
            let message = format!("there is no workflow {after} in this list");
            return Err(CliError::new(Exit::Failed, "not_found", message).at("--after"));
        };
        all.drain(..=place);
    }
    let more = all.len() > usize::from(args.limit);
    all.truncate(usize::from(args.limit));
    let next = all.last().filter(|_| more).map(|(_, _, workflow)| workflow.id);
    let items: Vec<WorkflowView> =
        all.iter().map(|(_, channel, workflow)| workflow_view(*channel, workflow)).collect();
    let value = json!({ "items": items, "next": next });
    let is_filtered = args.channel.is_some() || args.parked || args.after.is_some();
    let words = if all.is_empty() && is_filtered {
        "no workflow is like that; `ytempire workflow list` lists all".to_owned()
    } else if all.is_empty() {
        let folder = common.settings()?.data_dir().display().to_string();
        format!("no workflows in {folder}; `ytempire demo` starts some")
    } else {
        list_in_words(&all)
    };
    common.output().result(&value, words)?;
    Ok(Exit::Done)
}

/// A channel exists when the config or the journal knows it, by name or id.
fn check_channel(asked: &str, fold: &Fold, common: &CommonOptions) -> Result<(), CliError> {
    let config = common.settings()?.config;
    let configured = config
        .channels
        .iter()
        .any(|channel| channel.name.as_str() == asked || channel.id.to_string() == asked);
    let has_happened = fold.channels().into_iter().any(|channel| {
        let name = fold.read(channel, |state| state.name.clone());
        channel.to_string() == asked || name.is_some_and(|name| name.as_str() == asked)
    });
    if configured || has_happened {
        return Ok(());
    }
    Err(CliError::new(Exit::Failed, "not_found", format!("there is no channel {asked}"))
        .at("--channel")
        .remedy("list all workflows with `ytempire workflow list` to see the channels"))
}

fn list_in_words(all: &[(String, ChannelId, Workflow)]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["workflow", "channel", "status", "stage", "started", "title"]);
    for (channel, _, workflow) in all {
        let stage = workflow.position().map_or("", |position| position.stage.name());
        table.add_row([
            workflow.id.to_string(),
            channel.clone(),
            status(workflow).to_owned(),
            stage.to_owned(),
            workflow.created_at.to_string(),
            workflow.title.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn show_in_words(view: &WorkflowView) -> String {
    let cause = view.cause.as_ref().map(|cause| format!("\ncause: {cause}")).unwrap_or_default();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["stage", "status", "started", "completed", "output"]);
    for step in &view.steps {
        let time = |at: Option<crate::domain::timestamp::Timestamp>| {
            at.map(|at| at.to_string()).unwrap_or_default()
        };
        let outputs = step.output.iter().flatten();
        let names: Vec<String> =
            outputs.map(|output| format!("{} ({} bytes)", output.name, output.bytes)).collect();
        table.add_row([
            step.name.to_string(),
            step.status.to_owned(),
            time(step.started_at),
            time(step.completed_at),
            names.join("\n"),
        ]);
    }
    format!("workflow {}: {}{cause}\n{table}", view.id, view.status)
}

fn why_in_words(view: &WhyView) -> String {
    let stage = view.stage.map(|stage| format!(" at {stage}")).unwrap_or_default();
    let until = view.until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!(
        "workflow {} is {}{stage} since {}{until}\n  why:  {}\n  next: {}",
        view.workflow, view.state, view.since, view.reason, view.next
    )
}
