//! What must hold between the events of a channel, whatever state they lead to.
//!
//! Why it exists: `invariants` looks at one state, which `apply` made; a fault in `decide` and
//! `apply` together could hide there. The audit reads the events alone, in order, and knows the
//! rules a second time. Property tests, the simulation and journal checks use it.
//!
//! Architecture invariant: independent of `decide` and `apply`, whose limits alone it knows; it never
//! changes anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::decide::{APPROVAL_LIMIT, CATCH_UP_SPREAD};
use super::event::Event;
use super::failure::{Failure, FailureClass};
use super::history::Month;
use super::ids::{Attempt, Generation, Take, WorkflowId};
use super::invariants::Violation;
use super::retry::{LONGEST_ASKED_WAIT, MAX_INTERRUPTIONS, Policies, RetryPolicy, TOPIC_TAKEN};
use super::stage::{StageName, WaitReason};
use super::timestamp::Timestamp;

/// No jittered wait is longer than this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(24 * 3600);

/// What one workflow's events have said so far.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Track {
    /// `None` once the last stage succeeded.
    stage: Option<StageName>,
    live: Option<(Attempt, Generation)>,
    attempt: u32,
    take: Take,
    counted: u32,
    interruptions: u32,
    not_before: Option<Timestamp>,
    paused: bool,
    parked: bool,
    publications: u32,
    finished: bool,
    slot: Option<Timestamp>,
    waiting: Option<(WaitReason, Timestamp)>,
    approved: bool,
    archived: Option<Month>,
}

impl Track {
    fn new() -> Self {
        Self {
            stage: Some(StageName::Trend),
            live: None,
            attempt: 0,
            take: Take(0),
            counted: 0,
            interruptions: 0,
            not_before: None,
            paused: false,
            parked: false,
            publications: 0,
            finished: false,
            slot: None,
            waiting: None,
            approved: false,
            archived: None,
        }
    }
}

/// Follows the events of one channel from its first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    generation: Generation,
    paused: bool,
    workflows: BTreeMap<WorkflowId, Track>,
    topics: BTreeMap<String, WorkflowId>,
    slots: BTreeSet<Timestamp>,
    slots_after: Option<Timestamp>,
}

/// Names the broken invariant and says how.
fn ensure(holds: bool, invariant: &'static str, found: &str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, found: found.to_owned() }) }
}

