//! Arbitrary events, and one fixed example of every kind.

use proptest::prelude::*;
use uuid::Uuid;

use crate::domain::artifact::{Artifact, Body, Digest, StageOutput};
use crate::domain::event::Event;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::{
    Attempt, ChannelId, ChannelName, CommandId, Generation, Take, WorkflowId,
};
use crate::domain::noted::NotedAnswer;
use crate::domain::stage::{ParkCause, StageName, WaitReason};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::TopicProfile;
use crate::domain::workflow::{ContentType, Definition, Priority, Publication};
use crate::journal::record::Commit;

/// How many kinds of events there are.
pub const KINDS: usize = 29;

/// Numbers the kinds without a gap; a new one must be added here, and to both lists below.
pub fn kind(event: &Event) -> usize {
    match event {
        Event::GenerationRaised { .. } => 0,
        Event::WorkflowStarted { .. } => 1,
        Event::TrendDetected { .. } => 2,
        Event::ContentReady { .. } => 3,
        Event::StageStarted { .. } => 4,
        Event::StageSucceeded { .. } => 5,
        Event::StageFailed { .. } => 6,
        Event::StageRetrying { .. } => 7,
        Event::WorkflowParked { .. } => 8,
        Event::WorkflowRetried { .. } => 9,
        Event::WorkflowPaused { .. } => 10,
        Event::WorkflowResumed { .. } => 11,
        Event::WorkflowReprioritised { .. } => 12,
        Event::WorkflowCancelled { .. } => 13,
        Event::WorkflowFailed { .. } => 14,
        Event::VideoPublished { .. } => 15,
        Event::WorkflowCompleted { .. } => 16,
        Event::ChannelPaused => 17,
        Event::ChannelResumed => 18,
        Event::ChannelParked { .. } => 19,
        Event::StageWaiting { .. } => 20,
        Event::WorkflowApproved { .. } => 21,
        Event::WorkflowRejected { .. } => 22,
        Event::SlotSkipped { .. } => 23,
        Event::SlotsBegin { .. } => 24,
        Event::CommandNoted { .. } => 25,
        Event::ClockJumped { .. } => 26,
        Event::WorkflowsArchived { .. } => 27,
        Event::HistoryDropped { .. } => 28,
    }
}

