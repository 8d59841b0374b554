//! What happened. Events are facts: once committed they are never refused and never undone.

use serde::{Deserialize, Serialize};

use super::artifact::{Digest, StageOutput};
use super::failure::Failure;
use super::history::{HistoryFile, Month};
use super::ids::{Attempt, ChannelName, CommandId, Generation, Take, WorkflowId};
use super::noted::NotedAnswer;
use super::stage::{ParkCause, StageName, WaitReason};
use super::timestamp::Timestamp;
use super::trend::TopicProfile;
use super::workflow::{ContentType, Definition, Priority, Publication};

/// One thing that happened in one channel. The time and the channel are in its frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A new incarnation of the channel's actor took over; frames of older ones are refused.
    GenerationRaised {
        /// The channel's name, so that the journal can be read without the config.
        name: ChannelName,
        /// The new generation.
        generation: Generation,
    },
    /// Somebody asked for a video.
    WorkflowStarted {
        /// The new workflow.
        workflow: WorkflowId,
        /// The command that asked for it.
        command: CommandId,
        /// How its topic is chosen.
        content_type: ContentType,
        /// How urgent it is.
        priority: Priority,
        /// The topic that was asked for, if any.
        topic: Option<String>,
        /// The slot its video is meant for, if any; the slot is taken by this.
        slot: Option<Timestamp>,
        /// What it is made by.
        definition: Definition,
    },
    /// A topic was chosen; from now on it is used.
    TrendDetected {
        /// For which workflow.
        workflow: WorkflowId,
        /// What it is about; holds its key.
        profile: TopicProfile,
        /// Its title.
        title: String,
        /// Its score in [0, 1].
        score: f64,
    },
    /// A script is ready; its sentences are used from now on.
    ContentReady {
        /// For which workflow.
        workflow: WorkflowId,
        /// The video's title.
        title: String,
        /// Fingerprints of the script's source sentences.
        sentences: Vec<u64>,
    },
    /// An attempt of a stage was decided.
    StageStarted {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Which stage.
        stage: StageName,
        /// Which attempt: the fence of its outcome.
        attempt: Attempt,
        /// Which take.
        take: Take,
    },
    /// An attempt succeeded.
    StageSucceeded {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Which stage.
        stage: StageName,
        /// Which attempt.
        attempt: Attempt,
        /// Which take.
        take: Take,
        /// What it produced.
        output: StageOutput,
    },
    /// An attempt failed.
    StageFailed {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Which stage.
        stage: StageName,
        /// Which attempt.
        attempt: Attempt,
        /// Which take.
        take: Take,
        /// How.
        failure: Failure,
        /// When it will be tried again; `None` when a person must act first: it is parked,
        /// cancelled or held by a pause.
        retry_at: Option<Timestamp>,
    },
    /// A failed stage waits for its next attempt; this retry counts.
    StageRetrying {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Which stage.
        stage: StageName,
        /// The attempt that failed.
        attempt: Attempt,
        /// Which take.
        take: Take,
        /// When the next attempt may start.
        retry_at: Timestamp,
        /// Why the last one failed.
        failure: Failure,
    },
    /// A workflow needs a person.
    WorkflowParked {
        /// Which.
        workflow: WorkflowId,
        /// At which stage.
        stage: StageName,
        /// Why.
        cause: ParkCause,
    },
    /// A person asked for a parked stage anew; a new take begins.
    WorkflowRetried {
        /// Which.
        workflow: WorkflowId,
        /// The new take.
        take: Take,
    },
    /// A workflow stops before its next stage.
    WorkflowPaused {
        /// Which.
        workflow: WorkflowId,
    },
    /// A paused workflow goes on.
    WorkflowResumed {
        /// Which.
        workflow: WorkflowId,
    },
    /// A workflow's urgency changed.
    WorkflowReprioritised {
        /// Which.
        workflow: WorkflowId,
        /// The new priority.
        priority: Priority,
    },
    /// Somebody did not want a workflow any more.
    WorkflowCancelled {
        /// Which.
        workflow: WorkflowId,
        /// Why.
        cause: String,
    },
    /// A parked workflow was given up by a person.
    WorkflowFailed {
        /// Which.
        workflow: WorkflowId,
        /// The cause it was parked with.
        cause: String,
    },
    /// The video is published.
    VideoPublished {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Where it is.
        publication: Publication,
    },
    /// A workflow is complete.
    WorkflowCompleted {
        /// Which.
        workflow: WorkflowId,
        /// Where its video is.
        publication: Publication,
    },
    /// A stage waits for something before its next attempt starts.
    StageWaiting {
        /// Of which workflow.
        workflow: WorkflowId,
        /// Which stage.
        stage: StageName,
        /// For what.
        reason: WaitReason,
        /// Until when at the longest.
        until: Timestamp,
    },
    /// A person approved the video.
    WorkflowApproved {
        /// Of which workflow.
        workflow: WorkflowId,
    },
    /// A person rejected the video; its cancellation follows.
    WorkflowRejected {
        /// Of which workflow.
        workflow: WorkflowId,
    },
    /// A slot stays without a video.
    SlotSkipped {
        /// Which.
        slot: Timestamp,
        /// Why, for people.
        reason: String,
    },
    /// Slots up to and including this time are none of the channel's business.
    SlotsBegin {
        /// The time.
        after: Timestamp,
    },
    /// A command with an id from outside was answered.
    CommandNoted {
        /// The id.
        command: CommandId,
        /// What was asked and answered.
        request: Digest,
        /// The answer.
        answer: NotedAnswer,
        /// Commands whose answers are old enough to be forgotten.
        forgotten: Vec<CommandId>,
    },
    /// The wall clock was set.
    ClockJumped {
        /// By so many milliseconds, negative when it went back.
        by_ms: i64,
    },
    /// A channel starts nothing new.
    ChannelPaused,
    /// A paused channel goes on.
    ChannelResumed,
    /// The channel's actor failed too often and was given up until a person or a restart helps.
    ChannelParked {
        /// Why.
        reason: String,
    },
    /// Finished workflows left the state for the history.
    WorkflowsArchived {
        /// The month they finished in.
        month: Month,
        /// The file that holds them and what the month's file held before; it is durable.
        file: HistoryFile,
        /// Which; never empty.
        workflows: Vec<WorkflowId>,
    },
    /// Retention let a month of the history go.
    HistoryDropped {
        /// Which.
        month: Month,
    },
}

