use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use uuid::Uuid;

use super::sealed::{DIGEST_LEN, header};
use super::*;
use crate::domain::artifact::{Artifact, Body, StageOutput};
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, CommandId, Generation, Seq, Take};
use crate::domain::stage::{DoneStage, StageName};
use crate::domain::workflow::{ContentType, Definition, Ending, Priority, Progress, Publication};
use crate::journal::frame::{CODEC_BINCODE, Frame, FrameKind};
use crate::journal::record::{self, Commit};
use crate::journal::segment::fault::{Faults, FaultyFiles};
use crate::journal::segment::files::DiskFiles;

const CHANNEL: ChannelId = ChannelId(Uuid::from_u128(7));

fn month() -> Month {
    "2026-11".parse().unwrap()
}

fn workflow(number: u64, text: &str, content: &[u8]) -> Workflow {
    let command = CommandId::new(format!("video-{number}")).unwrap();
    let at = Timestamp(1_796_000_000_000 + i64::try_from(number % 1_000).unwrap());
    let artifact = |name: &str, body| Artifact {
        name: name.to_owned(),
        digest: Digest::of(content),
        bytes: content.len() as u64,
        body,
    };
    let output = StageOutput {
        artifacts: vec![
            artifact("script.json", Body::Inline(content.to_vec().into())),
            artifact("video.mp4", Body::Stored),
        ],
    };
    let ending = if number.is_multiple_of(2) {
        Ending::Completed(Publication { video_id: text.to_owned(), path: text.to_owned() })
    } else {
        Ending::Dropped { cause: text.to_owned() }
    };
    Workflow {
        id: WorkflowId::of_command(&command),
        command,
        content_type: ContentType::Trending,
        priority: Priority::default(),
        requested_topic: None,
        created_at: at,
        paused: false,
        done: vec![DoneStage {
            stage: StageName::Render,
            attempt: Attempt(1),
            take: Take(0),
            started_at: at,
            completed_at: at,
            output,
        }],
        title: Some(text.to_owned()),
        slot: Some(at),
        approved: true,
        progress: Progress::Finished { at, ending },
        definition: Definition::CURRENT,
    }
}

fn workflows(count: u64) -> Vec<Workflow> {
    (0..count).map(|number| workflow(number, "a title", &[7; 900])).collect()
}

fn real() -> (tempfile::TempDir, HistoryFolder) {
    let folder = tempfile::tempdir().unwrap();
    let history = HistoryFolder::new(folder.path(), Arc::new(DiskFiles));
    (folder, history)
}

fn names(folder: &Path) -> Vec<String> {
    DiskFiles.names(&folder.join("history").join(CHANNEL.to_string())).unwrap()
}

/// A fold whose channel names `file` for a month.
fn fold_of(file: HistoryFile, sealed: &[Workflow]) -> Fold {
    let fold = Fold::new();
    let ids: Vec<WorkflowId> = sealed.iter().map(|workflow| workflow.id).collect();
    let started = sealed.iter().map(|workflow| Event::WorkflowStarted {
        workflow: workflow.id,
        command: workflow.command.clone(),
        content_type: workflow.content_type,
        priority: workflow.priority,
        topic: None,
        slot: None,
        definition: workflow.definition,
    });
    let mut events: Vec<Event> = started.collect();
    events.push(Event::WorkflowsArchived { month: month(), file, workflows: ids });
    let commit = Commit {
        channel: CHANNEL,
        generation: Generation(1),
        at: Timestamp(0),
        correlation: None,
        events,
    };
    let frame = Frame {
        first_seq: Seq(1),
        kind: FrameKind::Events,
        schema: SCHEMA,
        codec: CODEC_BINCODE,
        flags: 0,
        count: u16::try_from(commit.events.len()).unwrap(),
        payload: record::encode(&commit).unwrap(),
    };
    fold.take(&frame).unwrap();
    fold
}

