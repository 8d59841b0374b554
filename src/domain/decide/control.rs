//! What a person asks of a workflow or a channel that exists.

use super::Context;
use super::due::{Entry, due, enter};
use crate::domain::apply::apply;
use crate::domain::channel::ChannelState;
use crate::domain::command::Rejection;
use crate::domain::event::Event;
use crate::domain::ids::Take;
use crate::domain::stage::{Position, StageState, WaitReason};
use crate::domain::workflow::{Priority, Workflow};

pub(super) fn pause(workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    if workflow.position().is_none() {
        return Err(Rejection::NotApplicable("the workflow is finished"));
    }
    if workflow.paused {
        return Err(Rejection::NotApplicable("the workflow is paused already"));
    }
    Ok(vec![Event::WorkflowPaused { workflow: workflow.id }])
}

pub(super) fn resume(
    state: &ChannelState,
    workflow: &Workflow,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    let Some(position) = workflow.position().filter(|_| workflow.paused) else {
        return Err(Rejection::NotApplicable("the workflow is not paused"));
    };
    let mut events = vec![Event::WorkflowResumed { workflow: workflow.id }];
    if matches!(position.state, StageState::Ready { .. }) && !state.paused {
        events.push(enter(&Entry::again(workflow, position), context));
    }
    Ok(events)
}

pub(super) fn cancel(workflow: &Workflow, cause: &str) -> Result<Vec<Event>, Rejection> {
    if workflow.position().is_none() {
        return Err(Rejection::NotApplicable("the workflow is finished"));
    }
    Ok(vec![Event::WorkflowCancelled { workflow: workflow.id, cause: cause.to_owned() }])
}

pub(super) fn retry(
    state: &ChannelState,
    workflow: &Workflow,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    let Some(position) =
        workflow.position().filter(|position| matches!(position.state, StageState::Parked { .. }))
    else {
        return Err(Rejection::NotApplicable("only a parked workflow can be retried"));
    };
    let take = Take(position.take.0 + 1);
    let mut events = vec![Event::WorkflowRetried { workflow: workflow.id, take }];
    if !workflow.paused && !state.paused {
        events.push(enter(&Entry { take, ..Entry::again(workflow, position) }, context));
    }
    Ok(events)
}

pub(super) fn drop_parked(workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    let parked = workflow.position().and_then(|position| match &position.state {
        StageState::Parked { cause, .. } => Some(cause),
        StageState::Ready { .. }
        | StageState::Running { .. }
        | StageState::BackingOff { .. }
        | StageState::Waiting { .. } => None,
    });
    let Some(cause) = parked else {
        return Err(Rejection::NotApplicable("only a parked workflow can be dropped"));
    };
    Ok(vec![Event::WorkflowFailed { workflow: workflow.id, cause: cause.code.clone() }])
}

pub(super) fn reprioritise(
    workflow: &Workflow,
    priority: Priority,
) -> Result<Vec<Event>, Rejection> {
    if workflow.position().is_none() {
        return Err(Rejection::NotApplicable("the workflow is finished"));
    }
    if workflow.priority == priority {
        return Err(Rejection::NotApplicable("the workflow has this priority already"));
    }
    Ok(vec![Event::WorkflowReprioritised { workflow: workflow.id, priority }])
}

pub(super) fn resume_channel(
    state: &ChannelState,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    if !state.paused {
        return Err(Rejection::NotApplicable("the channel is not paused"));
    }
    let mut resumed = state.clone();
    apply(&mut resumed, context.now, &Event::ChannelResumed);
    let mut events = vec![Event::ChannelResumed];
    events.extend(due(&resumed, context));
    Ok(events)
}

/// Lets the video be published, in its slot if it has one.
pub(super) fn approve(
    state: &ChannelState,
    workflow: &Workflow,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    let position = awaiting_approval(workflow)?;
    let mut events = vec![Event::WorkflowApproved { workflow: workflow.id }];
    if !workflow.paused && !state.paused {
        events.push(enter(&Entry { approved: true, ..Entry::again(workflow, position) }, context));
    }
    Ok(events)
}

/// Gives the video up before it is published.
pub(super) fn reject(workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    awaiting_approval(workflow)?;
    let rejected = Event::WorkflowRejected { workflow: workflow.id };
    let cause = "rejected".to_owned();
    Ok(vec![rejected, Event::WorkflowCancelled { workflow: workflow.id, cause }])
}

fn awaiting_approval(workflow: &Workflow) -> Result<&Position, Rejection> {
    let awaiting = workflow.position().filter(|position| {
        matches!(position.state, StageState::Waiting { reason: WaitReason::Approval, .. })
    });
    awaiting.ok_or(Rejection::NotApplicable("the workflow does not wait for approval"))
}
