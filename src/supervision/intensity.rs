//! How often a child may fail before we stop trying, and how long to wait between the tries.
//!
//! Why it exists: the policy of a restart is a decision over numbers, so it stands apart from the
//! actor that carries it out, and a parent that supervises its children by hand uses the same one.
//!
//! Architecture invariant: pure. Times are milliseconds of any monotonic clock handed in, chance is
//! a number handed in; nothing here waits, spawns or sends.

use std::collections::VecDeque;
use std::time::Duration;

/// Restart intensity: at most `max_restarts` restarts within `period`; the next failure is too many.
/// `max_restarts = 0` means that the first failure is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts that are allowed within the period.
    pub max_restarts: u32,
    /// The sliding window the restarts are counted in.
    pub period: Duration,
}

/// Exponential back-off with full jitter: restart `k` in a row (`k` = 0, 1, 2 …) waits uniformly in
/// `[0, min(cap, base · 2^k)]` (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first restart.
    pub base: Duration,
    /// The longest wait before any restart.
    pub cap: Duration,
}

impl Backoff {
    /// The longest that restart `streak` (0 is the first in a row) may wait.
    #[must_use]
    pub fn ceiling(&self, streak: u32) -> Duration {
        let factor = 1_u32.checked_shl(streak).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// The wait before restart `streak`, in whole milliseconds; `entropy` is uniform over `u64`.
    #[must_use]
    pub fn delay(&self, streak: u32, entropy: u64) -> Duration {
        let ceiling_ms = u64::try_from(self.ceiling(streak).as_millis()).unwrap_or(u64::MAX);
        let choices = u128::from(ceiling_ms) + 1;
        let chosen = (u128::from(entropy) * choices) >> 64;
        Duration::from_millis(u64::try_from(chosen).unwrap_or(ceiling_ms))
    }
}

/// The whole policy of restarting one child.
///
/// Choose `period` longer than the sum of the first `max_restarts` ceilings, or a child that fails
/// at once for ever is restarted for ever, slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    /// How many restarts are allowed in which time.
    pub intensity: Intensity,
    /// How long to wait before each.
    pub backoff: Backoff,
    /// A child that ran this long without failing starts again with the shortest back-off.
    pub quiet: Duration,
}

impl Default for RestartPolicy {
    /// 5 restarts in 60 s, waits of at most 0.2, 0.4, 0.8, 1.6 and 3.2 s, forgiven after 60 s.
    fn default() -> Self {
        Self {
            intensity: Intensity { max_restarts: 5, period: Duration::from_secs(60) },
            backoff: Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) },
            quiet: Duration::from_secs(60),
        }
    }
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again after this wait.
    RestartAfter(Duration),
    /// It failed too often: park it, or fail upward.
    Exhausted {
        /// Restarts made within the period before this failure.
        restarts: u32,
    },
}

/// Counts the failures of one child and says what to do about each.
#[derive(Debug, Clone)]
pub struct RestartMeter {
    policy: RestartPolicy,
    /// When each restart within the period was decided, oldest first.
    restarts: VecDeque<u64>,
    /// Restarts in a row without a quiet time between.
    streak: u32,
    /// Since when it runs, while it runs.
    up_since: Option<u64>,
}

impl RestartMeter {
    /// A meter of a child that has not failed yet.
    #[must_use]
    pub fn new(policy: RestartPolicy) -> Self {
        Self { policy, restarts: VecDeque::new(), streak: 0, up_since: None }
    }

    /// Notes that the child runs since `now_ms`.
    pub fn started(&mut self, now_ms: u64) {
        self.up_since = Some(now_ms);
    }

    /// Notes that the child failed (or failed to start) at `now_ms` and decides what follows.
    /// A restart is counted when it is decided, not when its wait is over.
    pub fn failed(&mut self, now_ms: u64, entropy: u64) -> Verdict {
        if self.was_quiet(now_ms) {
            self.streak = 0;
        }
        self.up_since = None;
        let restarts = self.restarts_within_period(now_ms);
        if restarts >= self.policy.intensity.max_restarts {
            return Verdict::Exhausted { restarts };
        }
        self.restarts.push_back(now_ms);
        let delay = self.policy.backoff.delay(self.streak, entropy);
        self.streak = self.streak.saturating_add(1);
        Verdict::RestartAfter(delay)
    }

    /// Forgets every failure: a person asked for a new beginning.
    pub fn forgive(&mut self) {
        self.restarts.clear();
        self.streak = 0;
        self.up_since = None;
    }