#[test]
fn a_sealed_month_reads_back_in_the_order_of_its_endings_under_the_name_of_its_content() {
    let (folder, history) = real();
    let mut sealed = workflows(5);
    sealed.reverse();
    let file = history.write(CHANNEL, month(), &sealed).unwrap();
    sealed.reverse();
    assert_eq!(history.read(CHANNEL, month(), &file).unwrap(), sealed);
    let path = history.path(CHANNEL, month(), &file);
    assert_eq!(fs::metadata(&path).unwrap().len(), file.bytes);
    let digits = &file.digest.to_string()[..16];
    assert_eq!(names(folder.path()), [format!("2026-11-{digits}.hist")]);
    assert_eq!(history.write(CHANNEL, month(), &sealed).unwrap(), file, "content names it");

    let fold = fold_of(file, &sealed);
    let found = history.find(&fold, sealed[3].id).unwrap();
    assert_eq!(found, Some((CHANNEL, sealed[3].clone())));
    let (held, problems) = history.of_channel(&fold, CHANNEL);
    assert_eq!((held, problems.len()), (sealed, 0));
    let stranger = WorkflowId(Uuid::from_u128(1));
    assert_eq!(history.find(&fold, stranger).unwrap(), None);
}

#[test]
fn a_damaged_or_missing_file_is_named_with_what_is_lost_and_the_rest_stays_readable() {
    let (_folder, history) = real();
    let sealed = workflows(3);
    let file = history.write(CHANNEL, month(), &sealed).unwrap();
    let fold = fold_of(file, &sealed);
    assert!(history.verify(&fold).is_empty());
    let path = history.path(CHANNEL, month(), &file);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let problems = history.verify(&fold);
    assert_eq!((problems[0].lost, problems[0].cause.code()), (3, "history_damaged"));
    assert!(problems[0].cause.to_string().contains(&path.display().to_string()));
    fs::remove_file(&path).unwrap();
    let problems = history.verify(&fold);
    assert_eq!((problems[0].channel, problems[0].month), (CHANNEL, month()));
    assert_eq!(problems[0].cause.code(), "history_missing");
    assert!(problems[0].cause.is_loss());
    fs::create_dir(&path).unwrap();
    assert!(!history.verify(&fold)[0].cause.is_loss(), "a fault of the system is no loss");
}

#[test]
fn a_file_under_another_name_or_of_another_schema_is_not_believed() {
    let (_folder, history) = real();
    let file = history.write(CHANNEL, month(), &workflows(2)).unwrap();
    let bytes = fs::read(history.path(CHANNEL, month(), &file)).unwrap();
    let other = ChannelId(Uuid::from_u128(8));
    let elsewhere = history.path(other, month(), &file);
    fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    fs::write(&elsewhere, &bytes).unwrap();
    assert_eq!(history.read(other, month(), &file).unwrap_err().code(), "history_damaged");

    let mut body = bytes[..bytes.len() - DIGEST_LEN].to_vec();
    body[10] = 99;
    let digest = Digest::of(&body);
    body.extend_from_slice(&digest.0);
    let newer = HistoryFile { digest, ..file };
    fs::write(history.path(CHANNEL, month(), &newer), &body).unwrap();
    assert_eq!(history.read(CHANNEL, month(), &newer).unwrap_err().code(), "history_newer");
}

#[test]
fn a_file_of_schema_2_is_read_with_the_first_definition() {
    let (_folder, history) = real();
    let wanted = workflows(2);
    let mut bytes = header(2, CHANNEL, month(), 2);
    let mut ordered: Vec<&Workflow> = wanted.iter().collect();
    ordered.sort_by_key(|workflow| (workflow.finished_at(), workflow.id));
    for workflow in &ordered {
        let mut content = crate::journal::codec::encode(*workflow).unwrap();
        // The definition is the last that was added, and a byte.
        assert_eq!(content.pop(), Some(1));
        bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&content);
    }
    let digest = Digest::of(&bytes);
    bytes.extend_from_slice(&digest.0);
    let file = HistoryFile { digest, workflows: 2, bytes: bytes.len() as u64 };
    let path = history.path(CHANNEL, month(), &file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &bytes).unwrap();
    let read = history.read(CHANNEL, month(), &file).unwrap();
    assert_eq!(read.iter().collect::<Vec<_>>(), ordered);
}

