//! Bar 4 of the node: a year of two channels with three videos a day, with a real journal, real
//! checkpoints, real sealed files and small artifacts in a real folder, stays within its budget.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use super::house::{Books, DAY_MS, Hands, House, files_below, start, stored};
use crate::actors::upkeep::{Memory, Tidied, tidy};
use crate::adapters::offline::artifacts::LocalArtifacts;
use crate::adapters::offline::storage::LocalStorage;
use crate::domain::artifact::{Artifact, Body, Digest, StageOutput};
use crate::domain::command::{Command, Finding, StageSuccess};
use crate::domain::disk::DiskLevel;
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelId, ChannelName, CommandId, Generation, Seq, WorkflowId};
use crate::domain::retention::{RetentionRules, stored_artifacts};
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::TopicProfile;
use crate::domain::workflow::Publication;
use crate::journal::checkpointer::CHECKPOINT_EVERY;
use crate::journal::fold::Fold;
use crate::journal::open::{journal_folder, read_only, write_checkpoint};
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::files::DiskFiles;
use crate::journal::segment::log::SegmentLog;
use crate::ports::artifacts::ArtifactStore;

const MIB: u64 = 1 << 20;
const BUDGET: u64 = 96 * MIB;
const DAYS: i64 = 365;
/// Rounds a day; a real node makes 144.
const ROUNDS: i64 = 3;
const SEGMENTS: SegmentOptions = SegmentOptions { segment_bytes: 1 << 20, fill_step: 64 << 10 };

struct Year {
    house: House,
    folder: tempfile::TempDir,
    artifacts: LocalArtifacts,
    memory: Memory,
    sum: Tidied,
    /// Files whose time on the disk is that of the simulated clock.
    dated: BTreeSet<PathBuf>,
    most: u64,
    checkpoint: u64,
    made: u64,
}

fn channels() -> [(ChannelName, ChannelId); 2] {
    ["spaceflight", "kitchen-science"].map(|name| {
        let name = ChannelName::new(name).unwrap();
        let id = ChannelId::of_name(&name);
        (name, id)
    })
}

fn slot(channel: &ChannelName, day: i64, hour: i64) -> String {
    format!("{channel}-{day}-{hour}")
}

fn id_of(command: &str) -> WorkflowId {
    WorkflowId::of_command(&CommandId::new(command).unwrap())
}