impl Audit {
    /// Takes the next event, decided at `at`.
    ///
    /// # Errors
    /// The [`Violation`] when it breaks a rule; the audit must not be used after that.
    pub fn observe(
        &mut self,
        at: Timestamp,
        event: &Event,
        policies: &Policies,
    ) -> Result<(), Violation> {
        match event {
            Event::GenerationRaised { generation, .. } => {
                ensure(*generation > self.generation, "D4", "a generation did not rise")?;
                self.generation = *generation;
            }
            Event::ChannelPaused => self.paused = true,
            Event::ChannelResumed => self.paused = false,
            Event::ChannelParked { .. } => {}
            Event::WorkflowsArchived { month, workflows, .. } => {
                for workflow in workflows {
                    self.archive(*month, *workflow)?;
                }
            }
            // From now on nothing is known of them.
            Event::HistoryDropped { month } => {
                self.workflows.retain(|_, track| track.archived != Some(*month));
            }
            Event::WorkflowStarted { workflow, slot, .. } => {
                let track = Track { slot: *slot, ..Track::new() };
                let earlier = self.workflows.insert(*workflow, track);
                ensure(earlier.is_none(), "D3", "a workflow was started twice")?;
                slot.map_or(Ok(()), |slot| self.book(slot))?;
            }
            Event::SlotSkipped { slot, reason } => {
                ensure(!reason.is_empty(), "D5", "a slot was skipped without a reason")?;
                self.book(*slot)?;
            }
            Event::SlotsBegin { after } => {
                ensure(self.slots_after < Some(*after), "D3", "the slots began anew")?;
                self.slots_after = Some(*after);
            }
            Event::CommandNoted { .. } | Event::ClockJumped { .. } => {}
            Event::TrendDetected { workflow, profile, .. } => {
                let owner = *self.topics.entry(profile.key.clone()).or_insert(*workflow);
                ensure(owner == *workflow, "D3", "two workflows used the same topic")?;
            }
            Event::StageStarted { .. }
            | Event::ContentReady { .. }
            | Event::StageSucceeded { .. }
            | Event::StageFailed { .. }
            | Event::StageRetrying { .. }
            | Event::WorkflowParked { .. }
            | Event::WorkflowRetried { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::WorkflowReprioritised { .. }
            | Event::WorkflowCancelled { .. }
            | Event::WorkflowFailed { .. }
            | Event::StageWaiting { .. }
            | Event::WorkflowApproved { .. }
            | Event::WorkflowRejected { .. }
            | Event::VideoPublished { .. }
            | Event::WorkflowCompleted { .. } => self.observe_workflow(at, event, policies)?,
        }
        Ok(())
    }

    /// Every slot is taken or skipped once.
    fn book(&mut self, slot: Timestamp) -> Result<(), Violation> {
        ensure(self.slots.insert(slot), "D3", "a slot was decided twice")
    }

    fn archive(&mut self, month: Month, workflow: WorkflowId) -> Result<(), Violation> {
        let Some(track) = self.workflows.get_mut(&workflow) else {
            return ensure(false, "D1", "an unknown workflow was archived");
        };
        ensure(track.finished, "D5", "an unfinished workflow was archived")?;
        ensure(track.archived.is_none(), "D1", "a workflow was archived twice")?;
        track.archived = Some(month);
        Ok(())
    }

    fn observe_workflow(
        &mut self,
        at: Timestamp,
        event: &Event,
        policies: &Policies,
    ) -> Result<(), Violation> {
        let (generation, channel_paused) = (self.generation, self.paused);
        let found = event.workflow().and_then(|id| self.workflows.get_mut(&id));
        let Some(track) = found else {
            return ensure(false, "D1", "an event names an unknown workflow");
        };
        ensure(!track.finished, "D4", "something happened to a finished workflow")?;
        match event {
            Event::StageStarted { stage, attempt, take, .. } => {
                ensure(!track.paused && !channel_paused, "D5", "an attempt started while paused")?;
                track.start(at, *stage, *attempt, *take, generation)
            }
            Event::StageSucceeded { stage, attempt, take, .. } => {
                ensure(track.stage == Some(*stage), "D4", "a stage succeeded out of order")?;
                ensure(track.take == *take, "D4", "a success belongs to another take")?;
                let live = (*attempt, generation);
                ensure(track.live == Some(live), "D4", "a stale success was accepted")?;
                let (paused, slot) = (track.paused, track.slot);
                *track = Track { stage: stage.next(), paused, slot, ..Track::new() };
                Ok(())
            }
            Event::StageFailed { stage, attempt, take, failure, .. } => {
                ensure(track.stage == Some(*stage), "D4", "a stage failed out of order")?;
                ensure(track.take == *take, "D4", "a failure belongs to another take")?;
                track.fail(*attempt, generation, failure, policies.of(*stage).retry)
            }
            Event::StageRetrying { stage, retry_at, failure, .. } => {
                ensure(track.live.is_none(), "D4", "a running stage backs off")?;
                track.back_off(at, *retry_at, failure, policies.of(*stage).retry)
            }
            Event::WorkflowParked { stage, .. } => {
                ensure(track.stage == Some(*stage), "D4", "parked at another stage")?;
                ensure(track.live.is_none(), "D4", "a running stage was parked")?;
                let patient = match track.waiting.take() {
                    None => true,
                    Some((reason, until)) => reason == WaitReason::Approval && until <= at,
                };
                ensure(patient, "D6", "a waiting stage was parked before its deadline")?;
                track.parked = true;
                Ok(())
            }
            Event::WorkflowRetried { take, .. } => {
                ensure(track.parked, "D4", "a workflow was retried that was not parked")?;
                ensure(take.0 == track.take.0 + 1, "D4", "a take did not rise by one")?;
                track.take = *take;
                (track.parked, track.not_before, track.waiting) = (false, None, None);
                (track.counted, track.interruptions) = (0, 0);
                Ok(())
            }
            Event::WorkflowPaused { .. } => {
                track.paused = true;
                Ok(())
            }
            Event::WorkflowResumed { .. } => {
                track.paused = false;
                Ok(())
            }
            Event::WorkflowCancelled { .. } => {
                track.finished = true;
                Ok(())
            }
            Event::WorkflowFailed { .. } => {
                ensure(track.parked, "D5", "a workflow was dropped that was not parked")?;
                track.finished = true;
                Ok(())
            }
            Event::VideoPublished { .. } => {
                track.publications += 1;
                ensure(track.stage.is_none(), "D3", "published before its upload succeeded")?;
                ensure(track.publications == 1, "D3", "a workflow was published twice")
            }
            Event::WorkflowCompleted { .. } => {
                ensure(track.publications == 1, "D3", "completed without its publication")?;
                track.finished = true;
                Ok(())
            }
            Event::StageWaiting { stage, reason, until, .. } => {
                ensure(!track.paused && !channel_paused, "D5", "a wait began while paused")?;
                track.wait(at, *stage, *reason, *until)
            }
            Event::WorkflowApproved { .. } => {
                track.asked()?;
                (track.approved, track.waiting) = (true, None);
                Ok(())
            }
            Event::WorkflowRejected { .. } => track.asked(),
            Event::ContentReady { .. } | Event::WorkflowReprioritised { .. } => Ok(()),
            Event::GenerationRaised { .. }
            | Event::WorkflowStarted { .. }
            | Event::TrendDetected { .. }
            | Event::SlotSkipped { .. }
            | Event::SlotsBegin { .. }
            | Event::CommandNoted { .. }
            | Event::ClockJumped { .. }
            | Event::ChannelPaused
            | Event::ChannelResumed
            | Event::ChannelParked { .. }
            | Event::WorkflowsArchived { .. }
            | Event::HistoryDropped { .. } => Ok(()),
        }
    }
}

impl Track {
    /// Only who was asked may answer.
    fn asked(&self) -> Result<(), Violation> {
        let asked = matches!(self.waiting, Some((WaitReason::Approval, _)));
        ensure(asked, "D4", "an answer to a question that was not asked")
    }