#[test]
fn a_full_disk_leaves_what_was_sealed_before_and_nothing_half_made() {
    let folder = tempfile::tempdir().unwrap();
    let files = FaultyFiles::default();
    let history = HistoryFolder::new(folder.path(), Arc::new(files.clone()));
    let first = history.write(CHANNEL, month(), &workflows(2)).unwrap();
    files.set(Faults { room: Some(700), ..Faults::default() });
    let error = history.write(CHANNEL, month(), &workflows(3)).unwrap_err();
    assert_eq!(error.code(), "disk_full");
    assert_eq!(names(folder.path()).len(), 1);
    assert_eq!(history.read(CHANNEL, month(), &first).unwrap(), workflows(2));
}

#[test]
fn only_old_files_that_nobody_names_are_removed() {
    let (folder, history) = real();
    let now = Timestamp(2_000_000_000_000);
    let write = |count, age_ms: i64| {
        let file = history.write(CHANNEL, month(), &workflows(count)).unwrap();
        let path = history.path(CHANNEL, month(), &file);
        let written = UNIX_EPOCH + Duration::from_millis((now.0 - age_ms).unsigned_abs());
        fs::File::options().write(true).open(path).unwrap().set_modified(written).unwrap();
        file
    };
    let (old, fresh, named) = (write(1, 5_000), write(2, 500), write(3, 5_000));
    for (count, age_ms) in [(4, 5_000), (5, 15_000)] {
        let aside = write(count, 50_000);
        let then = Timestamp(now.0 - age_ms);
        history.set_aside(CHANNEL, month(), &aside, then).unwrap();
        history.set_aside(CHANNEL, month(), &aside, then).unwrap();
    }
    let aside = |names: Vec<String>| names.iter().filter(|name| name.contains(".bad-")).count();
    assert_eq!(aside(names(folder.path())), 2);
    let fold = fold_of(named, &workflows(3));
    let (before, set_aside_before) = (Timestamp(now.0 - 1_000), Timestamp(now.0 - 10_000));
    assert_eq!(history.remove_unnamed(&fold, before, set_aside_before).unwrap(), 2);
    assert_eq!(aside(names(folder.path())), 1);
    assert!(!history.path(CHANNEL, month(), &old).exists());
    assert!(history.path(CHANNEL, month(), &fresh).exists());
    assert_eq!(history.read(CHANNEL, month(), &named).unwrap(), workflows(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn d7_any_workflows_are_read_as_they_were_sealed(
        made in prop::collection::btree_map(0_u64..1_000, (".{0,20}", prop::collection::vec(any::<u8>(), 0..300)), 0..6),
    ) {
        let made: Vec<Workflow> =
            made.iter().map(|(number, (text, content))| workflow(*number, text, content)).collect();
        let bytes = encode(CHANNEL, month(), &made).unwrap();
        let file = HistoryFile {
            digest: digest_of(&bytes),
            workflows: u32::try_from(made.len()).unwrap(),
            bytes: bytes.len() as u64,
        };
        let read = decode(&bytes, CHANNEL, month(), &file, Path::new("file")).unwrap();
        prop_assert_eq!(read, made);
    }

    #[test]
    fn any_flipped_bit_is_noticed(position: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = encode(CHANNEL, month(), &workflows(2)).unwrap();
        let file =
            HistoryFile { digest: digest_of(&bytes), workflows: 2, bytes: bytes.len() as u64 };
        let at = position.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode(&bytes, CHANNEL, month(), &file, Path::new("file")).unwrap_err().is_loss());
    }

    #[test]
    fn hostile_bytes_under_a_good_digest_never_panic(rest: Vec<u8>, workflows: u32, whole: bool) {
        let mut bytes = if whole { header(SCHEMA, CHANNEL, month(), workflows) } else { Vec::new() };
        bytes.extend_from_slice(&rest);
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(&digest.0);
        let file = HistoryFile { digest, workflows, bytes: bytes.len() as u64 };
        let _ = decode(&bytes, CHANNEL, month(), &file, Path::new("file"));
    }
}
