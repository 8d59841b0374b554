//! The store: snapshots and query rows in sled, which follow the fold and can always be rebuilt.
//!
//! sled 0.34.7 is frozen, fast enough, and not to be trusted alone: on damaged files it panics or
//! silently forgets rows, and its `flush` is no barrier against power loss. So everything here runs
//! behind `catch_unwind`, every row carries its own checksum (over key and value), every batch
//! keeps a sum over all rows, which opening compares, and a flush ends with our own fdatasync.
//!
//! Architecture invariant: nothing is kept here that the journal cannot rebuild; no file is ever
//! deleted but what sled itself had not finished, a damaged store is set aside; no other file of the
//! crate knows sled.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

mod rows;

use self::rows::{Summary, envelope, open_envelope};
use crate::domain::ids::Seq;
use crate::domain::timestamp::Timestamp;

/// The longest value, in bytes: sled puts longer ones into files that it does not sync.
pub const MAX_VALUE: usize = 64 << 10;
/// The longest key, in bytes.
pub const MAX_KEY: usize = 1024;

/// Keys of rows may not begin with this byte: it is ours.
const RESERVED: u8 = 0;
/// {applied_seq u64, rows u64, sum u64} under an envelope like every value.
const SUMMARY_KEY: &[u8] = b"\0summary";
/// A file that is made when the first summary is durable: from then on a store without one is
/// damaged, even where sled takes it for new.
const MARKER: &str = "begun";
const TREE: &str = "rows";
/// Rows are written often and read seldom.
const CACHE_BYTES: u64 = 16 << 20;

/// What went wrong with the store. The remedy is always the same: set it aside and rebuild.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row, or the sum over all rows, does not match.
    #[error("the store is damaged: {0}; it is rebuilt from the journal at the next start")]
    Damaged(String),
    /// sled panicked.
    #[error("the store engine panicked: {0}; it is rebuilt from the journal at the next start")]
    Panicked(String),
    /// sled reports an error.
    #[error("the store engine failed: {0}")]
    Engine(#[from] sled::Error),
    /// A file of the store cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Opening took longer than allowed.
    #[error("the store did not open within {0:?}")]
    TimedOut(Duration),
    /// A row breaks a limit; nothing of its batch was written.
    #[error("row cannot be stored: {0}")]
    BadRow(String),
}

impl StoreError {
    /// A stable name for feed, CLI and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged(_) => "store_damaged",
            Self::Panicked(_) => "store_panicked",
            Self::Engine(_) => "store_engine",
            Self::Io { .. } => "store_io",
            Self::TimedOut(_) => "store_timed_out",
            Self::BadRow(_) => "store_bad_row",
        }
    }

    /// Whether a store that fails so at opening is to be set aside.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::Panicked(_) | Self::TimedOut(_) => true,
            Self::Engine(sled::Error::Io(error)) => matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::NotFound
            ),
            Self::Engine(_) => true,
            Self::Io { .. } | Self::BadRow(_) => false,
        }
    }
}

/// Changes that are applied together, or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// `None` removes the row. A later change of a key replaces an earlier one.
    changes: std::collections::BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    /// Writes a row.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.insert(key.into(), Some(value.into()));
    }

    /// Removes a row, if it is there.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.insert(key.into(), None);
    }

    /// How many rows it changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether it changes no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn check(&self) -> Result<(), StoreError> {
        for (key, value) in &self.changes {
            if key.is_empty() || key.len() > MAX_KEY || key.first() == Some(&RESERVED) {
                let message = format!(
                    "a key has 1 to {MAX_KEY} bytes and does not begin with 0, this one has {}",
                    key.len()
                );
                return Err(StoreError::BadRow(message));
            }
            let length = value.as_ref().map_or(0, Vec::len);
            if length > MAX_VALUE {
                let message = format!("value has {length} bytes, at most {MAX_VALUE} are allowed");
                return Err(StoreError::BadRow(message));
            }
        }
        Ok(())
    }
}

/// A store that was opened, and what had to be done for it.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Set when the rows must be rebuilt because the store was damaged: why, and where the damaged
    /// one was put.
    pub set_aside: Option<SetAside>,
}

/// A damaged store, kept for whoever wants to look.
#[derive(Debug)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What was wrong with it.
    pub cause: StoreError,
}