/// One example of every kind, always the same.
pub fn examples() -> Vec<Event> {
    let workflow = WorkflowId(Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_6677));
    let (stage, attempt, take) = (StageName::Render, Attempt(2), Take(1));
    let text = str::to_owned;
    let profile = TopicProfile {
        key: text("voyager-1"),
        titles: text("Voyager 1 leaves the heliosphere"),
        tags: vec![text("space"), text("probes")],
        words: vec![(text("voyager"), 9), (text("heliopause"), 300)],
    };
    let inline = b"{\"title\":\"x\"}".to_vec();
    let artifact = |name: &str, body| Artifact {
        name: text(name),
        digest: Digest([7; 32]),
        bytes: 70_000,
        body,
    };
    let artifacts = vec![
        artifact("script.json", Body::Inline(inline.into())),
        artifact("video.mp4", Body::Stored),
    ];
    let failure =
        |class| Failure { class, code: text("feed_unreadable"), message: text("Größe 0") };
    let limited = failure(FailureClass::RateLimited { retry_after_ms: 90_000 });
    let publication = Publication { video_id: text("v1"), path: text("videos/v1.mp4") };
    let file = HistoryFile { digest: Digest([9; 32]), workflows: 1, bytes: 900 };
    let (at, priority) = (Timestamp(1_700_000_000_123), Priority::new(10).unwrap());
    let cause =
        ParkCause { code: text("retries_exhausted"), failure: failure(FailureClass::Ambiguous) };
    vec![
        Event::GenerationRaised {
            name: ChannelName::new("space-history").unwrap(),
            generation: Generation(3),
        },
        Event::WorkflowStarted {
            workflow,
            command: CommandId::new("key-1").unwrap(),
            content_type: ContentType::Evergreen,
            priority,
            topic: Some(text("voyager")),
            slot: Some(at),
            definition: Definition::CURRENT,
        },
        Event::TrendDetected { workflow, profile, title: text("Voyager 1"), score: 0.8125 },
        Event::ContentReady {
            workflow,
            title: text("Out there"),
            sentences: vec![0, 251, u64::MAX],
        },
        Event::StageStarted { workflow, stage, attempt, take },
        Event::StageSucceeded { workflow, stage, attempt, take, output: StageOutput { artifacts } },
        Event::StageFailed {
            workflow,
            stage: StageName::Upload,
            attempt,
            take,
            failure: limited.clone(),
            retry_at: Some(at),
        },
        Event::StageRetrying {
            workflow,
            stage: StageName::Trend,
            attempt,
            take,
            retry_at: at,
            failure: limited,
        },
        Event::WorkflowParked { workflow, stage: StageName::Script, cause },
        Event::WorkflowRetried { workflow, take },
        Event::WorkflowPaused { workflow },
        Event::WorkflowResumed { workflow },
        Event::WorkflowReprioritised { workflow, priority },
        Event::WorkflowCancelled { workflow, cause: text("rejected") },
        Event::WorkflowFailed { workflow, cause: text("permanent_failure") },
        Event::VideoPublished { workflow, publication: publication.clone() },
        Event::WorkflowCompleted { workflow, publication },
        Event::ChannelPaused,
        Event::ChannelResumed,
        Event::ChannelParked { reason: text("failed 5 times in 60 s") },
        Event::StageWaiting { workflow, stage, reason: WaitReason::Approval, until: at },
        Event::WorkflowApproved { workflow },
        Event::WorkflowRejected { workflow },
        Event::SlotSkipped { slot: at, reason: text("the channel was paused") },
        Event::SlotsBegin { after: at },
        Event::CommandNoted {
            command: CommandId::new("key-2").unwrap(),
            request: Digest([9; 32]),
            answer: NotedAnswer::Done { status: 201, body: text("{}") },
            forgotten: vec![CommandId::new("key-1").unwrap()],
        },
        Event::ClockJumped { by_ms: -90_000 },
        Event::WorkflowsArchived { month: Month::of(at), file, workflows: vec![workflow] },
        Event::HistoryDropped { month: Month::of(Timestamp(0)) },
    ]
}

/// The examples as commits of one channel, one event each but for the last.
pub fn example_commits() -> Vec<Commit> {
    let channel = ChannelId(Uuid::from_u128(0xfedc_ba98_7654_3210_8899_aabb_ccdd_eeff));
    let mut events = examples();
    let last = events.split_off(events.len() - 3);
    let mut commits: Vec<Commit> = Vec::new();
    for (number, events) in (0..).zip(events.into_iter().map(|event| vec![event]).chain([last])) {
        commits.push(Commit {
            channel,
            generation: Generation(3),
            at: Timestamp(1_700_000_000_000 + number * 1_000),
            correlation: (number % 2 == 1).then(|| CommandId::new("key-1").unwrap()),
            events,
        });
    }
    commits
}

fn text() -> impl Strategy<Value = String> + Clone {
    ".{0,30}"
}

fn workflow() -> impl Strategy<Value = WorkflowId> + Clone {
    any::<u128>().prop_map(|id| WorkflowId(Uuid::from_u128(id)))
}

fn stage() -> impl Strategy<Value = StageName> + Clone {
    prop::sample::select(StageName::ALL.to_vec())
}

fn failure() -> impl Strategy<Value = Failure> + Clone {
    let class = prop_oneof![
        Just(FailureClass::Transient),
        any::<u64>().prop_map(|retry_after_ms| FailureClass::RateLimited { retry_after_ms }),
        Just(FailureClass::Permanent),
        Just(FailureClass::Ambiguous),
        Just(FailureClass::Cancelled),
        Just(FailureClass::Interrupted),
    ];
    (class, text(), text()).prop_map(|(class, code, message)| Failure { class, code, message })
}

