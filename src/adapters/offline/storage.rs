//! The data folder, measured and tidied up.
//!
//! Architecture invariant: only the artifact store, its voice cache, stores that were set aside and
//! what killed processes left are ever removed here; a link is never followed.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use rustix::fs::statvfs;

use super::artifacts::{LocalArtifacts, blocking};
use super::library::INCOMING;
use crate::adapters::durable_file::io_failure;
use crate::domain::artifact::Digest;
use crate::domain::disk::DiskUsage;
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::timestamp::Timestamp;
use crate::ports::storage::{Leftover, LeftoverKind, Storage, StoredContent};

/// How the store names one that was set aside: its own name, then this.
const SET_ASIDE: &str = "store.bad-";
/// How a file ends that was being written.
const PART: &str = ".part";
/// Bytes of a block, as the system counts them in a file's metadata.
const BLOCK: u64 = 512;

/// A data folder on a local disk.
#[derive(Debug, Clone)]
pub struct LocalStorage {
    root: PathBuf,
    artifacts: LocalArtifacts,
}

impl LocalStorage {
    /// The data folder `root`, whose artifacts are in `artifacts`: a clone of the store that the
    /// stages use, so that nothing is removed under their hands.
    #[must_use]
    pub fn new(root: PathBuf, artifacts: LocalArtifacts) -> Self {
        Self { root, artifacts }
    }
}

#[async_trait]
impl Storage for LocalStorage {
    async fn contents(&self) -> Result<Vec<StoredContent>, Failure> {
        let folder = self.artifacts.content_folder();
        blocking(move || {
            let mut found = Vec::new();
            for shelf in entries(&folder)? {
                for file in entries(&shelf.path())? {
                    let digest = file.file_name().to_str().and_then(|name| name.parse().ok());
                    let Some((digest, about)) = digest.zip(metadata(&file)?) else { continue };
                    let written = written(&about);
                    found.push(StoredContent { digest, bytes: about.len(), written });
                }
            }
            Ok(found)
        })
        .await
    }

    async fn remove_content(&self, digest: Digest, before: Timestamp) -> Result<bool, Failure> {
        let artifacts = self.artifacts.clone();
        blocking(move || artifacts.remove_unless_held(digest, before)).await
    }

    async fn records(&self, workflow: WorkflowId) -> Result<Vec<Vec<u8>>, Failure> {
        let bench = self.artifacts.benches_of(workflow);
        blocking(move || {
            let mut records = Vec::new();
            for work in entries(&bench)? {
                let path = LocalArtifacts::record_in(&work.path());
                match fs::read(&path) {
                    Ok(record) => records.push(record),
                    Err(error) if is_nothing(&error) => {}
                    Err(error) => return Err(io_failure("read", &path, &error)),
                }
            }
            Ok(records)
        })
        .await
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        let root = self.root.clone();
        let (content, cache) = (self.artifacts.content_folder(), self.artifacts.voice_cache());
        blocking(move || {
            let mut found = Vec::new();
            let mut add = |kind, entries: Vec<DirEntry>, is_one: &dyn Fn(&str) -> bool| {
                for entry in entries {
                    let name = entry.file_name();
                    if !name.to_str().is_some_and(is_one) {
                        continue;
                    }
                    if let Some(about) = metadata(&entry)? {
                        let (path, written) = (entry.path(), written(&about));
                        found.push(Leftover { kind, path, written });
                    }
                }
                Ok::<(), Failure>(())
            };
            add(LeftoverKind::SetAside, entries(&root)?, &|name| name.starts_with(SET_ASIDE))?;
            add(LeftoverKind::Cache, entries(&cache)?, &|_| true)?;
            add(LeftoverKind::HalfMade, entries(&root.join("library").join(INCOMING))?, &|_| true)?;
            for shelf in entries(&content)? {
                let files = entries(&shelf.path())?;
                add(LeftoverKind::HalfMade, files, &|name| name.ends_with(PART))?;
            }
            Ok(found)
        })
        .await
    }

