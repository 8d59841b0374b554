//! What must hold in every state, by the ids of the design. Checked by property tests, by the
//! simulation after every event, and by `debug_assert!` in the channel's actor.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::channel::{ChannelState, SlotRecord, UsedTopic};
use super::ids::WorkflowId;
use super::pending::pending_of;
use super::retry::{MAX_INTERRUPTIONS, Policies};
use super::stage::{Position, StageName, StageState};
use super::workflow::{Ending, Progress, Workflow};

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Id of the invariant, for example `D5`.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

/// All violations in `state`; empty when all is well.
#[must_use]
pub fn violations(state: &ChannelState, policies: &Policies) -> Vec<Violation> {
    let mut found = Vec::new();
    for workflow in state.workflows.values() {
        check_order(workflow, &mut found);
        check_publication(workflow, &mut found);
        if let Some(position) = workflow.position() {
            check_counts(workflow, position, policies, &mut found);
            check_limbo(state, workflow, position, &mut found);
        }
    }
    check_topics(state, &mut found);
    check_slots(state, &mut found);
    check_history(state, &mut found);
    found
}

fn report(found: &mut Vec<Violation>, invariant: &'static str, text: String) {
    found.push(Violation { invariant, found: text });
}

/// Stages are done in order, each once (D4).
fn check_order(workflow: &Workflow, found: &mut Vec<Violation>) {
    let in_order = workflow.done.iter().zip(StageName::ALL).all(|(done, name)| done.stage == name);
    let next = StageName::ALL.get(workflow.done.len());
    let at_next = workflow.position().is_none_or(|position| Some(&position.stage) == next);
    if !in_order || !at_next || workflow.done.len() > StageName::ALL.len() {
        report(found, "D4", format!("workflow {} has its stages out of order", workflow.id));
    }
}

/// A completed workflow went through all stages, and so was published once (D3).
fn check_publication(workflow: &Workflow, found: &mut Vec<Violation>) {
    let completed =
        matches!(workflow.progress, Progress::Finished { ending: Ending::Completed(_), .. });
    let all_done = workflow.done.len() == StageName::ALL.len();
    if completed != all_done {
        report(found, "D3", format!("workflow {} is complete without its stages", workflow.id));
    }
}

/// Attempts and retries stay within the policy (D6).
fn check_counts(
    workflow: &Workflow,
    position: &Position,
    policies: &Policies,
    found: &mut Vec<Violation>,
) {
    let parked = matches!(position.state, StageState::Parked { .. });
    let allowed = policies.of(position.stage).retry.max_retries + u32::from(parked);
    if position.retries > allowed {
        let text = format!("workflow {} retried {} times", workflow.id, position.retries);
        report(found, "D6", text);
    }
    if position.interruptions > MAX_INTERRUPTIONS {
        report(found, "D6", format!("workflow {} was interrupted too often", workflow.id));
    }
    let running = matches!(position.state, StageState::Running { .. });
    if running && (position.attempt.0 == 0 || position.first_started_at.is_none()) {
        report(found, "D4", format!("workflow {} runs without an attempt", workflow.id));
    }
}

/// Nothing waits for nothing (D5).
fn check_limbo(
    state: &ChannelState,
    workflow: &Workflow,
    position: &Position,
    found: &mut Vec<Violation>,
) {
    let held_by_a_person = workflow.paused || state.paused;
    if pending_of(workflow).is_none() && !held_by_a_person {
        let text = format!("workflow {} is in limbo at {}", workflow.id, position.stage);
        report(found, "D5", text);
    }
}

/// Every used topic belongs to a workflow that exists, is in the history, or was forgotten with its
/// month; one topic, one workflow.
fn check_topics(state: &ChannelState, found: &mut Vec<Violation>) {
    let sealed: BTreeSet<WorkflowId> =
        state.history.values().flat_map(|month| &month.workflows).copied().collect();
    let is_unknown = |used: &&Arc<UsedTopic>| {
        !state.workflows.contains_key(&used.workflow) && !sealed.contains(&used.workflow)
    };
    let unknown = state.topics.values().filter(is_unknown).count() as u64;
    if unknown > state.forgotten {
        let text = format!("{unknown} topics are used by unknown workflows");
        report(found, "D1", text);
    }
}

/// What was archived has left the state (D1).
fn check_history(state: &ChannelState, found: &mut Vec<Violation>) {
    for (month, sealed) in &state.history {
        if sealed.workflows.iter().any(|workflow| state.workflows.contains_key(workflow)) {
            report(
                found,
                "D1",
                format!("a workflow is in the state and in the history of {month}"),
            );
        }
    }
}

/// A slot that is taken has its workflow, and that workflow this slot.
fn check_slots(state: &ChannelState, found: &mut Vec<Violation>) {
    for (slot, record) in &state.slots {
        let SlotRecord::Taken(workflow) = record else { continue };
        let known = state.workflows.get(workflow);
        if known.is_some_and(|workflow| workflow.slot != Some(*slot)) {
            report(found, "D3", format!("slot {slot} is taken by a workflow for another slot"));
        }
    }
}
