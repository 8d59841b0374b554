//! What was sent to the writer and is not answered yet, and a wait for it that does not sleep: to wake
//! a sleeping thread of the runtime takes longer than all that a channel does between two frames.
//!
//! Architecture invariant: nothing is decided here, and nothing depends on the wait. A node that
//! commits nothing waits for nothing, and one with a slow disk gives up after 0.3 ms.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long a thread stays awake for a group: some syncs of a fast disk (facts/engines.md: 0.06 to
/// 0.09 ms each), little of a slow one's.
const BUSY_POLL: Duration = Duration::from_micros(300);

/// The requests that are under way.
#[derive(Debug)]
pub struct UnderWay {
    requests: AtomicUsize,
    /// Groups that were answered, and 1.
    group: AtomicUsize,
    /// When the group began that is next to be answered, in nanoseconds from `born`.
    since: AtomicU64,
    born: Instant,
    /// The last group that a thread stays awake for.
    watched: AtomicUsize,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self {
            requests: AtomicUsize::default(),
            group: AtomicUsize::new(1),
            since: AtomicU64::default(),
            born: Instant::now(),
            watched: AtomicUsize::default(),
        }
    }
}

impl UnderWay {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// One more is about to be sent.
    pub(super) fn begin(&self) {
        if self.requests.fetch_add(1, Ordering::Relaxed) == 0 {
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// One could not be sent.
    pub(super) fn give_up(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    /// A group of so many is over, and their senders were told.
    pub(super) fn end(&self, requests: usize) {
        self.requests.fetch_sub(requests, Ordering::Relaxed);
        self.since.store(self.now(), Ordering::Relaxed);
        self.group.fetch_add(1, Ordering::Release);
    }

    /// Keeps the calling thread busy until the next group is answered: at most 0.3 ms since the
    /// one before, or since there was nothing; not at all when nothing is under way or another thread
    /// does so. For a thread of the runtime that has nothing else to do.
    pub fn busy_poll(&self) {
        let group = self.group.load(Ordering::Acquire);
        if self.count() == 0 || self.watched.swap(group, Ordering::Relaxed) == group {
            return;
        }
        let limit = self.since.load(Ordering::Relaxed) + BUSY_POLL.as_nanos() as u64;
        while self.group.load(Ordering::Acquire) == group && self.count() > 0 && self.now() < limit
        {
            std::thread::yield_now();
        }
    }

    fn now(&self) -> u64 {
        self.born.elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn watch(under_way: &Arc<UnderWay>) -> std::thread::JoinHandle<()> {
        let under_way = Arc::clone(under_way);
        std::thread::spawn(move || under_way.busy_poll())
    }

    #[test]
    fn nothing_is_waited_for_when_nothing_is_under_way() {
        let under_way = UnderWay::default();
        under_way.busy_poll();
        under_way.begin();
        under_way.end(1);
        under_way.busy_poll();
        under_way.begin();
        under_way.give_up();
        under_way.busy_poll();
        assert_eq!(under_way.count(), 0);
    }

    #[test]
    fn the_wait_ends_with_the_answer_or_at_its_limit() {
        let under_way = Arc::new(UnderWay::default());
        under_way.begin();
        under_way.begin();
        let watching = watch(&under_way);
        under_way.end(1);
        watching.join().unwrap();
        assert_eq!(under_way.count(), 1);
        let since = under_way.since.load(Ordering::Relaxed);
        // Nobody answers what is left.
        watch(&under_way).join().unwrap();
        assert!(under_way.now() - since >= BUSY_POLL.as_nanos() as u64);
    }

    #[test]
    fn a_group_is_waited_for_by_one_thread() {
        // The limit is far away, so that it is not what ends it.
        let under_way = UnderWay { since: AtomicU64::new(u64::MAX / 2), ..UnderWay::default() };
        under_way.requests.store(1, Ordering::Relaxed);
        under_way.watched.store(1, Ordering::Relaxed);
        under_way.busy_poll();
        assert_eq!(under_way.count(), 1, "another thread does so");
    }
}
