//! What the work of an attempt is like: how long it takes, and how it goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::universe::{Universe, rng_about};
use crate::actors::messages::StageJob;
use crate::actors::stage_work::{LoggedBy, StageTools, StageWork};
use crate::domain::command::StageSuccess;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::ids::ChannelName;
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;
use crate::gpu::lease::Need;
use crate::ports::job::JobControl;

/// What the work of one attempt is like. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// It takes so long and is done.
    Work(u64),
    /// It fails after so long, with nothing done.
    Fail(u64, Failure),
    /// It is done after so long, and then fails all the same: its effects are there.
    DoneButFails(u64, Failure),
    /// It panics after so long.
    Panic(u64),
    /// It goes on and on until it is asked to stop.
    Slow,
    /// It never ends and hears nothing.
    Hang,
}

/// Says what the work of each attempt is like.
pub trait Plan: Send + Sync {
    /// The work of the attempt `ticket` in `channel`.
    fn deed(&self, channel: &ChannelName, ticket: &Ticket) -> Deed;
}

impl<F: Fn(&ChannelName, &Ticket) -> Deed + Send + Sync> Plan for F {
    fn deed(&self, channel: &ChannelName, ticket: &Ticket) -> Deed {
        self(channel, ticket)
    }
}

/// Draws the deeds from a seed.
#[derive(Debug, Clone, Copy)]
pub struct SeededPlan(pub u64);

impl Plan for SeededPlan {
    fn deed(&self, _channel: &ChannelName, ticket: &Ticket) -> Deed {
        let mut rng = rng_about(self.0, &format!("{ticket:?}"));
        let ms = rng.between(10, 40_000);
        match rng.below(1_000) {
            0..=699 => Deed::Work(ms),
            700..=759 => Deed::Fail(ms, Failure::transient("simulated_transient", "simulated")),
            760..=789 => {
                let retry_after_ms = rng.between(1_000, 400_000);
                let class = FailureClass::RateLimited { retry_after_ms };
                Deed::Fail(ms, Failure::new(class, "simulated_rate_limit", "simulated"))
            }
            790..=809 => Deed::Fail(ms, Failure::permanent("simulated_permanent", "simulated")),
            810..=829 => Deed::Fail(ms, Failure::ambiguous("simulated_ambiguous", "simulated")),
            830..=834 => Deed::Fail(ms, Failure::cancelled("simulated")),
            835..=849 => Deed::Fail(ms, Failure::interrupted("simulated")),
            850..=899 => Deed::DoneButFails(ms, Failure::ambiguous("simulated_lost", "simulated")),
            900..=949 => Deed::Panic(ms),
            950..=974 => Deed::Slow,
            _ => Deed::Hang,
        }
    }
}

impl Deed {
    fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Work(_) => None,
            Self::Fail(_, failure) => Some(match failure.class {
                FailureClass::Transient => "work_fails_transiently",
                FailureClass::RateLimited { .. } => "work_is_rate_limited",
                FailureClass::Permanent => "work_fails_for_good",
                FailureClass::Ambiguous => "work_fails_ambiguously",
                FailureClass::Cancelled => "work_cancels_itself",
                FailureClass::Interrupted => "work_is_interrupted",
            }),
            Self::DoneButFails(..) => Some("work_done_but_fails"),
            Self::Panic(_) => Some("work_panics"),
            Self::Slow => Some("work_is_slow"),
            Self::Hang => Some("work_hangs"),
        }
    }
}

/// The real work of a stage, with a deed in front.
pub(super) struct Gate {
    pub(super) inner: Arc<dyn StageWork>,
    pub(super) universe: Arc<Universe>,
    pub(super) channel: ChannelName,
    /// Lets the next handler of the stage's actor panic.
    pub(super) fuse: Arc<AtomicBool>,
}

#[async_trait]
impl StageWork for Gate {
    fn stage(&self) -> StageName {
        if self.fuse.swap(false, Ordering::Relaxed) {
            simulated_panic("in the handler of a stage's actor");
        }
        self.inner.stage()
    }

    fn logged_by(&self) -> LoggedBy {
        self.inner.logged_by()
    }

    fn need(&self) -> Option<Need> {
        self.inner.need()
    }

    fn takes_turns(&self) -> bool {
        self.inner.takes_turns()
    }

    fn settings(&self, job: &StageJob, tools: &StageTools) -> String {
        self.inner.settings(job, tools)
    }

    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        let _at_work = self.universe.enter(job.ticket);
        let deed = match self.universe.plan().deed(&self.channel, &job.ticket) {
            deed @ Deed::Work(_) => deed,
            _ if self.universe.is_calm() => Deed::Work(1_000),
            deed => deed,
        };
        if let Some(name) = deed.fault() {
            self.universe.fault(name);
        }
        match deed {
            Deed::Work(ms) => {
                after(ms).await;
                self.inner.perform(job, tools, control).await
            }
            Deed::Fail(ms, failure) => {
                after(ms).await;
                Err(failure)
            }
            Deed::DoneButFails(ms, failure) => {
                after(ms).await;
                self.inner.perform(job, tools, control).await?;
                after(ms / 4).await;
                Err(failure)
            }
            Deed::Panic(ms) => {
                after(ms).await;
                simulated_panic("in the work of a stage")
            }
            Deed::Slow => {
                control.cancel.cancelled().await;
                control.check()?;
                Err(Failure::transient("simulated_slow", "stopped without being asked"))
            }
            Deed::Hang => std::future::pending().await,
        }
    }
}

/// Panics, in words by which tests know that it was meant.
pub(super) fn simulated_panic(place: &str) -> ! {
    panic!("simulated panic {place}")
}

pub(super) async fn after(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
