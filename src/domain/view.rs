//! How a workflow is shown to people and programs: the shapes of the API and of the commands.

use serde::Serialize;

use super::ids::{ChannelId, WorkflowId};
use super::pending::{Effect, pending_of};
use super::stage::{Position, StageName, StageState, WaitReason};
use super::timestamp::Timestamp;
use super::workflow::{Ending, Progress, Workflow};

/// A workflow as the API and `workflow show --json` give it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkflowView {
    /// Its id.
    pub id: WorkflowId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// `pending`, `processing`, `awaiting_approval`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Whether it stops before the next stage.
    pub paused: bool,
    /// Why it failed or was cancelled.
    pub cause: Option<String>,
    /// When it was started.
    pub created_at: Timestamp,
    /// The five stages.
    pub steps: Vec<StepView>,
}

/// One stage of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    /// Stage name.
    pub name: StageName,
    /// `pending`, `running`, `waiting`, `backing_off`, `completed`, `parked` or `cancelled`.
    pub status: &'static str,
    /// When it first started.
    pub started_at: Option<Timestamp>,
    /// When it succeeded.
    pub completed_at: Option<Timestamp>,
    /// What it produced.
    pub output: Option<Vec<OutputView>>,
}

/// One output of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutputView {
    /// Its name.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 digest.
    pub digest: String,
}

/// Why a workflow is where it is, as `workflow why --json` gives it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhyView {
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The stage it is at; `None` when finished.
    pub stage: Option<StageName>,
    /// State of the stage or of the finished workflow.
    pub state: &'static str,
    /// In words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, if that is known.
    pub until: Option<Timestamp>,
    /// What happens next, in words.
    pub next: String,
}

/// The overall status of a workflow.
#[must_use]
pub fn status(workflow: &Workflow) -> &'static str {
    match &workflow.progress {
        Progress::Finished { ending: Ending::Completed(_), .. } => "completed",
        Progress::Finished { ending: Ending::Cancelled { .. }, .. } => "cancelled",
        Progress::Finished { ending: Ending::Dropped { .. }, .. } => "failed",
        Progress::At(position) => match position.state {
            StageState::Parked { .. } => "failed",
            StageState::Ready { .. } | StageState::Waiting { .. }
                if position.first_started_at.is_none() && workflow.done.is_empty() =>
            {
                "pending"
            }
            StageState::Waiting { reason: WaitReason::Approval, .. } => "awaiting_approval",
            StageState::Ready { .. }
            | StageState::Running { .. }
            | StageState::Waiting { .. }
            | StageState::BackingOff { .. } => "processing",
        },
    }
}

/// Why it failed, was cancelled or is parked.
#[must_use]
pub fn cause(workflow: &Workflow) -> Option<String> {
    match &workflow.progress {
        Progress::Finished { ending: Ending::Completed(_), .. } => None,
        Progress::Finished {
            ending: Ending::Cancelled { cause } | Ending::Dropped { cause },
            ..
        } => Some(cause.clone()),
        Progress::At(position) => match &position.state {
            StageState::Parked { cause, .. } => Some(format!("{}: {}", cause.code, cause.failure)),
            StageState::Ready { .. }
            | StageState::Running { .. }
            | StageState::Waiting { .. }
            | StageState::BackingOff { .. } => None,
        },
    }
}

/// The whole workflow.
#[must_use]
pub fn workflow_view(channel_id: ChannelId, workflow: &Workflow) -> WorkflowView {
    WorkflowView {
        id: workflow.id,
        channel_id,
        status: status(workflow),
        paused: workflow.paused,
        cause: cause(workflow),
        created_at: workflow.created_at,
        steps: StageName::ALL.iter().map(|stage| step(workflow, *stage)).collect(),
    }
}

fn step(workflow: &Workflow, name: StageName) -> StepView {
    if let Some(done) = workflow.done.iter().find(|done| done.stage == name) {
        let output = done.output.artifacts.iter().map(|artifact| OutputView {
            name: artifact.name.clone(),
            bytes: artifact.bytes,
            digest: artifact.digest.to_string(),
        });
        return StepView {
            name,
            status: "completed",
            started_at: Some(done.started_at),
            completed_at: Some(done.completed_at),
            output: Some(output.collect()),
        };
    }
    let current = workflow.position().filter(|position| position.stage == name);
    let status = match current.map(|position| &position.state) {
        Some(StageState::Running { .. }) => "running",
        Some(StageState::BackingOff { .. }) => "backing_off",
        Some(StageState::Parked { .. }) => "parked",
        Some(StageState::Ready { .. }) => "pending",
        Some(StageState::Waiting { .. }) => "waiting",
        None if workflow.ending().is_some() => "cancelled",
        None => "pending",
    };
    let started_at = current.and_then(|position| position.first_started_at);
    StepView { name, status, started_at, completed_at: None, output: None }
}

/// Why it is where it is.
#[must_use]
pub fn why_view(workflow: &Workflow) -> WhyView {
    match &workflow.progress {
        Progress::At(position) => why_at(workflow, position),
        Progress::Finished { at, ending } => {
            let (state, reason) = match ending {
                Ending::Completed(publication) => {
                    ("completed", format!("the video is published at {}", publication.path))
                }
                Ending::Cancelled { cause } => ("cancelled", format!("cancelled: {cause}")),
                Ending::Dropped { cause } => ("failed", format!("dropped by a person: {cause}")),
            };
            WhyView {
                workflow: workflow.id,
                stage: None,
                state,
                reason,
                since: *at,
                until: None,
                next: "nothing: it is finished".to_owned(),
            }
        }
    }
}

fn waits_for(reason: WaitReason, stage: StageName) -> (&'static str, String) {
    match reason {
        WaitReason::Slot => {
            ("the video is ready and waits for its slot", format!("the {stage} stage in the slot"))
        }
        WaitReason::Approval => (
            "the video is ready and waits for a person's approval",
            "a person: `ytempire workflow approve` or `reject`; without an answer it parks"
                .to_owned(),
        ),
        WaitReason::CatchUp => (
            "channels that catch up after a time off start one after the other",
            format!("the {stage} stage"),
        ),
    }
}

fn why_at(workflow: &Workflow, position: &Position) -> WhyView {
    let stage = position.stage;
    let (state, reason, since, next) = match &position.state {
        StageState::Ready { since } => (
            "ready",
            "the workflow or its channel is paused".to_owned(),
            *since,
            format!("the {stage} stage starts when it is resumed"),
        ),
        StageState::Running { since } => (
            "running",
            format!("attempt {} of the {stage} stage is under way", position.attempt.0),
            *since,
            "its outcome, or its time limit".to_owned(),
        ),
        StageState::BackingOff { failure, .. } => (
            "backing_off",
            format!("attempt {} failed: {failure}", position.attempt.0),
            position.first_started_at.unwrap_or(workflow.created_at),
            format!("attempt {} of the {stage} stage", position.attempt.0 + 1),
        ),
        StageState::Parked { cause, since } => (
            "parked",
            format!("{}: {}", cause.code, cause.failure),
            *since,
            "a person: mend the cause, then run `ytempire demo` again or retry it".to_owned(),
        ),
        StageState::Waiting { reason, since, .. } => {
            let (reason, next) = waits_for(*reason, stage);
            ("waiting", reason.to_owned(), *since, next)
        }
    };
    let until = match pending_of(workflow) {
        Some(Effect::WakeAt { at, .. }) => Some(at),
        Some(Effect::Run { .. } | Effect::Person { .. }) | None => None,
    };
    WhyView { workflow: workflow.id, stage: Some(stage), state, reason, since, until, next }
}
