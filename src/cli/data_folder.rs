//! The data folder: who holds it, and where things are in it.
//!
//! Architecture invariant: one process writes to a data folder at a time, the one that holds `lock`;
//! reading commands change no byte of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::output::{CliError, Exit};
use crate::adapters::durable_file::{is_full, write_durably};

/// How long a process that was killed may take to let go of the folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// What `node.json` says of the process that holds the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFile {
    /// Its process id.
    pub pid: u32,
    /// Where it answers over HTTP; `None` when it does not.
    pub url: Option<String>,
    /// Names this start of it.
    pub boot_id: String,
}

/// A data folder that this process holds.
#[derive(Debug)]
pub struct DataFolder {
    root: PathBuf,
    boot_id: String,
    _lock: File,
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // A node.json that stays behind is seen as stale, because the lock is free.
        let _ = fs::remove_file(self.root.join("node.json"));
    }
}

impl DataFolder {
    /// Takes the folder, which is made if need be, and writes `node.json`.
    ///
    /// # Errors
    /// [`CliError`] with exit 4 when another process holds it, 1 when it cannot be written.
    pub async fn take(root: &Path, boot_id: String) -> Result<Self, CliError> {
        fs::create_dir_all(root).map_err(|error| unwritable(root, &error))?;
        let path = root.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| unwritable(&path, &error))?;
        let deadline = tokio::time::Instant::now() + LOCK_PATIENCE;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(LOCK_RETRY).await;
                }
                Err(Errno::WOULDBLOCK) => return Err(in_use(root)),
                Err(error) => return Err(unwritable(&path, &error.into())),
            }
        }
        let folder = Self { root: root.to_owned(), boot_id, _lock: lock };
        folder.write_node_file(None)?;
        Ok(folder)
    }

    /// Says in `node.json` where this process answers over HTTP.
    ///
    /// # Errors
    /// [`CliError`] with exit 1 when it cannot be written.
    pub fn announce(&self, url: &str) -> Result<(), CliError> {
        self.write_node_file(Some(url.to_owned()))
    }

    fn write_node_file(&self, url: Option<String>) -> Result<(), CliError> {
        let node = NodeFile { pid: std::process::id(), url, boot_id: self.boot_id.clone() };
        let text = serde_json::to_vec_pretty(&node).unwrap_or_default();
        let path = self.root.join("node.json");
        write_durably(&path, &text).map_err(|error| unwritable(&path, &error))
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// Refuses when another process holds the folder. A folder that is not there is held by nobody.
///
/// The lock is kept, shared, as long as the returned file lives.
///
/// # Errors
/// [`CliError`] with exit 4 when it is held, 1 when it cannot be asked.
pub fn feel_lock(root: &Path) -> Result<Option<File>, CliError> {
    let path = root.join("lock");
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Some(lock)),
        Err(Errno::WOULDBLOCK) => Err(in_use(root)),
        Err(error) => Err(unreadable(&path, &error.into())),
    }
}

fn in_use(root: &Path) -> CliError {
    let holder = fs::read(root.join("node.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<NodeFile>(&bytes).ok());
    let who = holder.map_or_else(
        || "another process".to_owned(),
        |node| format!("the process with id {}", node.pid),
    );
    CliError::new(Exit::FolderInUse, "folder_in_use", format!("{who} is using the data folder"))
        .at(root.display())
        .remedy("wait until it is done, stop it, or name another folder with --data-dir")
}

/// The error of a file in the data folder that cannot be written.
#[must_use]
pub fn unwritable(path: &Path, error: &io::Error) -> CliError {
    if is_full(error) {
        return CliError::new(Exit::Failed, "disk_full", format!("no room to write: {error}"))
            .at(path.display())
            .remedy("free some space or name a folder on a larger disk with --data-dir");
    }
    CliError::new(Exit::Failed, "folder_unwritable", format!("cannot write: {error}"))
        .at(path.display())
        .remedy("check who owns the folder, or name another with --data-dir")
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::new(Exit::Failed, "folder_unreadable", format!("cannot read: {error}"))
        .at(path.display())
        .remedy("check who owns the folder, or name another with --data-dir")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_folder_is_refused_with_the_holder_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("state");
        assert!(feel_lock(&root).unwrap().is_none());
        let held = DataFolder::take(&root, "boot".into()).await.unwrap();
        let error = feel_lock(&root).unwrap_err();
        assert_eq!(error.exit, Exit::FolderInUse);
        assert!(error.message.contains(&std::process::id().to_string()), "{error}");
        held.announce("http://127.0.0.1:1").unwrap();
        let file: NodeFile =
            serde_json::from_slice(&fs::read(root.join("node.json")).unwrap()).unwrap();
        let expected = (Some("http://127.0.0.1:1".to_owned()), "boot".to_owned());
        assert_eq!((file.url, file.boot_id), expected);
        drop(held);
        assert!(feel_lock(&root).unwrap().is_some());
        assert!(!root.join("node.json").exists());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = DataFolder::take(&file.join("state"), "boot".into()).await.unwrap_err();
        assert_eq!((error.exit, &*error.code), (Exit::Failed, "folder_unwritable"));
    }
}
