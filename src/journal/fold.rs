//! The one fold of committed frames: it owns the state of every channel.
//!
//! Restarted actors, offline readers, the store and checkpoints all take from here, so there is one
//! answer to what is true.
//!
//! Architecture invariant: only committed frames get in, in sequence order, each once.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use super::frame::Frame;
use super::part::{Changed, Gone, Part, parts_of, put_together};
use super::record::{self, Commit, RecordError};
use crate::domain::apply::apply;
use crate::domain::channel::ChannelState;
use crate::domain::event::Event;
use crate::domain::ids::{ChannelId, Generation, Seq};
use crate::domain::stage::StageState;
use crate::domain::workflow::{ContentType, Workflow};

/// A commit with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct CommittedFrame {
    /// The sequence number of its first event; the others follow densely.
    pub first_seq: Seq,
    /// What was committed.
    pub commit: Commit,
}

impl CommittedFrame {
    /// The sequence number of its last event.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.first_seq.0 + (self.commit.events.len() as u64).saturating_sub(1))
    }
}

/// A point in the history of one journal. Two journals whose histories differ anywhere before it
/// differ in the fingerprint, though the sequence may be the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The last sequence number that is in.
    pub applied: Seq,
    /// BLAKE3 over the fingerprint before and the last frame's payload; zeros before the first.
    pub fingerprint: [u8; 32],
}

/// Copies of some pieces of the books, as they are at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The point.
    pub point: Point,
    /// The pieces.
    pub parts: Vec<Part>,
    /// Pieces that were asked for and are not there any more.
    pub gone: Vec<Gone>,
}

/// Commits that a slow follower may fall behind before it is told to start over.
const FOLLOWER_LAG: usize = 4_096;

#[derive(Debug, Default)]
struct Books {
    channels: BTreeMap<ChannelId, ChannelState>,
    point: Point,
    /// How many workflows can still move without a person; counted along, because every start asks.
    live: u32,
    /// Channels whose events could not be applied, and why: their state is not to be built on.
    broken: BTreeMap<ChannelId, String>,
    changed: Changed,
}

impl Books {
    /// Applies a commit. A panic breaks its channel and leaves the others alone (S1).
    fn apply(&mut self, first_seq: Seq, commit: &Commit) {
        let channel = commit.channel;
        let state = self.channels.entry(channel).or_default();
        self.changed.note(channel, &commit.events);
        if self.broken.contains_key(&channel) {
            state.generation = state.generation.max(commit.generation);
            return;
        }
        let applying = catch_unwind(AssertUnwindSafe(|| {
            let mut change = 0_i64;
            for event in &commit.events {
                let before = is_live(state, event);
                apply(state, commit.at, event);
                change += i64::from(is_live(state, event)) - i64::from(before);
            }
            change
        }));
        if let Ok(change) = applying {
            self.live = u32::try_from(i64::from(self.live) + change).unwrap_or(0);
        } else {
            let reason = format!("the commit with sequence {first_seq} could not be applied");
            state.generation = state.generation.max(commit.generation);
            state.parked = Some(reason.clone());
            self.broken.insert(channel, reason);
            self.live = self.count_live();
        }
    }

    fn count_live(&self) -> u32 {
        let workflows = self.channels.values().flat_map(|state| state.workflows.values());
        u32::try_from(workflows.filter(|workflow| workflow.is_live()).count()).unwrap_or(u32::MAX)
    }
}

/// Whether the workflow that `event` is about can move without a person.
fn is_live(state: &ChannelState, event: &Event) -> bool {
    let workflow = event.workflow().and_then(|id| state.workflows.get(&id));
    workflow.is_some_and(Workflow::is_live)
}

