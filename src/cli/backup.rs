//! `ytempire journal backup` and `restore`: a data folder that a node can go on with, somewhere else.
//!
//! Architecture invariant: a backup is checked before it is called one, and its `backup.json` is
//! written last; a restore puts the journal in its place last, so that half of one is never taken for
//! a whole one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::journal_cmd::{clear, hold, put_in_place, refuse_journal, require_journal};
use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::settings::open_error;
use crate::adapters::durable_file::{sync_folder, write_durably};
use crate::adapters::offline::artifacts::LocalArtifacts;
use crate::adapters::system::SystemClock;
use crate::cli::data_folder::unwritable;
use crate::cli::run::ARTIFACTS;
use crate::domain::artifact::{Body, Digest};
use crate::domain::timestamp::Timestamp;
use crate::journal::copy::copy_journal;
use crate::journal::fold::Fold;
use crate::journal::history::HistoryFolder;
use crate::journal::open::{journal_folder, read_only};
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::files::{DiskFiles, FileLayer};
use crate::journal::verify::verify;
use crate::ports::clock::Clock;

/// What says that a folder is a whole backup.
const MARK: &str = "backup.json";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Backup {
    /// When it was made.
    at: Timestamp,
    /// Frames of the journal.
    frames: u64,
    /// The last event that is in it.
    last_seq: u64,
    /// Files of the history.
    history_files: u64,
    /// Files of the history that the journal names and that are gone or damaged.
    history_missing: u64,
    /// Outputs of stages that unfinished videos need.
    artifacts: u64,
}

/// A backup and where it is, for the command's result.
#[derive(Debug, Serialize)]
struct Placed<'a> {
    folder: &'a Path,
    #[serde(flatten)]
    backup: Backup,
}

/// Copies the data folder of `common` to `to`.
///
/// # Errors
/// [`CliError`]: `to` is not empty (2), the journal is damaged (5), or something cannot be read or
/// written (1). History files that are gone or damaged are told, and end it with 5.
pub(super) fn backup(to: &Path, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let root = settings.data_dir();
    require_journal(&journal_folder(root))?;
    refuse_filled(to)?;
    fs::create_dir_all(to).map_err(|error| unwritable(to, &error))?;
    let mut backup = copy_all(root, to, &journal_folder(to))?;
    if backup.history_missing > 0 {
        // A month may have been sealed anew, and its old file removed, since the journal was copied.
        clear(&journal_folder(to))?;
        backup = copy_all(root, to, &journal_folder(to))?;
    }
    let text = serde_json::to_vec_pretty(&backup).unwrap_or_default();
    let mark = to.join(MARK);
    write_durably(&mark, &text).map_err(|error| unwritable(&mark, &error))?;
    let words = told("backed up to", to, &backup);
    let is_whole = backup.history_missing == 0;
    common.output().result(&Placed { folder: to, backup }, words)?;
    Ok(if is_whole { Exit::Done } else { Exit::DataDamaged })
}

/// Puts the backup in `from` into the data folder of `common`.
///
/// # Errors
/// [`CliError`]: `from` is no backup or the data folder has a journal (2), the data folder is in use
/// (4), the backup is damaged (5), or something cannot be read or written (1).
pub(super) fn restore(from: &Path, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let root = settings.data_dir();
    let mark = from.join(MARK);
    let known: Option<Backup> =
        fs::read(&mark).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let Some(known) = known else {
        let message = "this is not a backup, or not a whole one";
        return Err(CliError::new(Exit::BadUsage, "not_a_backup", message)
            .at(mark.display())
            .remedy("name a folder that `ytempire journal backup` has finished"));
    };
    let _held = hold(root)?;
    let journal = journal_folder(root);
    refuse_journal(&journal)?;
    // Aside, and renamed last: without a journal the rest is taken for nothing. Everything else is
    // named by its content, so what an earlier try has left is in nobody's way.
    let aside = journal.with_extension("new");
    clear(&aside)?;
    let restored = copy_all(from, root, &aside);
    let checked = restored.and_then(|found| {
        if (found.last_seq, found.history_files) == (known.last_seq, known.history_files) {
            return Ok(found);
        }
        let message = format!(
            "the backup should reach event {} with {} history files, and reaches {} with {}",
            known.last_seq, known.history_files, found.last_seq, found.history_files
        );
        Err(CliError::new(Exit::DataDamaged, "backup_damaged", message).at(from.display()))
    });
    let restored = match checked {
        Ok(restored) => restored,
        Err(error) => {
            clear(&aside)?;
            return Err(error);
        }
    };
    put_in_place(&aside, &journal)?;
    let words = told("restored from", from, &restored);
    common.output().result(&Placed { folder: from, backup: restored }, words)?;
    Ok(Exit::Done)
}