    /// Restarts that still count at `now_ms`.
    pub fn restarts_within_period(&mut self, now_ms: u64) -> u32 {
        let period_ms = millis(self.policy.intensity.period);
        while self.restarts.front().is_some_and(|at| now_ms.saturating_sub(*at) > period_ms) {
            self.restarts.pop_front();
        }
        u32::try_from(self.restarts.len()).unwrap_or(u32::MAX)
    }

    fn was_quiet(&self, now_ms: u64) -> bool {
        let quiet_ms = millis(self.policy.quiet);
        self.up_since.is_some_and(|since| now_ms.saturating_sub(since) >= quiet_ms)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(max_restarts: u32, period_s: u64) -> RestartPolicy {
        RestartPolicy {
            intensity: Intensity { max_restarts, period: Duration::from_secs(period_s) },
            ..RestartPolicy::default()
        }
    }

    #[test]
    fn the_failure_after_the_last_allowed_restart_is_too_many() {
        let mut meter = RestartMeter::new(policy(2, 10));
        assert!(matches!(meter.failed(0, 0), Verdict::RestartAfter(_)));
        assert!(matches!(meter.failed(5_000, 0), Verdict::RestartAfter(_)));
        assert_eq!(meter.failed(10_000, 0), Verdict::Exhausted { restarts: 2 });
    }

    #[test]
    fn restarts_older_than_the_period_do_not_count() {
        let mut meter = RestartMeter::new(policy(2, 10));
        meter.failed(0, 0);
        meter.failed(5_000, 0);
        assert!(matches!(meter.failed(10_001, 0), Verdict::RestartAfter(_)));
    }

    #[test]
    fn no_restart_allowed_means_that_the_first_failure_is_final() {
        let mut meter = RestartMeter::new(policy(0, 10));
        assert_eq!(meter.failed(0, 0), Verdict::Exhausted { restarts: 0 });
    }

    #[test]
    fn a_quiet_time_brings_back_the_shortest_wait() {
        let mut meter = RestartMeter::new(policy(100, 1));
        let longest = u64::MAX;
        assert_eq!(meter.failed(0, longest), Verdict::RestartAfter(Duration::from_millis(200)));
        assert_eq!(meter.failed(1, longest), Verdict::RestartAfter(Duration::from_millis(400)));
        meter.started(1_000);
        assert_eq!(
            meter.failed(61_000, longest),
            Verdict::RestartAfter(Duration::from_millis(200))
        );
    }

    #[test]
    fn forgiveness_is_a_new_beginning() {
        let mut meter = RestartMeter::new(policy(1, 10));
        meter.failed(0, 0);
        assert_eq!(meter.failed(1, 0), Verdict::Exhausted { restarts: 1 });
        meter.forgive();
        assert!(matches!(meter.failed(2, 0), Verdict::RestartAfter(_)));
    }

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_its_ceiling(
            base_ms in 0_u64..10_000, cap_ms in 0_u64..100_000, streak: u32, entropy: u64,
        ) {
            let backoff = Backoff {
                base: Duration::from_millis(base_ms),
                cap: Duration::from_millis(cap_ms),
            };
            let delay = backoff.delay(streak, entropy);
            prop_assert!(delay <= backoff.ceiling(streak));
            prop_assert!(delay <= backoff.cap);
            prop_assert_eq!(backoff.delay(streak, 0), Duration::ZERO);
            prop_assert_eq!(backoff.delay(streak, u64::MAX), backoff.ceiling(streak));
        }

        #[test]
        fn no_window_of_the_period_holds_more_than_the_allowed_restarts(
            max_restarts in 0_u32..6,
            period_s in 1_u64..20,
            gaps in prop::collection::vec((0_u64..8_000, any::<u64>()), 1..80),
        ) {
            let mut meter = RestartMeter::new(policy(max_restarts, period_s));
            let mut now = 0;
            let mut granted: Vec<u64> = Vec::new();
            for (gap, entropy) in gaps {
                now += gap;
                if let Verdict::RestartAfter(_) = meter.failed(now, entropy) {
                    granted.push(now);
                }
                let window_start = now.saturating_sub(period_s * 1_000);
                let within = granted.iter().filter(|at| **at >= window_start).count();
                prop_assert!(within <= max_restarts as usize);
            }
        }

        #[test]
        fn by_default_a_child_that_always_fails_at_once_is_exhausted(
            chances in prop::collection::vec(any::<u64>(), 6),
        ) {
            let mut meter = RestartMeter::new(RestartPolicy::default());
            let mut now = 0;
            let mut exhausted = false;
            for entropy in chances {
                match meter.failed(now, entropy) {
                    Verdict::RestartAfter(delay) => now += millis(delay),
                    Verdict::Exhausted { .. } => exhausted = true,
                }
            }
            prop_assert!(exhausted);
        }
    }
}
