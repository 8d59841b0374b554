//! How the ChannelActor keeps its stage actors: spawned when first needed, given jobs, restarted
//! with back-off, passivated when idle.
//!
//! Architecture invariant: only the channel's actor casts jobs to its stages. It keeps a job until
//! the stage has accepted it, and cancels what the committed state does not ask for any more.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use ractor::{ActorId, ActorProcessingErr};
use tokio::time::Instant;

use super::channel::{ChannelActor, ChannelLife};
use super::messages::{ACCEPT_LIMIT, ChannelMsg, StageJob, StageMsg, StageReport};
use super::stage::StageShell;
use crate::domain::command::Command;
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::pending::{Effect, pending_of};
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;
use crate::supervision::envelope::{Mailbox, Trace};
use crate::supervision::exit::Exit;
use crate::supervision::handle::{Handle, StartContext};
use crate::supervision::lazy::{Ended, LazyChild, NotReady};
use crate::supervision::path::{ChildId, Incarnation};
use crate::telemetry::failpoint;

/// What a stage was given for a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dispatched {
    ticket: Ticket,
    stand: Stand,
    /// The life of the stage's actor that has it; `None` while it waits for one, or for its turn.
    given_to: Option<Incarnation>,
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

/// What became of the giving of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giving {
    /// Its stage has it.
    Given,
    /// Its stage backs off, and gets it when it is back.
    StageRests,
    /// The committed state does not ask for it any more.
    NotWanted,
}

/// A job that a life of a stage's actor is to accept.
#[derive(Debug, Clone, Copy)]
struct Offer {
    ticket: Ticket,
    given_to: Incarnation,
    due: Instant,
}

/// The offers of a channel, those that are due first first.
#[derive(Debug, Default)]
pub(super) struct Offers {
    waiting: VecDeque<Offer>,
    /// Whether an alarm is set.
    is_watched: bool,
}

