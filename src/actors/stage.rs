//! The shell that all stage actors share: it carries out jobs and reports one outcome for each.
//!
//! A job is accepted, looked up (work finished before a crash is not done again), leased, limited
//! in time, done, recorded, and reported. What a stage does in particular is its [`StageWork`].
//!
//! Architecture invariant: the handler never awaits the work; every accepted job has exactly one
//! outcome unless its channel cancelled it; when the shell dies its jobs are aborted with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::messages::{ChannelMsg, IDLE_LIMIT, StageJob, StageMsg, StageReport};
use super::stage_run::carry_out;
use super::stage_work::{StageTools, StageWork};
use crate::domain::command::StageSuccess;
use crate::domain::failure::Failure;
use crate::domain::ticket::Ticket;
use crate::supervision::caught::caught;
use crate::supervision::envelope::{Envelope, Handling, Mailbox, Trace};
use crate::supervision::handle::Handle;
use crate::supervision::path::Incarnation;

/// What the shell of one stage of one channel needs.
#[derive(Clone)]
pub struct StageShell {
    /// What the stage does.
    pub work: Arc<dyn StageWork>,
    /// What it may use.
    pub tools: StageTools,
    /// Its own handle.
    pub handle: Handle<StageMsg>,
    /// Which life of it this is.
    pub life: Incarnation,
    /// The channel's actor that spawned it: reports of this life go to that life.
    pub channel: Mailbox<ChannelMsg>,
}

/// A job under way.
#[derive(Debug)]
struct Running {
    cancel: CancellationToken,
    abort: AbortHandle,
}

/// What the shell carries.
#[derive(Debug, Default)]
pub struct Carried {
    jobs: BTreeMap<Ticket, Running>,
    /// Since when there are none.
    idle_since: Option<Instant>,
    idle_check: Option<AbortHandle>,
}

impl Drop for Carried {
    fn drop(&mut self) {
        for running in self.jobs.values() {
            running.abort.abort();
        }
        if let Some(check) = &self.idle_check {
            check.abort();
        }
    }
}

impl Actor for StageShell {
    type Msg = Envelope<StageMsg>;
    type State = Carried;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Carried, ActorProcessingErr> {
        Ok(Carried::default())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        carried: &mut Carried,
    ) -> Result<(), ActorProcessingErr> {
        let (handling, message) = envelope.open();
        match message {
            StageMsg::Run(job) => self.run(&handling, carried, *job),
            StageMsg::Cancel(ticket) => {
                if let Some(running) = carried.jobs.remove(&ticket) {
                    running.cancel.cancel();
                    running.abort.abort();
                }
            }
            StageMsg::Finished { ticket, result } => {
                if carried.jobs.remove(&ticket).is_some() {
                    self.report(&handling, StageReport::Outcome { ticket, result });
                }
            }
            StageMsg::CheckIdle => self.check_idleness(&handling, carried),
            StageMsg::Passivate if carried.jobs.is_empty() => {
                myself.stop(Some("passivated".to_owned()));
            }
            StageMsg::Passivate => {}
        }
        self.watch_idleness(carried);
        Ok(())
    }
}

impl StageShell {
    fn report(&self, handling: &Handling, report: StageReport) {
        let message = ChannelMsg::Stage { stage: self.work.stage(), life: self.life, report };
        // A channel that ended takes its stages with it.
        let _ = self.channel.cast(handling.trace(), message);
    }

    fn run(&self, handling: &Handling, carried: &mut Carried, job: StageJob) {
        let ticket = job.ticket;
        self.report(handling, StageReport::Accepted(ticket));
        if carried.jobs.contains_key(&ticket) {
            return;
        }
        let cancel = CancellationToken::new();
        let work = Arc::clone(&self.work);
        let tools = self.tools.clone();
        let token = cancel.clone();
        let handle = self.handle.clone();
        let trace = handling.trace();
        let task = tokio::spawn(async move {
            let result =
                Box::new(outcome_of(caught(carry_out(&*work, &tools, &job, &token)).await));
            // If the shell died in the meantime, its channel has booked the job as failed.
            let _ = handle.cast(trace, StageMsg::Finished { ticket, result });
        });
        let abort = task.abort_handle();
        carried.jobs.insert(ticket, Running { cancel, abort });
    }

    /// Notes since when the shell has had nothing to do, and wakes it when that is long ago. One alarm
    /// goes on while work comes and goes.
    fn watch_idleness(&self, carried: &mut Carried) {
        if !carried.jobs.is_empty() {
            carried.idle_since = None;
            return;
        }
        let since = *carried.idle_since.get_or_insert_with(Instant::now);
        if carried.idle_check.is_some() {
            return;
        }
        let handle = self.handle.clone();
        let left = (since + IDLE_LIMIT).saturating_duration_since(Instant::now());
        let check = tokio::spawn(after(left, move || {
            // A shell that ended is not idle any more.
            let _ = handle.cast(Trace::default(), StageMsg::CheckIdle);
        }));
        carried.idle_check = Some(check.abort_handle());
    }

    /// The alarm has gone off.
    fn check_idleness(&self, handling: &Handling, carried: &mut Carried) {
        carried.idle_check = None;
        if carried.idle_since.is_some_and(|since| since.elapsed() >= IDLE_LIMIT) {
            self.report(handling, StageReport::Idle);
            // It is asked again if nothing comes of that.
            carried.idle_since = None;
        }
    }
}

async fn after(wait: Duration, then: impl FnOnce() + Send) {
    tokio::time::sleep(wait).await;
    then();
}

/// A panic of the work is a failure of the attempt, not of the actor.
fn outcome_of(
    outcome: Result<Result<StageSuccess, Failure>, String>,
) -> Result<StageSuccess, Failure> {
    outcome.unwrap_or_else(|panic| {
        Err(Failure::transient("stage_panicked", format!("the stage panicked: {panic}")))
    })
}
