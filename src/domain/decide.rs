//! Deciding: (state, command, time, chance) → events, or a rejection.
//!
//! Architecture invariant: pure. Whatever depends on time or chance is written into the events, so
//! that replay needs neither.

use super::apply::apply;
use super::archive::{archive, drop_history};
use super::channel::ChannelState;
use super::command::{Command, Finding, Rejection, StageSuccess};
use super::event::Event;
use super::failure::Failure;
use super::ids::{Attempt, CommandId, Take, WorkflowId};
use super::retry::{Policies, TOPIC_TAKEN, Verdict, judge};
use super::stage::{ParkCause, Position, StageName, StageState};
use super::timestamp::Timestamp;
use super::workflow::{ContentType, Priority, Workflow};

/// What a decision may know beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time of the decision; it becomes the time of its frame.
    pub now: Timestamp,
    /// One random number, uniform over all of `u64`.
    pub draw: u64,
    /// The limits of the stages.
    pub policies: &'a Policies,
}

/// Decides what `command` does to `state`.
///
/// # Errors
/// [`Rejection`] when the command changes nothing, and why.
pub fn decide(
    state: &ChannelState,
    command: &Command,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Start { command, content_type, priority, topic } => {
            start(state, command, *content_type, *priority, topic.clone())
        }
        Command::Outcome { workflow, stage, attempt, result } => {
            outcome(state, *workflow, *stage, *attempt, result, context)
        }
        Command::Wake => Ok(due(state, context)).and_then(some_or_nothing_due),
        Command::Recover => Ok(recover(state, context)).and_then(some_or_nothing_due),
        Command::Pause { workflow } => pause(find(state, *workflow)?),
        Command::Resume { workflow } => resume(state, find(state, *workflow)?),
        Command::Cancel { workflow, cause } => cancel(find(state, *workflow)?, cause),
        Command::Retry { workflow } => retry(state, find(state, *workflow)?),
        Command::Drop { workflow } => drop_parked(find(state, *workflow)?),
        Command::Reprioritise { workflow, priority } => {
            reprioritise(find(state, *workflow)?, *priority)
        }
        Command::PauseChannel if state.paused => {
            Err(Rejection::NotApplicable("the channel is paused already"))
        }
        Command::PauseChannel => Ok(vec![Event::ChannelPaused]),
        Command::ResumeChannel => resume_channel(state, context),
        Command::ParkChannel { reason } => {
            Ok(vec![Event::ChannelParked { reason: reason.clone() }])
        }
        Command::Archive { month, replaces, file, workflows } => {
            archive(state, *month, *replaces, *file, workflows, context.now)
        }
        Command::DropHistory { month } => drop_history(state, *month, context.now),
    }
}

fn some_or_nothing_due(events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
    if events.is_empty() { Err(Rejection::NothingDue) } else { Ok(events) }
}

fn find(state: &ChannelState, workflow: WorkflowId) -> Result<&Workflow, Rejection> {
    if let Some(found) = state.workflows.get(&workflow) {
        return Ok(found);
    }
    match state.archived_in(workflow) {
        Some(_) => Err(Rejection::NotApplicable("the workflow is finished")),
        None => Err(Rejection::NotFound(workflow)),
    }
}

fn start(
    state: &ChannelState,
    command: &CommandId,
    content_type: ContentType,
    priority: Priority,
    topic: Option<String>,
) -> Result<Vec<Event>, Rejection> {
    let workflow = WorkflowId::of_command(command);
    if state.knows(workflow) {
        return Err(Rejection::AlreadyStarted(workflow));
    }
    let started = Event::WorkflowStarted {
        workflow,
        command: command.clone(),
        content_type,
        priority,
        topic,
    };
    let mut events = vec![started];
    if !state.paused {
        events.push(Event::StageStarted {
            workflow,
            stage: StageName::Trend,
            attempt: Attempt(1),
            take: Take(0),
        });
    }
    Ok(events)
}

/// The start of the next attempt of the stage at `position`.
fn next_attempt(workflow: WorkflowId, position: &Position) -> Event {
    Event::StageStarted {
        workflow,
        stage: position.stage,
        attempt: Attempt(position.attempt.0 + 1),
        take: position.take,
    }
}

