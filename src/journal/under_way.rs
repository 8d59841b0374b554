//! What was sent to the writer and is not answered yet, and a wait for it that does not sleep: to wake
//! a sleeping thread of the runtime takes some 25 us, at every step of a workflow.
//!
//! Architecture invariant: nothing is decided here, and nothing depends on the wait. A node that
//! commits nothing waits for nothing, one with a slow disk gives up after 0.3 ms, and one on a busy
//! machine sleeps.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long a thread stays awake for a group: some syncs of a fast disk (facts/engines.md: 0.06 to
/// 0.09 ms each), little of a slow one's.
const BUSY_POLL: Duration = Duration::from_micros(300);
/// A wait that took so much longer was held up: others want the core, and who gives way to them once
/// comes late to the next answer, too.
const HELD_UP: Duration = Duration::from_micros(500);
/// How long nothing is waited for then: twice as long each time, half as long after a wait that went
/// well.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(2));

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
    /// When to wait again, in nanoseconds from `born`, and how long the last rest was.
    resumes: AtomicU64,
    rest: AtomicU64,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self {
            requests: AtomicUsize::default(),
            group: AtomicUsize::new(1),
            since: AtomicU64::default(),
            born: Instant::now(),
            watched: AtomicUsize::default(),
            resumes: AtomicU64::default(),
            rest: AtomicU64::default(),
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

    /// Keeps the calling thread busy until the next group is answered: at most 0.3 ms since the one
    /// before, or since there was nothing; not at all when nothing is under way, another thread does
    /// so, or others want the core. For a thread of the runtime that has nothing else to do.
    pub fn busy_poll(&self) {
        let group = self.group.load(Ordering::Acquire);
        if self.count() == 0 || self.watched.swap(group, Ordering::Relaxed) == group {
            return;
        }
        let began = self.now();
        if began < self.resumes.load(Ordering::Relaxed) {
            return;
        }
        let limit = self.since.load(Ordering::Relaxed) + nanos(BUSY_POLL);
        let mut now = began;
        while self.group.load(Ordering::Acquire) == group && self.count() > 0 && now < limit {
            std::thread::yield_now();
            now = self.now();
        }
        self.learn(now, now - began > nanos(BUSY_POLL + HELD_UP));
    }

    /// Rests longer after a wait that was held up, and shorter after one that was not. Two threads that
    /// do so at once may forget one of the two.
    fn learn(&self, now: u64, was_held_up: bool) {
        let rest = self.rest.load(Ordering::Relaxed);
        let (least, most) = (nanos(REST.0), nanos(REST.1));
        if was_held_up {
            let rest = (rest * 2).clamp(least, most);
            self.rest.store(rest, Ordering::Relaxed);
            self.resumes.store(now + rest, Ordering::Relaxed);
        } else if rest > 0 {
            self.rest.store(rest / 2, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        nanos(self.born.elapsed())
    }
}

/// As many as fit, which are five hundred years.
fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
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
        assert!(under_way.now() - since >= nanos(BUSY_POLL));
    }

    #[test]
    fn the_rest_grows_while_others_want_the_core_and_shrinks_afterwards() {
        let under_way = UnderWay::default();
        let rest = || Duration::from_nanos(under_way.rest.load(Ordering::Relaxed));
        under_way.learn(0, false);
        assert_eq!(rest(), Duration::ZERO);
        under_way.learn(7, true);
        assert_eq!(rest(), REST.0);
        assert_eq!(under_way.resumes.load(Ordering::Relaxed), 7 + nanos(REST.0));
        under_way.learn(0, true);
        assert_eq!(rest(), REST.0 * 2);
        under_way.learn(0, false);
        assert_eq!(rest(), REST.0);
        (0..20).for_each(|_| under_way.learn(0, true));
        assert_eq!(rest(), REST.1);
    }

    #[test]
    fn nothing_is_waited_for_while_it_rests() {
        let far = u64::MAX / 2;
        let (since, resumes) = (AtomicU64::new(far), AtomicU64::new(far));
        let under_way = UnderWay { since, resumes, ..UnderWay::default() };
        under_way.requests.store(1, Ordering::Relaxed);
        under_way.busy_poll();
        assert_eq!(under_way.count(), 1);
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
