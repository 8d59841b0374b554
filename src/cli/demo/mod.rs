//! `ytempire demo`: the main job, offline: one round of videos, one per channel.

mod end;
mod fresh;
mod plan;
mod progress;
mod report;
pub(super) mod samples;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use self::end::{Waiting, wait_for_all};
use self::plan::{Plan, Step};
use super::data_folder::DataFolder;
use super::options::{CommonOptions, Settings};
use super::output::{CliError, Exit};
use super::run::{ChannelMaker, ChannelSetup, Node, NodeParts};
use super::runtime::{Vigil, node_runtime};
use super::secret::secret_of;
use super::settings::NodeSettings;
use crate::actors::messages::{ChannelMsg, CommandError};
use crate::actors::sources::Sources;
use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::domain::command::{Command, Rejection};
use crate::domain::ids::{ChannelName, CommandId};
use crate::domain::workflow::{ContentType, Priority};
use crate::ports::clock::{Clock, Entropy};
use crate::supervision::envelope::Trace;

/// Make one video per channel, offline: scout, write, narrate, render, publish to the local library.
///
/// The channels are those of the config, or two built-in samples where it has none. Killed at any
/// moment and run again, it goes on where it was. Each run that finds its round finished makes the
/// next one, on other topics.
/// JSON: {round, wall_s, videos[], exhausted[]}.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Begin anew: what is in the data folder is moved aside, into a folder inside it
    #[arg(long)]
    fresh: bool,
}

/// Where the demo listens: on this machine only, at a port that is free.
const ANY_LOCAL_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long an answer to a command may take; an answer comes when the command is durable.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: folder in use (4), journal damaged (5), a video parked, or the work interrupted (1).
pub fn run(args: &DemoArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let (runtime, vigil) = node_runtime()?;
    let outcome = runtime.block_on(demo(args, common, &settings, vigil));
    // A worker thread that still waits for a child must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

async fn demo(
    args: &DemoArgs,
    common: &CommonOptions,
    settings: &Settings,
    vigil: Vigil,
) -> Result<Exit, CliError> {
    let began = Instant::now();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let channels = samples::channels(&settings.config, &clock)?;
    let channels: ChannelMaker = Box::new(move |_: &Sources| Ok(channels));
    let boot_id = format!("{:016x}", entropy.draw());
    let folder = DataFolder::take(settings.data_dir(), boot_id).await?;
    if args.fresh {
        fresh::move_aside(&folder, clock.now(), common.output())?;
    }
    let root = folder.root().to_owned();
    let mut node_settings = NodeSettings::of(&settings.config);
    node_settings.listen = ANY_LOCAL_PORT;
    node_settings.token = settings.config.http.token.as_ref().map(secret_of).transpose()?;
    let parts = NodeParts { channels, clock, entropy, config_file: None, works: None, vigil };
    let node = Node::start(folder, node_settings, parts).await?;
    let result = round(&node, common, began, &root).await;
    node.stop().await;
    result
}

async fn round(
    node: &Node,
    common: &CommonOptions,
    began: Instant,
    root: &std::path::Path,
) -> Result<Exit, CliError> {
    let setups: Vec<ChannelSetup> = node.channels.setups().into_values().collect();
    let plan = plan::plan(&node.fold, &setups).await?;
    let watching = progress::Progress::watch(node, &plan, common.json);
    carry_out(node, &plan).await?;
    let interrupted = interrupted()?;
    let waiting = tokio::select! {
        biased;
        () = interrupted => Waiting::Interrupted,
        error = node.failed() => return Err(error),
        () = wait_for_all(node, &plan) => Waiting::Done,
    };
    watching.finish(node.fold.applied()).await;
    if waiting == Waiting::Interrupted {
        return Err(CliError::new(Exit::Failed, "interrupted", "interrupted; nothing is lost")
            .remedy("run the same command again: it goes on where it was"));
    }
    let report = report::report(node, &plan, began.elapsed(), root).await?;
    report::tell(&report, common, root)
}

/// Starts what is to start, and retries what was parked.
async fn carry_out(node: &Node, plan: &Plan) -> Result<(), CliError> {
    for (name, step) in &plan.steps {
        let command = match step {
            Step::Start(command) => Command::Start {
                command: command.clone(),
                content_type: ContentType::Trending,
                priority: Priority::default(),
                topic: None,
            },
            Step::Retry(workflow) => Command::Retry { workflow: *workflow },
            Step::GoOn(_) | Step::Exhausted => continue,
        };
        let id = match step {
            Step::Start(command) => Some(command.clone()),
            Step::Retry(_) | Step::GoOn(_) | Step::Exhausted => None,
        };
        send(node, name, command, id).await?;
    }
    Ok(())
}

async fn send(
    node: &Node,
    name: &ChannelName,
    command: Command,
    id: Option<CommandId>,
) -> Result<(), CliError> {
    let Some(channel) = node.channels.get(name) else { return Ok(()) };
    let answer = channel
        .handle
        .call(ANSWER_LIMIT, Trace::default(), |reply| ChannelMsg::Command {
            command,
            id,
            note: None,
            reply: Some(reply),
        })
        .await;
    let failed = |code: &'static str, text: String| {
        CliError::new(Exit::Failed, code, text).at(format!("channel {name}"))
    };
    match answer {
        Ok(Ok(_)) | Ok(Err(CommandError::Rejected(Rejection::AlreadyStarted(_)))) => Ok(()),
        Ok(Err(CommandError::Rejected(rejection))) => {
            Err(failed(rejection.code(), rejection.to_string()))
        }
        Ok(Err(error @ CommandError::RefusedBefore { .. })) => {
            Err(failed("refused_before", error.to_string()))
        }
        Ok(Err(CommandError::NotDurable(error))) => Err(failed("not_durable", error.to_string())),
        Err(error) => Err(failed(error.code(), error.to_string())),
    }
}

/// Resolves when somebody asks the process to stop.
fn interrupted() -> Result<impl Future<Output = ()>, CliError> {
    let listen = |kind| {
        signal(kind).map_err(|error| CliError::new(Exit::Failed, "signals_unavailable", error))
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// What each channel of the round is doing, for whoever watches.
pub(super) type ByChannel<T> = BTreeMap<ChannelName, T>;
