//! What somebody wants to happen in a channel.

use serde::{Deserialize, Serialize};

use super::admission::Refusal;
use super::artifact::{Digest, StageOutput};
use super::failure::Failure;
use super::history::{HistoryFile, Month};
use super::ids::{Attempt, CommandId, WorkflowId};
use super::stage::StageName;
use super::trend::TopicProfile;
use super::workflow::{ContentType, Priority, Publication};

/// What a stage found out, beside its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Finding {
    /// The trend stage chose a topic.
    Topic {
        /// What it is about; holds its key.
        profile: TopicProfile,
        /// Its title.
        title: String,
        /// Its score in [0, 1].
        score: f64,
    },
    /// The script stage wrote a script.
    Script {
        /// The video's title.
        title: String,
        /// Fingerprints of its source sentences.
        sentences: Vec<u64>,
    },
    /// The upload stage published the video.
    Published(Publication),
    /// Nothing that the channel must remember.
    Nothing,
}

/// What a successful attempt hands back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageSuccess {
    /// Its files and small outputs.
    pub output: StageOutput,
    /// What the channel must remember of it.
    pub finding: Finding,
}

/// A wish, to be decided by [`super::decide::decide`].
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make a video.
    Start {
        /// Makes it idempotent, and names the workflow.
        command: CommandId,
        /// How the topic is chosen.
        content_type: ContentType,
        /// How urgent it is.
        priority: Priority,
        /// A topic that is asked for.
        topic: Option<String>,
    },
    /// An attempt of a stage is over.
    Outcome {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Which stage.
        stage: StageName,
        /// Which attempt.
        attempt: Attempt,
        /// How it went.
        result: Result<StageSuccess, Failure>,
    },
    /// Time has passed: start what is due.
    Wake,
    /// A new incarnation has taken over: whatever was running was interrupted.
    Recover,
    /// Stop a workflow before its next stage.
    Pause {
        /// Which.
        workflow: WorkflowId,
    },
    /// Let a paused workflow go on.
    Resume {
        /// Which.
        workflow: WorkflowId,
    },
    /// Give a workflow up at once.
    Cancel {
        /// Which.
        workflow: WorkflowId,
        /// Why.
        cause: String,
    },
    /// Do a parked stage anew.
    Retry {
        /// Which workflow.
        workflow: WorkflowId,
    },
    /// Give a parked workflow up.
    Drop {
        /// Which.
        workflow: WorkflowId,
    },
    /// Change a workflow's urgency.
    Reprioritise {
        /// Which.
        workflow: WorkflowId,
        /// The new priority.
        priority: Priority,
    },
    /// Let a video that waits for approval be published.
    Approve {
        /// Of which workflow.
        workflow: WorkflowId,
    },
    /// Give a video that waits for approval up.
    Reject {
        /// Of which workflow.
        workflow: WorkflowId,
    },
    /// The wall clock was set.
    ClockJumped {
        /// By so many milliseconds, negative when it went back.
        by_ms: i64,
    },
    /// Start nothing new in this channel.
    PauseChannel,
    /// Let a paused channel go on.
    ResumeChannel,
    /// The channel's actor was given up.
    ParkChannel {
        /// Why.
        reason: String,
    },
    /// Move finished workflows into the history.
    Archive {
        /// The month they finished in.
        month: Month,
        /// The month's file until now: the new one holds everything that it held.
        replaces: Option<Digest>,
        /// The new file; it is durable.
        file: HistoryFile,
        /// The workflows that are new in it.
        workflows: Vec<WorkflowId>,
    },
    /// Let a month of the history go.
    DropHistory {
        /// Which.
        month: Month,
    },
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such workflow in this channel.
    #[error("there is no workflow {0} in this channel; list them with `ytempire workflow list`")]
    NotFound(WorkflowId),
    /// The command was carried out before.
    #[error("this command has been carried out before as workflow {0}")]
    AlreadyStarted(WorkflowId),
    /// The command makes no sense as things stand.
    #[error("{0}")]
    NotApplicable(&'static str),
    /// The node takes on nothing new at the moment.
    #[error(transparent)]
    NotAdmitted(Refusal),
    /// The command's id was used before, for something else.
    #[error("the command id {0} was used before for another request; choose a new one")]
    KeyReused(CommandId),
    /// The outcome belongs to an attempt that is over: it changes nothing (D4).
    #[error("the outcome belongs to an attempt that is over")]
    Stale,
    /// Nothing is due.
    #[error("nothing is due")]
    NothingDue,
}

impl Rejection {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::AlreadyStarted(_) => "already_started",
            Self::NotApplicable(_) => "not_applicable",
            Self::NotAdmitted(refusal) => refusal.code(),
            Self::KeyReused(_) => "idempotency_key_reused",
            Self::Stale => "stale_outcome",
            Self::NothingDue => "nothing_due",
        }
    }
}
