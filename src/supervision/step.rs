//! The words between a supervisor and its plan: new children in, steps and refusals out.

use std::time::Duration;

use super::intensity::RestartPolicy;
use super::path::{ChildId, Incarnation};
use super::spec::{Order, Restart};

/// What the actor around the plan is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Start it, then report `started` or `start_failed`.
    Start(ChildId, Incarnation),
    /// Stop it, or its start, by force after its deadline, then report `stopped`.
    Stop(ChildId, Incarnation),
    /// Report `backoff_over` after this time; with the reason of the failure.
    Wait(ChildId, Incarnation, Duration, String),
    /// It is parked: publish the reason.
    Park(ChildId, String),
    /// It ended and stays so.
    Rest(ChildId),
    /// It is down for good and nothing is to be left of it.
    Forget(ChildId),
    /// Stop everything in order, then fail with this reason.
    Fail(String),
}

/// What the plan must know of a new child.
#[derive(Debug, Clone)]
pub struct NewChild {
    /// Its name.
    pub id: ChildId,
    /// Whether it is started again.
    pub restart: Restart,
    /// Whether its final failure is that of the supervisor.
    pub significant: bool,
    /// How it starts among its siblings.
    pub order: Order,
    /// Whether it comes to a supervisor that is already there.
    pub added: bool,
    /// How often it may fail.
    pub policy: RestartPolicy,
    /// The latest life it had before.
    pub last_incarnation: Incarnation,
}

/// Why a request about a child was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is one of that name.
    #[error("a child named {0} exists: remove it first, or choose another name")]
    Duplicate(ChildId),
    /// It is being removed.
    #[error("the child {0} is being removed: add it again when that is done")]
    Leaving(ChildId),
    /// There is none of that name.
    #[error("no child is named {0}")]
    Unknown(ChildId),
    /// It is not parked.
    #[error("the child {0} is not parked")]
    NotParked(ChildId),
    /// The supervisor is on its way out.
    #[error("the supervisor is stopping")]
    Stopping,
}

impl PlanError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Duplicate(_) => "duplicate_child",
            Self::Leaving(_) => "child_leaving",
            Self::Unknown(_) => "unknown_child",
            Self::NotParked(_) => "child_not_parked",
            Self::Stopping => "supervisor_stopping",
        }
    }
}
