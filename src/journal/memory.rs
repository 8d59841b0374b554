//! A log without a disk, for simulation: it can lose what was not synced, and fail a sync on order.
//!
//! Architecture invariant: what [`Log::sync`] has acknowledged is never lost, and everything about
//! it is deterministic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frame::Frame;
use super::log::{Log, LogError};
use crate::domain::ids::Seq;

/// The simulated disk: it outlives the logs that are opened on it. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    frames: Vec<Frame>,
    /// How many of `frames` are durable.
    synced: usize,
    syncs: u64,
    good_syncs: Option<u64>,
}

impl MemoryDisk {
    /// The process dies: of the frames that were not synced only the first `survivors` stay.
    /// Returns how many frames were lost.
    pub fn crash(&self, survivors: usize) -> usize {
        let mut state = self.locked();
        let kept = state.frames.len().min(state.synced.saturating_add(survivors));
        let lost = state.frames.len() - kept;
        state.frames.truncate(kept);
        state.synced = kept;
        state.good_syncs = None;
        lost
    }

    /// After so many more good syncs every sync fails, until the next [`MemoryDisk::crash`].
    pub fn fail_sync_after(&self, good_syncs: u64) {
        self.locked().good_syncs = Some(good_syncs);
    }

    /// All frames on the disk, synced or not: what a restarted process would read now.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.locked().frames.clone()
    }

    /// How many of [`MemoryDisk::frames`] are durable.
    #[must_use]
    pub fn synced_frames(&self) -> usize {
        self.locked().synced
    }

    /// How many syncs have succeeded.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.locked().syncs
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryLog {
    disk: MemoryDisk,
}

impl MemoryLog {
    /// Opens the log on `disk`; like the log on disk, it hands every frame after `after` to
    /// `on_frame` and makes them durable first.
    pub fn open(disk: &MemoryDisk, after: Seq, on_frame: &mut dyn FnMut(Frame)) -> Self {
        let frames = {
            let mut state = disk.locked();
            state.synced = state.frames.len();
            state.frames.clone()
        };
        frames.into_iter().filter(|frame| frame.last_seq() > after).for_each(on_frame);
        Self { disk: disk.clone() }
    }
}

impl Log for MemoryLog {
    fn last_seq(&self) -> Seq {
        self.disk.locked().frames.last().map_or(Seq(0), Frame::last_seq)
    }

    fn append(&mut self, group: &[Frame]) -> Result<(), LogError> {
        let mut last = self.last_seq();
        for frame in group {
            if frame.first_seq.0 != last.0 + 1 {
                return Err(LogError::OutOfSequence { given: frame.first_seq.0, last: last.0 });
            }
            last = frame.last_seq();
        }
        self.disk.locked().frames.extend_from_slice(group);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), LogError> {
        let mut state = self.disk.locked();
        if let Some(good) = &mut state.good_syncs {
            if *good == 0 {
                return Err(LogError::SimulatedSync);
            }
            *good -= 1;
        }
        state.synced = state.frames.len();
        state.syncs += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::frame::{CODEC_BINCODE, FrameKind};

    fn frame(seq: u64) -> Frame {
        Frame {
            first_seq: Seq(seq),
            kind: FrameKind::Events,
            schema: 1,
            codec: CODEC_BINCODE,
            flags: 0,
            count: 1,
            payload: vec![1],
        }
    }

    #[test]
    fn a_crash_loses_only_what_was_not_synced() {
        let disk = MemoryDisk::default();
        let mut log = MemoryLog::open(&disk, Seq(0), &mut |_| {});
        log.append(&[frame(1), frame(2)]).unwrap();
        log.sync().unwrap();
        log.append(&[frame(3), frame(4), frame(5)]).unwrap();
        assert_eq!(disk.crash(1), 2);
        let mut seen = Vec::new();
        let log = MemoryLog::open(&disk, Seq(1), &mut |frame| seen.push(frame.first_seq.0));
        assert_eq!(seen, [2, 3]);
        assert_eq!(log.last_seq(), Seq(3));
    }

    #[test]
    fn a_sync_fails_on_order() {
        let disk = MemoryDisk::default();
        let mut log = MemoryLog::open(&disk, Seq(0), &mut |_| {});
        disk.fail_sync_after(1);
        log.append(&[frame(1)]).unwrap();
        log.sync().unwrap();
        log.append(&[frame(2)]).unwrap();
        assert!(matches!(log.sync(), Err(LogError::SimulatedSync)));
        assert_eq!(disk.synced_frames(), 1);
    }

    #[test]
    fn a_group_out_of_sequence_is_refused() {
        let disk = MemoryDisk::default();
        let mut log = MemoryLog::open(&disk, Seq(0), &mut |_| {});
        assert!(matches!(
            log.append(&[frame(1), frame(3)]),
            Err(LogError::OutOfSequence { given: 3, last: 1 })
        ));
        assert!(disk.frames().is_empty());
    }
}
