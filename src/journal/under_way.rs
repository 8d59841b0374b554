//! What was sent to the writer and is not answered yet, and a task that busy-polls meanwhile: to wake
//! a sleeping thread of the runtime takes longer than all that a channel does between two frames.
//!
//! Architecture invariant: nobody waits here and nothing is decided. A node that commits nothing
//! polls nothing, and one that waits for a slow disk stops after [`BUSY_POLL`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a thread of the runtime is kept awake for an answer: some syncs of a fast disk (facts:
/// 0.06 to 0.09 ms each), little of a slow one's.
const BUSY_POLL: Duration = Duration::from_micros(300);

/// Counts the requests that are under way.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    requests: AtomicUsize,
    begun: Notify,
}

impl UnderWay {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// One more is about to be sent.
    pub(super) fn begin(&self) {
        if self.requests.fetch_add(1, Ordering::Relaxed) == 0 {
            self.begun.notify_one();
        }
    }

    /// So many are over, and their senders were told.
    pub(super) fn end(&self, requests: usize) {
        self.requests.fetch_sub(requests, Ordering::Relaxed);
    }

    /// Keeps the thread that runs it awake while anything is under way, at most [`BUSY_POLL`] from
    /// when there was nothing. All other tasks of the runtime come first. Never ends.
    pub(super) async fn busy_poll(&self) {
        loop {
            self.begun.notified().await;
            let began = Instant::now();
            while self.count() > 0 && began.elapsed() < BUSY_POLL {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Wakes {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn it_polls_from_the_first_request_to_the_last_answer() {
        let under_way = UnderWay::default();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut polling = pin!(under_way.busy_poll());
        let mut poll = || polling.as_mut().poll(&mut Context::from_waker(&waker));
        assert_eq!(poll(), Poll::Pending);
        assert_eq!(wakes.count(), 0, "nothing is under way");
        under_way.begin();
        under_way.begin();
        assert_eq!(wakes.count(), 1);
        assert_eq!(poll(), Poll::Pending);
        assert_eq!(wakes.count(), 2, "it asks to be polled again");
        under_way.end(1);
        assert_eq!(poll(), Poll::Pending);
        assert_eq!(wakes.count(), 3, "one is still under way");
        under_way.end(1);
        assert_eq!(poll(), Poll::Pending);
        assert_eq!((wakes.count(), under_way.count()), (3, 0), "all are answered");
        under_way.begin();
        assert_eq!(wakes.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn it_sleeps_when_an_answer_is_long_in_coming() {
        let under_way = UnderWay::default();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut polling = pin!(under_way.busy_poll());
        let mut poll = || polling.as_mut().poll(&mut Context::from_waker(&waker));
        under_way.begin();
        assert_eq!(poll(), Poll::Pending);
        tokio::time::advance(BUSY_POLL).await;
        assert_eq!(wakes.count(), 1);
        assert_eq!(poll(), Poll::Pending);
        under_way.begin();
        tokio::task::yield_now().await;
        assert_eq!(wakes.count(), 1, "requests that follow do not begin it anew");
    }
}