fn told(done: &str, place: &Path, backup: &Backup) -> String {
    format!(
        "{done} {}: {} frames up to event {}, {} history files, {} outputs of unfinished videos",
        place.display(),
        backup.frames,
        backup.last_seq,
        backup.history_files,
        backup.artifacts
    )
}

/// Copies what a node needs to go on from one data folder into another, its journal into `journal`,
/// and checks it.
fn copy_all(from: &Path, to: &Path, journal: &Path) -> Result<Backup, CliError> {
    let files: Arc<dyn FileLayer> = Arc::new(DiskFiles);
    let source = journal_folder(from);
    let failed = |error: crate::journal::log::LogError| {
        let exit = match error.code() {
            "journal_damaged" => Exit::DataDamaged,
            _ => Exit::Failed,
        };
        CliError::new(exit, error.code(), &error).at(source.display())
    };
    let at = SystemClock.now();
    let copied = copy_journal(&files, &source, journal, SegmentOptions::default());
    let copied = copied.map_err(failed)?;
    let sound = verify(Arc::clone(&files), journal).map_err(failed)?;
    if !sound.ok {
        let message = format!("the copy is not sound: {:?}", sound.problems.first());
        return Err(CliError::new(Exit::Failed, "copy_unsound", message).at(journal.display()));
    }
    let fold = read_only(journal).map_err(|error| open_error(journal, &error))?;
    let (history_files, history_missing) = copy_history(from, to, &files, &fold)?;
    let artifacts = copy_artifacts(from, to, &fold)?;
    Ok(Backup {
        at,
        frames: copied.frames,
        last_seq: copied.last_seq.0,
        history_files,
        history_missing,
        artifacts,
    })
}

/// Copies the history files that the states name; says how many, and how many are gone or damaged,
/// which is no reason to leave the rest.
fn copy_history(
    from: &Path,
    to: &Path,
    files: &Arc<dyn FileLayer>,
    fold: &Fold,
) -> Result<(u64, u64), CliError> {
    let source = HistoryFolder::new(from, Arc::clone(files));
    let target = HistoryFolder::new(to, Arc::clone(files));
    let (mut copied, mut missing) = (0, 0);
    for channel in fold.channels() {
        for (month, sealed) in fold.read(channel, |state| state.history.clone()) {
            let path = source.path(channel, month, &sealed.file);
            match source.read(channel, month, &sealed.file) {
                Ok(_) => {
                    copy_file(&path, &target.path(channel, month, &sealed.file))?;
                    copied += 1;
                }
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "a history file is not copied");
                    missing += 1;
                }
            }
        }
    }
    Ok((copied, missing))
}

/// Copies the stored outputs of workflows that can still need them.
fn copy_artifacts(from: &Path, to: &Path, fold: &Fold) -> Result<u64, CliError> {
    let mut needed: BTreeSet<Digest> = BTreeSet::new();
    for channel in fold.channels() {
        fold.read(channel, |state| {
            let unfinished = state.workflows.values().filter(|one| one.ending().is_none());
            let outputs =
                unfinished.flat_map(|one| &one.done).flat_map(|done| &done.output.artifacts);
            let stored = outputs.filter(|artifact| matches!(artifact.body, Body::Stored));
            needed.extend(stored.map(|artifact| artifact.digest));
        });
    }
    let source = LocalArtifacts::new(from.join(ARTIFACTS));
    let target = LocalArtifacts::new(to.join(ARTIFACTS));
    let mut copied = 0;
    for digest in needed {
        let path = source.content_path(digest);
        if !path.is_file() {
            // Its stage is retried; that is so in the source too.
            tracing::warn!(path = %path.display(), "an output is gone and is not copied");
            continue;
        }
        copy_file(&path, &target.content_path(digest))?;
        copied += 1;
    }
    Ok(copied)
}

/// Copies one file durably.
fn copy_file(from: &Path, to: &Path) -> Result<(), CliError> {
    let failed = |error: io::Error| unwritable(to, &error);
    let folder: PathBuf = to.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::copy(from, to).map_err(failed)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed)?;
    sync_folder(&folder).map_err(failed)
}

fn refuse_filled(folder: &Path) -> Result<(), CliError> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if is_empty {
        return Ok(());
    }
    Err(CliError::new(Exit::BadUsage, "folder_not_empty", "a backup needs a folder of its own")
        .at(folder.display())
        .remedy("name a folder that does not exist, or is empty"))
}
