//! How work fails. A failure is classed where it arises, because only there is it known.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of failure it is, and so what may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureClass {
    /// May succeed if tried again: back-off and retry.
    Transient,
    /// The other side asked for patience: wait at least this long, then retry; it counts.
    RateLimited {
        /// Milliseconds to wait at the least.
        retry_after_ms: u64,
    },
    /// Will fail again: never retried.
    Permanent,
    /// It may have happened: reconciled with the outside, never blindly retried.
    Ambiguous,
    /// Somebody asked for it to stop.
    Cancelled,
    /// The node stopped or was killed: runs again at once and does not count.
    Interrupted,
}

impl FailureClass {
    /// The stable snake_case name shown in feeds, metrics and commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited { .. } => "rate_limited",
            Self::Permanent => "permanent",
            Self::Ambiguous => "ambiguous",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A failure of a stage's work, for people and for the retry policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// What may be done about it.
    pub class: FailureClass,
    /// Stable snake_case code, for example `feed_unreadable`.
    pub code: String,
    /// What was wrong, where, and what to do: lower case, no full stop, no secrets.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl Failure {
    /// Longest message that is kept, in characters; the rest is cut.
    pub const MAX_MESSAGE: usize = 1_000;

    /// A failure of `class`; the message is cut to [`Self::MAX_MESSAGE`] characters.
    #[must_use]
    pub fn new(class: FailureClass, code: &str, message: impl fmt::Display) -> Self {
        let message = message.to_string().chars().take(Self::MAX_MESSAGE).collect();
        Self { class, code: code.to_owned(), message }
    }

    /// May succeed if tried again.
    #[must_use]
    pub fn transient(code: &str, message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Transient, code, message)
    }

    /// Will fail again.
    #[must_use]
    pub fn permanent(code: &str, message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Permanent, code, message)
    }

    /// May have happened.
    #[must_use]
    pub fn ambiguous(code: &str, message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Ambiguous, code, message)
    }

    /// Somebody asked for it to stop.
    #[must_use]
    pub fn cancelled(message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Cancelled, "cancelled", message)
    }

    /// The node stopped.
    #[must_use]
    pub fn interrupted(message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Interrupted, "interrupted", message)
    }

    /// How long the other side asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let FailureClass::RateLimited { retry_after_ms } = self.class {
            Some(Duration::from_millis(retry_after_ms))
        } else {
            None
        }
    }
}