fn outcome(
    state: &ChannelState,
    id: WorkflowId,
    stage: StageName,
    attempt: Attempt,
    result: &Result<StageSuccess, Failure>,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    if state.archived_in(id).is_some() {
        return Err(Rejection::Stale);
    }
    let workflow = find(state, id)?;
    let position = running(workflow).ok_or(Rejection::Stale)?;
    if position.stage != stage || position.attempt != attempt {
        return Err(Rejection::Stale);
    }
    let success = match result {
        Ok(success) => success,
        Err(failure) => return Ok(failed(state, workflow, position, failure, context)),
    };
    let refused = wrong_finding(stage, &success.finding)
        .or_else(|| topic_taken_by_another(state, id, &success.finding));
    Ok(match refused {
        Some(failure) => failed(state, workflow, position, &failure, context),
        None => succeeded(state, workflow, position, success),
    })
}

/// A stage that does not say what it exists to find out would leave its workflow incomplete, and
/// one that says more could publish twice.
fn wrong_finding(stage: StageName, finding: &Finding) -> Option<Failure> {
    let fits = match stage {
        StageName::Trend => matches!(finding, Finding::Topic { .. }),
        StageName::Script => matches!(finding, Finding::Script { .. }),
        StageName::Narration | StageName::Render => matches!(finding, Finding::Nothing),
        StageName::Upload => matches!(finding, Finding::Published(_)),
    };
    if fits {
        return None;
    }
    let message = format!("the {stage} stage handed back what another stage finds out: report it");
    Some(Failure::permanent("wrong_finding", message))
}

fn running(workflow: &Workflow) -> Option<&Position> {
    workflow.position().filter(|position| matches!(position.state, StageState::Running { .. }))
}

/// Two workflows may choose at the same time; the second must choose again.
fn topic_taken_by_another(
    state: &ChannelState,
    id: WorkflowId,
    finding: &Finding,
) -> Option<Failure> {
    let Finding::Topic { profile, title, .. } = finding else { return None };
    let used = state.topics.get(&profile.key)?;
    if used.workflow == id {
        return None;
    }
    let message = format!("the topic {title:?} was taken by another workflow in the meantime");
    Some(Failure::transient(TOPIC_TAKEN, message))
}

fn succeeded(
    state: &ChannelState,
    workflow: &Workflow,
    position: &Position,
    success: &StageSuccess,
) -> Vec<Event> {
    let id = workflow.id;
    let stage = position.stage;
    let mut events = vec![Event::StageSucceeded {
        workflow: id,
        stage,
        attempt: position.attempt,
        take: position.take,
        output: success.output.clone(),
    }];
    match &success.finding {
        Finding::Topic { profile, title, score } => events.push(Event::TrendDetected {
            workflow: id,
            profile: profile.clone(),
            title: title.clone(),
            score: *score,
        }),
        Finding::Script { title, sentences } => events.push(Event::ContentReady {
            workflow: id,
            title: title.clone(),
            sentences: sentences.clone(),
        }),
        Finding::Published(publication) => {
            let publication = publication.clone();
            events.push(Event::VideoPublished { workflow: id, publication });
        }
        Finding::Nothing => {}
    }
    match (stage.next(), &success.finding) {
        (Some(next), _) if !workflow.paused && !state.paused => {
            let attempt = Attempt(1);
            events.push(Event::StageStarted { workflow: id, stage: next, attempt, take: Take(0) });
        }
        (None, Finding::Published(publication)) => {
            let publication = publication.clone();
            events.push(Event::WorkflowCompleted { workflow: id, publication });
        }
        (Some(_) | None, _) => {}
    }
    events
}

fn failed(
    state: &ChannelState,
    workflow: &Workflow,
    position: &Position,
    failure: &Failure,
    context: Context<'_>,
) -> Vec<Event> {
    let id = workflow.id;
    let policy = context.policies.of(position.stage).retry;
    let verdict = judge(policy, failure, position.retries, position.interruptions, context.draw);
    let failed = |retry_at| Event::StageFailed {
        workflow: id,
        stage: position.stage,
        attempt: position.attempt,
        take: position.take,
        failure: failure.clone(),
        retry_at,
    };
    match verdict {
        // No attempt starts while it is held; the stage is ready and starts when it is resumed.
        Verdict::RunAgain if workflow.paused || state.paused => vec![failed(None)],
        Verdict::RunAgain => vec![failed(Some(context.now)), next_attempt(id, position)],
        Verdict::RetryIn(wait) => {
            let retry_at = context.now.plus(wait);
            let retrying = Event::StageRetrying {
                workflow: id,
                stage: position.stage,
                attempt: position.attempt,
                take: position.take,
                retry_at,
                failure: failure.clone(),
            };
            vec![failed(Some(retry_at)), retrying]
        }
        Verdict::Park(code) => {
            let cause = ParkCause { code: code.to_owned(), failure: failure.clone() };
            let parked = Event::WorkflowParked { workflow: id, stage: position.stage, cause };
            vec![failed(None), parked]
        }
        Verdict::Cancel => {
            let cause = "cancelled".to_owned();
            vec![failed(None), Event::WorkflowCancelled { workflow: id, cause }]
        }
    }
}