impl Year {
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands::default());
        *clock.0.lock().unwrap() = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let journal = journal_folder(folder.path());
        let files = Arc::new(DiskFiles);
        let log = SegmentLog::open(files, &journal, SEGMENTS, Seq(0), &mut |_| {}).unwrap().0;
        let mut books = Books::new(Fold::new(), &clock);
        books.log = Some(Mutex::new(Box::new(log)));
        books.channels = channels().map(|(_, id)| id).to_vec();
        for (name, id) in channels() {
            books.commit(id, vec![Event::GenerationRaised { name, generation: Generation(1) }]);
        }
        let artifacts = LocalArtifacts::new(folder.path().join("artifacts"));
        // The test writes content behind the store's back, so none of it is held.
        let storage = LocalStorage::new(folder.path().to_path_buf(), artifacts.clone());
        let day = Duration::from_secs(24 * 3600);
        let rules = RetentionRules { artifacts: day * 30, history: day * 90, disk_budget: BUDGET };
        let house = House::new(folder.path(), books, Arc::new(storage), rules);
        Self {
            house,
            folder,
            artifacts,
            memory: Memory::default(),
            sum: Tidied::default(),
            dated: BTreeSet::new(),
            most: 0,
            checkpoint: 0,
            made: 0,
        }
    }

    fn now(&self) -> Timestamp {
        *self.house.clock.0.lock().unwrap()
    }

    fn wait(&self, ms: i64) {
        self.house.clock.0.lock().unwrap().0 += ms;
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.path().join("artifacts/content").join(&name[..2]).join(&name)
    }

    /// Gives a file the time of the simulated clock.
    fn date(&mut self, path: &Path) {
        let written = UNIX_EPOCH + Duration::from_millis(self.now().0.unsigned_abs());
        fs::File::options().write(true).open(path).unwrap().set_modified(written).unwrap();
        self.dated.insert(path.to_path_buf());
    }

    /// A content file as a stage leaves it, without the syncs.
    fn keep(&mut self, name: &str, bytes: usize) -> Artifact {
        let digest = Digest::of(name.as_bytes());
        let path = self.path_of(digest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![7; bytes]).unwrap();
        self.date(&path);
        self.made += bytes as u64;
        stored(name, digest)
    }

    fn success(&mut self, command: &str, stage: StageName) -> StageSuccess {
        let text = |name: &str, bytes: usize| {
            let content = vec![b'x'; bytes];
            let digest = Digest::of(&content);
            let body = Body::Inline(content.into());
            Artifact { name: name.to_owned(), digest, bytes: bytes as u64, body }
        };
        let (artifacts, finding) = match stage {
            StageName::Trend => {
                let profile = TopicProfile {
                    key: command.to_owned(),
                    words: (0..20).map(|n| (format!("word-{n}"), n)).collect(),
                    ..TopicProfile::default()
                };
                let title = command.to_owned();
                (vec![text("topic.json", 2_000)], Finding::Topic { profile, title, score: 0.5 })
            }
            StageName::Script => {
                let sentences: Vec<u64> = (0..15)
                    .map(|n| Digest::of(format!("{command} {n}").as_bytes()).0)
                    .map(|digest| u64::from_le_bytes(digest[..8].try_into().unwrap()))
                    .collect();
                let title = command.to_owned();
                (vec![text("script.json", 3_000)], Finding::Script { title, sentences })
            }
            StageName::Narration => {
                (vec![self.keep(&format!("{command}.wav"), 24_000)], Finding::Nothing)
            }
            StageName::Render => {
                let video = self.keep(&format!("{command}.mp4"), 40_000);
                let picture = self.keep(&format!("{command}.jpg"), 17_000);
                (vec![video, picture, text("timeline.json", 3_000)], Finding::Nothing)
            }
            StageName::Upload => {
                let path = self.folder.path().join("library").join(command);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, vec![7; 8_000]).unwrap();
                let publication = Publication {
                    video_id: command.to_owned(),
                    path: format!("library/{command}"),
                };
                (Vec::new(), Finding::Published(publication))
            }
        };
        StageSuccess { output: StageOutput { artifacts }, finding }
    }

    /// Brings a video to the end of `last`.
    fn make(&mut self, channel: ChannelId, command: &str, last: StageName) {
        self.house.books.decide(channel, &start(command)).unwrap();
        for stage in StageName::ALL.into_iter().filter(|stage| *stage <= last) {
            let result = Ok(self.success(command, stage));
            self.end(channel, command, stage, result);
        }
    }

    fn end(
        &self,
        channel: ChannelId,
        command: &str,
        stage: StageName,
        result: Result<StageSuccess, Failure>,
    ) {
        let workflow = id_of(command);
        let attempt = self
            .house
            .books
            .fold
            .read(channel, |state| state.workflows[&workflow].position().unwrap().attempt);
        let outcome = Command::Outcome { workflow, stage, attempt, result };
        self.house.books.decide(channel, &outcome).unwrap();
    }

    async fn round(&mut self) {
        let tidied = tidy(&self.house.parts, &mut self.memory).await;
        assert_eq!(tidied.problems, Vec::<String>::new());
        self.sum.archived += tidied.archived;
        self.sum.months += tidied.months;
        self.sum.contents += tidied.contents;
        self.sum.bytes += tidied.bytes;
        self.sum.sealed_files += tidied.sealed_files;
        for path in files_below(&self.folder.path().join("history")) {
            if !self.dated.contains(&path) {
                self.date(&path);
            }
        }
        let state = self.house.parts.disk.state();
        assert!(state.usage.used <= BUDGET && state.level != DiskLevel::Stop, "{state:?}");
        assert_eq!(self.house.parts.disk.refusal(), None);
        self.most = self.most.max(state.usage.used);
        self.keep_journal_short();
        self.check_that_nothing_needed_is_gone();
    }

    /// As the checkpointer does, with fewer syncs.
    fn keep_journal_short(&mut self) {
        let fold = &self.house.books.fold;
        if fold.applied().0 / CHECKPOINT_EVERY == self.checkpoint {
            return;
        }
        self.checkpoint = fold.applied().0 / CHECKPOINT_EVERY;
        let log = self.house.books.log.as_ref().unwrap();
        log.lock().unwrap().sync().unwrap();
        write_checkpoint(&journal_folder(self.folder.path()), fold).unwrap();
    }

    /// What an unfinished workflow names is there, and so is what finished lately.
    fn check_that_nothing_needed_is_gone(&self) {
        for (_, channel) in channels() {
            let needed = self.house.books.fold.read(channel, |state| {
                let all = state.workflows.values().flat_map(stored_artifacts);
                all.collect::<Vec<Digest>>()
            });
            assert!(needed.iter().all(|digest| self.path_of(*digest).exists()));
        }
    }

    async fn day(&mut self, day: i64) {
        for hour in 0..24 {
            for (name, channel) in channels() {
                let command = slot(&name, day, hour);
                match hour {
                    // One a week is given up half-way.
                    9 if day % 7 == 0 => {
                        self.make(channel, &command, StageName::Narration);
                        let cause = "cancelled".to_owned();
                        let workflow = id_of(&command);
                        let cancel = Command::Cancel { workflow, cause };
                        self.house.books.decide(channel, &cancel).unwrap();
                    }
                    9 | 13 => self.make(channel, &command, StageName::Upload),
                    // One is always under way over night.
                    21 => self.make(channel, &command, StageName::Narration),
                    3 if day > 0 => {
                        let command = slot(&name, day - 1, 21);
                        for stage in [StageName::Render, StageName::Upload] {
                            let result = Ok(self.success(&command, stage));
                            self.end(channel, &command, stage, result);
                        }
                    }
                    _ => {}
                }
            }
            if hour % (24 / ROUNDS) == 0 {
                self.round().await;
            }
            self.wait(DAY_MS / 24);
        }
    }
}

