//! `ytempire journal`: looking after the journal.

use std::fmt::Write;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::data_folder::feel_lock;
use super::options::CommonOptions;
use super::output::{CliError, Exit};
use crate::journal::open::journal_folder;
use crate::journal::segment::files::DiskFiles;
use crate::journal::verify::{Verification, verify};

/// Look after the journal: the files in which everything that happened is kept.
#[derive(Debug, Clone, Args)]
pub struct JournalArgs {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum JournalCommand {
    /// Check every frame of the journal; changes no byte.
    ///
    /// Exit 0 when it is sound (a torn tail, an unfinished last write, is sound), 5 when it is
    /// damaged. JSON: {ok, frames, first_seq, last_seq, problems[{file, offset, seq, kind}]}.
    Verify,
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`] when the folder is in use or cannot be read.
pub fn run(args: &JournalArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    match args.command {
        JournalCommand::Verify => verify_journal(common),
    }
}

fn verify_journal(common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let _lock = feel_lock(settings.data_dir())?;
    let folder = journal_folder(settings.data_dir());
    if !folder.is_dir() {
        return Err(CliError::new(Exit::Failed, "no_journal", "there is no journal here yet")
            .at(folder.display())
            .remedy("run `ytempire demo` first, or name the data folder with --data-dir"));
    }
    let found = verify(Arc::new(DiskFiles), &folder)
        .map_err(|error| CliError::new(Exit::Failed, error.code(), &error).at(folder.display()))?;
    common.output().result(&found, in_words(&found))?;
    Ok(if found.ok { Exit::Done } else { Exit::DataDamaged })
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
