//! Sealed files of the history: finished workflows, one file per channel and month, never changed.
//!
//! ```text
//! history/<channel id>/<yyyy-mm>-<first 16 digits of the digest>.hist, little-endian:
//! "YTHIST01" | format u16 | schema u16 | workflows u32 | channel (16) | month "2026-11" and a zero |
//! per workflow: len u32, the workflow in bincode | blake3 (32) of all before, which names the file
//! ```
//! To seal more of a month is to write a new file that holds what the old one held, durably, before
//! the event that names it; the old one stays for a while, for whoever goes back to an older journal.
//!
//! Architecture invariant: a file is there as a whole or not at all, is never written twice, and is
//! believed only under the digest that the journal names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::sealed::{decode, digest_of, encode};
use super::codec::CodecError;
use super::fold::Fold;
use super::log::LogError;
use super::record::{OLDEST_SCHEMA, SCHEMA};
use super::segment::files::FileLayer;
use crate::domain::artifact::Digest;
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::Workflow;

mod sealed;

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 30;
const NEW_SUFFIX: &str = ".new";
const BAD_INFIX: &str = ".bad-";

/// Why a file of the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It is not there.
    #[error("the history file {} is gone: restore it from a backup", .0.display())]
    Missing(PathBuf),
    /// It is not what was sealed.
    #[error("the history file {} is damaged ({what}): restore it from a backup", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another version wrote it.
    #[error("the history file {} has schema {found}, this version knows {OLDEST_SCHEMA} to {SCHEMA}: use the version that wrote it", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its schema.
        found: u16,
    },
    /// A workflow cannot be encoded, or a sealed one cannot be decoded.
    #[error("a workflow of the history cannot be written or read: {0}")]
    Codec(#[from] CodecError),
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] LogError),
}

impl HistoryError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "history_missing",
            Self::Damaged { .. } => "history_damaged",
            Self::Newer { .. } => "history_newer",
            Self::Codec(error) => error.code(),
            Self::Io(error) => error.code(),
        }
    }

    /// Whether what was sealed is not there any more, as opposed to not being readable now.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Damaged { .. })
    }
}

/// A month whose file is not what the journal says.
#[derive(Debug)]
pub struct HistoryProblem {
    /// Of which channel.
    pub channel: ChannelId,
    /// Which month.
    pub month: Month,
    /// How many workflows cannot be shown.
    pub lost: usize,
    /// What is wrong.
    pub cause: HistoryError,
}

/// The sealed files of a data folder.
#[derive(Clone)]
pub struct HistoryFolder {
    folder: PathBuf,
    files: Arc<dyn FileLayer>,
}

impl HistoryFolder {
    /// The history in the data folder `data_dir`.
    #[must_use]
    pub fn new(data_dir: &Path, files: Arc<dyn FileLayer>) -> Self {
        Self { folder: data_dir.join("history"), files }
    }

    /// Where a file is.
    #[must_use]
    pub fn path(&self, channel: ChannelId, month: Month, file: &HistoryFile) -> PathBuf {
        self.folder.join(channel.to_string()).join(file_name(month, file.digest))
    }

    /// Seals `workflows` of `month`, durably. Blocks.
    ///
    /// # Errors
    /// [`HistoryError`]; what was there before is untouched.
    pub fn write(
        &self,
        channel: ChannelId,
        month: Month,
        workflows: &[Workflow],
    ) -> Result<HistoryFile, HistoryError> {
        let bytes = encode(channel, month, workflows)?;
        let digest = digest_of(&bytes);
        let file = HistoryFile {
            digest,
            workflows: u32::try_from(workflows.len()).unwrap_or(u32::MAX),
            bytes: bytes.len() as u64,
        };
        let path = self.path(channel, month, &file);
        let folder = path.parent().unwrap_or(&self.folder);
        let made = self.files.make_folder(folder);
        made.map_err(|error| LogError::of_io("make folder", folder, error))?;
        let unfinished = folder.join(file_name(month, digest) + NEW_SUFFIX);
        let written = self.files.create(&unfinished).and_then(|mut open| {
            open.write_all_at(&bytes, 0)?;
            open.sync_data()
        });
        if let Err(error) = written {
            // The room that it takes is needed; what cannot be removed is collected later.
            let _ = self.files.remove(&unfinished);
            return Err(LogError::of_io("write", &unfinished, error).into());
        }
        let renamed = self.files.rename(&unfinished, &path);
        renamed.map_err(|error| LogError::of_io("rename", &path, error))?;
        for folder in folder.ancestors().take(3) {
            let synced = self.files.sync_folder(folder);
            synced.map_err(|error| LogError::of_io("sync folder", folder, error))?;
        }
        Ok(file)
    }

