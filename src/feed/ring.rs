//! The latest events, kept in memory in the shape in which they are told.
//!
//! Why it exists: whoever follows page by page mostly wants what has just happened, and reading it
//! from the journal's files again and again would cost more than keeping it.
//!
//! Architecture invariant: what is kept has no gap. After a gap the ring begins anew, and older
//! events are read from the journal.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::view::EventView;
use crate::domain::ids::Seq;

/// How many events are kept: about 8 MB.
pub const KEPT_EVENTS: usize = 16_384;

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Arc<EventView>>,
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
            kept.events.clear();
            kept.last = last;
        }
        self.last.send_replace(last);
    }

    /// Takes the events of the next frame in. Those that are in already are passed over; after a
    /// gap the ring begins anew with them.
    pub fn push(&self, events: Vec<EventView>) {
        let last = {
            let mut kept = self.kept();
            for event in events {
                let seq = event.seq();
                if seq <= kept.last {
                    continue;
                }
                if seq.0 != kept.last.0 + 1 {
                    kept.events.clear();
                }
                kept.last = seq;
                kept.events.push_back(Arc::new(event));
                if kept.events.len() > KEPT_EVENTS {
                    kept.events.pop_front();
                }
            }
            kept.last
        };
        self.last.send_replace(last);
    }

    /// At most `most` events after `after`, in order; `None` when an event after `after` is older
    /// than what is kept.
    #[must_use]
    pub fn after(&self, after: Seq, most: usize) -> Option<Vec<Arc<EventView>>> {
        let kept = self.kept();
        let before_first = kept.last.0 - kept.events.len() as u64;
        let skipped = after.0.checked_sub(before_first)?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        Some(kept.events.iter().skip(skipped).take(most).cloned().collect())
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

    fn events(range: std::ops::RangeInclusive<u64>) -> Vec<EventView> {
        range.map(|seq| EventView::Internal { seq: Seq(seq), event_type: "internal" }).collect()
    }

    fn seqs(found: Option<Vec<Arc<EventView>>>) -> Option<Vec<u64>> {
        found.map(|events| events.iter().map(|event| event.seq().0).collect())
    }

    #[test]
    fn a_page_continues_where_the_last_one_ended() {
        let ring = EventRing::default();
        ring.begin_after(Seq(10));
        assert_eq!(seqs(ring.after(Seq(9), 5)), None);
        assert_eq!(seqs(ring.after(Seq(10), 5)), Some(vec![]));
        ring.push(events(11..=14));
        assert_eq!(seqs(ring.after(Seq(10), 3)), Some(vec![11, 12, 13]));
        assert_eq!(seqs(ring.after(Seq(13), 3)), Some(vec![14]));
        assert_eq!(seqs(ring.after(Seq(99), 3)), Some(vec![]));
    }

    #[test]
    fn events_come_in_once_and_a_gap_begins_the_ring_anew() {
        let ring = EventRing::default();
        ring.push(events(1..=3));
        ring.push(events(2..=4));
        assert_eq!(seqs(ring.after(Seq(0), 9)), Some(vec![1, 2, 3, 4]));
        ring.push(events(8..=9));
        assert_eq!(seqs(ring.after(Seq(4), 9)), None);
        assert_eq!(seqs(ring.after(Seq(7), 9)), Some(vec![8, 9]));
        ring.begin_after(Seq(9));
        assert_eq!(seqs(ring.after(Seq(7), 9)), Some(vec![8, 9]));
    }

    #[test]
    fn the_oldest_events_go_when_the_ring_is_full() {
        let ring = EventRing::default();
        let many = KEPT_EVENTS as u64 + 5;
        ring.push(events(1..=many));
        assert_eq!(seqs(ring.after(Seq(4), 1)), None);
        assert_eq!(seqs(ring.after(Seq(5), 1)), Some(vec![6]));
    }

    #[tokio::test]
    async fn whoever_waits_for_an_event_is_woken_when_it_is_in() {
        let ring = EventRing::default();
        let waiting = ring.clone();
        let waiter = tokio::spawn(async move { waiting.reached(Seq(3)).await });
        ring.push(events(1..=3));
        waiter.await.unwrap();
    }
}
