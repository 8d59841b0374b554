//! The one fold of committed frames: it owns the state of every channel.
//!
//! Restarted actors, offline readers, the store and checkpoints all take from here, so there is one
//! answer to what is true.
//!
//! Architecture invariant: only committed frames get in, in sequence order, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use super::codec::{self, CodecError};
use super::frame::Frame;
use super::record::{self, Commit, RecordError};
use crate::domain::apply::apply;
use crate::domain::channel::ChannelState;
use crate::domain::ids::{ChannelId, Generation, Seq};
use crate::domain::workflow::Workflow;

/// A commit with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct CommittedFrame {
    /// The sequence number of its first event; the others follow densely.
    pub first_seq: Seq,
    /// What was committed.
    pub commit: Commit,
}

/// Commits that a slow follower may fall behind before it is told to start over.
const FOLLOWER_LAG: usize = 4_096;

/// A piece of the books, small enough to be encoded by itself.
#[derive(Debug, Serialize, Deserialize)]
enum Part {
    /// A channel without its workflows.
    Channel(ChannelId, ChannelState),
    /// One workflow of a channel that came before.
    Workflow(ChannelId, Workflow),
}

#[derive(Debug, Default, Clone)]
struct Books {
    channels: BTreeMap<ChannelId, ChannelState>,
    applied: Seq,
}

/// The state of all channels up to the last committed frame.
#[derive(Debug)]
pub struct Fold {
    books: Mutex<Books>,
    dirty: Mutex<BTreeSet<ChannelId>>,
    applied: watch::Sender<Seq>,
    committed: broadcast::Sender<Arc<CommittedFrame>>,
}

impl Default for Fold {
    fn default() -> Self {
        Self::new()
    }
}

impl Fold {
    /// A fold of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            books: Mutex::new(Books::default()),
            dirty: Mutex::new(BTreeSet::new()),
            applied: watch::channel(Seq(0)).0,
            committed: broadcast::channel(FOLLOWER_LAG).0,
        }
    }

    /// Takes the next frame in.
    ///
    /// A panic in `apply` parks the channel and leaves the others alone (S1).
    ///
    /// # Errors
    /// [`RecordError`] when the frame cannot be understood; nothing is changed then.
    pub fn take(&self, frame: &Frame) -> Result<Arc<CommittedFrame>, RecordError> {
        let commit = record::decode(frame)?;
        let committed = Arc::new(CommittedFrame { first_seq: frame.first_seq, commit });
        {
            let mut books = self.books();
            let state = books.channels.entry(committed.commit.channel).or_default();
            let applying = catch_unwind(AssertUnwindSafe(|| {
                for event in &committed.commit.events {
                    apply(state, committed.commit.at, event);
                }
            }));
            if applying.is_err() {
                let text = format!("event {} could not be applied", committed.first_seq);
                state.parked = Some(text);
            }
            books.applied = frame.last_seq();
        }
        self.lock_dirty().insert(committed.commit.channel);
        self.applied.send_replace(frame.last_seq());
        // Nobody may be listening; then nobody is told.
        let _ = self.committed.send(Arc::clone(&committed));
        Ok(committed)
    }

    /// The last sequence number that is in.
    #[must_use]
    pub fn applied(&self) -> Seq {
        self.books().applied
    }

    /// Changes with every frame.
    #[must_use]
    pub fn watch_applied(&self) -> watch::Receiver<Seq> {
        self.applied.subscribe()
    }

    /// Every commit from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CommittedFrame>> {
        self.committed.subscribe()
    }

    /// Reads the state of `channel` in place; an unknown channel reads as a fresh one.
    pub fn read<T>(&self, channel: ChannelId, reader: impl FnOnce(&ChannelState) -> T) -> T {
        let books = self.books();
        match books.channels.get(&channel) {
            Some(state) => reader(state),
            None => reader(&ChannelState::default()),
        }
    }

    /// A copy of the state of `channel`.
    #[must_use]
    pub fn state(&self, channel: ChannelId) -> ChannelState {
        self.read(channel, Clone::clone)
    }

    /// The channels that ever had an event.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelId> {
        self.books().channels.keys().copied().collect()
    }

    /// The generation of every channel, for the writer that goes on.
    #[must_use]
    pub fn generations(&self) -> BTreeMap<ChannelId, Generation> {
        self.books().channels.iter().map(|(id, state)| (*id, state.generation)).collect()
    }

    /// The channels that changed since this was last asked.
    #[must_use]
    pub fn take_dirty(&self) -> BTreeSet<ChannelId> {
        std::mem::take(&mut *self.lock_dirty())
    }

    /// Everything as parts of bytes, for a checkpoint, with the sequence it is applied up to.
    ///
    /// # Errors
    /// [`CodecError`] when one workflow is larger than a part may be.
    pub fn to_parts(&self) -> Result<(Seq, Vec<Vec<u8>>), CodecError> {
        let books = self.books().clone();
        let mut parts = Vec::new();
        for (id, mut state) in books.channels {
            let workflows = std::mem::take(&mut state.workflows);
            parts.push(codec::encode(&Part::Channel(id, state))?);
            for workflow in workflows.into_values() {
                parts.push(codec::encode(&Part::Workflow(id, workflow))?);
            }
        }
        Ok((books.applied, parts))
    }

    /// A fold that goes on from a checkpoint.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are not what [`Self::to_parts`] gave.
    pub fn from_parts(applied: Seq, parts: &[Vec<u8>]) -> Result<Self, CodecError> {
        let fold = Self::new();
        {
            let mut books = fold.books();
            for part in parts {
                match codec::decode(part)? {
                    Part::Channel(id, state) => {
                        books.channels.insert(id, state);
                    }
                    Part::Workflow(id, workflow) => {
                        let channel = books.channels.entry(id).or_default();
                        channel.workflows.insert(workflow.id, workflow);
                    }
                }
            }
            books.applied = applied;
        }
        fold.applied.send_replace(applied);
        Ok(fold)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_dirty(&self) -> MutexGuard<'_, BTreeSet<ChannelId>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
