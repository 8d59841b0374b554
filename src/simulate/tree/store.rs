//! The artifact store in memory. It outlives the node: everything in it counts as durable.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;

use super::universe::locked;
use crate::domain::artifact::{Artifact, Body, Digest, MAX_INLINE_BYTES};
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::ports::artifacts::ArtifactStore;

#[derive(Debug, Default)]
struct Shelves {
    records: BTreeMap<(WorkflowId, Digest), Vec<u8>>,
    contents: BTreeMap<Digest, Vec<u8>>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Records, contents and half-made files.
#[derive(Debug, Default)]
pub(super) struct MemoryStore(Mutex<Shelves>);

impl MemoryStore {
    /// A worker writes a file.
    pub(super) fn write(&self, path: &Path, bytes: Vec<u8>) {
        locked(&self.0).files.insert(path.to_path_buf(), bytes);
    }

    fn keep(&self, name: &str, bytes: Vec<u8>, always_stored: bool) -> Artifact {
        let digest = Digest::of(&bytes);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let body = if always_stored || bytes.len() > MAX_INLINE_BYTES {
            locked(&self.0).contents.insert(digest, bytes);
            Body::Stored
        } else {
            Body::Inline(bytes.into())
        };
        Artifact { name: name.to_owned(), digest, bytes: length, body }
    }
}

fn gone(what: &str) -> Failure {
    Failure::permanent("artifact_gone", format!("{what} is not in the store"))
}

#[async_trait]
impl ArtifactStore for MemoryStore {
    async fn workbench(&self, workflow: WorkflowId, key: Digest) -> Result<PathBuf, Failure> {
        Ok(PathBuf::from(format!("/workbench/{workflow}/{key}")))
    }

    async fn workbenches(&self) -> Result<Vec<WorkflowId>, Failure> {
        let shelves = locked(&self.0);
        let mut workflows: Vec<WorkflowId> = shelves.records.keys().map(|(of, _)| *of).collect();
        workflows.dedup();
        Ok(workflows)
    }

    async fn finished(
        &self,
        workflow: WorkflowId,
        key: Digest,
    ) -> Result<Option<Vec<u8>>, Failure> {
        Ok(locked(&self.0).records.get(&(workflow, key)).cloned())
    }

    async fn finish(
        &self,
        workflow: WorkflowId,
        key: Digest,
        record: Vec<u8>,
    ) -> Result<(), Failure> {
        locked(&self.0).records.insert((workflow, key), record);
        Ok(())
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<Artifact, Failure> {
        Ok(self.keep(name, bytes, false))
    }

    async fn adopt(&self, name: &str, path: &Path) -> Result<Artifact, Failure> {
        let bytes = locked(&self.0).files.get(path).cloned();
        let bytes = bytes.ok_or_else(|| gone(&path.display().to_string()))?;
        Ok(self.keep(name, bytes, true))
    }

    async fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, Failure> {
        match &artifact.body {
            Body::Inline(bytes) => Ok(bytes.to_vec()),
            Body::Stored => {
                let kept = locked(&self.0).contents.get(&artifact.digest).cloned();
                kept.ok_or_else(|| gone(&artifact.name))
            }
        }
    }

    async fn path(&self, artifact: &Artifact) -> Result<PathBuf, Failure> {
        if locked(&self.0).contents.contains_key(&artifact.digest) {
            Ok(PathBuf::from(format!("/contents/{}", artifact.digest)))
        } else {
            Err(gone(&artifact.name))
        }
    }

    async fn clear_workbenches(&self, workflow: WorkflowId) -> Result<(), Failure> {
        let folder = PathBuf::from(format!("/workbench/{workflow}"));
        let mut shelves = locked(&self.0);
        shelves.files.retain(|path, _| !path.starts_with(&folder));
        shelves.records.retain(|(of, _), _| *of != workflow);
        Ok(())
    }
}
