//! How the ChannelActor keeps its stage actors: spawned when first needed, given jobs, restarted
//! with back-off, passivated when idle.
//!
//! Architecture invariant: only the channel's actor casts jobs to its stages. It keeps a job until
//! the stage has accepted it, and cancels what the committed state does not ask for any more.

use std::collections::BTreeSet;
use std::time::Duration;

use ractor::{ActorId, ActorProcessingErr};

use super::channel::{ChannelActor, ChannelLife};
use super::messages::{ACCEPT_LIMIT, ChannelMsg, StageJob, StageMsg, StageReport};
use super::stage::StageShell;
use crate::domain::command::Command;
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::pending::{Effect, pending_of};
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;
use crate::supervision::envelope::Trace;
use crate::supervision::handle::Handle;
use crate::supervision::intensity::{RestartMeter, Verdict};
use crate::supervision::path::{ChildId, Incarnation};

/// What a stage was given for a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dispatched {
    ticket: Ticket,
    stand: Stand,
}

/// How far a job is with its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// The channel still answers for it.
    Offered,
    /// The stage answers for it.
    Accepted,
    /// Its outcome is decided, though perhaps not committed yet; it must not be given again.
    Over,
}

impl Dispatched {
    fn waits_at(&self, stage: StageName) -> bool {
        self.ticket.stage == stage && self.stand == Stand::Offered
    }
}

/// A stage's actor as its channel knows it.
#[derive(Debug)]
pub(super) struct StageChild {
    handle: Handle<StageMsg>,
    meter: RestartMeter,
    life: Option<(ActorId, Incarnation)>,
    /// Whether a respawn is waiting for its back-off.
    backing_off: bool,
}

impl ChannelActor {
    /// Brings what is under way in line with what the committed state asks for.
    pub(super) async fn reconcile(
        &self,
        life: &mut ChannelLife,
        workflows: BTreeSet<WorkflowId>,
    ) -> Result<(), ActorProcessingErr> {
        let channel = self.parts.tools.profile.id;
        for id in workflows {
            let (effect, finished) = self.parts.fold.read(channel, |state| {
                let workflow = state.workflows.get(&id);
                (
                    workflow.and_then(pending_of),
                    workflow.is_some_and(|workflow| workflow.ending().is_some()),
                )
            });
            life.wakes.remove(&id);
            match effect {
                Some(Effect::Run { workflow, stage, attempt, take, .. }) => {
                    self.keep_running(life, Ticket { workflow, stage, take, attempt }).await?;
                }
                Some(Effect::WakeAt { workflow, at }) => {
                    stop_running(life, workflow);
                    if !life.state.paused {
                        life.wakes.insert(workflow, at);
                    }
                }
                Some(Effect::Person { .. }) | None => stop_running(life, id),
            }
            if finished {
                self.clear_workbenches(id);
            }
        }
        Ok(())
    }

    /// A finished workflow needs its half-made files no more.
    fn clear_workbenches(&self, workflow: WorkflowId) {
        let artifacts = std::sync::Arc::clone(&self.parts.tools.artifacts);
        tokio::spawn(async move {
            // What stays behind now is removed when the node next starts.
            let _ = artifacts.clear_workbenches(workflow).await;
        });
    }

    async fn keep_running(
        &self,
        life: &mut ChannelLife,
        ticket: Ticket,
    ) -> Result<(), ActorProcessingErr> {
        let current = life.dispatched.get(&ticket.workflow);
        if current.is_some_and(|dispatched| dispatched.ticket == ticket) {
            return Ok(());
        }
        stop_running(life, ticket.workflow);
        life.dispatched.insert(ticket.workflow, Dispatched { ticket, stand: Stand::Offered });
        self.ensure_stage(life, ticket.stage).await?;
        self.give(life, ticket);
        Ok(())
    }

