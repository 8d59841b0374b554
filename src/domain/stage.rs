//! The five stages of a video, and the state each can be in.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::artifact::StageOutput;
use super::failure::Failure;
use super::ids::{Attempt, Take};
use super::timestamp::Timestamp;

/// A stage of a workflow. The order of the variants is the order of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Choose a topic.
    Trend,
    /// Write the script.
    Script,
    /// Speak it.
    Narration,
    /// Make the video and the thumbnail.
    Render,
    /// Publish it.
    Upload,
}

impl StageName {
    /// All stages in order.
    pub const ALL: [Self; 5] =
        [Self::Trend, Self::Script, Self::Narration, Self::Render, Self::Upload];

    /// The name used everywhere: config, steps, events, metrics, commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trend => "trend",
            Self::Script => "script",
            Self::Narration => "narration",
            Self::Render => "render",
            Self::Upload => "upload",
        }
    }

    /// The actor that carries the stage out; used in actor paths only.
    #[must_use]
    pub fn actor(self) -> &'static str {
        match self {
            Self::Trend => "trend_scout",
            Self::Script => "scriptwriter",
            Self::Narration => "narrator",
            Self::Render => "renderer",
            Self::Upload => "uploader",
        }
    }

    /// The stage after this one; `None` after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Trend => Some(Self::Script),
            Self::Script => Some(Self::Narration),
            Self::Narration => Some(Self::Render),
            Self::Render => Some(Self::Upload),
            Self::Upload => None,
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a workflow's current stage stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageState {
    /// Could start, but the workflow or its channel is paused.
    Ready {
        /// Since when.
        since: Timestamp,
    },
    /// Being carried out, or queued for its lease.
    Running {
        /// When this attempt was decided: schedule-to-start counts from here.
        since: Timestamp,
    },
    /// Failed; will be tried again.
    BackingOff {
        /// When it may start again.
        until: Timestamp,
        /// Why the last attempt failed.
        failure: Failure,
    },
    /// Needs a person.
    Parked {
        /// Why.
        cause: ParkCause,
        /// Since when.
        since: Timestamp,
    },
    /// Waits for something before its next attempt starts; survives restarts.
    Waiting {
        /// For what.
        reason: WaitReason,
        /// Since when.
        since: Timestamp,
        /// Until when at the longest.
        until: Timestamp,
    },
}

/// What a stage waits for before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// For the slot its video is meant for.
    Slot,
    /// For a person's approval.
    Approval,
    /// For its turn among the channels that catch up after a time off.
    CatchUp,
}

impl WaitReason {
    /// Stable snake_case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Approval => "approval",
            Self::CatchUp => "catch_up",
        }
    }
}

/// Why a workflow was parked, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkCause {
    /// Stable snake_case code: `retries_exhausted`, `permanent_failure`,
    /// `asked_to_wait_too_long`, `interrupted_repeatedly` or `approval_expired`.
    pub code: String,
    /// The failure that led to it.
    pub failure: Failure,
}

/// The stage a workflow is at, with everything that must survive a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which stage.
    pub stage: StageName,
    /// How it stands.
    pub state: StageState,
    /// The last attempt that was started; 0 before the first.
    pub attempt: Attempt,
    /// Retries that counted so far in this take.
    pub retries: u32,
    /// Interruptions in a row without progress.
    pub interruptions: u32,
    /// Which take this is.
    pub take: Take,
    /// When the stage first started; `None` before that.
    pub first_started_at: Option<Timestamp>,
}

impl Position {
    /// A stage that nothing has happened to yet.
    #[must_use]
    pub fn fresh(stage: StageName, at: Timestamp) -> Self {
        Self {
            stage,
            state: StageState::Ready { since: at },
            attempt: Attempt(0),
            retries: 0,
            interruptions: 0,
            take: Take(0),
            first_started_at: None,
        }
    }
}

/// A stage that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneStage {
    /// Which stage.
    pub stage: StageName,
    /// The attempt that succeeded: how often it was started.
    pub attempt: Attempt,
    /// Which take succeeded.
    pub take: Take,
    /// When it first started.
    pub started_at: Timestamp,
    /// When its success was decided.
    pub completed_at: Timestamp,
    /// What it produced.
    pub output: StageOutput,
}
