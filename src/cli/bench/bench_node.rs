//! The node of a bench: the real one, with stages that do nothing and sources that are never asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::work::works;
use crate::actors::sources::Sources;
use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::cli::data_folder::DataFolder;
use crate::cli::options::CommonOptions;
use crate::cli::output::{CliError, Exit};
use crate::cli::run::{ChannelMaker, ChannelSetup, Node, NodeParts, WorksMaker};
use crate::cli::runtime::Vigil;
use crate::cli::settings::NodeSettings;
use crate::domain::channel::{Aspect, ChannelProfile, ChannelRules};
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelId, ChannelName};
use crate::domain::script::Style;
use crate::ports::clock::Entropy;
use crate::ports::trends::{Harvest, TrendSource};

/// A source that nobody asks.
struct NoSource;

#[async_trait]
impl TrendSource for NoSource {
    async fn harvest(&self) -> Result<Harvest, Failure> {
        Err(Failure::permanent("no_source", "a bench has no sources"))
    }
}

/// What the node is to be like.
#[derive(Debug, Clone)]
pub(super) struct BenchNode {
    /// How many channels it has.
    pub(super) channels: u32,
    /// Bytes that every stage returns.
    pub(super) payload: usize,
    /// How long a stage takes.
    pub(super) step: Duration,
    /// Whether executions are noted, in the data folder.
    pub(super) logs_executions: bool,
}

/// The file in which executions are noted.
pub(super) const EXECUTIONS: &str = "executions.jsonl";

/// The name of channel `index`.
pub(super) fn channel_name(index: u32) -> Result<ChannelName, CliError> {
    ChannelName::new(format!("bench-{index}"))
        .map_err(|error| CliError::new(Exit::Failed, "bad_channel_name", error))
}

impl BenchNode {
    /// Starts it in `folder`, on the runtime whose `vigil` it is.
    ///
    /// # Errors
    /// [`CliError`] as of any node.
    pub(super) async fn start(
        &self,
        folder: &Path,
        common: &CommonOptions,
        vigil: Vigil,
    ) -> Result<Node, CliError> {
        let entropy = Arc::new(SystemEntropy);
        let boot_id = format!("{:016x}", entropy.draw());
        let folder = DataFolder::take(folder, boot_id).await?;
        let mut settings = NodeSettings::of(&common.settings()?.config);
        settings.listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        settings.token = None;
        settings.live_workflows = u32::MAX;
        settings.execution_log = self.logs_executions.then(|| folder.root().join(EXECUTIONS));
        let setups = (0..self.channels).map(setup).collect::<Result<Vec<_>, _>>()?;
        let channels: ChannelMaker = Box::new(move |_: &Sources| Ok(setups));
        let (payload, step) = (self.payload, self.step);
        let made: WorksMaker = Arc::new(move |_: &ChannelSetup| works(payload, step));
        let parts = NodeParts {
            channels,
            clock: Arc::new(SystemClock),
            entropy,
            config_file: None,
            works: Some(made),
            vigil,
        };
        Node::start(folder, settings, parts).await
    }
}

fn setup(index: u32) -> Result<ChannelSetup, CliError> {
    let name = channel_name(index)?;
    Ok(ChannelSetup {
        profile: ChannelProfile {
            id: ChannelId::of_name(&name),
            name,
            niche: "nothing".to_owned(),
            language: "en".to_owned(),
            voice: "none".to_owned(),
            tone: "calm".to_owned(),
            audience: "nobody".to_owned(),
            style: Style::default(),
            palette: "none".to_owned(),
            aspect: Aspect::Landscape,
            video_length: (Duration::from_secs(10), Duration::from_secs(20)),
            scenes: (1, 1),
        },
        rules: ChannelRules::default(),
        source: Arc::new(NoSource),
        trends: Vec::new(),
    })
}