    /// Casts the job of `ticket` to its stage, and looks later whether it was accepted.
    fn give(&self, life: &mut ChannelLife, ticket: Ticket) {
        let Some(child) = life.stages.get(&ticket.stage).filter(|child| child.life.is_some())
        else {
            // Its actor is backing off: it gets the job when it is back.
            return;
        };
        let Some(job) = self.job(ticket) else { return };
        let trace = Trace { correlation: 0, workflow: Some(ticket.workflow) };
        // If it has ended just now, the check below finds out.
        let _ = child.handle.cast(trace, StageMsg::Run(Box::new(job)));
        let me = life.me.clone();
        tokio::spawn(async move {
            tokio::time::sleep(ACCEPT_LIMIT).await;
            // An actor that ended has no jobs to look after.
            let _ = me.cast(trace, ChannelMsg::CheckAccepted(ticket));
        });
    }

    fn job(&self, ticket: Ticket) -> Option<StageJob> {
        let policy = self.parts.policies.of(ticket.stage);
        self.parts.fold.read(self.parts.tools.profile.id, |state| {
            let workflow = state.workflows.get(&ticket.workflow)?;
            let Some(Effect::Run { since, priority, .. }) = pending_of(workflow) else {
                return None;
            };
            let choosing = ticket.stage == StageName::Trend;
            let writing = ticket.stage == StageName::Script;
            Some(StageJob {
                ticket,
                priority,
                since,
                content_type: workflow.content_type,
                requested_topic: workflow.requested_topic.clone(),
                inputs: workflow
                    .done
                    .iter()
                    .map(|done| (done.stage, done.output.clone()))
                    .collect(),
                used_topics: if choosing { state.topics.clone() } else { Default::default() },
                used_sentences: if writing { state.sentences.clone() } else { Default::default() },
                policy,
            })
        })
    }

    async fn ensure_stage(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
    ) -> Result<(), ActorProcessingErr> {
        if !life.stages.contains_key(&stage) {
            let path = self.parts.handle.path().child(&ChildId::from(stage.actor()));
            let handle = Handle::new(&self.parts.registry, &path);
            let meter = RestartMeter::new(self.parts.stage_policy);
            let child = StageChild { handle, meter, life: None, backing_off: false };
            life.stages.insert(stage, child);
        }
        let waiting = life.stages.get(&stage).is_some_and(|c| c.life.is_some() || c.backing_off);
        if waiting { Ok(()) } else { self.spawn_stage(life, stage).await }
    }

    async fn spawn_stage(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
    ) -> Result<(), ActorProcessingErr> {
        let cell = life.cell.clone();
        let channel = life.me.clone();
        let life_ms = life.lived_ms();
        let Some(work) = self.parts.works.get(&stage).cloned() else {
            return Err(format!("the {stage} stage has no work wired to it").into());
        };
        let Some(child) = life.stages.get_mut(&stage) else { return Ok(()) };
        let handle = child.handle.clone();
        let shell = StageShell { work, tools: self.parts.tools.clone(), handle, channel };
        let mailbox = child.handle.spawn(cell, move |_| (shell, ())).await?;
        child.life = Some((mailbox.actor().get_id(), mailbox.incarnation()));
        child.meter.started(life_ms);
        Ok(())
    }

    /// Takes a stage's report.
    pub(super) fn stage_reported(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
        report: StageReport,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        match report {
            StageReport::Accepted(ticket) => {
                if let Some(given) = life.dispatched.get_mut(&ticket.workflow)
                    && given.ticket == ticket
                    && given.stand == Stand::Offered
                {
                    given.stand = Stand::Accepted;
                }
                Ok(())
            }
            StageReport::Outcome { ticket, result } => {
                mark_over(life, ticket);
                self.decide(life, &outcome(ticket, *result), None, None, trace)
            }
            StageReport::Idle => {
                let busy = life
                    .dispatched
                    .values()
                    .any(|given| given.ticket.stage == stage && given.stand != Stand::Over);
                if let Some(child) = life.stages.get(&stage).filter(|_| !busy) {
                    // If it has ended just now, there is nothing left to passivate.
                    let _ = child.handle.cast(trace, StageMsg::Passivate);
                }
                Ok(())
            }
        }
    }

