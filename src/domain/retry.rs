//! When a failed stage is tried again, and when it is not.

use std::time::Duration;

use super::failure::{Failure, FailureClass};
use super::stage::StageName;

/// How often and how patiently a stage is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Retries after the first attempt; 3 means at most 4 counted attempts.
    pub max_retries: u32,
    /// Retry k (k = 0, 1, 2 …) waits uniformly in [0, base·2^k].
    pub base: Duration,
}

/// The limits of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagePolicy {
    /// Retries and back-off.
    pub retry: RetryPolicy,
    /// From the grant: the stage is asked to finish.
    pub soft_limit: Duration,
    /// From the grant: the stage is killed.
    pub hard_limit: Duration,
    /// From the decision: a grant must have come by then.
    pub schedule_to_start: Duration,
}

/// The limits of all stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    stages: [StagePolicy; 5],
}

impl Policies {
    /// Limits per stage, in the order of [`StageName::ALL`].
    #[must_use]
    pub fn new(stages: [StagePolicy; 5]) -> Self {
        Self { stages }
    }

    /// The limits of `stage`.
    #[must_use]
    pub fn of(&self, stage: StageName) -> StagePolicy {
        let [trend, script, narration, render, upload] = self.stages;
        match stage {
            StageName::Trend => trend,
            StageName::Script => script,
            StageName::Narration => narration,
            StageName::Render => render,
            StageName::Upload => upload,
        }
    }
}

impl Default for Policies {
    fn default() -> Self {
        let policy = |max_retries, base_s| StagePolicy {
            retry: RetryPolicy { max_retries, base: Duration::from_secs(base_s) },
            soft_limit: Duration::from_secs(25 * 60),
            hard_limit: Duration::from_secs(30 * 60),
            schedule_to_start: Duration::from_secs(24 * 3600),
        };
        Self::new([policy(3, 60), policy(3, 60), policy(2, 120), policy(2, 120), policy(3, 300)])
    }
}

/// Interruptions in a row without progress after which a workflow is parked.
pub const MAX_INTERRUPTIONS: u32 = 50;

/// The longest wait another side may ask for; beyond it a person decides, so that nothing waits
/// for ever.
pub const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The code of a topic that another workflow of the channel took first: choosing again helps at
/// once, so it counts but does not wait.
pub const TOPIC_TAKEN: &str = "topic_taken";

/// What becomes of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Run again at once; it does not count.
    RunAgain,
    /// Try again after this long; it counts.
    RetryIn(Duration),
    /// A person is needed, for the reason with this code.
    Park(&'static str),
    /// Somebody asked for the stop.
    Cancel,
}

/// Judges a failure. `retries` and `interruptions` count what came before it; `draw` is uniform
/// over all of `u64` and makes the jitter (full jitter, as in "Exponential Backoff And Jitter",
/// AWS Architecture Blog, 2015).
#[must_use]
pub fn judge(
    policy: RetryPolicy,
    failure: &Failure,
    retries: u32,
    interruptions: u32,
    draw: u64,
) -> Verdict {
    match failure.class {
        FailureClass::Cancelled => Verdict::Cancel,
        FailureClass::Permanent => Verdict::Park("permanent_failure"),
        FailureClass::Interrupted if interruptions + 1 >= MAX_INTERRUPTIONS => {
            Verdict::Park("interrupted_repeatedly")
        }
        FailureClass::Interrupted => Verdict::RunAgain,
        FailureClass::Transient | FailureClass::RateLimited { .. } | FailureClass::Ambiguous => {
            if retries >= policy.max_retries {
                return Verdict::Park("retries_exhausted");
            }
            if failure.retry_after().is_some_and(|asked| asked > LONGEST_ASKED_WAIT) {
                return Verdict::Park("asked_to_wait_too_long");
            }
            if failure.code == TOPIC_TAKEN {
                return Verdict::RetryIn(Duration::ZERO);
            }
            let jittered = jittered(policy.base, retries, draw);
            Verdict::RetryIn(failure.retry_after().map_or(jittered, |asked| asked.max(jittered)))
        }
    }
}

/// A time uniform in [0, base·2^retries], never more than 24 h.
fn jittered(base: Duration, retries: u32, draw: u64) -> Duration {
    const LONGEST_MS: u64 = 24 * 3_600_000;
    let base_ms = u64::try_from(base.as_millis()).unwrap_or(u64::MAX);
    let span_ms = base_ms.saturating_mul(1_u64 << retries.min(20)).min(LONGEST_MS);
    let scaled = (u128::from(draw) * (u128::from(span_ms) + 1)) >> 64;
    Duration::from_millis(u64::try_from(scaled).unwrap_or(span_ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_retry_waits_within_its_span_and_honours_the_asked_time(
            base_ms in 0_u64..10_000_000, retries in 0_u32..5, draw: u64, asked in 0_u64..100_000_000,
        ) {
            let policy = RetryPolicy { max_retries: 5, base: Duration::from_millis(base_ms) };
            let plain = Failure::transient("x", "x");
            let Verdict::RetryIn(wait) = judge(policy, &plain, retries, 0, draw) else {
                return Err(TestCaseError::fail("not retried"));
            };
            prop_assert!(wait <= Duration::from_millis(base_ms * (1 << retries)));
            let limited =
                Failure::new(FailureClass::RateLimited { retry_after_ms: asked }, "x", "x");
            let Verdict::RetryIn(wait) = judge(policy, &limited, retries, 0, draw) else {
                return Err(TestCaseError::fail("not retried"));
            };
            prop_assert!(wait >= Duration::from_millis(asked));
        }
    }

    #[test]
    fn three_retries_mean_four_attempts() {
        let policy = RetryPolicy { max_retries: 3, base: Duration::ZERO };
        let failure = Failure::transient("x", "x");
        assert_eq!(judge(policy, &failure, 2, 0, 0), Verdict::RetryIn(Duration::ZERO));
        assert_eq!(judge(policy, &failure, 3, 0, 0), Verdict::Park("retries_exhausted"));
    }

    #[test]
    fn a_wait_of_more_than_a_week_is_left_to_a_person() {
        let policy = RetryPolicy { max_retries: 3, base: Duration::ZERO };
        let class = FailureClass::RateLimited { retry_after_ms: u64::MAX };
        let failure = Failure::new(class, "x", "x");
        assert_eq!(judge(policy, &failure, 0, 0, 0), Verdict::Park("asked_to_wait_too_long"));
    }

    #[test]
    fn a_permanent_failure_is_never_retried_and_an_interruption_never_counts() {
        let policy = RetryPolicy { max_retries: 3, base: Duration::ZERO };
        let permanent = Failure::permanent("x", "x");
        assert_eq!(judge(policy, &permanent, 0, 0, 0), Verdict::Park("permanent_failure"));
        let interrupted = Failure::interrupted("x");
        assert_eq!(judge(policy, &interrupted, 3, 48, 0), Verdict::RunAgain);
        let parked = Verdict::Park("interrupted_repeatedly");
        assert_eq!(judge(policy, &interrupted, 0, 49, 0), parked);
    }
}