impl Dispatched {
    fn waits_at(&self, stage: StageName) -> bool {
        self.ticket.stage == stage && self.stand == Stand::Offered
    }
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
        for stage in StageName::ALL {
            if self.takes_turns(stage) && !life.resting.contains(&stage) {
                self.give_next(life, stage).await?;
            }
        }
        Ok(())
    }

    fn takes_turns(&self, stage: StageName) -> bool {
        self.parts.works.get(&stage).is_some_and(|work| work.takes_turns())
    }

    /// Gives the stage the most urgent of the jobs that wait for their turn, if the turn before is
    /// over; of equally urgent ones the oldest.
    async fn give_next(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
    ) -> Result<(), ActorProcessingErr> {
        let mut vain = BTreeSet::new();
        while !is_anyones_turn(life, stage) {
            let next = self.parts.fold.read(self.parts.tools.profile.id, |state| {
                let waiting = life.dispatched.values().filter(|given| given.waits_at(stage));
                let ranked = waiting.filter_map(|given| {
                    let workflow = state.workflows.get(&given.ticket.workflow)?;
                    Some((Reverse(workflow.priority), workflow.created_at, given.ticket))
                });
                let ranked = ranked.filter(|(_, _, ticket)| !vain.contains(&ticket.workflow));
                ranked.min_by_key(|(priority, at, ticket)| (*priority, *at, ticket.workflow))
            });
            let Some((_, _, ticket)) = next else { break };
            // Its end may be committed and not looked at yet; then it is another's turn.
            if self.give(life, ticket).await? == Giving::NotWanted {
                vain.insert(ticket.workflow);
            } else {
                break;
            }
        }
        Ok(())
    }

    /// A finished workflow needs its half-made files no more.
    fn clear_workbenches(&self, workflow: WorkflowId) {
        if !self.parts.works.values().any(|work| work.is_recorded()) {
            return;
        }
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
        let dispatched = Dispatched { ticket, stand: Stand::Offered, given_to: None };
        life.dispatched.insert(ticket.workflow, dispatched);
        if !self.takes_turns(ticket.stage) {
            self.give(life, ticket).await?;
        }
        Ok(())
    }

    /// Casts the job of `ticket` to its stage, and looks later whether it was accepted.
    async fn give(
        &self,
        life: &mut ChannelLife,
        ticket: Ticket,
    ) -> Result<Giving, ActorProcessingErr> {
        failpoint::pass(failpoint::BEFORE_EFFECT);
        let Some(mailbox) = self.ensure_stage(life, ticket.stage).await? else {
            return Ok(Giving::StageRests);
        };
        let Some(job) = self.job(ticket) else { return Ok(Giving::NotWanted) };
        let trace = Trace { correlation: 0, workflow: Some(ticket.workflow) };
        let given_to = mailbox.incarnation();
        if let Some(given) = life.dispatched.get_mut(&ticket.workflow) {
            given.given_to = Some(given_to);
        }
        // If it has ended just now, its end is noticed, or the check below finds out.
        let _ = mailbox.cast(trace, StageMsg::Run(Box::new(job)));
        let due = Instant::now() + ACCEPT_LIMIT;
        life.offers.waiting.push_back(Offer { ticket, given_to, due });
        watch_offers(life);
        Ok(Giving::Given)
    }

    fn job(&self, ticket: Ticket) -> Option<StageJob> {
        let policy = self.parts.policies.of(ticket.stage);
        self.parts.fold.read(self.parts.tools.profile.id, |state| {
            let workflow = state.workflows.get(&ticket.workflow)?;
            let Some(Effect::Run { stage, attempt, take, since, priority, .. }) =
                pending_of(workflow)
            else {
                return None;
            };
            if (Ticket { workflow: workflow.id, stage, take, attempt }) != ticket {
                return None;
            }
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
                used_topics: if choosing {
                    state.topics.values().cloned().collect()
                } else {
                    Vec::new()
                },
                used_sentences: if choosing || writing {
                    state.sentences.clone()
                } else {
                    Default::default()
                },
                policy,
            })
        })
    }

    /// The mailbox of a stage's actor, which is started if need be; `None` while it backs off.
    async fn ensure_stage(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
    ) -> Result<Option<Mailbox<StageMsg>>, ActorProcessingErr> {
        let Some(work) = self.parts.works.get(&stage).cloned() else {
            return Err(format!("the {stage} stage has no work wired to it").into());
        };
        let (cell, channel) = (life.cell.clone(), life.me.clone());
        let (lived_ms, draw) = (life.lived_ms(), self.parts.entropy.draw());
        let child = life.stages.entry(stage).or_insert_with(|| {
            let path = self.parts.handle.path().child(&ChildId::from(stage.actor()));
            LazyChild::new(Handle::new(&self.parts.registry, &path), self.parts.stage_policy)
        });
        let handle = child.handle().clone();
        let tools = self.parts.tools.clone();
        let make = move |context: &StartContext| {
            let life = context.incarnation;
            (StageShell { work, tools, handle, life, channel }, ())
        };
        match child.ensure(lived_ms, draw, cell, make).await {
            Ok(mailbox) => Ok(Some(mailbox)),
            Err(not_ready) => {
                let channel_fails = come_back_later(life, stage, &not_ready);
                channel_fails.map(|()| None)
            }
        }
    }

    /// Takes a stage's report. A job is in the hands of one life of the stage's actor; what another
    /// life says of it comes too late: its end has been booked, and the job may be given again.
    pub(super) fn stage_reported(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
        reporter: Incarnation,
        report: StageReport,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        match report {
            StageReport::Accepted(ticket) => {
                if let Some(given) = in_hand(life, ticket, reporter)
                    && given.stand == Stand::Offered
                {
                    given.stand = Stand::Accepted;
                }
                Ok(())
            }
            StageReport::Outcome { ticket, result } => {
                let given = in_hand(life, ticket, reporter);
                let Some(given) = given.filter(|given| given.stand != Stand::Over) else {
                    return Ok(());
                };
                given.stand = Stand::Over;
                self.decide(life, &outcome(ticket, *result), trace)
            }
            StageReport::Idle => {
                let busy = life
                    .dispatched
                    .values()
                    .any(|given| given.ticket.stage == stage && given.stand != Stand::Over);
                if let Some(child) = life.stages.get(&stage).filter(|_| !busy) {
                    // If it has ended just now, there is nothing left to passivate.
                    let _ = child.handle().cast(trace, StageMsg::Passivate);
                }
                Ok(())
            }
        }
    }

    /// Books the end of a stage's actor: the jobs it had accepted failed with it, the others wait
    /// for its next life.
    pub(super) fn stage_ended(
        &self,
        life: &mut ChannelLife,
        ended: ActorId,
        exit: &Exit,
    ) -> Result<(), ActorProcessingErr> {
        let (lived_ms, draw) = (life.lived_ms(), self.parts.entropy.draw());
        let noted = life.stages.iter_mut().find_map(|(stage, child)| {
            Some((*stage, child.note_end(ended, exit, lived_ms, draw)?))
        });
        let Some((stage, end)) = noted else { return Ok(()) };
        let Ended::Failed(not_ready) = end else {
            // It was passivated; a job may have crossed with that, and is in nobody's hands then.
            let crossed = life.dispatched.values_mut().filter(|given| given.waits_at(stage));
            if crossed.map(|given| given.given_to = None).count() > 0 {
                wake_later(life, Duration::ZERO, ChannelMsg::Respawn(stage));
            }
            return Ok(());
        };
        for ticket in take_back(life, stage) {
            let message = format!("the actor of the {stage} stage died: {not_ready}");
            let failure = Failure::transient("stage_crashed", message);
            self.decide(life, &outcome(ticket, Err(failure)), Trace::default())?;
        }
        come_back_later(life, stage, &not_ready)
    }

    /// Brings a stage's actor back and gives it what waits for it.
    pub(super) async fn respawn(
        &self,
        life: &mut ChannelLife,
        stage: StageName,
    ) -> Result<(), ActorProcessingErr> {
        life.resting.remove(&stage);
        if self.takes_turns(stage) {
            return self.give_next(life, stage).await;
        }
        let waiting: Vec<Ticket> = life
            .dispatched
            .values()
            .filter(|given| given.waits_at(stage))
            .map(|given| given.ticket)
            .collect();
        for ticket in waiting {
            self.give(life, ticket).await?;
        }
        Ok(())
    }
}

