//! One job from beginning to end: found finished, or leased, limited, done and recorded.
//!
//! Architecture invariant: a result is recorded before it is reported, under a key of everything it
//! depends on, so work that was finished before a crash is not done again; but for work that costs no
//! more than the record would.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::messages::StageJob;
use super::stage_work::{LoggedBy, StageTools, StageWork};
use crate::domain::artifact::Digest;
use crate::domain::command::StageSuccess;
use crate::domain::failure::Failure;
use crate::gpu::arbiter::Refusal;
use crate::gpu::lease::{Lease, LeaseError, Need};
use crate::ports::execution_log::Phase;
use crate::ports::job::JobControl;
use crate::telemetry::failpoint;
use crate::telemetry::tick::Tick;

/// Carries out `job`.
///
/// # Errors
/// [`Failure`], classed where it arises.
pub(super) async fn carry_out(
    work: &dyn StageWork,
    tools: &StageTools,
    job: &StageJob,
    cancel: &CancellationToken,
) -> Result<StageSuccess, Failure> {
    let key = work.is_recorded().then(|| key_of(work, tools, job));
    if let Some(success) = finished_before(tools, job, key).await? {
        return Ok(success);
    }
    let lease = lease_for(work, tools, job).await?;
    let control = control_for(tools, job, cancel);
    if work.logged_by() == LoggedBy::Shell {
        note(tools, job, Phase::Start)?;
    }
    let success = limited(work, tools, job, &control, lease.as_ref()).await?;
    failpoint::pass(failpoint::AFTER_EFFECT);
    if let Some(key) = key {
        let record = serde_json::to_vec(&success).map_err(|error| {
            let message = format!("the result cannot be written: {error}");
            Failure::permanent("record_unwritable", message)
        })?;
        tools.artifacts.finish(job.ticket.workflow, key, record).await?;
    }
    if work.logged_by() == LoggedBy::Shell {
        note(tools, job, Phase::End)?;
    }
    failpoint::pass(failpoint::BEFORE_OUTCOME);
    Ok(success)
}

/// What the work of `job` came to when it was finished before a crash.
async fn finished_before(
    tools: &StageTools,
    job: &StageJob,
    key: Option<Digest>,
) -> Result<Option<StageSuccess>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let record = tools.artifacts.finished(job.ticket.workflow, key).await?;
    Ok(record.and_then(|record| serde_json::from_slice(&record).ok()))
}

/// Where the work of `job` is kept: a digest of everything its result depends on.
pub(super) fn key_of(work: &dyn StageWork, tools: &StageTools, job: &StageJob) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(&job.ticket.workflow.to_string());
    add(job.ticket.stage.name());
    add(&job.ticket.take.0.to_string());
    add(&work.settings(job, tools));
    for (stage, output) in &job.inputs {
        add(stage.name());
        for artifact in &output.artifacts {
            add(&artifact.name);
            add(&artifact.digest.to_string());
        }
    }
    Digest(*hasher.finalize().as_bytes())
}

async fn lease_for(
    work: &dyn StageWork,
    tools: &StageTools,
    job: &StageJob,
) -> Result<Option<Lease>, Failure> {
    let Some(mut need) = work.need() else { return Ok(None) };
    need.max_hold = job.policy.hard_limit + Duration::from_secs(60);
    let waited = tools.clock.now().since(job.since);
    let patience = job.policy.schedule_to_start.saturating_sub(waited);
    match tokio::time::timeout(patience, lease_from_broker(tools, need, job)).await {
        Ok(Ok(lease)) => Ok(Some(lease)),
        Ok(Err(refusal)) => {
            Err(Failure::permanent("lease_refused", format!("no lease: {refusal}")))
        }
        Err(_) => {
            let message = format!("no lease came within {:?}", job.policy.schedule_to_start);
            Err(Failure::transient("schedule_to_start_timeout", message))
        }
    }
}

/// Asks for a lease; what waited with a broker that died waits again with the next one.
async fn lease_from_broker(
    tools: &StageTools,
    need: Need,
    job: &StageJob,
) -> Result<Lease, Refusal> {
    loop {
        let asked = tools.broker.life();
        match tools.broker.acquire(need.clone(), tools.profile.id, job.priority).await {
            Ok(lease) => return Ok(lease),
            Err(LeaseError::Refused(refusal)) => return Err(refusal),
            Err(LeaseError::BrokerGone) => tools.broker.next_life(asked).await,
        }
    }
}

fn control_for(tools: &StageTools, job: &StageJob, cancel: &CancellationToken) -> JobControl {
    let ticks = Arc::clone(&tools.ticks);
    let channel = tools.profile.name.clone();
    let ticket = job.ticket;
    let progress = Arc::new(move |done: f64, note: &str| {
        let note = note.to_owned();
        ticks(Tick::StageProgressed { channel: channel.clone(), ticket, done, note });
    });
    JobControl { ticket, cancel: cancel.clone(), progress }
}

/// Does the work within its limits: asked to stop at the soft one, abandoned at the hard one.
async fn limited(
    work: &dyn StageWork,
    tools: &StageTools,
    job: &StageJob,
    control: &JobControl,
    lease: Option<&Lease>,
) -> Result<StageSuccess, Failure> {
    let policy = job.policy;
    let doing = work.perform(job, tools, control);
    let soft = async {
        tokio::time::sleep(policy.soft_limit).await;
        control.cancel.cancel();
        let rest = policy.hard_limit.saturating_sub(policy.soft_limit);
        tokio::time::sleep(rest).await;
    };
    let revoked = async {
        match lease {
            Some(lease) => lease.revoked.cancelled().await,
            None => std::future::pending().await,
        }
    };
    let result = first_of(doing, soft, revoked).await;
    match result {
        First::Done(Err(failure)) if timed_out(&failure, control) => Err(too_slow(job)),
        First::Done(result) => result,
        First::TooSlow => Err(too_slow(job)),
        First::Revoked => {
            let message = "the lease was revoked before the work was done";
            Err(Failure::transient("lease_revoked", message))
        }
    }
}

enum First {
    Done(Result<StageSuccess, Failure>),
    TooSlow,
    Revoked,
}

async fn first_of(
    doing: impl Future<Output = Result<StageSuccess, Failure>>,
    too_slow: impl Future<Output = ()>,
    revoked: impl Future<Output = ()>,
) -> First {
    tokio::select! {
        biased;
        result = doing => First::Done(result),
        () = too_slow => First::TooSlow,
        () = revoked => First::Revoked,
    }
}

/// Work that stopped because it was told to by its soft limit: a cancel from the channel aborts the
/// task instead and never gets here.
fn timed_out(failure: &Failure, control: &JobControl) -> bool {
    use crate::domain::failure::FailureClass;
    matches!(failure.class, FailureClass::Cancelled) && control.cancel.is_cancelled()
}

fn too_slow(job: &StageJob) -> Failure {
    let message = format!(
        "the {} stage was not done after {:?}; raise pipeline.{}.soft_limit if it needs longer",
        job.ticket.stage, job.policy.soft_limit, job.ticket.stage,
    );
    Failure::transient("time_limit", message)
}

pub(super) fn note(tools: &StageTools, job: &StageJob, phase: Phase) -> Result<(), Failure> {
    let Some(log) = &tools.execution_log else { return Ok(()) };
    log.note(tools.clock.now(), &job.ticket, phase).map_err(|error| {
        let message = format!("cannot write to the execution log: {error}");
        Failure::transient("execution_log_unwritable", message)
    })
}