impl Event {
    /// The workflow it is about, if it is about one.
    #[must_use]
    pub fn workflow(&self) -> Option<WorkflowId> {
        match self {
            Self::WorkflowStarted { workflow, .. }
            | Self::TrendDetected { workflow, .. }
            | Self::ContentReady { workflow, .. }
            | Self::StageStarted { workflow, .. }
            | Self::StageSucceeded { workflow, .. }
            | Self::StageFailed { workflow, .. }
            | Self::StageRetrying { workflow, .. }
            | Self::WorkflowParked { workflow, .. }
            | Self::WorkflowRetried { workflow, .. }
            | Self::WorkflowPaused { workflow }
            | Self::WorkflowResumed { workflow }
            | Self::WorkflowReprioritised { workflow, .. }
            | Self::WorkflowCancelled { workflow, .. }
            | Self::WorkflowFailed { workflow, .. }
            | Self::StageWaiting { workflow, .. }
            | Self::WorkflowApproved { workflow }
            | Self::WorkflowRejected { workflow }
            | Self::VideoPublished { workflow, .. }
            | Self::WorkflowCompleted { workflow, .. } => Some(*workflow),
            Self::GenerationRaised { .. }
            | Self::SlotSkipped { .. }
            | Self::SlotsBegin { .. }
            | Self::CommandNoted { .. }
            | Self::ClockJumped { .. }
            | Self::ChannelPaused
            | Self::ChannelResumed
            | Self::ChannelParked { .. }
            | Self::WorkflowsArchived { .. }
            | Self::HistoryDropped { .. } => None,
        }
    }

    /// The event's public type, as feeds and filters name it.
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::GenerationRaised { .. }
            | Self::WorkflowsArchived { .. }
            | Self::HistoryDropped { .. }
            | Self::SlotsBegin { .. }
            | Self::CommandNoted { .. } => "internal",
            Self::WorkflowStarted { .. } => "workflow.started",
            Self::TrendDetected { .. } => "trend.detected",
            Self::ContentReady { .. } => "content.ready",
            Self::StageStarted { .. } => "stage.started",
            Self::StageSucceeded { .. } => "stage.succeeded",
            Self::StageFailed { .. } => "stage.failed",
            Self::StageRetrying { .. } => "stage.retrying",
            Self::WorkflowParked { .. } => "workflow.parked",
            Self::StageWaiting { reason: WaitReason::Approval, .. } => "workflow.awaiting_approval",
            Self::WorkflowRetried { .. }
            | Self::WorkflowReprioritised { .. }
            | Self::StageWaiting { reason: WaitReason::Slot | WaitReason::CatchUp, .. } => "audit",
            Self::WorkflowApproved { .. } => "workflow.approved",
            Self::WorkflowRejected { .. } => "workflow.rejected",
            Self::SlotSkipped { .. } => "slot.skipped",
            Self::ClockJumped { .. } => "clock.jumped",
            Self::WorkflowPaused { .. } => "workflow.paused",
            Self::WorkflowResumed { .. } => "workflow.resumed",
            Self::WorkflowCancelled { .. } => "workflow.cancelled",
            Self::WorkflowFailed { .. } => "workflow.failed",
            Self::VideoPublished { .. } => "video.published",
            Self::WorkflowCompleted { .. } => "workflow.completed",
            Self::ChannelPaused => "channel.paused",
            Self::ChannelResumed => "channel.resumed",
            Self::ChannelParked { .. } => "channel.parked",
        }
    }
}
