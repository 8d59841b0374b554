//! Events as the outside sees them: one shape for pages, followers and commands.
//!
//! Architecture invariant: every sequence number has exactly one shape. What is of no use outside
//! appears as `internal`, so that the numbers have no gaps; nothing inline (scripts, files) is
//! carried, only names, sizes and digests.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::artifact::StageOutput;
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelId, CommandId, Generation, Seq, WorkflowId};
use crate::domain::timestamp::Timestamp;
use crate::journal::fold::CommittedFrame;
use crate::journal::record::Commit;

/// The type of events that are of no use outside.
const INTERNAL: &str = "internal";

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EventView {
    /// One that means something outside.
    Public(Box<PublicEvent>),
    /// Only its place: `{seq, event_type: "internal"}`.
    Internal {
        /// Its sequence number.
        seq: Seq,
        /// Always `internal`.
        event_type: &'static str,
    },
}

impl EventView {
    /// Its sequence number.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Public(event) => event.seq,
            Self::Internal { seq, .. } => *seq,
        }
    }
}

/// An event with everything that is told of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublicEvent {
    /// Its sequence number.
    pub seq: Seq,
    /// What happened, for example `stage.succeeded`.
    pub event_type: &'static str,
    /// When it was decided.
    pub timestamp: Timestamp,
    /// The command it goes back to, if it had an id.
    pub correlation_id: Option<CommandId>,
    /// The channel's name.
    pub channel: String,
    /// The workflow it is about, if it is about one.
    pub workflow: Option<WorkflowId>,
    /// What is particular to its type.
    pub payload: Value,
    /// Where it comes from.
    pub metadata: EventMetadata,
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EventMetadata {
    /// The channel's id.
    pub channel_id: ChannelId,
    /// Which life of the channel's actor decided it.
    pub generation: Generation,
}

/// The events of a frame; `channel` is the name of its channel.
#[must_use]
pub fn event_views(frame: &CommittedFrame, channel: &str) -> Vec<EventView> {
    let numbered = (frame.first_seq.0..).zip(&frame.commit.events);
    numbered.map(|(seq, event)| event_view(Seq(seq), event, &frame.commit, channel)).collect()
}

fn event_view(seq: Seq, event: &Event, commit: &Commit, channel: &str) -> EventView {
    let event_type = event.event_type();
    if event_type == INTERNAL {
        return EventView::Internal { seq, event_type };
    }
    EventView::Public(Box::new(PublicEvent {
        seq,
        event_type,
        timestamp: commit.at,
        correlation_id: commit.correlation.clone(),
        channel: channel.to_owned(),
        workflow: event.workflow(),
        payload: payload(event),
        metadata: EventMetadata { channel_id: commit.channel, generation: commit.generation },
    }))
}

fn payload(event: &Event) -> Value {
    match event {
        Event::WorkflowStarted {
            command, content_type, priority, topic, slot, definition, ..
        } => json!({
            "command_id": command, "content_type": content_type, "priority": priority,
            "topic": topic, "slot": slot, "definition": definition,
        }),
        Event::TrendDetected { profile, title, score, .. } => {
            json!({ "topic": profile.key, "title": title, "score": score })
        }
        Event::ContentReady { title, .. } => json!({ "title": title }),
        Event::StageStarted { stage, attempt, take, .. } => {
            json!({ "stage": stage, "attempt": attempt, "take": take })
        }
        Event::StageSucceeded { stage, attempt, take, output, .. } => json!({
            "stage": stage, "attempt": attempt, "take": take, "outputs": outputs(output),
        }),
        Event::StageFailed { stage, attempt, take, failure, retry_at, .. } => with_failure(
            json!({ "stage": stage, "attempt": attempt, "take": take, "retry_at": retry_at }),
            failure,
        ),
        Event::StageRetrying { stage, attempt, take, retry_at, failure, .. } => with_failure(
            json!({ "stage": stage, "attempt": attempt, "take": take, "retry_at": retry_at }),
            failure,
        ),
        Event::WorkflowParked { stage, cause, .. } => {
            with_failure(json!({ "stage": stage, "cause": cause.code }), &cause.failure)
        }
        Event::WorkflowRetried { take, .. } => json!({ "action": "retry", "take": take }),
        Event::WorkflowReprioritised { priority, .. } => {
            json!({ "action": "reprioritise", "priority": priority })
        }
        Event::WorkflowCancelled { cause, .. } | Event::WorkflowFailed { cause, .. } => {
            json!({ "cause": cause })
        }
        Event::VideoPublished { publication, .. }
        | Event::WorkflowCompleted { publication, .. } => {
            json!({ "video_id": publication.video_id, "path": publication.path })
        }
        Event::ChannelParked { reason } => json!({ "reason": reason }),
        Event::StageWaiting { stage, reason, until, .. } => {
            json!({ "action": "wait", "stage": stage, "reason": reason, "until": until })
        }
        Event::SlotSkipped { slot, reason } => json!({ "slot": slot, "reason": reason }),
        Event::ClockJumped { by_ms } => json!({ "by_ms": by_ms }),
        Event::GenerationRaised { .. }
        | Event::SlotsBegin { .. }
        | Event::CommandNoted { .. }
        | Event::WorkflowsArchived { .. }
        | Event::HistoryDropped { .. }
        | Event::WorkflowApproved { .. }
        | Event::WorkflowRejected { .. }
        | Event::WorkflowPaused { .. }
        | Event::WorkflowResumed { .. }
        | Event::ChannelPaused
        | Event::ChannelResumed => json!({}),
    }
}

