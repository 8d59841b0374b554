//! `/api/v1/workflows`: starting videos, looking at them, and commanding them.
//!
//! Architecture invariant: lists look at the fold in place and copy only what a page shows.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Number;

use super::answer::Answer;
use super::archive::{Archive, ArchivedMonth};
use super::body::{self, choice, given, whole};
use super::commands::{self, NotDone};
use super::directory::ChannelEntry;
use super::orchestrator::Orchestrator;
use super::page::{self, Page, unknown_place};
use super::problem::Problem;
use super::query::Query;
use super::replay::key_reused;
use super::routes::Endpoint;
use super::service::Call;
use crate::domain::channel::ChannelState;
use crate::domain::command::Command;
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::timestamp::Timestamp;
use crate::domain::view::{WhyView, WorkflowView, status, why_view, workflow_view};
use crate::domain::workflow::{ContentType, Priority, Workflow};
use crate::journal::fold::Fold;

/// The longest topic that can be asked for, in characters.
const MAX_TOPIC: usize = 200;
/// Every status a workflow can have.
const STATUSES: [&str; 6] =
    ["pending", "processing", "awaiting_approval", "completed", "failed", "cancelled"];

/// Which workflows a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this channel.
    pub channel: Option<ChannelId>,
    /// Only those with this status.
    pub status: Option<String>,
    /// Only those that need a person.
    pub parked: bool,
}

impl Filter {
    fn shows(&self, workflow: &Workflow) -> bool {
        let is_parked = || workflow.ending().is_none() && !workflow.is_live();
        let has_status = |wanted: &String| status(workflow) == wanted.as_str();
        (!self.parked || is_parked()) && self.status.as_ref().is_none_or(has_status)
    }

    /// What is archived is finished, so it needs nobody.
    fn shows_archived(&self, view: &WorkflowView) -> bool {
        !self.parked && self.status.as_ref().is_none_or(|wanted| view.status == wanted.as_str())
    }
}

/// What orders a list: newest first, ties by id.
type Place = (Timestamp, WorkflowId);

/// Where a workflow that is listed is found.
enum Listed {
    Live(ChannelId),
    /// In this one of the archived months, at this place.
    Archived(usize, usize),
}

/// A page of the workflows, newest first.
///
/// # Errors
/// 404 when `after` is no workflow.
pub fn list(
    fold: &Fold,
    archive: &Archive,
    filter: &Filter,
    limit: usize,
    after: Option<&str>,
) -> Result<Page<WorkflowView>, Problem> {
    let after: Option<Place> = match after {
        Some(text) => Some(place_of(fold, archive, text)?),
        None => None,
    };
    let is_next = |place: &Place| after.is_none_or(|after| *place < after);
    let mut months: Vec<ArchivedMonth> = Vec::new();
    let mut places: Vec<(Place, Listed)> = Vec::new();
    for channel in fold.channels() {
        if filter.channel.is_some_and(|wanted| wanted != channel) {
            continue;
        }
        fold.read(channel, |state| {
            let shown = state.workflows.values().filter(|workflow| filter.shows(workflow));
            let placed = shown.map(|one| ((one.created_at, one.id), Listed::Live(channel)));
            places.extend(placed.filter(|(place, _)| is_next(place)));
        });
        for month in archive.of_channel(fold, channel) {
            let shown =
                month.iter().enumerate().filter(|(_, one)| filter.shows_archived(&one.view));
            let placed = shown.map(|(at, one)| {
                ((one.view.created_at, one.view.id), Listed::Archived(months.len(), at))
            });
            places.extend(placed.filter(|(place, _)| is_next(place)));
            months.push(Arc::clone(&month));
        }
    }
    // Of a long list only what is shown is put in order.
    if places.len() > limit + 1 {
        places.select_nth_unstable_by_key(limit, |(place, _)| Reverse(*place));
        places.truncate(limit + 1);
    }
    places.sort_unstable_by_key(|(place, _)| Reverse(*place));
    let views = places.into_iter().filter_map(|((_, id), listed)| match listed {
        Listed::Live(channel) => fold
            .read(channel, |state| state.workflows.get(&id).map(|one| workflow_view(channel, one))),
        Listed::Archived(month, at) => Some(months.get(month)?.get(at)?.view.clone()),
    });
    Ok(Page::cut(views.collect(), limit, |view| view.id.to_string()))
}

