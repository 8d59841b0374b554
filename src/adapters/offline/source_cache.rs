//! What is known of each source, as one JSON file per source in `sources/`.
//!
//! Why it exists: after a restart a server that answers "not modified" must still give stories, and
//! one that asked for patience must still get it.
//!
//! Architecture invariant: a cache and nothing else. What is damaged, of another version or too
//! large counts as missing; the source is then read anew.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::adapters::durable_file::{io_failure, write_durably};
use crate::domain::failure::Failure;
use crate::domain::source::SourceKey;
use crate::domain::timestamp::Timestamp;
use crate::ports::source_store::{KeptSource, SourceStore};

/// The version of the files; another one counts as missing.
const VERSION: u32 = 1;
/// The largest file that is read: what a full window may take, twice escaped.
const MAX_FILE_BYTES: u64 = 128 * 1024 * 1024;

/// The folder of the caches.
#[derive(Debug, Clone)]
pub struct SourceCache {
    folder: PathBuf,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    source: &'a KeptSource,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    #[serde(flatten)]
    source: KeptSource,
}

impl SourceCache {
    /// The caches in `folder`, which need not exist.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, key: &SourceKey) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

impl SourceStore for SourceCache {
    fn load(&self, key: &SourceKey) -> Result<Option<KeptSource>, Failure> {
        let path = self.path(key);
        let failure = |error| io_failure("read", &path, &error);
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure(error)),
            Ok(metadata) if metadata.len() > MAX_FILE_BYTES => return Ok(None),
            Ok(_) => {}
        }
        let bytes = fs::read(&path).map_err(failure)?;
        let read: Option<Read> = serde_json::from_slice(&bytes).ok();
        Ok(read.filter(|read| read.version == VERSION).map(|read| read.source))
    }

    fn save(&self, key: &SourceKey, source: &KeptSource) -> Result<(), Failure> {
        let path = self.path(key);
        let bytes = serde_json::to_vec(&Written { version: VERSION, source })
            .map_err(|error| Failure::permanent("source_not_kept", error))?;
        write_durably(&path, &bytes).map_err(|error| io_failure("write", &path, &error))
    }

    fn sweep(&self, wanted: &[SourceKey], before: Timestamp) -> Result<usize, Failure> {
        let listing = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            listing => listing.map_err(|error| io_failure("read", &self.folder, &error))?,
        };
        let wanted: BTreeSet<PathBuf> = wanted.iter().map(|key| self.path(key)).collect();
        let mut removed = 0;
        for entry in listing {
            let path = entry.map_err(|error| io_failure("read", &self.folder, &error))?.path();
            let failure = |error| io_failure("remove", &path, &error);
            let is_wanted = wanted.contains(&path);
            let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let since_epoch =
                written.map_err(failure)?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            if !is_wanted && Timestamp::default().plus(since_epoch) < before {
                fs::remove_file(&path).map_err(failure)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::source::SourceKind;
    use crate::domain::story_window::StoryWindow;
    use crate::domain::trend::Story;
    use crate::ports::trends::Validators;

    fn kept() -> KeptSource {
        let mut window = StoryWindow::default();
        let story = Story {
            id: "a".to_owned(),
            title: "A".to_owned(),
            url: None,
            published: Timestamp(5),
            text: "Words.".to_owned(),
            tags: vec!["b".to_owned()],
            views: Some(1),
            source: "feed".to_owned(),
            reference: None,
        };
        window.take(vec![story], Timestamp(10));
        let validators = Validators { etag: Some("\"x\"".to_owned()), last_modified: None };
        KeptSource { validators, window, read_at: Some(Timestamp(10)), not_before: None }
    }

    #[test]
    fn what_is_kept_is_found_again_and_damage_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SourceCache::new(folder.path().join("sources"));
        let key = SourceKey::of(SourceKind::Rss, "http://e.org/f");
        assert_eq!(cache.load(&key).unwrap(), None);
        cache.save(&key, &kept()).unwrap();
        assert_eq!(cache.load(&key).unwrap(), Some(kept()));
        let path = cache.path(&key);
        let whole = fs::read_to_string(&path).unwrap();
        for damaged in
            ["", "{", &whole[..whole.len() / 2], &whole.replace("\"version\":1", "\"version\":2")]
        {
            fs::write(&path, damaged).unwrap();
            assert_eq!(cache.load(&key).unwrap(), None, "{damaged}");
        }
    }

    #[test]
    fn only_what_is_old_and_unwanted_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SourceCache::new(folder.path().to_owned());
        let keys = ["a", "b"].map(|name| SourceKey::of(SourceKind::Rss, name));
        keys.iter().for_each(|key| cache.save(key, &kept()).unwrap());
        assert_eq!(cache.sweep(&keys[..1], Timestamp(0)).unwrap(), 0);
        let far_off = Timestamp(0).plus(Duration::from_secs(100 * 365 * 24 * 3600));
        assert_eq!(cache.sweep(&keys[..1], far_off).unwrap(), 1);
        assert!(cache.load(&keys[0]).unwrap().is_some() && cache.load(&keys[1]).unwrap().is_none());
    }
}
