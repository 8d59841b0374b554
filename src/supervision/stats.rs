//! What is counted about one actor, readable at any time without asking the actor.
//!
//! Why it exists: an actor that is stuck cannot answer how it is; these counters live beside it and
//! survive its restarts.
//!
//! Architecture invariant: reading never blocks an actor for longer than copying a few words, and
//! nothing here allocates while a message is handled.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// Number of buckets of a [`Histogram`]: the last one takes everything from 2^30 µs (18 min) on.
pub const BUCKETS: usize = 32;

/// Durations counted by the logarithm of their microseconds: bucket 0 holds 0 µs, bucket `i` holds
/// `2^(i-1) ≤ µs < 2^i`.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let bits = (u64::BITS - micros.leading_zeros()) as usize;
        if let Some(bucket) = self.buckets.get(bits.min(BUCKETS - 1)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts, without the empty buckets at the end.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        let mut counts: Vec<u64> =
            self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        while counts.last() == Some(&0) {
            counts.pop();
        }
        counts
    }
}

/// The message an actor handles at this moment.
#[derive(Debug, Clone, Copy)]
struct Busy {
    since: Instant,
    kind: &'static str,
}

/// The counters of one actor path, shared by all its incarnations.
#[derive(Debug, Default)]
pub struct Stats {
    depth: AtomicU64,
    received: AtomicU64,
    handled: AtomicU64,
    panics: AtomicU64,
    refused: AtomicU64,
    wait: Histogram,
    run: Histogram,
    busy: Mutex<Option<Busy>>,
}

impl Stats {
    /// Messages that wait in the mailbox now.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.depth.load(Ordering::Acquire)
    }

    /// Takes one place in the mailbox.
    pub(super) fn enqueue(&self) {
        self.depth.fetch_add(1, Ordering::AcqRel);
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one place in the mailbox unless `cap` places are taken; says whether it did.
    pub(super) fn try_enqueue(&self, cap: u64) -> bool {
        let admitted = self
            .depth
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |depth| {
                if depth < cap { Some(depth + 1) } else { None }
            })
            .is_ok();
        let counter = if admitted { &self.received } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        admitted
    }

    /// Gives back one place in the mailbox.
    pub(super) fn leave_queue(&self) {
        self.depth.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn begin(&self, kind: &'static str, waited: Duration, now: Instant) {
        self.wait.record(waited);
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = Some(Busy { since: now, kind });
    }

    pub(super) fn finish(&self, ran: Duration, panicked: bool) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.run.record(ran);
        self.handled.fetch_add(1, Ordering::Relaxed);
        if panicked {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A copy of the counters as of `now`.
    #[must_use]
    pub fn view(&self, now: Instant) -> StatsView {
        let busy = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        StatsView {
            depth: self.depth(),
            received: self.received.load(Ordering::Relaxed),
            handled: self.handled.load(Ordering::Relaxed),
            panics: self.panics.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            busy: busy.map(|busy| BusyView {
                kind: busy.kind.to_owned(),
                for_ms: whole_millis(now.saturating_duration_since(busy.since)),
            }),
            wait_us_log2: self.wait.counts(),
            run_us_log2: self.run.counts(),
        }
    }
}

/// [`Stats`] at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StatsView {
    /// Messages that wait in the mailbox.
    pub depth: u64,
    /// Messages that were ever put into the mailbox.
    pub received: u64,
    /// Messages whose handling began and ended, in whatever way.
    pub handled: u64,
    /// Messages whose handler panicked.
    pub panics: u64,
    /// Messages that were refused because the mailbox was full.
    pub refused: u64,
    /// The message that is handled now.
    pub busy: Option<BusyView>,
    /// Time in the mailbox: see [`Histogram`].
    pub wait_us_log2: Vec<u64>,
    /// Time in the handler: see [`Histogram`].
    pub run_us_log2: Vec<u64>,
}

/// What an actor is busy with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BusyView {
    /// The kind of the message.
    pub kind: String,
    /// Since how many milliseconds.
    pub for_ms: u64,
}

pub(super) fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_of_its_bit_length() {
        let histogram = Histogram::default();
        for micros in [0, 1, 2, 3, 4] {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.counts(), [1, 1, 2, 1]);
        histogram.record(Duration::MAX);
        assert_eq!(histogram.counts().len(), BUCKETS);
    }

    #[test]
    fn a_full_mailbox_refuses_and_counts_the_refusal() {
        let stats = Stats::default();
        assert!(stats.try_enqueue(1));
        assert!(!stats.try_enqueue(1));
        stats.leave_queue();
        assert!(stats.try_enqueue(1));
        let view = stats.view(Instant::now());
        assert_eq!((view.depth, view.received, view.refused), (1, 2, 1));
    }
}