    async fn remove_leftover(&self, leftover: &Leftover) -> Result<(), Failure> {
        let leftover = leftover.clone();
        blocking(move || {
            let path = &leftover.path;
            let removed = fs::symlink_metadata(path).and_then(|about| {
                if written(&about) != leftover.written {
                    return Ok(());
                }
                if about.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
            });
            match removed {
                Err(error) if !is_nothing(&error) => Err(io_failure("remove", path, &error)),
                Ok(()) | Err(_) => Ok(()),
            }
        })
        .await
    }

    async fn usage(&self) -> Result<DiskUsage, Failure> {
        let root = self.root.clone();
        blocking(move || measure(&root)).await
    }

    async fn room(&self) -> Result<(u64, u64), Failure> {
        let root = self.root.clone();
        blocking(move || room(&root)).await
    }
}

/// How many bytes the folder `root` takes on its disk, and how many are free there. A file with
/// several names is counted once.
///
/// # Errors
/// [`Failure`] when a folder cannot be read.
pub fn measure(root: &Path) -> Result<DiskUsage, Failure> {
    let (free, total) = room(root)?;
    let mut used = 0_u64;
    let mut counted = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            let Some(about) = metadata(&entry)? else { continue };
            if about.is_dir() {
                folders.push(entry.path());
            } else if about.nlink() > 1 && !counted.insert((about.dev(), about.ino())) {
                continue;
            }
            used = used.saturating_add(about.blocks().saturating_mul(BLOCK));
        }
    }
    Ok(DiskUsage { used, free, total })
}

/// Free bytes of the file system that `root` is on, and all of them.
fn room(root: &Path) -> Result<(u64, u64), Failure> {
    let system = statvfs(root).map_err(|error| io_failure("measure", root, &error.into()))?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    Ok((free, system.f_blocks.saturating_mul(system.f_frsize)))
}

/// What is in `folder`; nothing when it is not there or is no folder.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, Failure> {
    match fs::read_dir(folder).and_then(Iterator::collect) {
        Ok(entries) => Ok(entries),
        Err(error) if is_nothing(&error) => Ok(Vec::new()),
        Err(error) => Err(io_failure("list", folder, &error)),
    }
}

