//! Why an actor did not start.

use std::time::Duration;

use ractor::SpawnErr;

/// Why a child did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It said so, or panicked.
    #[error("the actor did not start: {0}")]
    Failed(String),
    /// It was not ready in time and was given up.
    #[error("the actor did not start within {0:?}: look for what its start waits for")]
    TimedOut(Duration),
}

impl StartError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "start_failed",
            Self::TimedOut(_) => "start_timed_out",
        }
    }
}

impl From<SpawnErr> for StartError {
    fn from(error: SpawnErr) -> Self {
        match error {
            SpawnErr::StartupFailed(reason) => Self::Failed(reason.to_string()),
            SpawnErr::ActorAlreadyStarted | SpawnErr::ActorAlreadyRegistered(_) => {
                Self::Failed(error.to_string())
            }
        }
    }
}
