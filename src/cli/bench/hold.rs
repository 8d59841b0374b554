//! A node to be killed in the middle of many workflows, and what became of them.
//!
//! While it is held, a node notes every execution of a stage, and its driver every workflow that the
//! node has acknowledged; so that who resumes can say what was lost and what was done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::EngineArgs;
use super::bench_node::{BenchNode, EXECUTIONS};
use super::drive::{Listener, Starter, ends};
use super::figures::refuse_memory;
use crate::adapters::execution_log::Line;
use crate::adapters::system::SystemClock;
use crate::cli::data_folder::unwritable;
use crate::cli::options::CommonOptions;
use crate::cli::output::{CliError, Exit};
use crate::cli::run::Node;
use crate::cli::runtime::Vigil;
use crate::domain::event::Event;
use crate::domain::ids::{Take, WorkflowId};
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::Ending;
use crate::ports::clock::Clock;
use crate::ports::execution_log::Phase;

/// The file with the ids of workflows whose start the node has acknowledged.
const STARTED: &str = "started.txt";

/// Keeps workflows in flight until the process is killed, or stopped by a signal.
///
/// # Errors
/// [`CliError`] when the node fails.
pub(super) async fn hold(
    args: &EngineArgs,
    common: &CommonOptions,
    vigil: Vigil,
) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let folder = settings.data_dir();
    refuse_memory(folder)?;
    let bench = bench_node(args, args.step);
    let node = bench.start(folder, common, vigil).await?;
    let mut listener = Listener::new(&node);
    let mut starter = Starter::new(&node, args.channels, &format!("held-{}", node.fold.applied()))?;
    let mut started = open_started(folder)?;
    for _ in 0..args.concurrency {
        starter.start()?;
    }
    let unavailable = |error| CliError::new(Exit::Failed, "signals_unavailable", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(unavailable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unavailable)?;
    let (mut acknowledged, mut is_told) = (0_u32, false);
    let mut ended = finished(&node);
    let outcome = loop {
        let frame = tokio::select! {
            biased;
            _ = terminate.recv() => break Ok(Exit::Done),
            _ = interrupt.recv() => break Ok(Exit::Done),
            frame = listener.next(&node) => match frame {
                Ok(frame) => frame,
                Err(error) => break Err(error),
            },
        };
        let over = match frame {
            Some(frame) => {
                for event in &frame.commit.events {
                    if let Event::WorkflowStarted { workflow, .. } = event {
                        note_started(&mut started, folder, *workflow)?;
                        acknowledged += 1;
                    }
                }
                ends(&frame).count()
            }
            // What was missed is not noted as started; its ends are counted where they are kept.
            None => {
                listener = Listener::new(&node);
                finished(&node).saturating_sub(ended)
            }
        };
        ended += over;
        if acknowledged >= args.concurrency && !is_told {
            is_told = true;
            let pid = std::process::id();
            common.output().say(format_args!("holding {} workflows; pid {pid}", args.concurrency));
        }
        for _ in 0..over {
            starter.start()?;
        }
    };
    node.stop().await;
    outcome
}

fn bench_node(args: &EngineArgs, step: Duration) -> BenchNode {
    BenchNode {
        channels: args.channels,
        payload: args.payload as usize,
        step,
        logs_executions: true,
    }
}

fn open_started(folder: &Path) -> Result<File, CliError> {
    let path = folder.join(STARTED);
    let opened = OpenOptions::new().create(true).append(true).open(&path);
    opened.map_err(|error| unwritable(&path, &error))
}

fn note_started(file: &mut File, folder: &Path, workflow: WorkflowId) -> Result<(), CliError> {
    let written = file.write_all(format!("{workflow}\n").as_bytes());
    written.map_err(|error| unwritable(&folder.join(STARTED), &error))
}

/// What became of what was held.
#[derive(Debug, Clone, Serialize)]
struct Resumed {
    /// Workflows that went on: a stage of them was carried out now.
    live: usize,
    /// Stages that were running when the process was killed: begun, and no outcome of theirs durable.
    running_at_kill: usize,
    /// Workflows that were acknowledged and did not complete.
    lost: usize,
    /// Stages that were carried out more than once.
    duplicated_steps: usize,
    /// From the start of this process to the first stage that was carried out.
    first_progress_s: Option<f64>,
    /// From the start of this process to a node that is up.
    recovery_s: f64,
    /// From the start of this process to the last end.
    wall_s: f64,
}