    /// Books the end of a stage's actor: its jobs failed with it, and it may come back.
    pub(super) fn stage_ended(
        &self,
        life: &mut ChannelLife,
        ended: ActorId,
        failure: Option<String>,
    ) -> Result<(), ActorProcessingErr> {
        let is_it = |child: &StageChild| child.life.is_some_and(|(id, _)| id == ended);
        let Some(stage) = life.stages.iter().find(|(_, c)| is_it(c)).map(|(stage, _)| *stage)
        else {
            return Ok(());
        };
        let life_ms = life.lived_ms();
        let Some(child) = life.stages.get_mut(&stage) else { return Ok(()) };
        if let Some((_, incarnation)) = child.life.take() {
            child.handle.child_ended(incarnation, failure.as_deref());
        }
        let lost: Vec<Ticket> = life
            .dispatched
            .values()
            .filter(|given| given.ticket.stage == stage && given.stand != Stand::Over)
            .map(|given| given.ticket)
            .collect();
        let Some(reason) = failure else {
            return self.give_again(life, stage);
        };
        match child.meter.failed(life_ms, self.parts.entropy.draw()) {
            Verdict::RestartAfter(wait) => {
                child.backing_off = true;
                wake_later(life, wait, ChannelMsg::Respawn(stage));
            }
            Verdict::Exhausted { restarts } => {
                let text = format!("the {stage} stage failed {restarts} times in a row: {reason}");
                return Err(text.into());
            }
        }
        for ticket in lost {
            mark_over(life, ticket);
            let message = format!("the actor of the {stage} stage died: {reason}");
            let failure = Failure::transient("stage_crashed", message);
            self.decide(life, &outcome(ticket, Err(failure)), None, None, Trace::default())?;
        }
        Ok(())
    }

    /// A stage that stopped in order may have been given a job at the same moment.
    fn give_again(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
    ) -> Result<(), ActorProcessingErr> {
        let waiting = life.dispatched.values().any(|given| given.waits_at(stage));
        if waiting {
            wake_later(life, Duration::ZERO, ChannelMsg::Respawn(stage));
        }
        Ok(())
    }

    /// Brings a stage's actor back and gives it what waits for it.
    pub(super) async fn respawn(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
    ) -> Result<(), ActorProcessingErr> {
        let Some(child) = life.stages.get_mut(&stage) else { return Ok(()) };
        child.backing_off = false;
        if child.life.is_none() {
            self.spawn_stage(life, stage).await?;
        }
        let waiting: Vec<Ticket> = life
            .dispatched
            .values()
            .filter(|given| given.waits_at(stage))
            .map(|given| given.ticket)
            .collect();
        for ticket in waiting {
            self.give(life, ticket);
        }
        Ok(())
    }

    /// A stage that did not accept a job in time is taken for dead and killed; its end is noticed
    /// like any other.
    pub(super) async fn check_accepted(
        &self,
        life: &mut ChannelLife,
        ticket: Ticket,
    ) -> Result<(), ActorProcessingErr> {
        let unaccepted = life
            .dispatched
            .get(&ticket.workflow)
            .is_some_and(|given| given.ticket == ticket && given.stand == Stand::Offered);
        if !unaccepted {
            return Ok(());
        }
        let current = life.stages.get(&ticket.stage).and_then(|child| child.handle.current());
        if let Some(mailbox) = current {
            mailbox.actor().kill();
        }
        Ok(())
    }
}

fn outcome(
    ticket: Ticket,
    result: Result<crate::domain::command::StageSuccess, Failure>,
) -> Command {
    Command::Outcome {
        workflow: ticket.workflow,
        stage: ticket.stage,
        attempt: ticket.attempt,
        result,
    }
}

fn mark_over(life: &mut ChannelLife, ticket: Ticket) {
    if let Some(given) = life.dispatched.get_mut(&ticket.workflow)
        && given.ticket == ticket
    {
        given.stand = Stand::Over;
    }
}

fn stop_running(life: &mut ChannelLife, workflow: WorkflowId) {
    let Some(dispatched) = life.dispatched.remove(&workflow) else { return };
    if dispatched.stand == Stand::Over {
        return;
    }
    if let Some(child) = life.stages.get(&dispatched.ticket.stage) {
        // A stage that has ended carries nothing any more.
        let _ = child.handle.cast(Trace::default(), StageMsg::Cancel(dispatched.ticket));
    }
}

fn wake_later(life: &ChannelLife, wait: Duration, message: ChannelMsg) {
    let me = life.me.clone();
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        // An actor that ended has nothing to bring back.
        let _ = me.cast(Trace::default(), message);
    });
}