fn outputs(output: &StageOutput) -> Vec<Value> {
    let artifacts = output.artifacts.iter();
    artifacts
        .map(|artifact| {
            json!({ "name": artifact.name, "bytes": artifact.bytes, "digest": artifact.digest })
        })
        .collect()
}

/// `payload` with the class, code and message of a failure.
fn with_failure(payload: Value, failure: &Failure) -> Value {
    let mut fields = match payload {
        Value::Object(fields) => fields,
        other => Map::from_iter([("of".to_owned(), other)]),
    };
    fields.insert("class".to_owned(), json!(failure.class.name()));
    fields.insert("code".to_owned(), json!(failure.code));
    fields.insert("message".to_owned(), json!(failure.message));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{Attempt, ChannelName, Take};
    use crate::domain::stage::StageName;

    fn frame(events: Vec<Event>) -> CommittedFrame {
        let name = ChannelName::new("deep-sea").unwrap();
        let commit = Commit {
            channel: ChannelId::of_name(&name),
            generation: Generation(2),
            at: Timestamp(1_700_000_000_123),
            correlation: Some(CommandId::new("ask-1").unwrap()),
            events,
        };
        CommittedFrame { first_seq: Seq(7), commit }
    }

    fn workflow() -> WorkflowId {
        WorkflowId::of_command(&CommandId::new("ask-1").unwrap())
    }

    #[test]
    fn an_event_has_the_shape_of_the_contract() {
        let failed = Event::StageFailed {
            workflow: workflow(),
            stage: StageName::Render,
            attempt: Attempt(2),
            take: Take(1),
            failure: Failure::transient("child_died", "the renderer died"),
            retry_at: Some(Timestamp(1_700_000_060_000)),
        };
        let views = event_views(&frame(vec![failed]), "deep-sea");
        let expected = json!([{
            "seq": 7,
            "event_type": "stage.failed",
            "timestamp": "2023-11-14T22:13:20.123Z",
            "correlation_id": "ask-1",
            "channel": "deep-sea",
            "workflow": workflow(),
            "payload": {
                "stage": "render", "attempt": 2, "take": 1, "class": "transient",
                "code": "child_died", "message": "the renderer died",
                "retry_at": "2023-11-14T22:14:20.000Z",
            },
            "metadata": {
                "channel_id": ChannelId::of_name(&ChannelName::new("deep-sea").unwrap()),
                "generation": 2,
            },
        }]);
        assert_eq!(json!(views), expected);
    }

    #[test]
    fn an_internal_event_shows_only_its_place_and_the_next_follows_densely() {
        let name = ChannelName::new("deep-sea").unwrap();
        let raised = Event::GenerationRaised { name, generation: Generation(2) };
        let views = event_views(&frame(vec![raised, Event::ChannelPaused]), "deep-sea");
        assert_eq!(json!(views[0]), json!({ "seq": 7, "event_type": "internal" }));
        assert_eq!(views[1].seq(), Seq(8));
        assert_eq!(json!(views[1])["event_type"], "channel.paused");
    }
}