/// Finishes what was in flight, and says what became of it.
///
/// # Errors
/// [`CliError`] when the node fails.
pub(super) async fn resume(
    args: &EngineArgs,
    common: &CommonOptions,
    vigil: Vigil,
) -> Result<Exit, CliError> {
    let (began, began_at) = (Instant::now(), SystemClock.now());
    let settings = common.settings()?;
    let folder = settings.data_dir();
    let node = bench_node(args, Duration::ZERO).start(folder, common, vigil).await?;
    let recovery_s = began.elapsed().as_secs_f64();
    finish_all(&node).await?;
    let wall_s = began.elapsed().as_secs_f64();
    let started = started(folder)?;
    let lost = started.iter().filter(|id| !is_completed(&node, **id)).count();
    let node_was_running = node.interrupted;
    node.stop().await;
    let after = Executions::read(folder, began_at)?;
    let first = after.first_of.get(&std::process::id());
    let resumed = Resumed {
        live: after.workflows_of(std::process::id()),
        running_at_kill: node_was_running,
        lost,
        duplicated_steps: after.begun.values().filter(|times| **times > 1).count(),
        first_progress_s: first.map(|at| at.since(began_at).as_secs_f64()),
        recovery_s,
        wall_s,
    };
    let told = format!(
        "{} workflows went on: {} lost, {} steps done twice of {} that were running\n\
         first progress after {:.3} s, all done after {:.2} s",
        resumed.live,
        resumed.lost,
        resumed.duplicated_steps,
        resumed.running_at_kill,
        resumed.first_progress_s.unwrap_or(f64::NAN),
        resumed.wall_s,
    );
    common.output().result(&resumed, told)?;
    Ok(if resumed.lost == 0 { Exit::Done } else { Exit::DataDamaged })
}

/// How many workflows have ended.
fn finished(node: &Node) -> usize {
    let ended = |channel| {
        node.fold.read(channel, |state| {
            state.workflows.values().filter(|workflow| workflow.ending().is_some()).count()
        })
    };
    node.fold.channels().into_iter().map(ended).sum()
}

/// Waits until no workflow can move any more.
async fn finish_all(node: &Node) -> Result<(), CliError> {
    let mut applied = node.fold.watch_applied();
    while node.fold.live_workflows() > 0 {
        tokio::select! {
            changed = applied.changed() => {
                let stopped = || CliError::new(Exit::Failed, "node_stopped", "the node has stopped");
                changed.map_err(|_| stopped())?;
            }
            error = node.failed() => return Err(error),
        }
    }
    Ok(())
}

fn is_completed(node: &Node, id: WorkflowId) -> bool {
    node.fold.channels().into_iter().any(|channel| {
        node.fold.read(channel, |state| {
            let ending = state.workflows.get(&id).and_then(|workflow| workflow.ending());
            matches!(ending, Some(Ending::Completed(_)))
        })
    })
}

/// The workflows that were acknowledged. A last line that is cut off was not written wholly.
fn started(folder: &Path) -> Result<Vec<WorkflowId>, CliError> {
    let text = read_if_any(&folder.join(STARTED))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

fn read_if_any(path: &Path) -> Result<String, CliError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => {
            Err(CliError::new(Exit::Failed, "folder_unreadable", error).at(path.display()))
        }
    }
}

/// What the execution log says.
#[derive(Debug, Default)]
struct Executions {
    /// How often each stage was begun.
    begun: BTreeMap<(WorkflowId, StageName, Take), u32>,
    /// When each process first began one.
    first_of: BTreeMap<u32, Timestamp>,
    /// Of which workflows each process has begun one.
    workflows: BTreeMap<u32, BTreeSet<WorkflowId>>,
}

impl Executions {
    /// Reads it. What each process did counts from `since` on: a process id may come again.
    fn read(folder: &Path, since: Timestamp) -> Result<Self, CliError> {
        let text = read_if_any(&folder.join(EXECUTIONS))?;
        let mut found = Self::default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            let step = (line.workflow, line.stage, line.take);
            if line.phase == Phase::Start {
                *found.begun.entry(step).or_default() += 1;
                if line.at < since {
                    continue;
                }
                found.first_of.entry(line.pid).or_insert(line.at);
                found.workflows.entry(line.pid).or_default().insert(line.workflow);
            }
        }
        Ok(found)
    }

    fn workflows_of(&self, pid: u32) -> usize {
        self.workflows.get(&pid).map_or(0, BTreeSet::len)
    }
}