fn place_of(fold: &Fold, archive: &Archive, text: &str) -> Result<Place, Problem> {
    let found = view(fold, archive, text).map_err(|_| unknown_place(text))?;
    Ok((found.created_at, found.id))
}

/// Reads the live workflow `id` in place; `None` when there is none.
fn read<T>(fold: &Fold, id: WorkflowId, reader: impl Fn(ChannelId, &Workflow) -> T) -> Option<T> {
    let found = |channel, state: &ChannelState| {
        state.workflows.get(&id).map(|workflow| reader(channel, workflow))
    };
    fold.channels()
        .into_iter()
        .find_map(|channel| fold.read(channel, |state| found(channel, state)))
}

fn id_of(text: &str) -> Result<WorkflowId, Problem> {
    text.parse().map_err(|_| unknown(text))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found("workflow", id).remedy("list them with GET /api/v1/workflows")
}

/// The workflow called `id`.
///
/// # Errors
/// 404.
pub fn view(fold: &Fold, archive: &Archive, id: &str) -> Result<WorkflowView, Problem> {
    let wanted = id_of(id)?;
    let archived = || archive.find(fold, wanted).map(|archived| archived.view);
    read(fold, wanted, workflow_view).or_else(archived).ok_or_else(|| unknown(id))
}

/// Why the workflow called `id` is where it is.
///
/// # Errors
/// 404.
pub fn why(fold: &Fold, archive: &Archive, id: &str) -> Result<WhyView, Problem> {
    let wanted = id_of(id)?;
    let archived = || archive.find(fold, wanted).map(|archived| archived.why);
    read(fold, wanted, |_, workflow| why_view(workflow))
        .or_else(archived)
        .ok_or_else(|| unknown(id))
}

/// The filter of a query; `channel_of` finds a channel by id or name.
///
/// # Errors
/// 400 for unknown parameters, 404 for an unknown channel, 422 for an unknown status.
pub fn filter(
    query: &Query,
    channel_of: impl Fn(&str) -> Option<ChannelId>,
) -> Result<Filter, Problem> {
    query.only(&["limit", "after", "channel", "status", "parked"])?;
    let channel = match query.text("channel") {
        Some(asked) => Some(
            channel_of(asked)
                .ok_or_else(|| Problem::not_found("channel", asked).field("channel"))?,
        ),
        None => None,
    };
    let status = match query.text("status") {
        Some(asked) => Some(choice("status", asked, &STATUSES.map(|name| (name, name)))?),
        None => None,
    };
    Ok(Filter { channel, status: status.map(str::to_owned), parked: query.truth("parked")? })
}

/// GET: a page of the list.
pub(super) fn answer_list(node: &Orchestrator, query: &Query) -> Result<Answer, Problem> {
    let channel_of = |asked: &str| node.channel_id(asked);
    let filter = filter(query, channel_of)?;
    let limit = page::limit(query)?;
    let page = list(&node.fold, &node.archive, &filter, limit, query.text("after"))?;
    Answer::json(200, &page)
}

/// What is asked for when a workflow is started.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartBody {
    channel_id: String,
    #[serde(default, deserialize_with = "given")]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "given")]
    priority: Option<Number>,
    #[serde(default)]
    topic: Option<String>,
}

/// A checked request for a video.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    content_type: ContentType,
    priority: Priority,
    topic: Option<String>,
}

impl StartBody {
    fn check(&self) -> Result<Wish, Problem> {
        let kinds = [
            ("trending", ContentType::Trending),
            ("scheduled", ContentType::Scheduled),
            ("evergreen", ContentType::Evergreen),
        ];
        let content_type = match &self.content_type {
            Some(name) => choice("content_type", name, &kinds)?,
            None => ContentType::default(),
        };
        let priority = match &self.priority {
            Some(number) => priority(number)?,
            None => Priority::default(),
        };
        let topic = self.topic.as_deref().map(|topic| body::text("topic", topic, MAX_TOPIC));
        Ok(Wish { content_type, priority, topic: topic.transpose()? })
    }
}

fn priority(number: &Number) -> Result<Priority, Problem> {
    let value = whole("priority", number, 1..=10)?;
    let priority = u8::try_from(value).ok().and_then(|value| Priority::new(value).ok());
    priority.ok_or_else(|| Problem::out_of_range("priority", "a priority is 1 to 10"))
}