    /// The workflows in `file`, in the order in which they finished. Blocks.
    ///
    /// # Errors
    /// [`HistoryError`] when it is gone, damaged or unreadable.
    pub fn read(
        &self,
        channel: ChannelId,
        month: Month,
        file: &HistoryFile,
    ) -> Result<Vec<Workflow>, HistoryError> {
        let path = self.path(channel, month, file);
        let bytes = match self.files.read(&path, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(HistoryError::Missing(path));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(HistoryError::Damaged { path, what: "it is too long" });
            }
            Err(error) => return Err(LogError::of_io("read", &path, error).into()),
        };
        decode(&bytes, channel, month, file, &path)
    }

    /// The archived workflow `id` and its channel. Blocks.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn find(
        &self,
        fold: &Fold,
        id: WorkflowId,
    ) -> Result<Option<(ChannelId, Workflow)>, HistoryError> {
        for channel in fold.channels() {
            let sealed = fold.read(channel, |state| {
                let month = state.archived_in(id)?;
                Some((month, state.history.get(&month)?.file))
            });
            if let Some((month, file)) = sealed {
                let held = self.read(channel, month, &file)?;
                let found = held.into_iter().find(|workflow| workflow.id == id);
                return Ok(found.map(|workflow| (channel, workflow)));
            }
        }
        Ok(None)
    }

    /// The archived workflows of `channel`, in the order in which they finished, and what could not
    /// be read. It reads every month: a page of a long list reads months from the newest instead.
    /// Blocks.
    #[must_use]
    pub fn of_channel(
        &self,
        fold: &Fold,
        channel: ChannelId,
    ) -> (Vec<Workflow>, Vec<HistoryError>) {
        let (mut held, mut problems) = (Vec::new(), Vec::new());
        for (month, sealed) in fold.read(channel, |state| state.history.clone()) {
            match self.read(channel, month, &sealed.file) {
                Ok(workflows) => held.extend(workflows),
                Err(error) => problems.push(error),
            }
        }
        (held, problems)
    }

    /// Puts a damaged file at `<its name>.bad-<now in milliseconds>`, where it is not taken for a
    /// sealed one, for whoever wants to look.
    ///
    /// # Errors
    /// [`HistoryError::Io`]. One that is gone is no error.
    pub fn set_aside(
        &self,
        channel: ChannelId,
        month: Month,
        file: &HistoryFile,
        now: Timestamp,
    ) -> Result<(), HistoryError> {
        let path = self.path(channel, month, file);
        let aside = path.with_extension(format!("hist{BAD_INFIX}{}", now.0));
        match self.files.rename(&path, &aside) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(LogError::of_io("rename", &path, error).into()),
        }
    }

    /// Reads every file that the states in `fold` name, and says which are not what they should be.
    /// Blocks.
    #[must_use]
    pub fn verify(&self, fold: &Fold) -> Vec<HistoryProblem> {
        let mut problems = Vec::new();
        for channel in fold.channels() {
            let months = fold.read(channel, |state| state.history.clone());
            for (month, sealed) in months {
                let found = self.read(channel, month, &sealed.file);
                let held = found.as_ref().map_or(0, Vec::len);
                let lost = sealed.workflows.len().saturating_sub(held);
                if let Err(cause) = found {
                    problems.push(HistoryProblem { channel, month, lost, cause });
                }
            }
        }
        problems
    }

    /// Removes the files that no state in `fold` names and that were last written before `before`,
    /// and those that were set aside before `set_aside_before`. Returns how many went. Blocks.
    ///
    /// # Errors
    /// [`HistoryError::Io`]; what was removed until then stays removed.
    pub fn remove_unnamed(
        &self,
        fold: &Fold,
        before: Timestamp,
        set_aside_before: Timestamp,
    ) -> Result<u64, HistoryError> {
        let listed = |folder: &Path| {
            let names = self.files.names(folder);
            names.map_err(|error| LogError::of_io("list", folder, error))
        };
        // The files first: one that is sealed while this runs is not among them.
        let mut found: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        for name in listed(&self.folder)? {
            let folder = self.folder.join(name);
            let names = listed(&folder)?;
            found.insert(folder, names);
        }
        let mut named = BTreeSet::new();
        for channel in fold.channels() {
            let months = fold.read(channel, |state| state.history.clone());
            let paths = months.iter().map(|(month, one)| self.path(channel, *month, &one.file));
            named.extend(paths);
        }
        let mut removed = 0;
        for (folder, names) in found {
            for path in names.iter().map(|name| folder.join(name)) {
                let failed = |action| {
                    let path = path.clone();
                    move |error| LogError::of_io(action, &path, error)
                };
                if named.contains(&path) {
                    continue;
                }
                let is_over = match set_aside_at(&path) {
                    Some(at) => at < set_aside_before,
                    None => self.files.modified(&path).map_err(failed("look at"))? < before,
                };
                if is_over {
                    self.files.remove(&path).map_err(failed("remove"))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// When a file was set aside, if it was.
fn set_aside_at(path: &Path) -> Option<Timestamp> {
    let (_, ms) = path.file_name()?.to_str()?.split_once(BAD_INFIX)?;
    ms.parse().ok().map(Timestamp)
}

fn file_name(month: Month, digest: Digest) -> String {
    let digits: String = digest.to_string().chars().take(16).collect();
    format!("{month}-{digits}.hist")
}

#[cfg(test)]
mod tests;
