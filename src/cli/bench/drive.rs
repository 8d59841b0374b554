//! Starting workflows on a bench's node, and waiting for their ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::bench_node::channel_name;
use crate::actors::messages::ChannelMsg;
use crate::cli::output::{CliError, Exit};
use crate::cli::run::Node;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::ids::{CommandId, WorkflowId};
use crate::domain::workflow::{ContentType, Ending, Priority};
use crate::journal::fold::CommittedFrame;
use crate::supervision::envelope::Trace;
use crate::supervision::handle::Handle;

/// Starts workflows in turn in each channel.
pub(super) struct Starter {
    channels: Vec<Handle<ChannelMsg>>,
    series: String,
    next: u64,
}

impl Starter {
    /// A starter for all channels of `node`; workflows of another `series` are others.
    ///
    /// # Errors
    /// [`CliError`] when a channel is not there.
    pub(super) fn new(node: &Node, channels: u32, series: &str) -> Result<Self, CliError> {
        let handle = |index| {
            let name = channel_name(index)?;
            let missing = || CliError::new(Exit::Failed, "channel_missing", "it did not start");
            let channel = node.channels.get(&name).ok_or_else(|| missing().at(&name))?;
            Ok(channel.handle)
        };
        let channels = (0..channels).map(handle).collect::<Result<Vec<_>, CliError>>()?;
        Ok(Self { channels, series: series.to_owned(), next: 0 })
    }

    /// Asks for the next workflow, and says which it is.
    ///
    /// # Errors
    /// [`CliError`] when its channel does not run.
    pub(super) fn start(&mut self) -> Result<WorkflowId, CliError> {
        let failed = |error| CliError::new(Exit::Failed, "not_started", error);
        let id = self.command(self.next)?;
        let workflow = WorkflowId::of_command(&id);
        let turn = usize::try_from(self.next).unwrap_or(0) % self.channels.len().max(1);
        self.next += 1;
        let command = Command::Start {
            command: id.clone(),
            content_type: ContentType::Trending,
            priority: Priority::default(),
            topic: None,
        };
        let message = ChannelMsg::Command { command, id: Some(id), note: None, reply: None };
        let channel = self.channels.get(turn);
        let channel = channel.ok_or_else(|| failed("there are no channels".to_owned()))?;
        let sent = channel.cast(Trace::default(), message);
        sent.map_err(|error| failed(error.code().to_owned()))?;
        Ok(workflow)
    }

    fn command(&self, number: u64) -> Result<CommandId, CliError> {
        let id = CommandId::new(format!("bench-{}-{number}", self.series));
        id.map_err(|error| CliError::new(Exit::Failed, "not_started", error))
    }
}

fn failed_workflow(workflow: WorkflowId, cause: String) -> CliError {
    CliError::new(Exit::Failed, "workflow_failed", cause).at(workflow)
}

/// Hears of everything that is committed.
pub(super) struct Listener(Receiver<Arc<CommittedFrame>>);

impl Listener {
    /// Hears of what is committed on `node` from now on.
    pub(super) fn new(node: &Node) -> Self {
        Self(node.fold.subscribe())
    }

    /// The next committed frame; none when so many have come that some were missed.
    ///
    /// # Errors
    /// [`CliError`] when the node failed.
    pub(super) async fn next(
        &mut self,
        node: &Node,
    ) -> Result<Option<Arc<CommittedFrame>>, CliError> {
        let heard = tokio::select! {
            biased;
            heard = self.0.recv() => heard,
            error = node.failed() => return Err(error),
        };
        match heard {
            Ok(frame) => Ok(Some(frame)),
            Err(RecvError::Lagged(_)) => Ok(None),
            Err(RecvError::Closed) => {
                Err(CliError::new(Exit::Failed, "node_stopped", "the node has stopped"))
            }
        }
    }
}

/// How workflows ended in `frame`: `Err` with its cause for one that did not complete.
pub(super) fn ends(
    frame: &CommittedFrame,
) -> impl Iterator<Item = Result<WorkflowId, (WorkflowId, String)>> + '_ {
    frame.commit.events.iter().filter_map(|event| match event {
        Event::WorkflowCompleted { workflow, .. } => Some(Ok(*workflow)),
        Event::WorkflowParked { workflow, cause, .. } => {
            Some(Err((*workflow, format!("parked: {}", cause.failure.message))))
        }
        Event::WorkflowCancelled { workflow, cause }
        | Event::WorkflowFailed { workflow, cause } => Some(Err((*workflow, cause.clone()))),
        _ => None,
    })
}

/// Runs `count` workflows, `at_once` of them at a time, to their ends.
///
/// # Errors
/// [`CliError`] when one does not complete.
pub(super) async fn run_all(
    node: &Node,
    starter: &mut Starter,
    listener: &mut Listener,
    count: u32,
    at_once: u32,
) -> Result<(), CliError> {
    let mut waiting = BTreeSet::new();
    let (mut started, mut over) = (0, 0);
    while started < count.min(at_once) {
        waiting.insert(starter.start()?);
        started += 1;
    }
    while over < count {
        let ended = match listener.next(node).await? {
            Some(frame) => {
                let ends = ends(&frame).collect::<Result<Vec<_>, _>>();
                ends.map_err(|(workflow, cause)| failed_workflow(workflow, cause))?
            }
            // So much was committed at once that some was missed. What is found in the fold may be
            // heard of again, and so may what an earlier run of these waited for.
            None => {
                *listener = Listener::new(node);
                found_over(node, &waiting)?
            }
        };
        for workflow in ended {
            if !waiting.remove(&workflow) {
                continue;
            }
            over += 1;
            if started < count {
                waiting.insert(starter.start()?);
                started += 1;
            }
        }
    }
    Ok(())
}

/// Those of `waiting` that are over, as the fold has them.
fn found_over(node: &Node, waiting: &BTreeSet<WorkflowId>) -> Result<Vec<WorkflowId>, CliError> {
    let mut over = Vec::new();
    for channel in node.fold.channels() {
        node.fold.read(channel, |state| {
            for workflow in state.workflows.values().filter(|one| waiting.contains(&one.id)) {
                match (workflow.ending(), workflow.is_live()) {
                    (None, true) => {}
                    (Some(Ending::Completed(_)), _) => over.push(workflow.id),
                    _ => return Err(failed_workflow(workflow.id, "it is parked".to_owned())),
                }
            }
            Ok(())
        })?;
    }
    Ok(over)
}