fn output() -> impl Strategy<Value = StageOutput> {
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Body::Inline(bytes.into())),
        Just(Body::Stored),
    ];
    let artifact =
        (text(), any::<[u8; 32]>(), any::<u64>(), body).prop_map(|(name, digest, bytes, body)| {
            Artifact { name, digest: Digest(digest), bytes, body }
        });
    prop::collection::vec(artifact, 0..4).prop_map(|artifacts| StageOutput { artifacts })
}

fn profile() -> impl Strategy<Value = TopicProfile> {
    let tags = prop::collection::vec(text(), 0..4);
    let words = prop::collection::vec((text(), any::<u32>()), 0..4);
    (text(), text(), tags, words).prop_map(|(key, titles, tags, words)| TopicProfile {
        key,
        titles,
        tags,
        words,
    })
}

fn publication() -> impl Strategy<Value = Publication> + Clone {
    (text(), text()).prop_map(|(video_id, path)| Publication { video_id, path })
}

fn channel_name() -> impl Strategy<Value = ChannelName> {
    "[a-z]{1,9}(-[a-z0-9]{1,9}){0,2}".prop_map(|name| ChannelName::new(name).unwrap())
}

fn command_id() -> impl Strategy<Value = CommandId> {
    "[!-~]{1,200}".prop_map(|id| CommandId::new(id).unwrap())
}

fn priority() -> impl Strategy<Value = Priority> {
    (1_u8..=10).prop_map(|priority| Priority::new(priority).unwrap())
}

fn content_type() -> impl Strategy<Value = ContentType> {
    let kinds = [ContentType::Trending, ContentType::Scheduled, ContentType::Evergreen];
    prop::sample::select(kinds.to_vec())
}

fn wait_reason() -> impl Strategy<Value = WaitReason> {
    let reasons = [WaitReason::Slot, WaitReason::Approval, WaitReason::CatchUp];
    prop::sample::select(reasons.to_vec())
}

fn answer() -> impl Strategy<Value = NotedAnswer> {
    prop_oneof![
        (any::<u16>(), text()).prop_map(|(status, body)| NotedAnswer::Done { status, body }),
        (text(), text()).prop_map(|(code, message)| NotedAnswer::Refused { code, message }),
    ]
}

