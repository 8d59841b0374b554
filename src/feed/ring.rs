//! The latest events, kept in memory as they were committed.
//!
//! Why it exists: whoever follows page by page mostly wants what has just happened, and reading it
//! from the journal's files again and again would cost more than keeping it. They take their outward
//! shape when somebody asks: mostly nobody does.
//!
//! Architecture invariant: what is kept has no gap. After a gap the ring begins anew, and older
//! events are read from the journal.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::view::{EventView, event_views};
use crate::domain::ids::{ChannelId, Seq};
use crate::journal::fold::CommittedFrame;

/// How many events are kept, but for the rest of the oldest frame.
pub const KEPT_EVENTS: usize = 8_192;

#[derive(Debug, Default)]
struct Kept {
    frames: VecDeque<Arc<CommittedFrame>>,
    /// How many events the frames hold.
    events: usize,
    /// The sequence number of the newest event that is in, or after which the ring began.
    last: Seq,
}

/// The latest events. Cheap to clone; all clones are one ring.
#[derive(Debug, Clone)]
pub struct EventRing {
    kept: Arc<Mutex<Kept>>,
    last: watch::Sender<Seq>,
}

impl Default for EventRing {
    fn default() -> Self {
        Self { kept: Arc::default(), last: watch::Sender::new(Seq(0)) }
    }
}

impl EventRing {
    /// Begins anew after `last`, unless everything up to there is in already.
    pub fn begin_after(&self, last: Seq) {
        {
            let mut kept = self.kept();
            if kept.last >= last {
                return;
            }
            *kept = Kept { last, ..Kept::default() };
        }
        self.last.send_replace(last);
    }

    /// Takes the next frame in. One that is in already is passed over; after a gap the ring begins
    /// anew with it.
    pub fn push(&self, frame: Arc<CommittedFrame>) {
        let last = frame.last_seq();
        {
            let mut kept = self.kept();
            if last <= kept.last {
                return;
            }
            if frame.first_seq.0 != kept.last.0 + 1 {
                *kept = Kept::default();
            }
            kept.last = last;
            kept.events += frame.commit.events.len();
            kept.frames.push_back(frame);
            while let Some(oldest) = kept.frames.front().map(|frame| frame.commit.events.len())
                && kept.events - oldest >= KEPT_EVENTS
            {
                kept.frames.pop_front();
                kept.events -= oldest;
            }
        }
        self.last.send_replace(last);
    }

    /// At most `most` events after `after`, in order; `None` when an event after `after` is older
    /// than what is kept. `name_of` gives the names of channels.
    #[must_use]
    pub fn after(
        &self,
        after: Seq,
        most: usize,
        name_of: impl Fn(ChannelId) -> String,
    ) -> Option<Vec<EventView>> {
        let mut views = Vec::new();
        for frame in self.frames_after(after, most)? {
            let name = name_of(frame.commit.channel);
            views.extend(event_views(&frame, &name).into_iter().filter(|view| view.seq() > after));
        }
        views.truncate(most);
        Some(views)
    }

    /// The frames that hold the next `most` events after `after`.
    fn frames_after(&self, after: Seq, most: usize) -> Option<Vec<Arc<CommittedFrame>>> {
        let kept = self.kept();
        if after.0 < kept.last.0 - kept.events as u64 {
            return None;
        }
        let first = kept.frames.partition_point(|frame| frame.last_seq() <= after);
        let until = after.0.saturating_add(most as u64);
        let frames = kept.frames.range(first..).take_while(|frame| frame.first_seq.0 <= until);
        Some(frames.cloned().collect())
    }

    /// Waits until everything up to `seq` is in. Callers bound the wait.
    pub async fn reached(&self, seq: Seq) {
        let mut last = self.last.subscribe();
        // The sender lives in `self`, so it cannot be closed while we wait.
        let _ = last.wait_for(|last| *last >= seq).await;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::ids::{ChannelName, Generation};
    use crate::domain::timestamp::Timestamp;
    use crate::journal::record::Commit;

    /// One frame with these events.
    fn frame(range: std::ops::RangeInclusive<u64>) -> Arc<CommittedFrame> {
        let name = ChannelName::new("deep-sea").unwrap();
        let commit = Commit {
            channel: ChannelId::of_name(&name),
            generation: Generation(1),
            at: Timestamp(0),
            correlation: None,
            events: range.clone().map(|_| Event::ChannelPaused).collect(),
        };
        Arc::new(CommittedFrame { first_seq: Seq(*range.start()), commit })
    }

    fn after(ring: &EventRing, after: u64, most: usize) -> Option<Vec<u64>> {
        let events = ring.after(Seq(after), most, |channel| channel.to_string())?;
        Some(events.iter().map(|event| event.seq().0).collect())
    }

    #[test]
    fn a_page_continues_where_the_last_one_ended() {
        let ring = EventRing::default();
        ring.begin_after(Seq(10));
        assert_eq!(after(&ring, 9, 5), None);
        assert_eq!(after(&ring, 10, 5), Some(vec![]));
        ring.push(frame(11..=14));
        assert_eq!(after(&ring, 10, 3), Some(vec![11, 12, 13]));
        assert_eq!(after(&ring, 13, 3), Some(vec![14]));
        assert_eq!(after(&ring, 99, 3), Some(vec![]));
    }

    #[test]
    fn events_come_in_once_and_a_gap_begins_the_ring_anew() {
        let ring = EventRing::default();
        ring.push(frame(1..=3));
        ring.push(frame(1..=3));
        ring.push(frame(4..=4));
        assert_eq!(after(&ring, 0, 9), Some(vec![1, 2, 3, 4]));
        assert_eq!(after(&ring, 1, 2), Some(vec![2, 3]), "a page may begin and end in a frame");
        ring.push(frame(8..=9));
        assert_eq!(after(&ring, 4, 9), None);
        assert_eq!(after(&ring, 7, 9), Some(vec![8, 9]));
        ring.begin_after(Seq(9));
        assert_eq!(after(&ring, 7, 9), Some(vec![8, 9]));
    }

    #[test]
    fn the_oldest_events_go_when_the_ring_is_full() {
        let ring = EventRing::default();
        let kept = KEPT_EVENTS as u64;
        for number in 0..kept / 2 + 3 {
            ring.push(frame(2 * number + 1..=2 * number + 2));
        }
        assert_eq!(after(&ring, 5, 1), None);
        assert_eq!(after(&ring, 6, 1), Some(vec![7]));
        assert_eq!(after(&ring, kept + 5, 9), Some(vec![kept + 6]));
    }

    #[tokio::test]
    async fn whoever_waits_for_an_event_is_woken_when_it_is_in() {
        let ring = EventRing::default();
        let waiting = ring.clone();
        let waiter = tokio::spawn(async move { waiting.reached(Seq(3)).await });
        ring.push(frame(1..=3));
        waiter.await.unwrap();
    }
}
