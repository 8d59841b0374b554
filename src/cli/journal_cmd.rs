//! `ytempire journal`: looking after the journal.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::backup;
use super::data_folder::{DataFolder, feel_lock, unwritable};
use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::settings::open_error;
use crate::adapters::durable_file::sync_folder;
use crate::journal::export::{ExportError, Foot, export, import};
use crate::journal::history::{HistoryError, HistoryFolder};
use crate::journal::log::{Problem, ProblemKind};
use crate::journal::open::{journal_folder, read_only};
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::files::{DiskFiles, FileLayer};
use crate::journal::verify::{Verification, verify};

/// Look after the journal: the files in which everything that happened is kept.
#[derive(Debug, Clone, Args)]
pub struct JournalArgs {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum JournalCommand {
    /// Check every frame of the journal, and the history that it names; changes no byte.
    ///
    /// Exit 0 when it is sound (a torn tail, an unfinished last write, is sound), 5 when it is
    /// damaged. JSON: {ok, frames, first_seq, last_seq, problems[{file, offset, seq, kind}]}.
    Verify,
    /// Write everything that happened as text, one JSON value a line; a running node goes on.
    ///
    /// JSON: {file, frames, last_seq}.
    Export {
        /// Where the text goes; nothing must be there
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make the journal of a new data folder from an exported text.
    ///
    /// JSON: {file, frames, last_seq}.
    Import {
        /// The text
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Copy everything that a node needs to go on; a running node goes on meanwhile.
    ///
    /// The copy is a data folder itself: journal, history, and the files that unfinished videos need.
    /// Published videos are not in it, and neither is the store, which is made anew. JSON: {folder,
    /// frames, last_seq, history_files, artifacts}.
    Backup {
        /// Where the copy goes; a folder that does not exist, or is empty
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Put a backup into a data folder without a journal.
    ///
    /// JSON: as for backup.
    Restore {
        /// The backup
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`] when the folder is in use (4), the journal is damaged (5), a file named on the command
/// line is not what it should be (2), or something cannot be read or written (1).
pub fn run(args: &JournalArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    match &args.command {
        JournalCommand::Verify => verify_journal(common),
        JournalCommand::Export { file } => export_journal(file, common),
        JournalCommand::Import { file } => import_journal(file, common),
        JournalCommand::Backup { folder } => backup::backup(folder, common),
        JournalCommand::Restore { folder } => backup::restore(folder, common),
    }
}

fn verify_journal(common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let _lock = feel_lock(settings.data_dir())?;
    let folder = journal_folder(settings.data_dir());
    require_journal(&folder)?;
    let mut found = verify(Arc::new(DiskFiles), &folder)
        .map_err(|error| CliError::new(Exit::Failed, error.code(), &error).at(folder.display()))?;
    if found.ok {
        let history = history_problems(settings.data_dir(), &folder)?;
        found.ok = history.is_empty();
        found.problems.extend(history);
    }
    common.output().result(&found, in_words(&found))?;
    Ok(if found.ok { Exit::Done } else { Exit::DataDamaged })
}

/// What is wrong with the history files that a sound journal names.
fn history_problems(root: &Path, journal: &Path) -> Result<Vec<Problem>, CliError> {
    let fold = read_only(journal).map_err(|error| open_error(journal, &error))?;
    let history = HistoryFolder::new(root, Arc::new(DiskFiles));
    let problems = history.verify(&fold).into_iter().map(|problem| {
        let file = fold.read(problem.channel, |state| {
            state.history.get(&problem.month).map(|sealed| sealed.file)
        });
        let path = file.map(|file| history.path(problem.channel, problem.month, &file));
        let file = path.unwrap_or_default();
        Problem {
            file: file.strip_prefix(root).unwrap_or(&file).display().to_string(),
            offset: 0,
            seq: 0,
            kind: match problem.cause {
                HistoryError::Missing(_) => ProblemKind::MissingSegment,
                _ => ProblemKind::BadFrame,
            },
        }
    });
    Ok(problems.collect())
}

/// Refuses where there is nothing to read.
///
/// # Errors
/// Exit 1.
pub(super) fn require_journal(folder: &Path) -> Result<(), CliError> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(CliError::new(Exit::Failed, "no_journal", "there is no journal here yet")
        .at(folder.display())
        .remedy("run `ytempire demo` first, or name the data folder with --data-dir"))
}

/// Refuses where something would have to be overwritten.
///
/// # Errors
/// Exit 2.
pub(super) fn refuse_journal(folder: &Path) -> Result<(), CliError> {
    if !folder.exists() {
        return Ok(());
    }
    Err(CliError::new(Exit::BadUsage, "folder_not_new", "the data folder has a journal already")
        .at(folder.display())
        .remedy("move the data folder away, or name another with --data-dir"))
}

/// What went into a text, or came out of it.
#[derive(Debug, Serialize)]
struct Moved<'a> {
    file: &'a Path,
    #[serde(flatten)]
    what: Foot,
}

fn export_journal(file: &Path, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let folder = journal_folder(settings.data_dir());
    require_journal(&folder)?;
    let unusable = |error: io::Error| {
        CliError::new(Exit::BadUsage, "file_unusable", format!("cannot make the file: {error}"))
            .at(file.display())
            .remedy("name a file that does not exist, in a folder that does")
    };
    let text = File::create_new(file).map_err(unusable)?;
    let files: Arc<dyn FileLayer> = Arc::new(DiskFiles);
    let exported = export(&files, &folder, &mut BufWriter::new(&text))
        .and_then(|what| text.sync_all().map(|()| what).map_err(ExportError::from));
    let what = exported.map_err(|error| {
        // Half of a text is of no use.
        let _ = fs::remove_file(file);
        told(&error, &folder, Exit::Failed)
    })?;
    let words =
        format!("{} frames, up to event {}: {}", what.frames, what.last_seq, file.display());
    common.output().result(&Moved { file, what }, words)?;
    Ok(Exit::Done)
}

fn import_journal(file: &Path, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let text = File::open(file).map_err(|error| {
        let message = format!("cannot read the file: {error}");
        CliError::new(Exit::BadUsage, "file_unreadable", message)
            .at(file.display())
            .remedy("name a file that `ytempire journal export` has written")
    })?;
    let _held = hold(settings.data_dir())?;
    let folder = journal_folder(settings.data_dir());
    refuse_journal(&folder)?;
    let files: Arc<dyn FileLayer> = Arc::new(DiskFiles);
    let unfinished = folder.with_extension("new");
    clear(&unfinished)?;
    let imported = import(&files, &unfinished, BufReader::new(text), SegmentOptions::default());
    let what = imported
        // That it can be folded is the proof that it is a history.
        .and_then(|what| read_only(&unfinished).map(|_| what).map_err(ExportError::from))
        .map_err(|error| told(&error, file, Exit::BadUsage));
    let what = match what {
        Ok(what) => what,
        Err(error) => {
            clear(&unfinished)?;
            return Err(error);
        }
    };
    put_in_place(&unfinished, &folder)?;
    let words =
        format!("{} frames, up to event {}, are the journal now", what.frames, what.last_seq);
    common.output().result(&Moved { file, what }, words)?;
    Ok(Exit::Done)
}

/// What is told when a text or a journal is not what it should be.
fn told(error: &ExportError, place: &Path, otherwise: Exit) -> CliError {
    let exit = match error.code() {
        "journal_damaged" | "journal_unreadable" => Exit::DataDamaged,
        _ => otherwise,
    };
    CliError::new(exit, error.code(), error).at(place.display())
}

/// Holds a data folder in which something is put; it is made if need be.
///
/// # Errors
/// [`CliError`] when another process holds it.
pub(super) fn hold(root: &Path) -> Result<DataFolder, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::new(Exit::Failed, "no_runtime", error))?;
    runtime.block_on(DataFolder::take(root, "upkeep".to_owned()))
}

/// Removes what an earlier try has left.
///
/// # Errors
/// Exit 1 when it cannot be removed.
pub(super) fn clear(folder: &Path) -> Result<(), CliError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(folder, &error)),
        _ => Ok(()),
    }
}

/// Gives a finished folder its name, durably.
///
/// # Errors
/// Exit 1 when it cannot be renamed.
pub(super) fn put_in_place(finished: &Path, name: &Path) -> Result<(), CliError> {
    let renamed = fs::rename(finished, name).and_then(|()| match name.parent() {
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    });
    renamed.map_err(|error| unwritable(name, &error))
}

fn in_words(found: &Verification) -> String {
    let state = if found.ok { "sound" } else { "DAMAGED" };
    let mut text = format!(
        "the journal is {state}: {} frames, events {} to {}",
        found.frames, found.first_seq, found.last_seq
    );
    for problem in &found.problems {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {problem}");
    }
    if !found.ok {
        text.push_str("\n  remedy: restore the data folder from a backup; nothing was changed");
    }
    text
}