/// Looks at the offers that were due at `due`. A life of a stage's actor that did not accept a job in time is
/// taken for dead and killed; its end is noticed like any other, and the job is given to the next
/// life.
pub(super) fn check_offers(life: &mut ChannelLife, due: Instant) {
    life.offers.is_watched = false;
    // Not what is due by now: what was accepted in time may still wait behind this alarm.
    while let Some(offer) = life.offers.waiting.pop_front_if(|offer| offer.due <= due) {
        let running = life.stages.get(&offer.ticket.stage).and_then(LazyChild::running);
        if let Some(mailbox) = running.filter(|_| is_open(life, &offer))
            && mailbox.incarnation() == offer.given_to
        {
            mailbox.actor().kill();
        }
    }
    watch_offers(life);
}

/// Wakes the channel when the oldest open offer is due: one alarm for all of them.
fn watch_offers(life: &mut ChannelLife) {
    while let Some(offer) = life.offers.waiting.front().copied()
        && !is_open(life, &offer)
    {
        life.offers.waiting.pop_front();
    }
    if let Some(oldest) = life.offers.waiting.front()
        && !life.offers.is_watched
    {
        let due = oldest.due;
        let wait = due.saturating_duration_since(Instant::now());
        wake_later(life, wait, ChannelMsg::CheckOffers(due));
        life.offers.is_watched = true;
    }
}

/// Whether nobody has accepted an offer, or taken it back.
fn is_open(life: &ChannelLife, offer: &Offer) -> bool {
    life.dispatched.get(&offer.ticket.workflow).is_some_and(|given| {
        given.ticket == offer.ticket
            && given.given_to == Some(offer.given_to)
            && given.stand == Stand::Offered
    })
}

/// Whether a job of the stage is in somebody's hands, or what it came to is not committed yet.
fn is_anyones_turn(life: &ChannelLife, stage: StageName) -> bool {
    let mut given = life.dispatched.values();
    given.any(|given| given.ticket.stage == stage && given.given_to.is_some())
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

/// The job of `ticket`, if it is in the hands of this life of its stage's actor.
fn in_hand(life: &mut ChannelLife, ticket: Ticket, holder: Incarnation) -> Option<&mut Dispatched> {
    let given = life.dispatched.get_mut(&ticket.workflow)?;
    (given.ticket == ticket && given.given_to == Some(holder)).then_some(given)
}

/// Takes the jobs of a stage's actor that has failed out of its hands, and returns those it had
/// accepted: they are over.
fn take_back(life: &mut ChannelLife, stage: StageName) -> Vec<Ticket> {
    let mut lost = Vec::new();
    let held = life.dispatched.values_mut().filter(|given| given.ticket.stage == stage);
    for given in held {
        match given.stand {
            Stand::Offered => given.given_to = None,
            Stand::Accepted => {
                given.stand = Stand::Over;
                lost.push(given.ticket);
            }
            Stand::Over => {}
        }
    }
    lost
}

fn stop_running(life: &mut ChannelLife, workflow: WorkflowId) {
    let Some(dispatched) = life.dispatched.remove(&workflow) else { return };
    if dispatched.stand == Stand::Over {
        return;
    }
    if let Some(child) = life.stages.get(&dispatched.ticket.stage) {
        // A stage that has ended carries nothing any more.
        let _ = child.handle().cast(Trace::default(), StageMsg::Cancel(dispatched.ticket));
    }
}

/// Looks at a stage again when its back-off is over. One that failed too often is the failure of
/// its channel.
fn come_back_later(
    life: &mut ChannelLife,
    stage: StageName,
    not_ready: &NotReady,
) -> Result<(), ActorProcessingErr> {
    match not_ready {
        NotReady::NotBefore { at_ms, .. } => {
            let wait = Duration::from_millis(at_ms.saturating_sub(life.lived_ms()));
            wake_later(life, wait, ChannelMsg::Respawn(stage));
            life.resting.insert(stage);
            Ok(())
        }
        NotReady::Parked { .. } => Err(format!("the {stage} stage: {not_ready}").into()),
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
