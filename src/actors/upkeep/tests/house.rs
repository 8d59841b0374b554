//! A house to be kept: a fold with or without a journal, a data folder real or made up, and a clock
//! that is set by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::actors::disk_watch::DiskWatch;
use crate::actors::upkeep::{ChannelDoors, TIDY_EVERY, UpkeepParts};
use crate::domain::artifact::{Artifact, Body, Digest, StageOutput};
use crate::domain::command::Command;
use crate::domain::decide::{Context, decide};
use crate::domain::disk::DiskUsage;
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::ids::{Attempt, ChannelId, CommandId, Seq, Take, WorkflowId};
use crate::domain::retention::RetentionRules;
use crate::domain::retry::Policies;
use crate::domain::stage::{DoneStage, Position, StageName};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{ContentType, Definition, Priority, Progress, Workflow};
use crate::journal::fold::Fold;
use crate::journal::frame::{CODEC_BINCODE, Frame, FrameKind};
use crate::journal::history::HistoryFolder;
use crate::journal::log::Log;
use crate::journal::record::{self, Commit, SCHEMA};
use crate::journal::segment::files::DiskFiles;
use crate::ports::clock::Clock;
use crate::ports::storage::{Leftover, Storage, StoredContent};
use crate::telemetry::tick::Tick;

