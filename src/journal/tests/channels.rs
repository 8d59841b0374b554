//! Channels that are driven by drawn numbers through the real domain, and a real journal to commit
//! what they decide.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::domain::apply::apply;
use crate::domain::artifact::{Artifact, Body, Digest, StageOutput};
use crate::domain::channel::ChannelState;
use crate::domain::command::{Command, Finding, StageSuccess};
use crate::domain::decide::{Context, decide};
use crate::domain::event::Event;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::history::HistoryFile;
use crate::domain::ids::{ChannelId, ChannelName, CommandId, Generation, WorkflowId};
use crate::domain::retention::due_to_archive;
use crate::domain::retry::Policies;
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::TopicProfile;
use crate::domain::workflow::{ContentType, Priority, Publication};
use crate::journal::fold::Fold;
use crate::journal::frame::FrameKind;
use crate::journal::open::{OpenJournal, open};
use crate::journal::queue::JournalHandle;
use crate::journal::record::{Commit, SCHEMA, encode};
use crate::journal::segment::SegmentOptions;
use crate::journal::writer::{AppendError, AppendRequest, Committed, Reply};

/// Segments so small that a test fills several.
pub const SMALL: SegmentOptions = SegmentOptions { segment_bytes: 64 << 10, fill_step: 8 << 10 };

/// The states of channels, folded by the plainest code there is: what everything is compared with.
pub type States = BTreeMap<ChannelId, ChannelState>;

pub fn apply_to(states: &mut States, commit: &Commit) {
    let state = states.entry(commit.channel).or_default();
    commit.events.iter().for_each(|event| apply(state, commit.at, event));
}

pub fn states_of(fold: &Fold) -> States {
    fold.channels().into_iter().map(|channel| (channel, fold.state(channel))).collect()
}

pub fn name(number: u64) -> ChannelName {
    ChannelName::new(format!("channel-{number}")).unwrap()
}

pub fn raised(number: u64, generation: u64) -> Commit {
    let (name, generation) = (name(number), Generation(generation));
    Commit {
        channel: ChannelId::of_name(&name),
        generation,
        at: Timestamp(1_000),
        correlation: None,
        events: vec![Event::GenerationRaised { name, generation }],
    }
}

/// Two channels that decide what drawn numbers tell them to.
#[derive(Default)]
pub struct Channels {
    pub states: States,
    now: i64,
    topics: u64,
}

impl Channels {
    /// What follows from `draw`; most draws make something happen.
    pub fn step(&mut self, draw: u64) -> Option<Commit> {
        self.now += i64::try_from(draw % 40_000).unwrap();
        let number = draw % 2;
        let channel = ChannelId::of_name(&name(number));
        let state = self.states.get(&channel).cloned().unwrap_or_default();
        if state.generation.0 == 0 || (draw / 2).is_multiple_of(23) {
            let commit = raised(number, state.generation.0 + 1);
            apply_to(&mut self.states, &commit);
            return Some(commit);
        }
        let command = self.command(&state, draw / 64)?;
        let policies = Policies::default();
        let context = Context::plain(Timestamp(self.now), draw, &policies);
        let events = decide(&state, &command, context).ok()?;
        let at = Timestamp(self.now);
        let commit =
            Commit { channel, generation: state.generation, at, correlation: None, events };
        apply_to(&mut self.states, &commit);
        Some(commit)
    }

    fn command(&mut self, state: &ChannelState, draw: u64) -> Option<Command> {
        let (kind, slot) = (draw % 20, draw / 20 % 4);
        let command = CommandId::new(format!("slot-{slot}")).unwrap();
        let workflow = WorkflowId::of_command(&command);
        Some(match kind {
            0 | 1 => Command::Start {
                command,
                content_type: ContentType::Trending,
                priority: Priority::default(),
                topic: None,
            },
            2 => Command::Wake,
            3 => Command::Pause { workflow },
            4 => Command::Resume { workflow },
            5 => Command::Retry { workflow },
            6 => Command::Recover,
            7 if slot == 0 => Command::Cancel { workflow, cause: "drawn".to_owned() },
            8 if slot == 0 => Command::PauseChannel,
            9 => Command::ResumeChannel,
            10 if slot == 0 => Command::ParkChannel { reason: "drawn".to_owned() },
            11 => Command::Outcome {
                workflow,
                stage: state.workflows.get(&workflow)?.position()?.stage,
                attempt: state.workflows.get(&workflow)?.position()?.attempt,
                result: Err(Failure::new(failure_class(draw / 80), "drawn", "drawn")),
            },
            12 => {
                let (month, workflows) = due_to_archive(state, Timestamp(self.now)).pop_first()?;
                let workflows: Vec<WorkflowId> = workflows.iter().map(|one| one.id).collect();
                let replaces = state.history.get(&month).map(|sealed| sealed.file.digest);
                let digest = Digest::of(format!("{replaces:?} {workflows:?}").as_bytes());
                let file = HistoryFile { digest, workflows: 1, bytes: 100 };
                Command::Archive { month, replaces, file, workflows }
            }
            13 if slot == 0 => Command::DropHistory { month: *state.history.first_key_value()?.0 },
            14 if slot == 1 => {
                self.now += 20 * 24 * 3_600_000;
                Command::Wake
            }
            _ => {
                self.topics += 1;
                let position = state.workflows.get(&workflow)?.position()?;
                let (stage, attempt) = (position.stage, position.attempt);
                let result = Ok(success(stage, self.topics, draw / 80));
                Command::Outcome { workflow, stage, attempt, result }
            }
        })
    }
}

