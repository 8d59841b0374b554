//! The node as the API sees it.
//!
//! Architecture invariant: reading takes from the fold, the feed and the registry; changing goes to
//! a channel's actor, or to the desk when it is about the node itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::archive::Archive;
use super::directory::ChannelDirectory;
use super::problem::Problem;
use super::replay::ReplayBook;
use crate::domain::artifact::Digest;
use crate::domain::channel::{ChannelState, SlotRecord};
use crate::domain::ids::{ChannelId, ChannelName, CommandId, WorkflowId};
use crate::domain::schedule::Schedule;
use crate::domain::source::SourceHealth;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::TrendRow;
use crate::feed::hub::FeedHub;
use crate::gpu::lease::Broker;
use crate::journal::fold::Fold;
use crate::journal::queue::JournalHandle;
use crate::ports::clock::{Clock, Entropy};
use crate::supervision::observe::Registry;
use crate::telemetry::metrics::Metrics;

/// A script that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptWish {
    /// What it should be about.
    pub topic: String,
    /// `educational`, `entertainment`, `news` or `tutorial`.
    pub style: &'static str,
    /// How long it should be, in seconds.
    pub seconds: u32,
    /// How the channel is.
    pub personality: Option<String>,
    /// Who watches.
    pub audience: Option<String>,
    /// How it should sound.
    pub tone: Option<String>,
}

/// A publish slot of a channel, as `channel show` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotView {
    /// When.
    pub at: Timestamp,
    /// The workflow that is meant for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// Why it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a slot that lies ahead has no workflow.
const TO_COME: &str = "to come";
/// How far ahead slots are shown.
const SLOTS_AHEAD: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most slots that are shown of those to come, and of those that were.
const MOST_SLOTS: usize = 50;

impl SlotView {
    /// The slots of a channel at `now`, latest first: those that `schedule` has ahead, and what
    /// became of the latest that were decided.
    #[must_use]
    pub fn list(state: &ChannelState, schedule: Option<&Schedule>, now: Timestamp) -> Vec<Self> {
        let ahead = schedule.map(|one| one.between(now, now.plus(SLOTS_AHEAD), MOST_SLOTS));
        let mut slots: BTreeMap<Timestamp, Self> = ahead
            .into_iter()
            .flatten()
            .map(|at| (at, Self { at, workflow: None, reason: Some(TO_COME.to_owned()) }))
            .collect();
        for (at, record) in state.slots.iter().rev().take(MOST_SLOTS) {
            let (workflow, reason) = match record {
                SlotRecord::Taken(workflow) => (Some(*workflow), None),
                SlotRecord::Skipped(reason) => (None, Some(reason.clone())),
            };
            slots.insert(*at, Self { at: *at, workflow, reason });
        }
        slots.into_values().rev().collect()
    }
}

/// Why the node takes on nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAdmitted {
    /// Stable snake_case code, for example `live_workflows`.
    pub code: &'static str,
    /// Why, for people.
    pub message: String,
}

/// What of a node is beside the journal: its sources, its writer, its config.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Why the node takes on nothing new whatever it has, if so: a full disk, a stop.
    fn refusal(&self) -> Option<NotAdmitted>;

    /// What is talked about around `channel`, the most promising first.
    ///
    /// # Errors
    /// A [`Problem`] when none of its sources can be read.
    async fn trends(&self, channel: &ChannelName) -> Result<Vec<TrendRow>, Problem>;

    /// How the sources of `channel` are.
    fn sources(&self, channel: &ChannelName) -> Vec<SourceHealth>;

    /// Why the config file could not be taken up when it was read last, if so.
    fn config_problem(&self) -> Option<String>;

    /// The publish slots of `channel`, latest first: those to come and those remembered.
    fn slots(&self, channel: &ChannelName) -> Vec<SlotView>;

    /// Writes a script: `{script, scenes[], metadata{}}`.
    ///
    /// # Errors
    /// 404 `no_source_for_topic` with near topics, or what the writer says.
    async fn script(&self, wish: &ScriptWish) -> Result<Value, Problem>;

    /// Adds a channel with these settings of a `[[channel]]` to the config, and starts it.
    ///
    /// # Errors
    /// 422 for settings that are wrong, 409 when there is one of its name or no config to change.
    async fn add_channel(&self, settings: &Map<String, Value>) -> Result<ChannelName, Problem>;

    /// Takes a channel out of the config, and stops it.
    ///
    /// # Errors
    /// 409 when the config cannot be changed.
    async fn remove_channel(&self, name: &ChannelName) -> Result<(), Problem>;
}

/// The node as the API sees it.
pub struct Orchestrator {
    /// Everything that was committed.
    pub fold: Arc<Fold>,
    /// What has just happened.
    pub hub: FeedHub,
    /// Figures of what has happened.
    pub metrics: Metrics,
    /// The way to the journal, to see whether it has failed.
    pub journal: JournalHandle,
    /// The journal's folder, for events that are not in memory any more.
    pub journal_folder: PathBuf,
    /// The broker.
    pub broker: Broker,
    /// Who is in the tree.
    pub registry: Arc<Registry>,
    /// The channels.
    pub channels: ChannelDirectory,
    /// Finished workflows that are not live state any more.
    pub archive: Archive,
    /// What is beside the journal.
    pub desk: Arc<dyn Desk>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the ids of commands that came without one.
    pub entropy: Arc<dyn Entropy>,
    /// Answers to commands with an id.
    pub replays: ReplayBook,
    /// One reader of old events at a time: each holds a segment in memory.
    pub old_events: Semaphore,
}

impl Orchestrator {
    /// Whether a channel has answered another request under this id.
    #[must_use]
    pub fn is_used_for_another(&self, key: &CommandId, request: Digest) -> bool {
        let is_other = |channel: ChannelId| {
            self.fold.read(channel, |state| {
                state.commands.get(key).is_some_and(|noted| noted.request != request)
            })
        };
        self.fold.channels().into_iter().any(is_other)
    }

    /// The id of the channel with this id or of this name: one of the config, or one that has a past
    /// in the journal.
    #[must_use]
    pub fn channel_id(&self, id_or_name: &str) -> Option<ChannelId> {
        let present = self.channels.find(id_or_name).map(|entry| entry.profile.id);
        present.or_else(|| channel_with_past(&self.fold, id_or_name))
    }
}

/// The channel of the journal with this id or of this name.
#[must_use]
pub fn channel_with_past(fold: &Fold, id_or_name: &str) -> Option<ChannelId> {
    fold.channels().into_iter().find(|channel| {
        let name = fold.read(*channel, |state| state.name.clone());
        channel.to_string() == id_or_name || name.is_some_and(|name| name.as_str() == id_or_name)
    })
}