/// Any event of any kind.
pub fn event() -> impl Strategy<Value = Event> {
    let tried = (workflow(), stage(), any::<u32>(), any::<u32>()).prop_map(
        |(workflow, stage, attempt, take)| (workflow, stage, Attempt(attempt), Take(take)),
    );
    let time = any::<i64>().prop_map(Timestamp);
    let ids = prop::collection::vec(workflow(), 0..9);
    prop_oneof![
        (channel_name(), any::<u64>()).prop_map(|(name, generation)| {
            Event::GenerationRaised { name, generation: Generation(generation) }
        }),
        (
            workflow(),
            command_id(),
            content_type(),
            priority(),
            prop::option::of(text()),
            prop::option::of(time.clone()),
        )
            .prop_map(|(workflow, command, content_type, priority, topic, slot)| {
                Event::WorkflowStarted {
                    workflow,
                    command,
                    content_type,
                    priority,
                    topic,
                    slot,
                    definition: Definition::CURRENT,
                }
            }),
        (workflow(), profile(), text(), 0.0..=1.0_f64).prop_map(
            |(workflow, profile, title, score)| {
                Event::TrendDetected { workflow, profile, title, score }
            }
        ),
        (workflow(), text(), prop::collection::vec(any::<u64>(), 0..9)).prop_map(
            |(workflow, title, sentences)| Event::ContentReady { workflow, title, sentences }
        ),
        tried.clone().prop_map(|(workflow, stage, attempt, take)| {
            Event::StageStarted { workflow, stage, attempt, take }
        }),
        (tried.clone(), output()).prop_map(|((workflow, stage, attempt, take), output)| {
            Event::StageSucceeded { workflow, stage, attempt, take, output }
        }),
        (tried.clone(), failure(), prop::option::of(time.clone())).prop_map(
            |((workflow, stage, attempt, take), failure, retry_at)| {
                Event::StageFailed { workflow, stage, attempt, take, failure, retry_at }
            }
        ),
        (tried, failure(), time.clone()).prop_map(
            |((workflow, stage, attempt, take), failure, retry_at)| {
                Event::StageRetrying { workflow, stage, attempt, take, retry_at, failure }
            }
        ),
        (workflow(), stage(), text(), failure()).prop_map(|(workflow, stage, code, failure)| {
            Event::WorkflowParked { workflow, stage, cause: ParkCause { code, failure } }
        }),
        (workflow(), any::<u32>())
            .prop_map(|(workflow, take)| Event::WorkflowRetried { workflow, take: Take(take) }),
        workflow().prop_map(|workflow| Event::WorkflowPaused { workflow }),
        workflow().prop_map(|workflow| Event::WorkflowResumed { workflow }),
        (workflow(), priority())
            .prop_map(|(workflow, priority)| Event::WorkflowReprioritised { workflow, priority }),
        (workflow(), text())
            .prop_map(|(workflow, cause)| Event::WorkflowCancelled { workflow, cause }),
        (workflow(), text())
            .prop_map(|(workflow, cause)| Event::WorkflowFailed { workflow, cause }),
        (workflow(), publication())
            .prop_map(|(workflow, publication)| Event::VideoPublished { workflow, publication }),
        (workflow(), publication())
            .prop_map(|(workflow, publication)| Event::WorkflowCompleted { workflow, publication }),
        Just(Event::ChannelPaused),
        Just(Event::ChannelResumed),
        text().prop_map(|reason| Event::ChannelParked { reason }),
        (workflow(), stage(), wait_reason(), time.clone()).prop_map(
            |(workflow, stage, reason, until)| Event::StageWaiting {
                workflow,
                stage,
                reason,
                until
            }
        ),
        workflow().prop_map(|workflow| Event::WorkflowApproved { workflow }),
        workflow().prop_map(|workflow| Event::WorkflowRejected { workflow }),
        (time.clone(), text()).prop_map(|(slot, reason)| Event::SlotSkipped { slot, reason }),
        time.prop_map(|after| Event::SlotsBegin { after }),
        (command_id(), any::<[u8; 32]>(), answer(), prop::collection::vec(command_id(), 0..3))
            .prop_map(|(command, request, answer, forgotten)| {
                Event::CommandNoted { command, request: Digest(request), answer, forgotten }
            }),
        any::<i64>().prop_map(|by_ms| Event::ClockJumped { by_ms }),
        (any::<i64>(), any::<[u8; 32]>(), any::<(u32, u64)>(), ids).prop_map(
            |(at, digest, (count, bytes), workflows)| Event::WorkflowsArchived {
                month: Month::of(Timestamp(at)),
                file: HistoryFile { digest: Digest(digest), workflows: count, bytes },
                workflows,
            }
        ),
        any::<i64>().prop_map(|at| Event::HistoryDropped { month: Month::of(Timestamp(at)) }),
    ]
}

/// Any commit.
pub fn commit() -> impl Strategy<Value = Commit> {
    let events = prop::collection::vec(event(), 1..5);
    (any::<u128>(), any::<u64>(), any::<i64>(), prop::option::of(command_id()), events).prop_map(
        |(channel, generation, at, correlation, events)| Commit {
            channel: ChannelId(Uuid::from_u128(channel)),
            generation: Generation(generation),
            at: Timestamp(at),
            correlation,
            events,
        },
    )
}
