//! What a run has reached: a promise that no seed ever tests is no promise.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::stage::WaitReason;

/// Names and how often each was reached, for example `fault/lost_outcome`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Coverage {
    /// Counts one thing of a kind.
    pub fn hit(&mut self, kind: &'static str, name: &'static str) {
        *self.counts.entry((kind, name)).or_insert(0) += 1;
    }

    /// How often it was reached.
    #[must_use]
    pub fn count(&self, kind: &'static str, name: &'static str) -> u64 {
        self.counts.get(&(kind, name)).copied().unwrap_or(0)
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            *self.counts.entry(*key).or_insert(0) += count;
        }
    }

    /// Which of [`EXPECTED`] were never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let pairs = EXPECTED.iter().flat_map(|(kind, names)| names.iter().map(move |n| (kind, n)));
        pairs
            .filter(|(kind, name)| self.count(kind, name) == 0)
            .map(|(kind, name)| format!("{kind}/{name}"))
            .collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((kind, name), count) in &self.counts {
            writeln!(f, "{count:>10}  {kind}/{name}")?;
        }
        Ok(())
    }
}

/// The name of a command's variant.
#[must_use]
pub fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Start { .. } => "start",
        Command::Outcome { .. } => "outcome",
        Command::Wake => "wake",
        Command::Recover => "recover",
        Command::Pause { .. } => "pause",
        Command::Resume { .. } => "resume",
        Command::Cancel { .. } => "cancel",
        Command::Retry { .. } => "retry",
        Command::Drop { .. } => "drop",
        Command::Reprioritise { .. } => "reprioritise",
        Command::Approve { .. } => "approve",
        Command::Reject { .. } => "reject",
        Command::ClockJumped { .. } => "clock_jumped",
        Command::PauseChannel => "pause_channel",
        Command::ResumeChannel => "resume_channel",
        Command::ParkChannel { .. } => "park_channel",
        Command::Archive { .. } => "archive",
        Command::DropHistory { .. } => "drop_history",
    }
}

/// The name of an event's variant; finer than its public type.
#[must_use]
pub fn event_name(event: &Event) -> &'static str {
    match event {
        Event::GenerationRaised { .. } => "generation_raised",
        Event::WorkflowStarted { .. } => "workflow_started",
        Event::TrendDetected { .. } => "trend_detected",
        Event::ContentReady { .. } => "content_ready",
        Event::StageStarted { .. } => "stage_started",
        Event::StageSucceeded { .. } => "stage_succeeded",
        Event::StageFailed { .. } => "stage_failed",
        Event::StageRetrying { .. } => "stage_retrying",
        Event::WorkflowParked { .. } => "workflow_parked",
        Event::WorkflowRetried { .. } => "workflow_retried",
        Event::WorkflowPaused { .. } => "workflow_paused",
        Event::WorkflowResumed { .. } => "workflow_resumed",
        Event::WorkflowReprioritised { .. } => "workflow_reprioritised",
        Event::WorkflowCancelled { .. } => "workflow_cancelled",
        Event::WorkflowFailed { .. } => "workflow_failed",
        Event::VideoPublished { .. } => "video_published",
        Event::WorkflowCompleted { .. } => "workflow_completed",
        Event::StageWaiting { reason, .. } => match reason {
            WaitReason::Slot => "waiting_for_slot",
            WaitReason::Approval => "waiting_for_approval",
            WaitReason::CatchUp => "waiting_to_catch_up",
        },
        Event::WorkflowApproved { .. } => "workflow_approved",
        Event::WorkflowRejected { .. } => "workflow_rejected",
        Event::SlotSkipped { .. } => "slot_skipped",
        Event::SlotsBegin { .. } => "slots_begin",
        Event::CommandNoted { .. } => "command_noted",
        Event::ClockJumped { .. } => "clock_jumped",
        Event::ChannelPaused => "channel_paused",
        Event::ChannelResumed => "channel_resumed",
        Event::ChannelParked { .. } => "channel_parked",
        Event::WorkflowsArchived { .. } => "workflows_archived",
        Event::HistoryDropped { .. } => "history_dropped",
    }
}

const STAGES: &[&str] = &["trend", "script", "narration", "render", "upload"];

/// Everything that enough seeds together must reach, by kind.
pub const EXPECTED: &[(&str, &[&str])] = &[
    (
        "command",
        &[
            "start",
            "outcome",
            "wake",
            "recover",
            "pause",
            "resume",
            "cancel",
            "retry",
            "drop",
            "reprioritise",
            "approve",
            "reject",
            "clock_jumped",
            "pause_channel",
            "resume_channel",
            "park_channel",
        ],
    ),
    (
        "event",
        &[
            "generation_raised",
            "workflow_started",
            "trend_detected",
            "content_ready",
            "stage_started",
            "stage_succeeded",
            "stage_failed",
            "stage_retrying",
            "workflow_parked",
            "workflow_retried",
            "workflow_paused",
            "workflow_resumed",
            "workflow_reprioritised",
            "workflow_cancelled",
            "workflow_failed",
            "video_published",
            "workflow_completed",
            "waiting_for_slot",
            "waiting_for_approval",
            "waiting_to_catch_up",
            "workflow_approved",
            "workflow_rejected",
            "slot_skipped",
            "slots_begin",
            "command_noted",
            "clock_jumped",
            "channel_paused",
            "channel_resumed",
            "channel_parked",
        ],
    ),
    (
        "rejection",
        &[
            "not_found",
            "already_started",
            "not_applicable",
            "live_workflows",
            "stale_outcome",
            "nothing_due",
        ],
    ),
    (
        "failure",
        &["transient", "rate_limited", "permanent", "ambiguous", "cancelled", "interrupted"],
    ),
    (
        "fault",
        &[
            "crash_losing_the_tail",
            "crash_tearing_the_tail",
            "crash_keeping_the_tail",
            "sync_failure",
            "channel_crash",
            "stale_generation_append",
            "duplicate_outcome",
            "lost_outcome",
            "zombie_outcome",
            "repeated_command",
            "clock_jump_forward",
            "clock_jump_back",
            "wrong_finding",
        ],
    ),
    ("restart_while_running", STAGES),
    ("restart_with_unacknowledged", &["stage_started", "stage_succeeded", "video_published"]),
    ("platform", &["published", "adopted"]),
];
