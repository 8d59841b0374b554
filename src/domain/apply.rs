//! Applying: (state, event) → state.
//!
//! Architecture invariant: pure and total. An event is a fact; it is never refused here, and one
//! that names something unknown changes nothing (`invariants` and `journal verify` find those).

use std::sync::Arc;

use super::archive::{archived, history_dropped};
use super::channel::{ChannelState, SlotRecord, UsedTopic};
use super::event::Event;
use super::failure::{Failure, FailureClass};
use super::ids::{Attempt, Take, WorkflowId};
use super::noted::NotedCommand;
use super::stage::{DoneStage, Position, StageName, StageState};
use super::timestamp::Timestamp;
use super::workflow::{Ending, Progress, Workflow};

/// Changes `state` by one event that was decided at `at`.
pub fn apply(state: &mut ChannelState, at: Timestamp, event: &Event) {
    match event {
        Event::GenerationRaised { name, generation } => {
            state.name = Some(name.clone());
            state.generation = *generation;
            state.parked = None;
        }
        Event::WorkflowStarted {
            workflow,
            command,
            content_type,
            priority,
            topic,
            slot,
            definition,
        } => {
            if let Some(slot) = slot {
                book_slot(state, *slot, SlotRecord::Taken(*workflow));
            }
            let started = Workflow {
                id: *workflow,
                command: command.clone(),
                content_type: *content_type,
                priority: *priority,
                requested_topic: topic.clone(),
                created_at: at,
                paused: false,
                done: Vec::new(),
                title: None,
                slot: *slot,
                approved: false,
                progress: Progress::At(Position::fresh(StageName::Trend, at)),
                definition: *definition,
            };
            state.workflows.insert(*workflow, started);
        }
        Event::TrendDetected { workflow, profile, title, .. } => {
            let (title, profile) = (title.clone(), profile.clone());
            let key = profile.key.clone();
            let used = UsedTopic { title, profile, workflow: *workflow, at };
            state.topics.insert(key, Arc::new(used));
        }
        Event::ContentReady { workflow, title, sentences } => {
            state.sentences.extend(sentences);
            change(state, *workflow, |workflow| workflow.title = Some(title.clone()));
        }
        Event::StageStarted { workflow, attempt, take, .. } => {
            change_position(state, *workflow, |position| {
                stage_started(position, at, *attempt, *take);
            });
        }
        Event::StageSucceeded { workflow, .. } => {
            change(state, *workflow, |workflow| stage_succeeded(workflow, at, event));
        }
        Event::StageFailed { workflow, failure, .. } => {
            change_position(state, *workflow, |position| count(position, at, failure));
        }
        Event::StageRetrying { workflow, retry_at, failure, .. } => {
            change_position(state, *workflow, |position| {
                position.state =
                    StageState::BackingOff { until: *retry_at, failure: failure.clone() };
            });
        }
        Event::WorkflowParked { workflow, cause, .. } => {
            change_position(state, *workflow, |position| {
                position.state = StageState::Parked { cause: cause.clone(), since: at };
            });
        }
        Event::WorkflowRetried { workflow, take } => {
            change_position(state, *workflow, |position| {
                position.take = *take;
                position.retries = 0;
                position.interruptions = 0;
                position.state = StageState::Ready { since: at };
            });
        }
        Event::WorkflowPaused { workflow } => {
            change(state, *workflow, |workflow| workflow.paused = true);
        }
        Event::WorkflowResumed { workflow } => {
            change(state, *workflow, |workflow| workflow.paused = false);
        }
        Event::WorkflowReprioritised { workflow, priority } => {
            change(state, *workflow, |workflow| workflow.priority = *priority);
        }
        Event::WorkflowCancelled { workflow, cause } => {
            finish(state, *workflow, at, Ending::Cancelled { cause: cause.clone() });
        }
        Event::WorkflowFailed { workflow, cause } => {
            finish(state, *workflow, at, Ending::Dropped { cause: cause.clone() });
        }
        Event::WorkflowCompleted { workflow, publication } => {
            finish(state, *workflow, at, Ending::Completed(publication.clone()));
        }
        Event::StageWaiting { workflow, reason, until, .. } => {
            change_position(state, *workflow, |position| {
                position.state = StageState::Waiting { reason: *reason, since: at, until: *until };
            });
        }
        Event::WorkflowApproved { workflow } => change(state, *workflow, |workflow| {
            workflow.approved = true;
            if let Some(position) = workflow.position_mut() {
                position.state = StageState::Ready { since: at };
            }
        }),
        // Its cancellation, in the same frame, ends the workflow.
        Event::WorkflowRejected { .. } => {}
        Event::SlotSkipped { slot, reason } => {
            book_slot(state, *slot, SlotRecord::Skipped(reason.clone()));
        }
        Event::SlotsBegin { after } => state.slots_after = Some(*after),
        Event::CommandNoted { command, request, answer, forgotten } => {
            for old in forgotten {
                state.commands.remove(old);
            }
            let noted = NotedCommand { request: *request, answer: answer.clone(), at };
            state.commands.insert(command.clone(), noted);
        }
        // A fact for the outside: nothing is counted from a clock that jumps.
        Event::ClockJumped { .. } => {}
        // A fact for the outside: completion, in the same frame, carries it in the state.
        Event::VideoPublished { .. } => {}
        Event::ChannelPaused => state.paused = true,
        Event::ChannelResumed => state.paused = false,
        Event::ChannelParked { reason } => state.parked = Some(reason.clone()),
        Event::WorkflowsArchived { month, file, workflows } => {
            archived(state, *month, *file, workflows);
        }
        Event::HistoryDropped { month } => history_dropped(state, *month),
    }
}