fn failure_class(draw: u64) -> FailureClass {
    match draw % 5 {
        0 => FailureClass::Interrupted,
        1 => FailureClass::Permanent,
        2 => FailureClass::RateLimited { retry_after_ms: 5 },
        _ => FailureClass::Transient,
    }
}

/// A success whose small outputs are together larger than a row of the store may be.
pub fn success(stage: StageName, topic: u64, draw: u64) -> StageSuccess {
    let content = vec![u8::try_from(draw % 251).unwrap(); usize::try_from(draw % 16_000).unwrap()];
    let artifact = |name: &str, body| Artifact {
        name: name.to_owned(),
        digest: Digest::of(&content),
        bytes: content.len() as u64,
        body,
    };
    let mut artifacts = vec![artifact("video.mp4", Body::Stored)];
    for number in 0..draw % 4 {
        artifacts.push(artifact(&format!("{number}.json"), Body::Inline(content.clone().into())));
    }
    let finding = match stage {
        StageName::Trend => Finding::Topic {
            profile: TopicProfile {
                key: format!("topic {topic}"),
                words: vec![("word".to_owned(), 3)],
                ..TopicProfile::default()
            },
            title: format!("title {topic}"),
            score: 0.5,
        },
        StageName::Script => Finding::Script {
            title: format!("title {topic}"),
            sentences: (0..20)
                .map(|n| Digest::of(&[n]).0[0..8].try_into().unwrap())
                .map(|bytes| u64::from_le_bytes(bytes).wrapping_mul(topic | 1))
                .collect(),
        },
        StageName::Narration | StageName::Render => Finding::Nothing,
        StageName::Upload => Finding::Published(Publication {
            video_id: format!("video {topic}"),
            path: format!("videos/{topic}.mp4"),
        }),
    };
    StageSuccess { output: StageOutput { artifacts }, finding }
}

/// A journal with its real writer on a real thread.
pub struct Running {
    pub fold: Arc<Fold>,
    pub handle: JournalHandle,
    thread: JoinHandle<()>,
}

impl Running {
    pub fn start(folder: &Path) -> Self {
        let opened = open(folder, SMALL).unwrap();
        Self::run(opened)
    }

    pub fn run(opened: OpenJournal) -> Self {
        let OpenJournal { fold, handle, writer, .. } = opened;
        let thread = writer.spawn_thread().unwrap();
        Self { fold, handle, thread }
    }

    /// Commits, and waits until it is acknowledged.
    pub fn commit(&self, commit: &Commit) -> Result<Committed, AppendError> {
        let (reply, answer) = Reply::channel();
        self.handle.append(request(commit, reply));
        answer.blocking_recv().unwrap()
    }

    /// Ends the writer in order.
    pub fn stop(self) {
        drop(self.handle);
        self.thread.join().unwrap();
    }
}

pub fn request(commit: &Commit, reply: Reply) -> AppendRequest {
    let is_raise = matches!(commit.events[..], [Event::GenerationRaised { .. }]);
    AppendRequest {
        channel: commit.channel,
        generation: commit.generation,
        kind: if is_raise { FrameKind::Generation } else { FrameKind::Events },
        schema: SCHEMA,
        count: u16::try_from(commit.events.len()).unwrap(),
        payload: encode(commit).unwrap(),
        commit: None,
        reply,
    }
}

/// What a killed process would leave: every file as the disk shows it at this moment.
pub fn as_killed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// Numbers that look drawn and are the same every time.
pub fn draws(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|n| u64::from_le_bytes(Digest::of(&n.to_le_bytes()).0[..8].try_into().unwrap()))
}