/// POST: starts a workflow; 201 with it, once it is durable.
pub(super) async fn start(node: &Orchestrator, call: &Call) -> Result<Answer, Problem> {
    let body: StartBody = body::parse(&call.body)?;
    let wish = body.check()?;
    let entry = node.channels.find(&body.channel_id).ok_or_else(|| {
        Problem::not_found("channel", &body.channel_id)
            .field("channel_id")
            .remedy("list them with GET /api/v1/channels")
    })?;
    let command = Command::Start {
        command: call.command.clone(),
        content_type: wish.content_type,
        priority: wish.priority,
        topic: wish.topic.clone(),
    };
    let id = WorkflowId::of_command(&call.command);
    let location = format!("/api/v1/workflows/{id}");
    let note = call.note(201, rendered(entry.profile.id, id));
    match commands::send(&entry, command, call.command.clone(), note).await {
        Ok(Some((status, body))) => return Ok(Answer::of_text(status, body).location(location)),
        Ok(None) => {}
        // The first answer was forgotten.
        Err(NotDone::AlreadyStarted(_)) if is_same(node, id, &entry, &wish) => {}
        Err(NotDone::AlreadyStarted(_)) => return Err(key_reused(&call.command)),
        Err(NotDone::Because(problem)) => return Err(problem),
    }
    let view = view(&node.fold, &node.archive, &id.to_string())?;
    Ok(Answer::json(201, &view)?.location(location))
}

/// Writes a workflow as the state has it.
fn rendered(
    channel: ChannelId,
    id: WorkflowId,
) -> impl Fn(&ChannelState) -> String + Send + Sync + 'static {
    move |state| {
        let view = state.workflows.get(&id).map(|workflow| workflow_view(channel, workflow));
        // A struct of texts and numbers can always be written.
        view.and_then(|view| serde_json::to_string(&view).ok()).unwrap_or_default()
    }
}

fn is_same(node: &Orchestrator, id: WorkflowId, entry: &ChannelEntry, wish: &Wish) -> bool {
    let same = read(&node.fold, id, |channel, workflow| {
        channel == entry.profile.id
            && workflow.content_type == wish.content_type
            && workflow.requested_topic == wish.topic
    });
    same.unwrap_or(false)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReprioritiseBody {
    priority: Number,
}

/// The body of commands that need none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoBody {}

/// The command of an endpoint on a workflow.
fn command_of(endpoint: Endpoint, workflow: WorkflowId, body: &[u8]) -> Result<Command, Problem> {
    if endpoint == Endpoint::Reprioritise {
        let body: ReprioritiseBody = body::parse(body)?;
        return Ok(Command::Reprioritise { workflow, priority: priority(&body.priority)? });
    }
    let NoBody {} = body::parse(body)?;
    match endpoint {
        Endpoint::Pause => Ok(Command::Pause { workflow }),
        Endpoint::Resume => Ok(Command::Resume { workflow }),
        Endpoint::Cancel => Ok(Command::Cancel { workflow, cause: "cancelled".to_owned() }),
        Endpoint::Retry => Ok(Command::Retry { workflow }),
        Endpoint::Drop => Ok(Command::Drop { workflow }),
        Endpoint::Approve => Ok(Command::Approve { workflow }),
        Endpoint::Reject => Ok(Command::Reject { workflow }),
        _ => Err(Problem::new(409, "not_applicable", "this is no command for a workflow")),
    }
}

/// POST on a workflow: carries a command out; 200 with the workflow, once it is durable.
pub(super) async fn command(
    node: &Orchestrator,
    call: &Call,
    endpoint: Endpoint,
) -> Result<Answer, Problem> {
    let id = id_of(&call.id)?;
    let command = command_of(endpoint, id, &call.body)?;
    let knows = |channel: &ChannelId| node.fold.read(*channel, |state| state.knows(id));
    let channel = node.fold.channels().into_iter().find(knows);
    let channel = channel.ok_or_else(|| unknown(&call.id))?;
    let entry = node.channels.of_id(channel).ok_or_else(|| {
        let detail = "the channel of this workflow is not in the config any more";
        Problem::new(409, "channel_removed", detail).remedy("add the channel again")
    })?;
    let note = call.note(200, rendered(channel, id));
    match commands::send(&entry, command, call.command.clone(), note).await {
        Ok(Some((status, body))) => Ok(Answer::of_text(status, body)),
        Ok(None) => Answer::json(200, &view(&node.fold, &node.archive, &call.id)?),
        Err(NotDone::Because(problem)) => Err(problem),
        Err(NotDone::AlreadyStarted(_)) => Err(key_reused(&call.command)),
    }
}