/// Remembers what became of a slot; what is too old to be remembered is settled by its time.
fn book_slot(state: &mut ChannelState, slot: Timestamp, record: SlotRecord) {
    state.slots.insert(slot, record);
    while state.slots.len() > ChannelState::KEPT_SLOTS {
        let Some((oldest, _)) = state.slots.pop_first() else { break };
        state.slots_after = state.slots_after.max(Some(oldest));
    }
}

fn change(state: &mut ChannelState, id: WorkflowId, how: impl FnOnce(&mut Workflow)) {
    if let Some(workflow) = state.workflows.get_mut(&id) {
        how(workflow);
    }
}

fn change_position(state: &mut ChannelState, id: WorkflowId, how: impl FnOnce(&mut Position)) {
    change(state, id, |workflow| {
        if let Some(position) = workflow.position_mut() {
            how(position);
        }
    });
}

fn finish(state: &mut ChannelState, id: WorkflowId, at: Timestamp, ending: Ending) {
    change(state, id, |workflow| {
        workflow.paused = false;
        workflow.progress = Progress::Finished { at, ending };
    });
}

fn stage_started(position: &mut Position, at: Timestamp, attempt: Attempt, take: Take) {
    position.state = StageState::Running { since: at };
    position.attempt = attempt;
    position.take = take;
    position.first_started_at.get_or_insert(at);
}

/// Books a failure: which counter it raises decides what the next one leads to.
fn count(position: &mut Position, at: Timestamp, failure: &Failure) {
    match failure.class {
        FailureClass::Transient | FailureClass::RateLimited { .. } | FailureClass::Ambiguous => {
            position.retries += 1;
            position.interruptions = 0;
        }
        FailureClass::Interrupted => position.interruptions += 1,
        FailureClass::Permanent | FailureClass::Cancelled => {}
    }
    position.state = StageState::Ready { since: at };
}

fn stage_succeeded(workflow: &mut Workflow, at: Timestamp, event: &Event) {
    let Event::StageSucceeded { stage, attempt, take, output, .. } = event else { return };
    let started_at =
        workflow.position().and_then(|position| position.first_started_at).unwrap_or(at);
    workflow.done.push(DoneStage {
        stage: *stage,
        attempt: *attempt,
        take: *take,
        started_at,
        completed_at: at,
        output: output.clone(),
    });
    if let Some(next) = stage.next() {
        workflow.progress = Progress::At(Position::fresh(next, at));
    }
}