/// Starts of everything whose time has come.
fn due(state: &ChannelState, context: Context<'_>) -> Vec<Event> {
    if state.paused {
        return Vec::new();
    }
    let may_start = |workflow: &&Workflow| !workflow.paused;
    let is_due = |position: &Position| match &position.state {
        StageState::Ready { .. } => true,
        StageState::BackingOff { until, .. } => *until <= context.now,
        StageState::Running { .. } | StageState::Parked { .. } => false,
    };
    state
        .workflows
        .values()
        .filter(may_start)
        .filter_map(|workflow| {
            let position = workflow.position().filter(|position| is_due(position))?;
            Some(next_attempt(workflow.id, position))
        })
        .collect()
}

/// Interrupts what ran under an older incarnation, then starts what is due.
fn recover(state: &ChannelState, context: Context<'_>) -> Vec<Event> {
    let failure = Failure::interrupted("the node stopped while the stage was running");
    let interrupted = state.workflows.values().filter_map(|workflow| {
        let position = running(workflow)?;
        Some(failed(state, workflow, position, &failure, context))
    });
    let mut events: Vec<Event> = interrupted.flatten().collect();
    events.extend(due(state, context));
    events
}

fn pause(workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    if workflow.position().is_none() {
        return Err(Rejection::NotApplicable("the workflow is finished"));
    }
    if workflow.paused {
        return Err(Rejection::NotApplicable("the workflow is paused already"));
    }
    Ok(vec![Event::WorkflowPaused { workflow: workflow.id }])
}

fn resume(state: &ChannelState, workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    let Some(position) = workflow.position().filter(|_| workflow.paused) else {
        return Err(Rejection::NotApplicable("the workflow is not paused"));
    };
    let mut events = vec![Event::WorkflowResumed { workflow: workflow.id }];
    if matches!(position.state, StageState::Ready { .. }) && !state.paused {
        events.push(next_attempt(workflow.id, position));
    }
    Ok(events)
}

fn cancel(workflow: &Workflow, cause: &str) -> Result<Vec<Event>, Rejection> {
    if workflow.position().is_none() {
        return Err(Rejection::NotApplicable("the workflow is finished"));
    }
    Ok(vec![Event::WorkflowCancelled { workflow: workflow.id, cause: cause.to_owned() }])
}

fn retry(state: &ChannelState, workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    let Some(position) =
        workflow.position().filter(|position| matches!(position.state, StageState::Parked { .. }))
    else {
        return Err(Rejection::NotApplicable("only a parked workflow can be retried"));
    };
    let take = Take(position.take.0 + 1);
    let mut events = vec![Event::WorkflowRetried { workflow: workflow.id, take }];
    if !workflow.paused && !state.paused {
        events.push(Event::StageStarted {
            workflow: workflow.id,
            stage: position.stage,
            attempt: Attempt(position.attempt.0 + 1),
            take,
        });
    }
    Ok(events)
}

fn drop_parked(workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    let parked = workflow.position().and_then(|position| match &position.state {
        StageState::Parked { cause, .. } => Some(cause),
        StageState::Ready { .. } | StageState::Running { .. } | StageState::BackingOff { .. } => {
            None
        }
    });
    let Some(cause) = parked else {
        return Err(Rejection::NotApplicable("only a parked workflow can be dropped"));
    };
    Ok(vec![Event::WorkflowFailed { workflow: workflow.id, cause: cause.code.clone() }])
}

fn reprioritise(workflow: &Workflow, priority: Priority) -> Result<Vec<Event>, Rejection> {
    if workflow.position().is_none() {
        return Err(Rejection::NotApplicable("the workflow is finished"));
    }
    if workflow.priority == priority {
        return Err(Rejection::NotApplicable("the workflow has this priority already"));
    }
    Ok(vec![Event::WorkflowReprioritised { workflow: workflow.id, priority }])
}

fn resume_channel(state: &ChannelState, context: Context<'_>) -> Result<Vec<Event>, Rejection> {
    if !state.paused {
        return Err(Rejection::NotApplicable("the channel is not paused"));
    }
    let mut resumed = state.clone();
    apply(&mut resumed, context.now, &Event::ChannelResumed);
    let mut events = vec![Event::ChannelResumed];
    events.extend(due(&resumed, context));
    Ok(events)
}