/// The state of all channels up to the last committed frame.
#[derive(Debug)]
pub struct Fold {
    books: Mutex<Books>,
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
            applied: watch::channel(Seq(0)).0,
            committed: broadcast::channel(FOLLOWER_LAG).0,
        }
    }

    /// Takes the next frame in.
    ///
    /// A panic in `apply` breaks the channel ([`Self::broken`]) and leaves the others alone (S1).
    ///
    /// # Errors
    /// [`RecordError`] when the frame cannot be understood or is not the next; nothing is changed
    /// then.
    pub fn take(&self, frame: &Frame) -> Result<Arc<CommittedFrame>, RecordError> {
        let committed = self.take_known(frame, record::decode(frame)?)?;
        self.announce([Arc::clone(&committed)]);
        Ok(committed)
    }

    /// Takes the next frame in, of which it is known that it says `commit`: its sender encoded it.
    /// Followers are not told yet: see [`Self::announce`].
    ///
    /// # Errors
    /// [`RecordError::OutOfSequence`] when it is not the next; nothing is changed then.
    pub fn take_known(
        &self,
        frame: &Frame,
        commit: Commit,
    ) -> Result<Arc<CommittedFrame>, RecordError> {
        debug_assert_eq!(record::decode(frame).ok().as_ref(), Some(&commit), "D7");
        let committed = Arc::new(CommittedFrame { first_seq: frame.first_seq, commit });
        let mut books = self.books();
        let next = books.point.applied.0 + 1;
        if frame.first_seq.0 != next {
            return Err(RecordError::OutOfSequence { next, found: frame.first_seq.0 });
        }
        books.apply(frame.first_seq, &committed.commit);
        let mut history = blake3::Hasher::new();
        history.update(&books.point.fingerprint).update(&frame.payload);
        books.point =
            Point { applied: frame.last_seq(), fingerprint: *history.finalize().as_bytes() };
        Ok(committed)
    }

    /// Tells followers of frames that were taken in, each once and in sequence order.
    pub fn announce(&self, committed: impl IntoIterator<Item = Arc<CommittedFrame>>) {
        for frame in committed {
            // Nobody may be listening; then nobody is told.
            let _ = self.committed.send(frame);
        }
        let now = self.applied();
        self.applied.send_if_modified(|told| std::mem::replace(told, now) != now);
    }

    /// The last sequence number that is in.
    #[must_use]
    pub fn applied(&self) -> Seq {
        self.point().applied
    }

    /// How many workflows can still move without a person.
    #[must_use]
    pub fn live_workflows(&self) -> u32 {
        let books = self.books();
        debug_assert_eq!(books.live, books.count_live());
        books.live
    }

    /// How many workflows of each content type can still move without a person.
    #[must_use]
    pub fn live_by_type(&self) -> BTreeMap<ContentType, u64> {
        let books = self.books();
        let workflows = books.channels.values().flat_map(|state| state.workflows.values());
        let mut counts = BTreeMap::new();
        for workflow in workflows.filter(|workflow| workflow.is_live()) {
            *counts.entry(workflow.content_type).or_insert(0) += 1;
        }
        counts
    }

    /// How many stages are being carried out or queued.
    #[must_use]
    pub fn running_stages(&self) -> usize {
        let books = self.books();
        let workflows = books.channels.values().flat_map(|state| state.workflows.values());
        let running = |workflow: &&Workflow| {
            workflow
                .position()
                .is_some_and(|position| matches!(position.state, StageState::Running { .. }))
        };
        workflows.filter(running).count()
    }

    /// The point in the journal's history up to which everything is in.
    #[must_use]
    pub fn point(&self) -> Point {
        self.books().point
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

    /// Why nothing may be built on the state of `channel`, if that is so: one of its commits could
    /// not be applied. It stays so until a version that can apply it folds the journal again.
    #[must_use]
    pub fn broken(&self, channel: ChannelId) -> Option<String> {
        self.books().broken.get(&channel).cloned()
    }

    /// The channels that are [`Self::broken`].
    #[must_use]
    pub fn broken_channels(&self) -> BTreeMap<ChannelId, String> {
        self.books().broken.clone()
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

    /// The pieces that changed since this was last asked.
    #[must_use]
    pub fn take_changes(&self) -> Snapshot {
        let mut books = self.books();
        let changed = std::mem::take(&mut books.changed);
        let parts = changed.parts(&books.channels);
        Snapshot { point: books.point, parts, gone: changed.gone(&books.channels) }
    }

    /// All pieces, for a checkpoint or a new store.
    #[must_use]
    pub fn everything(&self) -> Snapshot {
        let books = self.books();
        let parts = books.channels.iter().flat_map(|(id, state)| parts_of(*id, state)).collect();
        Snapshot { point: books.point, parts, gone: Vec::new() }
    }

    /// A fold that goes on from where a snapshot of everything was taken.
    #[must_use]
    pub fn from_snapshot(snapshot: Snapshot) -> Self {
        let fold = Self::new();
        {
            let mut books = fold.books();
            for part in snapshot.parts {
                put_together(&mut books.channels, part);
            }
            books.point = snapshot.point;
            books.live = books.count_live();
        }
        fold.applied.send_replace(snapshot.point.applied);
        fold
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
