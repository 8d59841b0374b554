//! The shell that all stage actors share: it carries out jobs and reports one outcome for each.
//!
//! A job is accepted, looked up (work finished before a crash is not done again), leased, limited
//! in time, done, recorded, and reported. What a stage does in particular is its [`StageWork`].
//!
//! Architecture invariant: the handler never awaits the work; every accepted job has exactly one
//! outcome unless its channel cancelled it; when the shell dies its jobs are aborted with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::messages::{ChannelMsg, IDLE_LOOK, StageJob, StageMsg, StageReport};
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
    /// Tells it from a later job with the same ticket.
    number: u64,
    cancel: CancellationToken,
    abort: AbortHandle,
}

/// The jobs under way: the shell takes them on, their tasks take themselves off.
#[derive(Debug, Clone, Default)]
struct Jobs(Arc<Mutex<BTreeMap<Ticket, Running>>>);

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Ticket, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_off(&self, ticket: Ticket, number: u64) {
        let mut jobs = self.lock();
        if jobs.get(&ticket).is_some_and(|running| running.number == number) {
            jobs.remove(&ticket);
        }
    }
}

/// What the shell carries.
#[derive(Debug, Default)]
pub struct Carried {
    jobs: Jobs,
    /// How many jobs it was given.
    given: u64,
    /// Whether there was a job since the last look for idleness.
    was_busy: bool,
    idle_check: Option<AbortHandle>,
}

impl Drop for Carried {
    fn drop(&mut self) {
        for running in self.jobs.lock().values() {
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
                if let Some(running) = carried.jobs.lock().remove(&ticket) {
                    running.cancel.cancel();
                    running.abort.abort();
                }
            }
            StageMsg::CheckIdle => self.check_idleness(&handling, carried),
            StageMsg::Passivate if carried.jobs.lock().is_empty() => {
                myself.stop(Some("passivated".to_owned()));
            }
            StageMsg::Passivate => {}
        }
        self.watch_idleness(carried);
        Ok(())
    }
}

impl StageShell {
    /// What tells the channel of this life's jobs, from wherever it is called.
    fn reports(&self, trace: Trace) -> impl Fn(StageReport) + Send + 'static {
        let (stage, life, channel) = (self.work.stage(), self.life, self.channel.clone());
        move |report| {
            // A channel that ended takes its stages with it.
            let _ = channel.cast(trace, ChannelMsg::Stage { stage, life, report });
        }
    }

    /// Takes the job on. Its task says itself that it is accepted and how it ended: one turn of the
    /// shell less for each.
    fn run(&self, handling: &Handling, carried: &mut Carried, job: StageJob) {
        let ticket = job.ticket;
        let report = self.reports(handling.trace());
        carried.was_busy = true;
        carried.given += 1;
        let number = carried.given;
        let mut jobs = carried.jobs.lock();
        if jobs.contains_key(&ticket) {
            report(StageReport::Accepted(ticket));
            return;
        }
        let cancel = CancellationToken::new();
        let work = Arc::clone(&self.work);
        let tools = self.tools.clone();
        let (token, all) = (cancel.clone(), carried.jobs.clone());
        let task = tokio::spawn(async move {
            report(StageReport::Accepted(ticket));
            let result = outcome_of(caught(carry_out(&*work, &tools, &job, &token)).await);
            all.take_off(ticket, number);
            // If the shell died in the meantime, the channel has booked the job as failed.
            report(StageReport::Outcome { ticket, result: Box::new(result) });
        });
        jobs.insert(ticket, Running { number, cancel, abort: task.abort_handle() });
    }

    /// Sets the alarm that looks for idleness. One goes on while work comes and goes.
    fn watch_idleness(&self, carried: &mut Carried) {
        if carried.idle_check.is_some() {
            return;
        }
        let handle = self.handle.clone();
        let check = tokio::spawn(async move {
            tokio::time::sleep(IDLE_LOOK).await;
            // A shell that ended is not idle any more.
            let _ = handle.cast(Trace::default(), StageMsg::CheckIdle);
        });
        carried.idle_check = Some(check.abort_handle());
    }

    /// The alarm has gone off: idle is who had no job from one alarm to the next.
    fn check_idleness(&self, handling: &Handling, carried: &mut Carried) {
        carried.idle_check = None;
        let is_busy = !carried.jobs.lock().is_empty();
        if !is_busy && !carried.was_busy {
            // The channel is asked again at the next alarm if nothing comes of it.
            self.reports(handling.trace())(StageReport::Idle);
        }
        carried.was_busy = is_busy;
    }
}

/// A panic of the work is a failure of the attempt, not of the actor.
fn outcome_of(
    outcome: Result<Result<StageSuccess, Failure>, String>,
) -> Result<StageSuccess, Failure> {
    outcome.unwrap_or_else(|panic| {
        Err(Failure::transient("stage_panicked", format!("the stage panicked: {panic}")))
    })
}
