//! A data folder with long histories, made by the events that real ones are made by.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::SeedArgs;
use super::bench_node::channel_name;
use super::figures::refuse_memory;
use super::read_back::refuse_used;
use crate::adapters::system::SystemClock;
use crate::cli::data_folder::{DataFolder, unwritable};
use crate::cli::options::CommonOptions;
use crate::cli::output::{CliError, Exit};
use crate::cli::settings::open_error;
use crate::domain::event::Event;
use crate::domain::history::Month;
use crate::domain::ids::{ChannelId, CommandId, Generation, WorkflowId};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{ContentType, Definition, Priority, Publication};
use crate::journal::fold::Fold;
use crate::journal::frame::FrameKind;
use crate::journal::history::HistoryFolder;
use crate::journal::open::{journal_folder, open, write_checkpoint};
use crate::journal::queue::JournalHandle;
use crate::journal::record::{self, Commit, SCHEMA};
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::files::DiskFiles;
use crate::journal::writer::{AppendRequest, Reply};
use crate::ports::clock::Clock;

/// Bytes of a finished workflow without its topic.
const BARE: usize = 130;
/// How long ago the workflows were finished.
const AGO: Duration = Duration::from_secs(60 * 24 * 3600);
/// Workflows whose events go into one frame.
const IN_A_FRAME: usize = 500;

/// What was made.
#[derive(Debug, Clone, Serialize)]
struct Seeded {
    channels: u32,
    workflows: u64,
    wall_s: f64,
    bytes_per_workflow: f64,
}

/// Makes the folder.
///
/// # Errors
/// [`CliError`]: a folder in memory or not new (2), in use (4), or one that cannot be written (1).
pub(super) fn seed(args: &SeedArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let root = settings.data_dir();
    refuse_memory(root)?;
    refuse_used(root)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Failed, "no_runtime", error))?;
    let began = Instant::now();
    let _folder = runtime.block_on(DataFolder::take(root, "seed".to_owned()))?;
    let journal = journal_folder(root);
    let opened = open(&journal, SegmentOptions::default());
    let opened = opened.map_err(|error| open_error(&journal, &error))?;
    let writer = opened.writer.spawn_thread();
    let writer = writer.map_err(|error| CliError::new(Exit::Failed, "no_thread", error))?;
    let history = HistoryFolder::new(root, Arc::new(DiskFiles));
    let at = Timestamp(SystemClock.now().0 - i64::try_from(AGO.as_millis()).unwrap_or(0));
    for index in 0..args.channels {
        let channel = Seed { index, at, journal: &opened.handle, fold: &opened.fold };
        runtime.block_on(channel.fill(args, &history))?;
        if index % 100 == 99 {
            write_checkpoint(&journal, &opened.fold)
                .map_err(|error| open_error(&journal, &error))?;
        }
    }
    runtime
        .block_on(opened.handle.close())
        .map_err(|error| CliError::new(Exit::Failed, error.code(), error).at(journal.display()))?;
    // The thread has nothing left to say.
    let _ = writer.join();
    write_checkpoint(&journal, &opened.fold).map_err(|error| open_error(&journal, &error))?;
    let workflows = u64::from(args.channels) * u64::from(args.workflows);
    let bytes = size_of(&root.join("history"))? + size_of(&journal)?;
    let seeded = Seeded {
        channels: args.channels,
        workflows,
        wall_s: began.elapsed().as_secs_f64(),
        bytes_per_workflow: bytes as f64 / workflows as f64,
    };
    let told = format!(
        "{} finished workflows in {} channels, {:.0} bytes of disk for each, in {:.1} s",
        seeded.workflows, seeded.channels, seeded.bytes_per_workflow, seeded.wall_s
    );
    common.output().result(&seeded, told)?;
    Ok(Exit::Done)
}

/// One channel that is filled.
struct Seed<'a> {
    index: u32,
    at: Timestamp,
    journal: &'a JournalHandle,
    fold: &'a Fold,
}

impl Seed<'_> {
    async fn fill(&self, args: &SeedArgs, history: &HistoryFolder) -> Result<(), CliError> {
        let name = channel_name(self.index)?;
        let id = ChannelId::of_name(&name);
        let generation = Generation(1);
        let raised = vec![Event::GenerationRaised { name, generation }];
        self.commit(id, FrameKind::Generation, raised).await?;
        let topic = "x".repeat((args.size as usize).saturating_sub(BARE));
        let mut events = Vec::new();
        for number in 0..args.workflows {
            events.extend(self.finished(number, &topic)?);
            if events.len() >= 2 * IN_A_FRAME {
                self.commit(id, FrameKind::Events, std::mem::take(&mut events)).await?;
            }
        }
        if !events.is_empty() {
            self.commit(id, FrameKind::Events, events).await?;
        }
        let finished: Vec<_> =
            self.fold.read(id, |state| state.workflows.values().cloned().collect());
        let month = Month::of(self.at);
        let file = history.write(id, month, &finished);
        let file = file.map_err(|error| CliError::new(Exit::Failed, error.code(), error))?;
        let workflows = finished.iter().map(|workflow| workflow.id).collect();
        let archived = Event::WorkflowsArchived { month, file, workflows };
        self.commit(id, FrameKind::Events, vec![archived]).await
    }

    /// The two events of a workflow that was finished.
    fn finished(&self, number: u32, topic: &str) -> Result<[Event; 2], CliError> {
        let command = CommandId::new(format!("seed-{}-{number}", self.index));
        let command =
            command.map_err(|error| CliError::new(Exit::Failed, "bad_command_id", error))?;
        let workflow = WorkflowId::of_command(&command);
        let publication =
            Publication { video_id: workflow.to_string(), path: "nowhere".to_owned() };
        Ok([
            Event::WorkflowStarted {
                workflow,
                command,
                content_type: ContentType::Trending,
                priority: Priority::default(),
                topic: Some(topic.to_owned()),
                slot: None,
                definition: Definition::CURRENT,
            },
            Event::WorkflowCompleted { workflow, publication },
        ])
    }

    async fn commit(
        &self,
        channel: ChannelId,
        kind: FrameKind,
        events: Vec<Event>,
    ) -> Result<(), CliError> {
        let failed = |error: String| CliError::new(Exit::Failed, "not_written", error);
        let count = u16::try_from(events.len()).map_err(|error| failed(error.to_string()))?;
        let generation = Generation(1);
        let commit = Commit { channel, generation, at: self.at, correlation: None, events };
        let payload = record::encode(&commit).map_err(|error| failed(error.to_string()))?;
        let (reply, committed) = Reply::channel();
        self.journal.append(AppendRequest {
            channel,
            generation,
            kind,
            schema: SCHEMA,
            count,
            payload,
            commit: Some(commit),
            reply,
        });
        let outcome = committed.await.map_err(|error| failed(error.to_string()))?;
        outcome.map(drop).map_err(|error| failed(error.to_string()))
    }
}

/// Bytes of disk that the files below `folder` take.
fn size_of(folder: &Path) -> Result<u64, CliError> {
    use std::os::unix::fs::MetadataExt;
    let failed = |error: std::io::Error| unwritable(folder, &error);
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let about = entry.metadata().map_err(failed)?;
        bytes += if about.is_dir() { size_of(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(bytes)
}
