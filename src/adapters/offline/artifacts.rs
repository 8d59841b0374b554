//! The artifact store as a local folder.
//!
//! Layout: `<root>/content/<first two digits>/<digest>` for content, and
//! `<root>/bench/<workflow>/<key>/` for work under way, with `finished` in it once it is done.
//!
//! Architecture invariant: content is only removed when nobody in this process has kept or found it
//! lately, so that an attempt under way can count on what it was handed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use super::storage::written;
use crate::adapters::durable_file::{io_failure, sync_folder, write_durably};
use crate::domain::artifact::{Artifact, Body, Digest, MAX_INLINE_BYTES};
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::retention::GRACE;
use crate::domain::timestamp::Timestamp;
use crate::ports::artifacts::ArtifactStore;

/// Where work under way is done.
const BENCH: &str = "bench";
/// Where spoken sentences are kept.
const VOICE_CACHE: &str = "voice";
/// The record of finished work in its workbench.
const RECORD: &str = "finished";

/// Artifacts in a local folder. Clones are one store.
#[derive(Debug, Clone)]
pub struct LocalArtifacts {
    root: PathBuf,
    /// Content that somebody has kept or found, and when.
    held: Arc<Mutex<BTreeMap<Digest, Instant>>>,
}

impl LocalArtifacts {
    /// A store in `root`; the folder is made when something is kept.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, held: Arc::default() }
    }

    fn bench_path(&self, workflow: WorkflowId, key: Digest) -> PathBuf {
        self.benches_of(workflow).join(key.to_string())
    }

    /// Where content with this digest is, if it is kept as a file.
    #[must_use]
    pub fn content_path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let shelf: String = name.chars().take(2).collect();
        self.content_folder().join(shelf).join(name)
    }

    /// Where content is.
    pub(super) fn content_folder(&self) -> PathBuf {
        self.root.join("content")
    }

    /// Where spoken sentences are kept between videos.
    #[must_use]
    pub fn voice_cache(&self) -> PathBuf {
        self.root.join(VOICE_CACHE)
    }

    /// The folder with the workbenches of `workflow`.
    pub(super) fn benches_of(&self, workflow: WorkflowId) -> PathBuf {
        self.root.join(BENCH).join(workflow.to_string())
    }

    /// The record of finished work in the workbench `bench`.
    pub(super) fn record_in(bench: &Path) -> PathBuf {
        bench.join(RECORD)
    }

    /// From now on `digest` is not removed for a while. Before its file is looked for, or it could
    /// be found and then be gone.
    fn hold(&self, digest: Digest) {
        self.held().insert(digest, Instant::now());
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Digest, Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the content `digest` unless it was written at or after `before` or is held. Says
    /// whether it is gone. Blocks.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be removed.
    pub(super) fn remove_unless_held(
        &self,
        digest: Digest,
        before: Timestamp,
    ) -> Result<bool, Failure> {
        let path = self.content_path(digest);
        let mut held = self.held();
        held.retain(|_, since| since.elapsed() < GRACE);
        if held.contains_key(&digest) {
            return Ok(false);
        }
        let removed = fs::metadata(&path).and_then(|about| {
            let is_old = written(&about) < before;
            if is_old { fs::remove_file(&path).map(|()| true) } else { Ok(false) }
        });
        match removed {
            Ok(is_gone) => Ok(is_gone),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(io_failure("remove", &path, &error)),
        }
    }
}

/// Runs blocking file work off the runtime's threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(Failure::interrupted("the node is stopping")),
    }
}

#[async_trait]
impl ArtifactStore for LocalArtifacts {
    async fn workbench(&self, workflow: WorkflowId, key: Digest) -> Result<PathBuf, Failure> {
        let path = self.bench_path(workflow, key);
        blocking(move || {
            fs::create_dir_all(&path).map_err(|error| io_failure("make", &path, &error))?;
            Ok(path)
        })
        .await
    }