/// What the system says about a file, without following a link; `None` when it has just gone.
fn metadata(entry: &DirEntry) -> Result<Option<Metadata>, Failure> {
    match entry.metadata() {
        Ok(about) => Ok(Some(about)),
        Err(error) if is_nothing(&error) => Ok(None),
        Err(error) => Err(io_failure("look at", &entry.path(), &error)),
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// When a file was last written; the epoch where the system does not know.
pub(super) fn written(about: &Metadata) -> Timestamp {
    let modified = about.modified().ok();
    let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    Timestamp(0).plus(since.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::ports::artifacts::ArtifactStore;

    fn folder() -> (tempfile::TempDir, LocalArtifacts, LocalStorage) {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = LocalArtifacts::new(folder.path().join("artifacts"));
        let storage = LocalStorage::new(folder.path().to_path_buf(), artifacts.clone());
        (folder, artifacts, storage)
    }

    /// A store that knows nothing of what an earlier process did.
    fn restarted(folder: &tempfile::TempDir) -> LocalStorage {
        let artifacts = LocalArtifacts::new(folder.path().join("artifacts"));
        LocalStorage::new(folder.path().to_path_buf(), artifacts)
    }

    const FAR: Timestamp = Timestamp(i64::MAX);

    #[tokio::test]
    async fn what_this_process_has_kept_or_found_is_not_removed_however_old_it_is() {
        let (folder, artifacts, storage) = folder();
        let kept = artifacts.put("a", vec![1; 20_000]).await.unwrap();
        assert!(!storage.remove_content(kept.digest, FAR).await.unwrap());
        let later = restarted(&folder);
        // Found again: the content is there already, and whoever put it counts on it.
        let same = LocalArtifacts::new(folder.path().join("artifacts"));
        let holder = LocalStorage::new(folder.path().to_path_buf(), same.clone());
        same.put("b", vec![1; 20_000]).await.unwrap();
        assert!(!holder.remove_content(kept.digest, FAR).await.unwrap());
        let bench = folder.path().join("made");
        fs::write(&bench, vec![2; 20_000]).unwrap();
        let adopted = same.adopt("c", &bench).await.unwrap();
        assert!(!holder.remove_content(adopted.digest, FAR).await.unwrap());

        let listed = later.contents().await.unwrap();
        assert_eq!(listed.len(), 2);
        let content = listed.iter().find(|one| one.digest == kept.digest).unwrap();
        assert_eq!(content.bytes, 20_000);
        assert!(!later.remove_content(kept.digest, content.written).await.unwrap(), "too young");
        let after = content.written.plus(Duration::from_millis(1));
        assert!(later.remove_content(kept.digest, after).await.unwrap());
        assert!(later.remove_content(kept.digest, after).await.unwrap(), "gone is gone");
        assert_eq!(later.contents().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn records_of_finished_work_are_found_under_any_key() {
        let (_folder, artifacts, storage) = folder();
        let workflow = WorkflowId(Uuid::from_u128(1));
        assert!(storage.records(workflow).await.unwrap().is_empty());
        artifacts.workbench(workflow, Digest::of(b"under way")).await.unwrap();
        for key in [b"one", b"two"] {
            let key = Digest::of(key);
            artifacts.workbench(workflow, key).await.unwrap();
            artifacts.finish(workflow, key, b"record".to_vec()).await.unwrap();
        }
        assert_eq!(storage.records(workflow).await.unwrap(), [b"record", b"record"]);
    }

    #[tokio::test]
    async fn leftovers_are_found_and_only_removed_as_they_were_listed() {
        let (folder, artifacts, storage) = folder();
        let root = folder.path();
        artifacts.put("a", vec![1; 20_000]).await.unwrap();
        let shelf = fs::read_dir(artifacts.content_folder()).unwrap().next().unwrap().unwrap();
        fs::write(shelf.path().join(".x.1.part"), b"half").unwrap();
        fs::create_dir_all(root.join("store.bad-5/db")).unwrap();
        fs::create_dir_all(root.join("store")).unwrap();
        fs::create_dir_all(root.join("library/.incoming/w")).unwrap();
        fs::create_dir_all(root.join("library/channel/w")).unwrap();
        fs::create_dir_all(artifacts.voice_cache()).unwrap();
        fs::write(artifacts.voice_cache().join("said.wav"), b"said").unwrap();
        let mut found = storage.leftovers().await.unwrap();
        found.sort_by_key(|leftover| leftover.kind);
        let kinds: Vec<LeftoverKind> = found.iter().map(|leftover| leftover.kind).collect();
        let expected = [
            LeftoverKind::Cache,
            LeftoverKind::SetAside,
            LeftoverKind::HalfMade,
            LeftoverKind::HalfMade,
        ];
        assert_eq!(kinds, expected, "{found:?}");
        let stale = Leftover { written: Timestamp(5), ..found[0].clone() };
        storage.remove_leftover(&stale).await.unwrap();
        assert!(found[0].path.exists(), "it was written since it was listed");
        for leftover in &found {
            storage.remove_leftover(leftover).await.unwrap();
            storage.remove_leftover(leftover).await.unwrap();
        }
        assert!(storage.leftovers().await.unwrap().is_empty());
        assert!(root.join("store").exists() && root.join("library/channel/w").exists());
        assert_eq!(storage.contents().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_file_with_two_names_counts_once_and_a_link_is_not_followed() {
        let (folder, _, storage) = folder();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("large"), vec![1; 4 << 20]).unwrap();
        let before = storage.usage().await.unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        let file = folder.path().join("deep/file");
        fs::write(&file, vec![1; 1 << 20]).unwrap();
        fs::hard_link(&file, folder.path().join("again")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let after = storage.usage().await.unwrap();
        let grown = after.used - before.used;
        assert!((1 << 20..2 << 20).contains(&grown), "{grown}");
        assert!(after.free > 0 && after.total >= after.free);
    }
}
