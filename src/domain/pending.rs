//! What is due: state → effects. Computed after every commit and again at recovery, never stored.
//!
//! Architecture invariant: level-triggered. Asked twice, it says the same twice; whoever carries
//! effects out compares with what is already under way.

use super::channel::ChannelState;
use super::ids::{Attempt, Take, WorkflowId};
use super::stage::{StageName, StageState};
use super::timestamp::Timestamp;
use super::workflow::{Priority, Workflow};

/// Something that must be under way as long as the state says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// An attempt of a stage must be carried out.
    Run {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Which stage.
        stage: StageName,
        /// Which attempt.
        attempt: Attempt,
        /// Which take.
        take: Take,
        /// How urgent it is.
        priority: Priority,
        /// When it was decided.
        since: Timestamp,
    },
    /// The channel must be woken at this time.
    WakeAt {
        /// For which workflow.
        workflow: WorkflowId,
        /// When.
        at: Timestamp,
    },
    /// A person must act.
    Person {
        /// On which workflow.
        workflow: WorkflowId,
    },
}

/// What is due for one workflow; `None` once it is finished, or while it is paused between stages.
#[must_use]
pub fn pending_of(workflow: &Workflow) -> Option<Effect> {
    let position = workflow.position()?;
    match &position.state {
        StageState::Running { since } => Some(Effect::Run {
            workflow: workflow.id,
            stage: position.stage,
            attempt: position.attempt,
            take: position.take,
            priority: workflow.priority,
            since: *since,
        }),
        StageState::BackingOff { until, .. } if !workflow.paused => {
            Some(Effect::WakeAt { workflow: workflow.id, at: *until })
        }
        StageState::Parked { .. } => Some(Effect::Person { workflow: workflow.id }),
        StageState::Waiting { until, .. } if !workflow.paused => {
            Some(Effect::WakeAt { workflow: workflow.id, at: *until })
        }
        StageState::Ready { .. } | StageState::BackingOff { .. } | StageState::Waiting { .. } => {
            None
        }
    }
}

/// What is due in a whole channel.
#[must_use]
pub fn pending(state: &ChannelState) -> Vec<Effect> {
    let effects = state.workflows.values().filter_map(pending_of);
    let allowed = |effect: &Effect| !(state.paused && matches!(effect, Effect::WakeAt { .. }));
    effects.filter(allowed).collect()
}
