//! Deciding: (state, command, time, chance) → events, or a rejection.
//!
//! Architecture invariant: pure. Whatever depends on time or chance is written into the events, so
//! that replay needs neither.

mod control;
mod due;
mod failing;
mod slots;

use super::admission::Room;
use super::archive::{archive, drop_history};
use super::channel::{ChannelRules, ChannelState};
use super::command::{Command, Finding, Rejection, StageSuccess};
use super::event::Event;
use super::failure::Failure;
use super::ids::{Attempt, CommandId, Take, WorkflowId};
use super::retry::{Policies, TOPIC_TAKEN};
use super::stage::{Position, StageName, StageState};
use super::timestamp::Timestamp;
use super::workflow::{ContentType, Definition, Priority, Workflow};
use control::{
    approve, cancel, drop_parked, pause, reject, reprioritise, resume, resume_channel, retry,
};
pub use due::{APPROVAL_EXPIRED, APPROVAL_LIMIT};
use due::{Entry, due, enter, recover};
use failing::failed;
pub use slots::{CATCH_UP_SPREAD, GRACE, REMEMBERED, next_slot_wake};
use slots::{due_slots, next_free_slot};

/// What a decision may know beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time of the decision; it becomes the time of its frame.
    pub now: Timestamp,
    /// One random number, uniform over all of `u64`.
    pub draw: u64,
    /// The limits of the stages.
    pub policies: &'a Policies,
    /// What the channel's owner wants.
    pub rules: &'a ChannelRules,
    /// How much the node can take on.
    pub room: &'a Room,
}

impl<'a> Context<'a> {
    /// A decision in a channel without a schedule or approval, on a node with room for everything.
    #[must_use]
    pub fn plain(now: Timestamp, draw: u64, policies: &'a Policies) -> Self {
        static NO_RULES: ChannelRules = ChannelRules { schedule: None, approval: false };
        static OPEN: Room = Room::OPEN;
        Self { now, draw, policies, rules: &NO_RULES, room: &OPEN }
    }
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
            let wish = Wish { content_type: *content_type, priority: *priority, topic };
            start(state, command, &wish, context)
        }
        Command::Outcome { workflow, stage, attempt, result } => {
            outcome(state, *workflow, *stage, *attempt, result, context)
        }
        Command::Wake => {
            let mut events = due(state, context);
            events.extend(due_slots(state, context));
            some_or_nothing_due(events)
        }
        Command::Recover => {
            let mut events = recover(state, context);
            events.extend(due_slots(state, context));
            some_or_nothing_due(events)
        }
        Command::Pause { workflow } => pause(find(state, *workflow)?),
        Command::Resume { workflow } => resume(state, find(state, *workflow)?, context),
        Command::Cancel { workflow, cause } => cancel(find(state, *workflow)?, cause),
        Command::Retry { workflow } => retry(state, find(state, *workflow)?, context),
        Command::Drop { workflow } => drop_parked(find(state, *workflow)?),
        Command::Reprioritise { workflow, priority } => {
            reprioritise(find(state, *workflow)?, *priority)
        }
        Command::Approve { workflow } => approve(state, find(state, *workflow)?, context),
        Command::Reject { workflow } => reject(find(state, *workflow)?),
        Command::ClockJumped { by_ms } => Ok(vec![Event::ClockJumped { by_ms: *by_ms }]),
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

/// What kind of video somebody wants.
struct Wish<'a> {
    content_type: ContentType,
    priority: Priority,
    topic: &'a Option<String>,
}

fn start(
    state: &ChannelState,
    command: &CommandId,
    wish: &Wish<'_>,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    let workflow = WorkflowId::of_command(command);
    if state.knows(workflow) {
        return Err(Rejection::AlreadyStarted(workflow));
    }
    if let Some(refusal) = context.room.refusal(0) {
        return Err(Rejection::NotAdmitted(refusal));
    }
    let slot = match wish.content_type {
        ContentType::Scheduled => next_free_slot(state, context),
        ContentType::Trending | ContentType::Evergreen => None,
    };
    let started = Event::WorkflowStarted {
        workflow,
        command: command.clone(),
        content_type: wish.content_type,
        priority: wish.priority,
        topic: wish.topic.clone(),
        slot,
        definition: Definition::CURRENT,
    };
    let mut events = vec![started];
    if !state.paused {
        events.push(first_attempt(workflow));
    }
    Ok(events)
}

/// The start of a workflow's first stage, before which nothing is waited for.
fn first_attempt(workflow: WorkflowId) -> Event {
    let (stage, attempt, take) = (StageName::Trend, Attempt(1), Take(0));
    Event::StageStarted { workflow, stage, attempt, take }
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
        None => succeeded(state, workflow, position, success, context),
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
    context: Context<'_>,
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
            events.push(enter(&Entry::first(workflow, next), context));
        }
        (None, Finding::Published(publication)) => {
            let publication = publication.clone();
            events.push(Event::WorkflowCompleted { workflow: id, publication });
        }
        (Some(_) | None, _) => {}
    }
    events
}
