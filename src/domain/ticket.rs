//! Which attempt of which stage of which workflow a piece of work belongs to.

use serde::{Deserialize, Serialize};

use super::ids::{Attempt, Take, WorkflowId};
use super::stage::StageName;

/// Names one attempt. Its outcome counts only while the workflow is at exactly this attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The stage.
    pub stage: StageName,
    /// The take.
    pub take: Take,
    /// The attempt.
    pub attempt: Attempt,
}
