//! What of a node is beside its journal, for the API: its sources, and its config file.
//!
//! Architecture invariant: the config file is written whole or not at all, and only with a text that
//! has been read back; nobody else in this process writes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::run::ChannelSetup;
use crate::actors::trend_scout::told;
use crate::adapters::durable_file::write_durably;
use crate::config::Config;
use crate::config::edit::{EditError, Edited, add_channel, remove_channel};
use crate::craft::choose::rank;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Topic, TrendRow};
use crate::http::orchestrator::{Desk, NotAdmitted, ScriptWish, SlotView};
use crate::http::problem::Problem;
use crate::journal::fold::Fold;

/// Takes a changed config up.
#[async_trait]
pub trait ConfigTaker: Send + Sync {
    /// Makes the node be as `config` says.
    ///
    /// # Errors
    /// A [`Problem`] when a channel cannot be started or stopped.
    async fn take_up(&self, config: Config) -> Result<(), Problem>;
}

/// A config file that may be changed.
pub struct ConfigFile {
    /// The file.
    pub path: PathBuf,
    /// Who takes changes up.
    pub taker: Arc<dyn ConfigTaker>,
    /// One change at a time.
    pub turn: Mutex<()>,
}

/// The desk of a node.
pub struct NodeDesk {
    /// The channels with their sources.
    pub channels: BTreeMap<ChannelName, ChannelSetup>,
    /// Everything that was committed.
    pub fold: Arc<Fold>,
    /// The config file; `None` for a node that runs without one.
    pub config: Option<ConfigFile>,
}

#[async_trait]
impl Desk for NodeDesk {
    fn refusal(&self) -> Option<NotAdmitted> {
        None
    }

    async fn trends(&self, channel: &ChannelName) -> Result<Vec<TrendRow>, Problem> {
        let Some(setup) = self.channels.get(channel) else { return Ok(Vec::new()) };
        let harvest = setup.source.harvest().await.map_err(|failure| unreadable(&failure))?;
        let told = self.fold.read(setup.profile.id, |state| told(&state.topics));
        let topics = rank(&harvest.stories, harvest.as_of, &setup.profile.niche, &told);
        Ok(topics.into_iter().map(|topic| row(topic, harvest.as_of)).collect())
    }

    fn sources(&self, _: &ChannelName) -> Vec<Value> {
        Vec::new()
    }

    fn slots(&self, _: &ChannelName) -> Vec<SlotView> {
        Vec::new()
    }

    async fn script(&self, _: &ScriptWish) -> Result<Value, Problem> {
        let detail = "this node has no writer for single scripts";
        Err(Problem::new(503, "script_writer_unavailable", detail))
    }

    async fn add_channel(&self, settings: &Map<String, Value>) -> Result<ChannelName, Problem> {
        let name = settings.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = ChannelName::new(name).map_err(|error| Problem::out_of_range("name", error))?;
        self.change(|text, folder| add_channel(text, settings, folder)).await?;
        Ok(name)
    }

    async fn remove_channel(&self, name: &ChannelName) -> Result<(), Problem> {
        self.change(|text, folder| remove_channel(text, name, folder)).await
    }
}

impl NodeDesk {
    /// Changes the config file and has the change taken up.
    async fn change(
        &self,
        edit: impl FnOnce(&str, &Path) -> Result<Edited, EditError> + Send,
    ) -> Result<(), Problem> {
        let Some(file) = &self.config else {
            let detail = "this node runs without a config file, so there is nothing to change";
            return Err(Problem::new(409, "no_config_file", detail)
                .remedy("write one with `ytempire config init` and start the node with it"));
        };
        let _turn = file.turn.lock().await;
        let unusable = |error: std::io::Error| {
            let detail = format!("the config file cannot be read or written: {error}");
            Problem::new(409, "config_unwritable", detail)
        };
        let text = std::fs::read_to_string(&file.path).map_err(unusable)?;
        let folder = file.path.parent().unwrap_or(Path::new("/"));
        let Edited { text, config } = edit(&text, folder).map_err(refused)?;
        write_durably(&file.path, text.as_bytes()).map_err(unusable)?;
        file.taker.take_up(config).await
    }
}

fn refused(error: EditError) -> Problem {
    match &error {
        EditError::Exists(_) => Problem::new(409, "channel_exists", &error).field("name"),
        EditError::Unknown(name) => Problem::not_found("channel", name.as_str()),
        EditError::NotEditable(_) => Problem::new(409, "config_not_editable", &error),
        EditError::Invalid(problems) => {
            let Some(first) = problems.first() else {
                return Problem::new(422, "config_invalid", &error);
            };
            // The key begins with the place of the channel in the file.
            let field = first.key.split_once("].").map_or(first.key.as_str(), |(_, key)| key);
            let problem = Problem::new(422, "config_invalid", &first.message).field(field);
            match &first.remedy {
                Some(remedy) => problem.remedy(remedy),
                None => problem,
            }
        }
    }
}

fn unreadable(failure: &Failure) -> Problem {
    Problem::new(503, failure.code.clone(), &failure.message)
}

/// A topic as a row. Without polls and competitor feeds there is no movement and no competition.
fn row(topic: Topic, as_of: Timestamp) -> TrendRow {
    let mut sources: Vec<String> = topic.stories.iter().map(|story| story.source.clone()).collect();
    let oldest = topic.stories.iter().min_by_key(|story| story.published);
    let (source, first_detected) = match oldest {
        Some(story) => (story.source.clone(), story.published),
        None => (String::new(), as_of),
    };
    sources.sort();
    sources.dedup();
    TrendRow {
        topic: topic.key,
        title: topic.title,
        source,
        sources,
        viral_score: topic.score,
        competition_level: 0.0,
        velocity: None,
        acceleration: None,
        first_detected,
        peak_prediction: None,
        decay_half_life_hours: None,
        why: topic.why,
        unknown: Vec::new(),
        used: false,
    }
}