    async fn finished(
        &self,
        workflow: WorkflowId,
        key: Digest,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let path = Self::record_in(&self.bench_path(workflow, key));
        blocking(move || match fs::read(&path) {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_failure("read", &path, &error)),
        })
        .await
    }

    async fn finish(
        &self,
        workflow: WorkflowId,
        key: Digest,
        record: Vec<u8>,
    ) -> Result<(), Failure> {
        let path = Self::record_in(&self.bench_path(workflow, key));
        blocking(move || {
            write_durably(&path, &record).map_err(|error| io_failure("write", &path, &error))
        })
        .await
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<Artifact, Failure> {
        let digest = Digest::of(&bytes);
        let length = bytes.len() as u64;
        let artifact = |body| Artifact { name: name.to_owned(), digest, bytes: length, body };
        if bytes.len() <= MAX_INLINE_BYTES {
            return Ok(artifact(Body::Inline(bytes.into())));
        }
        let stored = artifact(Body::Stored);
        let path = self.content_path(digest);
        self.hold(digest);
        blocking(move || {
            if path.exists() {
                return Ok(());
            }
            write_durably(&path, &bytes).map_err(|error| io_failure("write", &path, &error))
        })
        .await?;
        Ok(stored)
    }

    async fn adopt(&self, name: &str, path: &Path) -> Result<Artifact, Failure> {
        let store = self.clone();
        let name = name.to_owned();
        let source = path.to_owned();
        blocking(move || store.adopt_file(name, &source)).await
    }

    async fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, Failure> {
        if let Body::Inline(bytes) = &artifact.body {
            return Ok(bytes.to_vec());
        }
        let path = self.content_path(artifact.digest);
        let digest = artifact.digest;
        blocking(move || {
            let bytes = fs::read(&path).map_err(|error| gone(&path, &error))?;
            if Digest::of(&bytes) == digest {
                return Ok(bytes);
            }
            let message =
                format!("the artifact {} is damaged; retry the stage that made it", path.display());
            Err(Failure::permanent("artifact_damaged", message))
        })
        .await
    }

    async fn path(&self, artifact: &Artifact) -> Result<PathBuf, Failure> {
        let path = self.content_path(artifact.digest);
        blocking(move || {
            fs::metadata(&path).map_err(|error| gone(&path, &error))?;
            Ok(path)
        })
        .await
    }

    async fn workbenches(&self) -> Result<Vec<WorkflowId>, Failure> {
        let path = self.root.join(BENCH);
        blocking(move || match fs::read_dir(&path) {
            Ok(entries) => {
                let names =
                    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
                Ok(names.filter_map(|name| name.parse().ok()).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(io_failure("read", &path, &error)),
        })
        .await
    }

    async fn clear_workbenches(&self, workflow: WorkflowId) -> Result<(), Failure> {
        let path = self.benches_of(workflow);
        blocking(move || match fs::remove_dir_all(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_failure("remove", &path, &error)),
        })
        .await
    }
}

fn gone(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        let message =
            format!("the artifact {} is gone; retry the stage that made it", path.display());
        return Failure::permanent("artifact_missing", message);
    }
    io_failure("read", path, error)
}

impl LocalArtifacts {
    /// Links (or copies, across file systems) a synced file into the store.
    fn adopt_file(&self, name: String, source: &Path) -> Result<Artifact, Failure> {
        let failed = |what: &str, path: &Path| {
            let (what, path) = (what.to_owned(), path.to_owned());
            move |error: io::Error| io_failure(&what, &path, &error)
        };
        let mut hasher = blake3::Hasher::new();
        let file = fs::File::open(source).map_err(failed("open", source))?;
        hasher.update_reader(&file).map_err(failed("read", source))?;
        file.sync_all().map_err(failed("sync", source))?;
        let bytes = file.metadata().map_err(failed("read", source))?.len();
        let digest = Digest(*hasher.finalize().as_bytes());
        let target = self.content_path(digest);
        self.hold(digest);
        let shelf = target.parent().unwrap_or(&self.root);
        fs::create_dir_all(shelf).map_err(failed("make", shelf))?;
        match fs::hard_link(source, &target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => {
                let content = fs::read(source).map_err(failed("read", source))?;
                write_durably(&target, &content).map_err(failed("write", &target))?;
            }
        }
        sync_folder(shelf).map_err(failed("sync", shelf))?;
        Ok(Artifact { name, digest, bytes, body: Body::Stored })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn store() -> (tempfile::TempDir, LocalArtifacts) {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalArtifacts::new(folder.path().join("artifacts"));
        (folder, store)
    }

    #[tokio::test]
    async fn small_outputs_travel_inside_and_large_ones_become_files() {
        let (_folder, store) = store();
        let small = store.put("a", vec![1; MAX_INLINE_BYTES]).await.unwrap();
        assert!(matches!(small.body, Body::Inline(_)));
        let large = store.put("b", vec![2; MAX_INLINE_BYTES + 1]).await.unwrap();
        assert_eq!(large.body, Body::Stored);
        assert_eq!(store.read(&large).await.unwrap(), vec![2; MAX_INLINE_BYTES + 1]);
    }

    #[tokio::test]
    async fn a_damaged_or_missing_file_is_noticed() {
        let (_folder, store) = store();
        let artifact = store.put("b", vec![2; 20_000]).await.unwrap();
        let path = store.path(&artifact).await.unwrap();
        fs::write(&path, b"other").unwrap();
        assert_eq!(store.read(&artifact).await.unwrap_err().code, "artifact_damaged");
        fs::remove_file(&path).unwrap();
        assert_eq!(store.read(&artifact).await.unwrap_err().code, "artifact_missing");
    }

    #[tokio::test]
    async fn finished_work_is_found_again_until_it_is_cleared() {
        let (_folder, store) = store();
        let workflow = WorkflowId(Uuid::from_u128(1));
        let key = Digest::of(b"key");
        assert_eq!(store.finished(workflow, key).await.unwrap(), None);
        let bench = store.workbench(workflow, key).await.unwrap();
        fs::write(bench.join("out"), b"content").unwrap();
        let first = store.adopt("out", &bench.join("out")).await.unwrap();
        let second = store.adopt("out", &bench.join("out")).await.unwrap();
        assert_eq!(first, second);
        store.finish(workflow, key, b"record".to_vec()).await.unwrap();
        assert_eq!(store.finished(workflow, key).await.unwrap(), Some(b"record".to_vec()));
        assert_eq!(store.workbenches().await.unwrap(), [workflow]);
        store.clear_workbenches(workflow).await.unwrap();
        assert_eq!(store.workbenches().await.unwrap(), []);
        assert_eq!(store.finished(workflow, key).await.unwrap(), None);
        assert_eq!(store.read(&first).await.unwrap(), b"content");
    }
}
