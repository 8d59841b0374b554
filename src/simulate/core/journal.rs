//! The model of the journal: frames in order, of which a prefix is durable.

use crate::domain::event::Event;
use crate::domain::ids::Generation;
use crate::domain::timestamp::Timestamp;

/// What one command decided.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) channel: usize,
    pub(super) generation: Generation,
    pub(super) at: Timestamp,
    pub(super) events: Vec<Event>,
}

/// Frames, appended and synced in groups.
#[derive(Debug, Default)]
pub(super) struct ModelJournal {
    frames: Vec<Frame>,
    durable: usize,
    syncing: Option<usize>,
}

/// The frame belongs to an older life of its channel.
#[derive(Debug)]
pub(super) struct StaleGeneration;

impl ModelJournal {
    /// Appends a frame; it is volatile until a sync.
    pub(super) fn append(&mut self, frame: Frame) -> Result<(), StaleGeneration> {
        let latest =
            self.frames.iter().rev().find(|f| f.channel == frame.channel).map(|f| f.generation);
        if latest.is_some_and(|latest| frame.generation < latest) {
            return Err(StaleGeneration);
        }
        self.frames.push(frame);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn durable(&self) -> usize {
        self.durable
    }

    /// Frames from `first` on.
    pub(super) fn from(&self, first: usize) -> &[Frame] {
        self.frames.get(first..).unwrap_or(&[])
    }

    /// Whether all that was appended for a channel is durable.
    pub(super) fn is_settled(&self, channel: usize) -> bool {
        self.from(self.durable).iter().all(|frame| frame.channel != channel)
    }

    /// Begins a sync of all that waits; false when one is under way or nothing waits.
    pub(super) fn begin_sync(&mut self) -> bool {
        if self.syncing.is_some() || self.durable == self.frames.len() {
            return false;
        }
        self.syncing = Some(self.frames.len());
        true
    }

    /// The sync that was under way is done: the frames that became durable by it.
    pub(super) fn finish_sync(&mut self) -> Vec<Frame> {
        let Some(end) = self.syncing.take() else { return Vec::new() };
        let fresh = self.frames.get(self.durable..end).unwrap_or(&[]).to_vec();
        self.durable = end;
        fresh
    }

    /// The process dies: `survivors` of the volatile frames are found when the journal is opened
    /// again, and are durable from then on.
    pub(super) fn crash(&mut self, survivors: usize) -> Vec<Frame> {
        self.frames.truncate(self.durable + survivors);
        let found = self.from(self.durable).to_vec();
        self.durable = self.frames.len();
        self.syncing = None;
        found
    }
}