    fn wait(
        &mut self,
        at: Timestamp,
        stage: StageName,
        reason: WaitReason,
        until: Timestamp,
    ) -> Result<(), Violation> {
        ensure(self.stage == Some(stage), "D4", "a stage waits out of order")?;
        ensure(self.live.is_none(), "D4", "a running stage waits")?;
        ensure(!self.parked, "D5", "a parked stage waits by itself")?;
        let backed_off = self.not_before.is_none_or(|earliest| earliest <= at);
        ensure(backed_off, "D6", "a wait began before a back-off was over")?;
        let fits = match reason {
            WaitReason::Slot => stage == StageName::Upload && self.slot == Some(until),
            WaitReason::Approval => {
                stage == StageName::Upload && !self.approved && until.since(at) <= APPROVAL_LIMIT
            }
            WaitReason::CatchUp => stage == StageName::Trend && until.since(at) <= CATCH_UP_SPREAD,
        };
        ensure(fits, "D6", "a wait for nothing, or without a deadline")?;
        (self.waiting, self.not_before) = (Some((reason, until)), None);
        Ok(())
    }

    fn start(
        &mut self,
        at: Timestamp,
        stage: StageName,
        attempt: Attempt,
        take: Take,
        generation: Generation,
    ) -> Result<(), Violation> {
        ensure(self.stage == Some(stage), "D4", "a stage started out of order")?;
        ensure(self.live.is_none(), "D4", "an attempt started beside a live one")?;
        ensure(attempt.0 == self.attempt + 1, "D4", "an attempt number did not rise by one")?;
        ensure(take == self.take, "D4", "an attempt belongs to another take")?;
        ensure(!self.parked, "D5", "a parked stage started by itself")?;
        let waited = self.not_before.is_none_or(|earliest| earliest <= at);
        ensure(waited, "D6", "an attempt did not wait for its back-off")?;
        let over = self
            .waiting
            .is_none_or(|(reason, until)| reason != WaitReason::Approval && until <= at);
        ensure(over, "D6", "an attempt did not wait for what it must wait for")?;
        let in_time = stage != StageName::Upload || self.slot.is_none_or(|slot| slot <= at);
        ensure(in_time, "D6", "a video was published before its slot")?;
        self.waiting = None;
        self.attempt = attempt.0;
        self.live = Some((attempt, generation));
        self.not_before = None;
        Ok(())
    }

    fn fail(
        &mut self,
        attempt: Attempt,
        generation: Generation,
        failure: &Failure,
        policy: RetryPolicy,
    ) -> Result<(), Violation> {
        let Some((live, started_in)) = self.live.take() else {
            return ensure(false, "D4", "a failure of no live attempt was accepted");
        };
        ensure(live == attempt, "D4", "a stale failure was accepted")?;
        let interrupted = failure.class == FailureClass::Interrupted;
        let current = started_in == generation || interrupted;
        ensure(current, "D4", "a failure from an older generation was accepted")?;
        match failure.class {
            FailureClass::Transient
            | FailureClass::RateLimited { .. }
            | FailureClass::Ambiguous => {
                self.counted += 1;
                self.interruptions = 0;
            }
            FailureClass::Interrupted => self.interruptions += 1,
            FailureClass::Permanent | FailureClass::Cancelled => {}
        }
        ensure(self.counted <= policy.max_retries + 1, "D6", "more attempts than the policy")?;
        ensure(self.interruptions <= MAX_INTERRUPTIONS, "D6", "interrupted too often")
    }

    fn back_off(
        &mut self,
        at: Timestamp,
        until: Timestamp,
        failure: &Failure,
        policy: RetryPolicy,
    ) -> Result<(), Violation> {
        ensure(self.counted >= 1, "D6", "a retry that does not count")?;
        ensure(self.counted <= policy.max_retries, "D6", "more retries than the policy")?;
        let doublings = self.counted.saturating_sub(1).min(20);
        let span = policy.base.saturating_mul(1 << doublings).min(LONGEST_BACKOFF);
        let asked = failure.retry_after().unwrap_or(Duration::ZERO);
        let wait = until.since(at);
        ensure(wait <= span.max(asked), "D6", "a back-off longer than the policy")?;
        ensure(wait <= LONGEST_ASKED_WAIT, "D6", "a wait without a deadline")?;
        let patient = wait >= asked || failure.code == TOPIC_TAKEN;
        ensure(patient, "D6", "the asked time was not waited for")?;
        self.not_before = Some(until);
        Ok(())
    }
}