/// Rows by key. One owner: the follower of the fold.
pub struct Store {
    db: sled::Db,
    rows: sled::Tree,
    path: PathBuf,
    /// sled's one data file: syncing it by a handle of ours makes its pages durable.
    data_file: File,
    summary: Summary,
}

impl Store {
    /// Opens the store in `folder`, or makes one, within `limit`. A damaged one is renamed to
    /// `<folder>.bad-<now>` and an empty one is opened in its place; its [`Store::applied`] is 0,
    /// so the caller rebuilds. Blocks: call it on a blocking thread, under the data folder's lock.
    ///
    /// # Errors
    /// When the damaged one cannot be set aside, or the new one cannot be opened either; and for
    /// what is no damage (no permission, a full disk, a store in use), which changes nothing.
    pub fn open(folder: &Path, now: Timestamp, limit: Duration) -> Result<Opened, StoreError> {
        let cause = match open_guarded(folder, limit) {
            Ok(store) => return Ok(Opened { store, set_aside: None }),
            Err(cause) if cause.is_damage() => cause,
            Err(other) => return Err(other),
        };
        let path = free_name(folder, now);
        let renamed = fs::rename(folder, &path);
        renamed.map_err(|source| StoreError::Io { path: folder.to_path_buf(), source })?;
        let store = open_guarded(folder, limit)?;
        Ok(Opened { store, set_aside: Some(SetAside { path, cause }) })
    }

    /// The sequence up to which the rows are applied, 0 in a new store.
    #[must_use]
    pub fn applied(&self) -> Seq {
        self.summary.applied
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.summary.rows
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.summary.rows == 0
    }

    /// The row of `key`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when its checksum does not match, and what sled says.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(key, <[u8]>::to_vec)
    }

    /// Reads the row of `key` in place.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn read<T>(
        &self,
        key: &[u8],
        reader: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        guarded(|| {
            let stored = self.rows.get(key)?;
            stored.map(|stored| open_envelope(key, &stored).map(reader)).transpose()
        })
    }

    /// Applies a batch; afterwards the rows are those of the state after `applied`. It is in
    /// memory and on its way to the disk; [`Store::flush`] makes it durable.
    ///
    /// # Errors
    /// [`StoreError::BadRow`] before anything is written, and what sled says: then the store must
    /// be opened anew.
    pub fn apply(&mut self, batch: Batch, applied: Seq) -> Result<(), StoreError> {
        batch.check()?;
        let mut summary = self.summary;
        summary.applied = applied;
        guarded(|| {
            let mut changes = sled::Batch::default();
            for (key, value) in &batch.changes {
                if let Some(old) = self.rows.get(key)? {
                    summary.take_away(key, &old);
                }
                match value {
                    Some(value) => {
                        let stored = envelope(key, value);
                        summary.add(key, &stored);
                        changes.insert(key.as_slice(), stored);
                    }
                    None => changes.remove(key.as_slice()),
                }
            }
            changes.insert(SUMMARY_KEY, envelope(SUMMARY_KEY, &summary.encode()));
            Ok(self.rows.apply_batch(changes)?)
        })?;
        self.summary = summary;
        Ok(())
    }

    /// The rows whose keys begin with `prefix`, by key, at most `limit` of them.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn scan(&self, prefix: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        guarded(|| {
            let stored = self.rows.scan_prefix(prefix);
            let visible = stored
                .filter(|row| !row.as_ref().is_ok_and(|(key, _)| key.as_ref() == SUMMARY_KEY));
            visible.take(limit).map(open_row).collect()
        })
    }

    /// All rows, by key: what tests compare.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn export(&self) -> Result<Vec<Row>, StoreError> {
        self.scan(&[], usize::MAX)
    }

    /// Makes what was applied durable.
    ///
    /// # Errors
    /// What sled and the system say.
    pub fn flush(&self) -> Result<(), StoreError> {
        guarded(|| Ok(self.db.flush()?))?;
        // sled ends with sync_file_range, which does not reach the device.
        let synced = self.data_file.sync_data();
        synced.map_err(|source| StoreError::Io { path: self.path.clone(), source })
    }
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Opens and checks everything on a thread of its own, so that neither a panic nor a hang of the
/// engine reaches the caller. A thread that hangs is left behind.
fn open_guarded(folder: &Path, limit: Duration) -> Result<Store, StoreError> {
    let (sender, receiver) = mpsc::channel();
    let path = folder.to_path_buf();
    let spawned = std::thread::Builder::new().name("store-open".to_owned()).spawn(move || {
        // Nobody listens any more after the limit.
        drop(sender.send(guarded(|| open_checked(&path))));
    });
    spawned.map_err(|source| StoreError::Io { path: folder.to_path_buf(), source })?;
    match receiver.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(StoreError::TimedOut(limit)),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(StoreError::Panicked("the opening thread ended".to_owned()))
        }
    }
}