pub const DAY_MS: i64 = 24 * 3_600_000;

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub struct Hands(pub Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Channels without actors: what is asked of them is decided and folded at once.
pub struct Books {
    pub fold: Arc<Fold>,
    pub clock: Arc<Hands>,
    pub policies: Policies,
    pub channels: Vec<ChannelId>,
    /// Where frames go too, if anywhere.
    pub log: Option<Mutex<Box<dyn Log>>>,
}

impl Books {
    pub fn new(fold: Fold, clock: &Arc<Hands>) -> Self {
        let (fold, clock) = (Arc::new(fold), Arc::clone(clock));
        Self { fold, clock, policies: Policies::default(), channels: Vec::new(), log: None }
    }

    pub fn commit(&self, channel: ChannelId, events: Vec<Event>) {
        let generation = self.fold.read(channel, |state| state.generation);
        let commit =
            Commit { channel, generation, at: self.clock.now(), correlation: None, events };
        let frame = Frame {
            first_seq: Seq(self.fold.applied().0 + 1),
            kind: FrameKind::Events,
            schema: SCHEMA,
            codec: CODEC_BINCODE,
            flags: 0,
            count: u16::try_from(commit.events.len()).unwrap(),
            payload: record::encode(&commit).unwrap(),
        };
        if let Some(log) = &self.log {
            log.lock().unwrap().append(std::slice::from_ref(&frame)).unwrap();
        }
        self.fold.take(&frame).unwrap();
    }

    pub fn decide(&self, channel: ChannelId, command: &Command) -> Result<(), String> {
        let state = self.fold.state(channel);
        let context = Context::plain(self.clock.now(), 7, &self.policies);
        let events = decide(&state, command, context).map_err(|error| error.to_string())?;
        self.commit(channel, events);
        Ok(())
    }
}

#[async_trait]
impl ChannelDoors for Books {
    fn channels(&self) -> Vec<ChannelId> {
        self.channels.clone()
    }

    async fn ask(&self, channel: ChannelId, command: Command) -> Result<(), String> {
        self.decide(channel, &command)
    }
}

/// A data folder that is made up.
#[derive(Default)]
pub struct MadeUp {
    pub contents: Mutex<BTreeMap<Digest, StoredContent>>,
    pub records: Mutex<BTreeMap<WorkflowId, Vec<Vec<u8>>>>,
    pub leftovers: Mutex<Vec<Leftover>>,
    pub usage: Mutex<DiskUsage>,
    /// Whether the records cannot be read.
    pub unreadable: Mutex<bool>,
    /// Whether the next measurement panics.
    pub panics: Mutex<bool>,
    /// How often it was measured.
    pub measured: watch::Sender<u64>,
}

#[async_trait]
impl Storage for MadeUp {
    async fn contents(&self) -> Result<Vec<StoredContent>, Failure> {
        Ok(self.contents.lock().unwrap().values().copied().collect())
    }

    async fn remove_content(&self, digest: Digest, before: Timestamp) -> Result<bool, Failure> {
        let mut contents = self.contents.lock().unwrap();
        let is_young = contents.get(&digest).is_some_and(|one| one.written >= before);
        if !is_young {
            contents.remove(&digest);
        }
        Ok(!is_young)
    }

    async fn records(&self, workflow: WorkflowId) -> Result<Vec<Vec<u8>>, Failure> {
        if *self.unreadable.lock().unwrap() {
            return Err(Failure::transient("file_error", "cannot read a record"));
        }
        Ok(self.records.lock().unwrap().get(&workflow).cloned().unwrap_or_default())
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        Ok(self.leftovers.lock().unwrap().clone())
    }

    async fn remove_leftover(&self, leftover: &Leftover) -> Result<(), Failure> {
        self.leftovers.lock().unwrap().retain(|one| one != leftover);
        Ok(())
    }

    async fn usage(&self) -> Result<DiskUsage, Failure> {
        self.measured.send_modify(|times| *times += 1);
        let panics = std::mem::take(&mut *self.panics.lock().unwrap());
        assert!(!panics, "the disk is on fire");
        Ok(*self.usage.lock().unwrap())
    }

    async fn room(&self) -> Result<(u64, u64), Failure> {
        let usage = *self.usage.lock().unwrap();
        Ok((usage.free, usage.total))
    }
}

/// The upkeep's parts, and what a test wants to hold of them.
pub struct House {
    pub parts: UpkeepParts,
    pub books: Arc<Books>,
    pub clock: Arc<Hands>,
    pub rules: watch::Sender<RetentionRules>,
    pub ticks: Arc<Mutex<Vec<Tick>>>,
}

impl House {
    pub fn new(
        data_dir: &Path,
        books: Books,
        storage: Arc<dyn Storage>,
        rules: RetentionRules,
    ) -> Self {
        let clock = Arc::clone(&books.clock);
        let books = Arc::new(books);
        let rules = watch::channel(rules).0;
        let ticks: Arc<Mutex<Vec<Tick>>> = Arc::default();
        let said = Arc::clone(&ticks);
        let parts = UpkeepParts {
            fold: Arc::clone(&books.fold),
            clock: Arc::clone(&clock) as _,
            storage,
            history: HistoryFolder::new(data_dir, Arc::new(DiskFiles)),
            channels: Arc::clone(&books) as _,
            rules: rules.subscribe(),
            disk: DiskWatch::default(),
            ticks: Arc::new(move |tick| said.lock().unwrap().push(tick)),
            every: TIDY_EVERY,
        };
        Self { parts, books, clock, rules, ticks }
    }
}

pub fn stored(name: &str, digest: Digest) -> Artifact {
    Artifact { name: name.to_owned(), digest, bytes: 20_000, body: Body::Stored }
}

pub fn start(id: &str) -> Command {
    Command::Start {
        command: CommandId::new(id).unwrap(),
        content_type: ContentType::Trending,
        priority: Priority::default(),
        topic: None,
    }
}

/// A workflow that has come to `progress` and whose stages made `artifacts`.
pub fn workflow(number: u64, progress: Progress, artifacts: &BTreeSet<Digest>) -> Workflow {
    let command = CommandId::new(format!("video-{number}")).unwrap();
    let made = artifacts.iter().map(|digest| stored("made", *digest)).collect();
    Workflow {
        id: WorkflowId::of_command(&command),
        command,
        content_type: ContentType::Trending,
        priority: Priority::default(),
        requested_topic: None,
        created_at: Timestamp(0),
        paused: false,
        done: vec![DoneStage {
            stage: StageName::Trend,
            attempt: Attempt(1),
            take: Take(0),
            started_at: Timestamp(0),
            completed_at: Timestamp(0),
            output: StageOutput { artifacts: made },
        }],
        title: None,
        slot: None,
        approved: false,
        progress,
        definition: Definition::CURRENT,
    }
}

pub fn at(state: crate::domain::stage::StageState) -> Progress {
    let mut position = Position::fresh(StageName::Script, Timestamp(0));
    position.state = state;
    position.attempt = Attempt(1);
    position.first_started_at = Some(Timestamp(0));
    Progress::At(position)
}

/// Every file below `folder`.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}
