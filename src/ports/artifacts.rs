//! Where the outputs of stages are kept between them.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::domain::artifact::{Artifact, Digest};
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;

/// Keeps content by its digest, and a workbench (a folder) for each piece of work under way.
///
/// The key of a workbench is a digest of everything the work depends on, so that work repeated
/// after a crash finds what it had finished.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// The folder in which the work with `key` is done; made if it is not there.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be made.
    async fn workbench(&self, workflow: WorkflowId, key: Digest) -> Result<PathBuf, Failure>;

    /// The record left by [`Self::finish`] under this key, if the work was finished before.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be read.
    async fn finished(&self, workflow: WorkflowId, key: Digest)
    -> Result<Option<Vec<u8>>, Failure>;

    /// Leaves a durable record that the work with `key` is finished.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be written.
    async fn finish(
        &self,
        workflow: WorkflowId,
        key: Digest,
        record: Vec<u8>,
    ) -> Result<(), Failure>;

    /// Keeps `bytes` under `name`: inside the artifact when small, as a durable file otherwise.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be written.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<Artifact, Failure>;

    /// Keeps the content of the file at `path` under `name`, durably; the file stays.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be read or kept.
    async fn adopt(&self, name: &str, path: &Path) -> Result<Artifact, Failure>;

    /// The content of `artifact`, checked against its digest when it is a file.
    ///
    /// # Errors
    /// [`Failure`] when it is gone or damaged.
    async fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, Failure>;

    /// A file with the content of `artifact`. Only for artifacts kept as files.
    ///
    /// # Errors
    /// [`Failure`] when it is gone.
    async fn path(&self, artifact: &Artifact) -> Result<PathBuf, Failure>;

    /// The workflows that have workbenches.
    ///
    /// # Errors
    /// [`Failure`] when they cannot be listed.
    async fn workbenches(&self) -> Result<Vec<WorkflowId>, Failure>;

    /// Removes the workbenches of `workflow`; its artifacts stay.
    ///
    /// # Errors
    /// [`Failure`] when they cannot be removed.
    async fn clear_workbenches(&self, workflow: WorkflowId) -> Result<(), Failure>;
}