/// Between a fork and its exec, a child of this process holds whatever is open here, so a store that
/// was closed a moment ago may still look in use: it is tried again for about a second.
const TRIES_WHEN_IN_USE: usize = 50;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

fn open_engine(folder: &Path) -> Result<sled::Db, sled::Error> {
    let open = || sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).open();
    let mut opened = open();
    for _ in 1..TRIES_WHEN_IN_USE {
        match &opened {
            Err(sled::Error::Io(error)) if is_in_use(error) => {
                std::thread::park_timeout(BETWEEN_TRIES);
                opened = open();
            }
            _ => break,
        }
    }
    opened
}

/// sled says so in words only.
fn is_in_use(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// Removes what sled was writing into a snapshot when its process was killed. sled takes it for one,
/// the latest, and says that the store is corrupt (its issues 1527 and 1533); the one before is still
/// there, for it goes only once the new one has its name.
fn remove_unfinished_snapshots(folder: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Io { path: folder.to_path_buf(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn open_checked(folder: &Path) -> Result<Store, StoreError> {
    remove_unfinished_snapshots(folder)?;
    let db = open_engine(folder)?;
    let rows = db.open_tree(TREE)?;
    let path = folder.join("db");
    let failed = |source| StoreError::Io { path: path.clone(), source };
    let data_file = File::open(&path).map_err(failed)?;
    let marker = folder.join(MARKER);
    let is_begun = marker.try_exists().map_err(failed)?;
    let summary = check_rows(&rows, is_begun)?;
    let mut store = Store { db, rows, path, data_file, summary };
    if !is_begun {
        store.apply(Batch::default(), summary.applied)?;
        store.flush()?;
        let made = File::create(&marker).and_then(|file| file.sync_all());
        made.map_err(|source| StoreError::Io { path: marker, source })?;
    }
    Ok(store)
}

/// Reads every row; they must add up to the stored summary.
fn check_rows(rows: &sled::Tree, is_begun: bool) -> Result<Summary, StoreError> {
    let mut counted = Summary::default();
    let mut claimed = None;
    for row in rows {
        let (key, stored) = row?;
        let value = open_envelope(&key, &stored)?;
        if key.as_ref() == SUMMARY_KEY {
            claimed = Summary::decode(value);
        } else {
            counted.add(&key, &stored);
        }
    }
    let Some(claimed) = claimed else {
        if is_begun || counted.rows > 0 {
            return Err(StoreError::Damaged("the sum over all rows is gone".to_owned()));
        }
        return Ok(Summary::default());
    };
    counted.applied = claimed.applied;
    if counted != claimed {
        let message = format!(
            "{} rows are there, {} were written, or some changed",
            counted.rows, claimed.rows
        );
        return Err(StoreError::Damaged(message));
    }
    Ok(claimed)
}

fn open_row(row: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Row, StoreError> {
    let (key, stored) = row?;
    let value = open_envelope(&key, &stored)?.to_vec();
    Ok((key.to_vec(), value))
}

/// Turns a panic of the engine into an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(StoreError::Panicked(text.unwrap_or_else(|| "no message".to_owned())))
    })
}

/// `<folder>.bad-<now>`, with a number where that is taken.
fn free_name(folder: &Path, now: Timestamp) -> PathBuf {
    let time: String = now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let base = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut path = folder.with_file_name(format!("{base}.bad-{time}"));
    let mut number = 2;
    while path.exists() {
        path = folder.with_file_name(format!("{base}.bad-{time}-{number}"));
        number += 1;
    }
    path
}

#[cfg(test)]
mod tests;
