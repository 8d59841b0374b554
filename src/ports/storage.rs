//! What lies in the data folder beside the journal, as the one who tidies it up sees it.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::domain::artifact::Digest;
use crate::domain::disk::DiskUsage;
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::timestamp::Timestamp;

/// A content file of the artifact store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredContent {
    /// Its digest, which names it.
    pub digest: Digest,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last written.
    pub written: Timestamp,
}

/// What kind of thing was left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftoverKind {
    /// Made to save time, and made again when it is gone: spoken sentences.
    Cache,
    /// Damaged and replaced; kept for whoever wants to look: stores that were set aside.
    SetAside,
    /// What a process that was killed did not finish.
    HalfMade,
}

/// Something that no workflow names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Where it is.
    pub path: PathBuf,
    /// When it was last written.
    pub written: Timestamp,
}

/// The data folder, to be measured and tidied up. The library is measured and never changed: its
/// videos are their owner's.
#[async_trait]
pub trait Storage: Send + Sync {
    /// The content files of the artifact store.
    ///
    /// # Errors
    /// [`Failure`] when they cannot be listed.
    async fn contents(&self) -> Result<Vec<StoredContent>, Failure>;

    /// Removes a content file, unless it was written at or after `before` or somebody in this
    /// process has kept or found that content in the last 48 hours. Says whether it is gone.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be removed.
    async fn remove_content(&self, digest: Digest, before: Timestamp) -> Result<bool, Failure>;

    /// The records of finished work on the workbenches of `workflow`, whatever their keys: what
    /// they name is needed by the attempt that finds them.
    ///
    /// # Errors
    /// [`Failure`] when they cannot be read.
    async fn records(&self, workflow: WorkflowId) -> Result<Vec<Vec<u8>>, Failure>;

    /// What was left over, in no order.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be listed.
    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure>;

    /// Removes a leftover unless it was written since it was listed.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be removed.
    async fn remove_leftover(&self, leftover: &Leftover) -> Result<(), Failure>;

    /// How many bytes the data folder takes and how many are free. It looks at every file.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be measured.
    async fn usage(&self) -> Result<DiskUsage, Failure>;

    /// How many bytes of the file system are free, and how many there are. Cheap.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be asked.
    async fn room(&self) -> Result<(u64, u64), Failure>;
}
