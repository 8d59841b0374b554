//! `/api/v1/channels`: what the node publishes on.
//!
//! The config file says which channels exist: adding and removing changes the file first. Pausing is
//! a durable command of the channel, which a reload does not undo.
//!
//! Architecture invariant: nothing here writes a file; the desk does.

use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::body;
use super::commands::{self, NotDone};
use super::directory::ChannelEntry;
use super::orchestrator::{Orchestrator, SlotView};
use super::page::{self, Page};
use super::problem::Problem;
use super::query::Query;
use super::routes::Endpoint;
use super::service::Call;
use super::workflows::NoBody;
use crate::domain::channel::{ChannelProfile, ChannelState};
use crate::domain::command::Command;
use crate::domain::ids::{ChannelId, ChannelName};
use crate::domain::source::SourceHealth;
use crate::journal::fold::Fold;

/// A channel as the API and `channel show --json` give it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelView {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: ChannelName,
    /// What it is about.
    pub niche: String,
    /// BCP 47 language of its videos.
    pub language: String,
    /// Whether it starts nothing new.
    pub paused: bool,
    /// Why its actor was given up, if it was.
    pub parked: Option<String>,
    /// Workflows that are neither finished nor parked.
    pub live_workflows: usize,
    /// Its publish slots.
    pub slots: Vec<SlotView>,
    /// How its sources are.
    pub sources: Vec<SourceHealth>,
}

impl ChannelView {
    /// The channel of `profile` as the journal knows it, without slots and sources.
    #[must_use]
    pub fn of(fold: &Fold, profile: &ChannelProfile) -> Self {
        let view = fold.read(profile.id, |state| Self::of_state(state, profile));
        Self { parked: fold.broken(profile.id).or(view.parked), ..view }
    }

    fn of_state(state: &ChannelState, profile: &ChannelProfile) -> Self {
        Self {
            id: profile.id,
            name: profile.name.clone(),
            niche: profile.niche.clone(),
            language: profile.language.clone(),
            paused: state.paused,
            parked: state.parked.clone(),
            live_workflows: state.workflows.values().filter(|one| one.is_live()).count(),
            slots: Vec::new(),
            sources: Vec::new(),
        }
    }
}

fn view(node: &Orchestrator, profile: &ChannelProfile) -> ChannelView {
    ChannelView {
        slots: node.desk.slots(&profile.name),
        sources: node.desk.sources(&profile.name),
        ..ChannelView::of(&node.fold, profile)
    }
}

fn find(node: &Orchestrator, id: &str) -> Result<ChannelEntry, Problem> {
    let unknown =
        || Problem::not_found("channel", id).remedy("list them with GET /api/v1/channels");
    node.channels.find(id).ok_or_else(unknown)
}

/// GET: a page of the channels, ordered by name.
pub(super) fn answer_list(node: &Orchestrator, query: &Query) -> Result<Answer, Problem> {
    query.only(&["limit", "after"])?;
    let all = node.channels.all();
    let name = |entry: &ChannelEntry| entry.profile.name.to_string();
    let Page { items, next } = Page::of_list(all, page::limit(query)?, query.text("after"), name)?;
    let items = items.iter().map(|entry| view(node, &entry.profile)).collect();
    Answer::json(200, &Page { items, next })
}

/// GET: one channel.
pub(super) fn show(node: &Orchestrator, call: &Call) -> Result<Answer, Problem> {
    call.query.only(&[])?;
    Answer::json(200, &view(node, &find(node, &call.id)?.profile))
}

/// POST: adds a channel with the settings of a `[[channel]]`; 201 with it, once it runs.
pub(super) async fn add(node: &Orchestrator, call: &Call) -> Result<Answer, Problem> {
    let settings: Map<String, Value> = body::parse(&call.body)?;
    let name = match settings.get("name") {
        Some(Value::String(name)) => name.clone(),
        Some(_) => {
            let detail = "a name is a text";
            return Err(Problem::new(400, "malformed_field", detail).field("name"));
        }
        None => {
            let detail = "a channel needs a name";
            return Err(Problem::new(400, "missing_field", detail).field("name"));
        }
    };
    let name = ChannelName::new(name).map_err(|error| Problem::out_of_range("name", error))?;
    if node.channels.find(name.as_str()).is_some() {
        let detail = format!("there is a channel {name} already");
        return Err(Problem::new(409, "channel_exists", detail).field("name"));
    }
    let name = node.desk.add_channel(&settings).await?;
    let entry = find(node, name.as_str())?;
    let id = entry.profile.id;
    Ok(Answer::json(201, &view(node, &entry.profile))?.location(format!("/api/v1/channels/{id}")))
}

/// DELETE: takes a channel out of the config and stops it; 200 with it as it was.
pub(super) async fn remove(node: &Orchestrator, call: &Call) -> Result<Answer, Problem> {
    call.query.only(&[])?;
    let entry = find(node, &call.id)?;
    let last = view(node, &entry.profile);
    node.desk.remove_channel(&entry.profile.name).await?;
    Answer::json(200, &last)
}

/// POST: pauses or resumes a channel; 200 with it, once that is durable.
pub(super) async fn command(
    node: &Orchestrator,
    call: &Call,
    endpoint: Endpoint,
) -> Result<Answer, Problem> {
    let NoBody {} = body::parse(&call.body)?;
    let entry = find(node, &call.id)?;
    let command = match endpoint {
        Endpoint::PauseChannel => Command::PauseChannel,
        _ => Command::ResumeChannel,
    };
    let (shown, profile) = (view(node, &entry.profile), entry.profile.clone());
    let note = call.note(200, move |state| {
        let ChannelView { slots, sources, .. } = shown.clone();
        let view = ChannelView { slots, sources, ..ChannelView::of_state(state, &profile) };
        // A struct of texts and numbers can always be written.
        serde_json::to_string(&view).unwrap_or_default()
    });
    match commands::send(&entry, command, call.command.clone(), note).await {
        Ok(Some((status, body))) => Ok(Answer::of_text(status, body)),
        Ok(None) => Answer::json(200, &view(node, &entry.profile)),
        Err(NotDone::Because(problem)) => Err(problem),
        Err(NotDone::AlreadyStarted(_)) => Err(super::replay::key_reused(&call.command)),
    }
}
