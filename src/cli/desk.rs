//! What of a node is beside its journal, for the API: its sources, and its config file.
//!
//! Architecture invariant: the config file is written whole or not at all, and only with a text that
//! has been read back; nobody else in this process writes it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::desk_script::{off_the_runtime, script_on};
use super::options::config_error;
use super::run::{ChannelSetup, Roster, RunningChannel};
use super::source_list::live_setups;
use crate::actors::admission::Admission;
use crate::actors::sources::Sources;
use crate::actors::trend_scout::told;
use crate::adapters::durable_file::write_durably;
use crate::adapters::online::feed_http::FeedClient;
use crate::config::Config;
use crate::config::edit::{EditError, Edited, add_channel, remove_channel};
use crate::craft::choose::Material;
use crate::craft::trend_rows::trend_rows;
use crate::domain::admission::Refusal;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::source::SourceHealth;
use crate::domain::trend::{TopicProfile, TrendRow};
use crate::http::orchestrator::{Desk, NotAdmitted, ScriptWish, SlotView};
use crate::http::problem::Problem;
use crate::journal::fold::Fold;
use crate::ports::clock::Clock;

/// The config file of a node, which may be changed and read again.
pub struct ConfigFile {
    path: PathBuf,
    /// The data folder that was named on the command line, which counts more than the file's.
    data_dir: PathBuf,
    client: FeedClient,
    /// One change at a time.
    turn: Mutex<()>,
    /// Why the file could not be taken up when it was read last; the config before stays.
    problem: std::sync::Mutex<Option<String>>,
}

impl ConfigFile {
    /// The file at `path` of a node whose data folder is `data_dir`; feeds are fetched by `client`.
    #[must_use]
    pub fn new(path: PathBuf, data_dir: PathBuf, client: FeedClient) -> Self {
        let (turn, problem) = (Mutex::new(()), std::sync::Mutex::new(None));
        Self { path, data_dir, client, turn, problem }
    }

    fn note(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

/// The desk of a node.
pub struct NodeDesk {
    /// The channels.
    pub channels: Roster,
    /// The live sources.
    pub sources: Sources,
    /// Everything that was committed.
    pub fold: Arc<Fold>,
    /// Whether there is room for more.
    pub admission: Admission,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The config file; `None` for a node that runs without one.
    pub config: Option<ConfigFile>,
}

#[async_trait]
impl Desk for NodeDesk {
    fn refusal(&self) -> Option<NotAdmitted> {
        let refusal = self.admission.refusal()?;
        // A node that is full of work is at work.
        let is_full = matches!(refusal, Refusal::NodeFull { .. });
        (!is_full).then(|| NotAdmitted { code: refusal.code(), message: refusal.to_string() })
    }

    async fn trends(&self, channel: &ChannelName) -> Result<Vec<TrendRow>, Problem> {
        let Some(RunningChannel { setup, .. }) = self.channels.get(channel) else {
            return Ok(Vec::new());
        };
        let told = self.fold.read(setup.profile.id, |state| told(state.topics.values()));
        trends_of(&setup, told).await
    }

    fn sources(&self, channel: &ChannelName) -> Vec<SourceHealth> {
        let health = self.sources.health().into_iter();
        health.filter(|source| source.channel == *channel).collect()
    }

    fn config_problem(&self) -> Option<String> {
        let file = self.config.as_ref()?;
        file.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn slots(&self, channel: &ChannelName) -> Vec<SlotView> {
        let Some(RunningChannel { setup, .. }) = self.channels.get(channel) else {
            return Vec::new();
        };
        let (schedule, now) = (setup.rules.schedule.as_ref(), self.clock.now());
        self.fold.read(setup.profile.id, |state| SlotView::list(state, schedule, now))
    }

    async fn script(&self, wish: &ScriptWish) -> Result<Value, Problem> {
        script_on(&self.channels.setups(), wish).await
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
        self.take_up(file, config).await.map(drop)
    }

    /// Reads the config file again and takes it up; returns what was done. A file that cannot be
    /// taken up changes nothing, and the reason is shown until one can.
    ///
    /// # Errors
    /// A [`Problem`]: no config file, one that is wrong, or a channel that does not start or stop.
    pub async fn reload(&self) -> Result<Vec<String>, Problem> {
        let Some(file) = &self.config else {
            let detail = "this node runs without a config file, so there is nothing to read again";
            return Err(Problem::new(409, "no_config_file", detail));
        };
        let _turn = file.turn.lock().await;
        let config = match Config::load(&file.path) {
            Ok(config) => config,
            Err(error) => {
                let told = config_error(&error);
                let place = told.place.as_deref().unwrap_or_default();
                let problem = format!("{place}: {}; the config before stays", told.message);
                file.note(Some(problem.clone()));
                return Err(Problem::new(422, error.code(), problem));
            }
        };
        let taken = self.take_up(file, config).await;
        file.note(taken.as_ref().err().map(|problem| problem.detail.clone()));
        taken
    }

    async fn take_up(&self, file: &ConfigFile, config: Config) -> Result<Vec<String>, Problem> {
        if config.node.data_dir != file.data_dir {
            tracing::warn!("a data folder in the config counts from the next start");
        }
        for name in self.channels.all().into_keys() {
            if !config.channels.iter().any(|channel| channel.name == name) {
                self.sources.remove(&name);
            }
        }
        let setups = live_setups(&config, &self.sources, &file.client);
        let taken = self.channels.take_up(setups).await;
        taken.map_err(|error| Problem::new(503, error.code(), &error))
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

/// What the sources of a channel tell of, the most promising first; `told` is what it has told.
pub(super) async fn trends_of(
    setup: &ChannelSetup,
    told: Vec<TopicProfile>,
) -> Result<Vec<TrendRow>, Problem> {
    let harvest = setup.source.harvest().await.map_err(|failure| unreadable(&failure))?;
    let niche = setup.profile.niche.clone();
    off_the_runtime(move || {
        let material = Material::of(&harvest.stories, harvest.as_of, &niche, &told);
        let (competitors, polls) = (&harvest.competitors, &harvest.polls);
        trend_rows(&Material { competitors, polls, ..material })
    })
    .await
}

pub(super) fn unreadable(failure: &Failure) -> Problem {
    Problem::new(503, failure.code.clone(), &failure.message)
}
