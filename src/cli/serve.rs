//! `ytempire run`: the node, day after day, until somebody stops it.
//!
//! Architecture invariant: a signal never loses anything: SIGTERM and Ctrl-C let what is running come
//! to its end for a while and interrupt the rest; SIGHUP reads the config again, and a wrong one
//! changes nothing.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::data_folder::DataFolder;
use super::desk::ConfigFile;
use super::options::{CommonOptions, Settings, absolute};
use super::output::{CliError, Exit};
use super::run::{ChannelMaker, Node, NodeParts};
use super::runtime::{Vigil, node_runtime};
use super::secret::secret_of;
use super::settings::NodeSettings;
use super::source_list::live_setups;
use crate::actors::sources::Sources;
use crate::adapters::online::feed_http::{FeedClient, HttpLimits};
use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::ports::clock::{Clock, Entropy};

/// How long running stages may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(8);

/// Run the node: channels on their schedules, live sources, the API.
///
/// SIGTERM or Ctrl-C stops it: nothing new starts, what is running gets 8 seconds, the rest is done
/// again at the next start. SIGHUP reads the config again.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {}

/// Carries the command out until the node is stopped.
///
/// # Errors
/// [`CliError`]: config without channels (2), folder in use (4), journal damaged (5), or a failure of
/// the node (1).
pub fn run(_: &RunArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    if settings.file.is_none() {
        return Err(CliError::new(Exit::BadUsage, "no_config", "there is no config file")
            .at("./ytempire.toml")
            .remedy("write one with `ytempire config init`, or name one with --config"));
    }
    let (runtime, vigil) = node_runtime()?;
    let outcome = runtime.block_on(serve(common, &settings, vigil));
    // A worker thread that still waits for a child must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

async fn serve(
    common: &CommonOptions,
    settings: &Settings,
    vigil: Vigil,
) -> Result<Exit, CliError> {
    let mut signals = Signals::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let client = FeedClient::new(Arc::clone(&clock), HttpLimits::default()).map_err(|failure| {
        CliError::new(Exit::Failed, "http_client_unavailable", &failure.message)
    })?;
    let boot_id = format!("{:016x}", entropy.draw());
    let folder = DataFolder::take(settings.data_dir(), boot_id).await?;
    let mut node_settings = NodeSettings::of(&settings.config);
    node_settings.token = settings.config.http.token.as_ref().map(secret_of).transpose()?;
    let data_dir = settings.config.node.data_dir.clone();
    let config_file = match &settings.file {
        Some(path) => Some(ConfigFile::new(absolute(path)?, data_dir, client.clone())),
        None => None,
    };
    let config = settings.config.clone();
    let channels: ChannelMaker =
        Box::new(move |sources: &Sources| Ok(live_setups(&config, sources, &client)));
    let parts = NodeParts { channels, clock, entropy, config_file, works: None, vigil };
    let node = Node::start(folder, node_settings, parts).await?;
    announce(common, settings, &node);
    let ended = wait(&node, &mut signals).await;
    // Without a service manager nobody listens.
    let _ = sd_notify::notify(false, &[NotifyState::Stopping]);
    if ended.is_ok() {
        node.drain(GRACE).await;
    }
    node.stop().await;
    ended
}

/// What a person is told when the node is up.
fn announce(common: &CommonOptions, settings: &Settings, node: &Node) {
    let _ = sd_notify::notify(false, &[NotifyState::Ready]);
    if common.json {
        return;
    }
    let channels = settings.config.channels.len();
    eprintln!("node up with {channels} channels: {}", node.url);
    for channel in &settings.config.channels {
        let hours: Vec<String> = channel.publish_hours.iter().map(ToString::to_string).collect();
        let sources = channel.trends.len();
        let (name, zone) = (&channel.name, &channel.timezone);
        eprintln!("  {name}: publishes at {} {zone}, {sources} sources", hours.join(", "));
    }
    eprintln!("stop it with Ctrl-C: nothing is lost; see `ytempire channel list` meanwhile");
}

/// Serves signals until the node is to stop.
async fn wait(node: &Node, signals: &mut Signals) -> Result<Exit, CliError> {
    loop {
        tokio::select! {
            biased;
            error = node.failed() => return Err(error),
            _ = signals.interrupt.recv() => return Ok(Exit::Done),
            _ = signals.terminate.recv() => return Ok(Exit::Done),
            _ = signals.hangup.recv() => reload(node).await,
        }
    }
}

async fn reload(node: &Node) {
    match node.desk.reload().await {
        Ok(done) if done.is_empty() => eprintln!("config read again: no channel changed"),
        Ok(done) => eprintln!("config read again: {}", done.join(", ")),
        Err(problem) => eprintln!("config not taken up: {}", problem.detail),
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|error| CliError::new(Exit::Failed, "signals_unavailable", error))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }
}
