//! What starts because its time has come, and what a stage must wait for before it starts.
//!
//! Architecture invariant: every start of an attempt goes through [`enter`], so that none leaves
//! its waits out.

use std::time::Duration;

use super::Context;
use super::failing::failed;
use crate::domain::channel::ChannelState;
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::ids::{Attempt, Take, WorkflowId};
use crate::domain::stage::{ParkCause, Position, StageName, StageState, WaitReason};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::Workflow;

/// How long a workflow waits for a person's approval; then it parks.
pub const APPROVAL_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The code a workflow is parked with when nobody approved it in time.
pub const APPROVAL_EXPIRED: &str = "approval_expired";

/// The next attempt of a stage, as it is about to start.
pub(super) struct Entry {
    pub(super) workflow: WorkflowId,
    pub(super) stage: StageName,
    pub(super) attempt: Attempt,
    pub(super) take: Take,
    /// The slot its video is meant for.
    pub(super) slot: Option<Timestamp>,
    /// Whether a person has approved the video.
    pub(super) approved: bool,
}

impl Entry {
    /// The next attempt at `position`.
    pub(super) fn again(workflow: &Workflow, position: &Position) -> Self {
        Self {
            workflow: workflow.id,
            stage: position.stage,
            attempt: Attempt(position.attempt.0 + 1),
            take: position.take,
            slot: workflow.slot,
            approved: workflow.approved,
        }
    }

    /// The first attempt of `stage`.
    pub(super) fn first(workflow: &Workflow, stage: StageName) -> Self {
        Self {
            workflow: workflow.id,
            stage,
            attempt: Attempt(1),
            take: Take(0),
            slot: workflow.slot,
            approved: workflow.approved,
        }
    }
}

/// The attempt starts, or waits for what must come first: approval before the slot.
pub(super) fn enter(entry: &Entry, context: Context<'_>) -> Event {
    let wait = |reason, until| Event::StageWaiting {
        workflow: entry.workflow,
        stage: entry.stage,
        reason,
        until,
    };
    if entry.stage == StageName::Upload {
        if context.rules.approval && !entry.approved {
            return wait(WaitReason::Approval, context.now.plus(APPROVAL_LIMIT));
        }
        if let Some(slot) = entry.slot.filter(|slot| *slot > context.now) {
            return wait(WaitReason::Slot, slot);
        }
    }
    Event::StageStarted {
        workflow: entry.workflow,
        stage: entry.stage,
        attempt: entry.attempt,
        take: entry.take,
    }
}

/// Starts of everything whose time has come.
pub(super) fn due(state: &ChannelState, context: Context<'_>) -> Vec<Event> {
    if state.paused {
        return Vec::new();
    }
    let live = state.workflows.values().filter(|workflow| !workflow.paused);
    live.filter_map(|workflow| due_of(workflow, context)).collect()
}

fn due_of(workflow: &Workflow, context: Context<'_>) -> Option<Event> {
    let position = workflow.position()?;
    let goes_on = match &position.state {
        StageState::Ready { .. } => true,
        StageState::BackingOff { until, .. } => *until <= context.now,
        StageState::Waiting { reason: WaitReason::Approval, until, .. } => {
            return (*until <= context.now).then(|| approval_expired(workflow, position));
        }
        StageState::Waiting { reason: WaitReason::Slot | WaitReason::CatchUp, until, .. } => {
            *until <= context.now
        }
        StageState::Running { .. } | StageState::Parked { .. } => false,
    };
    goes_on.then(|| enter(&Entry::again(workflow, position), context))
}

fn approval_expired(workflow: &Workflow, position: &Position) -> Event {
    let message = "nobody approved the video within 7 days; retry it to be asked again, or drop it";
    let failure = Failure::permanent(APPROVAL_EXPIRED, message);
    Event::WorkflowParked {
        workflow: workflow.id,
        stage: position.stage,
        cause: ParkCause { code: APPROVAL_EXPIRED.to_owned(), failure },
    }
}

/// Interrupts what ran under an older incarnation, then starts what is due.
pub(super) fn recover(state: &ChannelState, context: Context<'_>) -> Vec<Event> {
    let failure = Failure::interrupted("the node stopped while the stage was running");
    let interrupted = state.workflows.values().filter_map(|workflow| {
        let position = super::running(workflow)?;
        Some(failed(state, workflow, position, &failure, context))
    });
    let mut events: Vec<Event> = interrupted.flatten().collect();
    events.extend(due(state, context));
    events
}