#[tokio::test]
async fn a_year_of_two_channels_stays_within_the_budget_and_loses_nothing_that_is_needed() {
    let mut year = Year::begin();
    // Parked in January, and nobody comes; its narration must be there at the end of the year.
    let (_, channel) = channels()[0].clone();
    year.make(channel, "parked", StageName::Narration);
    let broken = Err(Failure::permanent("no_encoder", "there is no encoder"));
    year.end(channel, "parked", StageName::Render, broken);
    // Finished work whose outcome was never committed: only its record names it.
    let half_done = year.keep("recorded.mp4", 30_000);
    let record = StageSuccess {
        output: StageOutput { artifacts: vec![half_done.clone()] },
        finding: Finding::Nothing,
    };
    let record = serde_json::to_vec(&record).unwrap();
    let key = Digest::of(b"key");
    year.artifacts.workbench(id_of("parked"), key).await.unwrap();
    year.artifacts.finish(id_of("parked"), key, record).await.unwrap();

    for day in 0..DAYS {
        year.day(day).await;
    }

    let videos = u64::try_from(DAYS * 2 * 3).unwrap();
    assert!(year.made > 150 * MIB && year.most < BUDGET, "{} of {}", year.most, year.made);
    assert!(year.path_of(half_done.digest).exists());
    assert!(year.sum.archived + 10 > videos, "{:?}", year.sum);
    assert!(year.sum.contents > videos * 2 && year.sum.sealed_files > 700, "{:?}", year.sum);
    let fold = Arc::clone(&year.house.books.fold);
    let mut readable = 0;
    for (_, channel) in channels() {
        let state = fold.state(channel);
        assert!(state.workflows.len() <= 6, "{} are in the state", state.workflows.len());
        assert!((3..=4).contains(&state.history.len()), "{:?}", state.history.keys());
        for (month, sealed) in &state.history {
            let held = year.house.parts.history.read(channel, *month, &sealed.file).unwrap();
            assert_eq!(held.len(), sealed.workflows.len());
            readable += held.len() as u64;
        }
        readable += state.forgotten;
    }
    assert_eq!(readable, year.sum.archived);
    // The journal is short, its checkpoint small, and what it says is what was there.
    let journal = journal_folder(year.folder.path());
    let log = year.house.books.log.as_ref().unwrap();
    log.lock().unwrap().sync().unwrap();
    write_checkpoint(&journal, &fold).unwrap();
    let again = read_only(&journal).unwrap();
    for (_, channel) in channels() {
        assert_eq!(again.state(channel), fold.state(channel));
    }
    let sizes = files_below(&journal).into_iter().filter_map(|path| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, fs::metadata(&path).ok()?.len()))
    });
    let checkpoint =
        sizes.filter(|(name, _)| name.starts_with("checkpoint-")).map(|(_, size)| size);
    assert!(checkpoint.max().unwrap() < 2 * MIB, "the ledger of {videos} videos, and little more");
}
