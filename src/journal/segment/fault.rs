//! A file layer with faults on order, for tests: the real file system, until it is told otherwise.
//!
//! Architecture invariant: it only ever makes a write or a sync fail; it never changes bytes that
//! were written, so what a test finds afterwards is what a real fault would have left.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{DiskFiles, FileLayer, OpenFile};

/// What is to go wrong. All faults are off at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Bytes by which files may still grow before the disk is full. Overwriting needs no room.
    pub room: Option<u64>,
    /// Syncs that still succeed before every one fails.
    pub good_syncs: Option<u64>,
    /// Every write takes at most so many bytes.
    pub short_writes: Option<usize>,
}

/// The real file system with [`Faults`]. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FaultyFiles {
    faults: Arc<Mutex<Faults>>,
}

impl FaultyFiles {
    /// Replaces the faults from now on.
    pub fn set(&self, faults: Faults) {
        *locked(&self.faults) = faults;
    }

    fn wrap(&self, file: Box<dyn OpenFile>) -> Box<dyn OpenFile> {
        Box::new(FaultyFile { file, faults: Arc::clone(&self.faults) })
    }
}

impl FileLayer for FaultyFiles {
    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        Ok(self.wrap(DiskFiles.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        Ok(self.wrap(DiskFiles.open(path)?))
    }
}

struct FaultyFile {
    file: Box<dyn OpenFile>,
    faults: Arc<Mutex<Faults>>,
}

impl OpenFile for FaultyFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let length = self.file.length()?;
        let mut faults = locked(&self.faults);
        let mut allowed = bytes.len();
        if let Some(most) = faults.short_writes {
            allowed = allowed.min(most);
        }
        if let Some(room) = faults.room {
            // Bytes up to the file's length are there already; only those beyond need room.
            let inside = length.saturating_sub(offset);
            allowed = allowed.min(usize::try_from(inside.saturating_add(room)).unwrap_or(allowed));
            if allowed == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let written = self.file.write_at(bytes.get(..allowed).unwrap_or(bytes), offset)?;
        if let Some(room) = &mut faults.room {
            let end = offset.saturating_add(written as u64);
            *room = room.saturating_sub(end.saturating_sub(length.max(offset)));
        }
        Ok(written)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        if let Some(good) = &mut locked(&self.faults).good_syncs {
            if *good == 0 {
                return Err(io::Error::other("the disk reports a write error"));
            }
            *good -= 1;
        }
        self.file.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
}

fn locked(faults: &Mutex<Faults>) -> MutexGuard<'_, Faults> {
    faults.lock().unwrap_or_else(PoisonError::into_inner)
}
