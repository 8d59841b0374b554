//! The supervisor: an actor that carries out what the plan says and reports what became of it.
//!
//! Why it exists: ractor tells a parent that a child has ended and does nothing about it.
//!
//! Architecture invariant: its handlers never wait. Starts, stops and back-offs run in tasks of
//! their own that report by message, so that one child that hangs delays no other; only its own
//! `post_stop` waits, for the ordered stop of its children.

use std::collections::BTreeMap;
use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::watch;

use super::child::{Child, Task};
use super::command::{Command, Request};
use super::envelope::{Envelope, Mailbox, Trace};
use super::environment::Environment;
use super::exit::{Exit, exit_of};
use super::handle::StartContext;
use super::observe::{Entry, Status};
use super::path::{ChildId, Incarnation};
use super::plan::Plan;
use super::roster::Roster;
use super::shutdown::{StopOutcome, stop_actor};
use super::spec::{DEFAULT_SHUTDOWN, SupervisorSpec};
use super::start::{give_up, start_child};
use super::start_error::StartError;
use super::stats::whole_millis;
use super::step::Step;

mod ending;
mod requests;

/// Where a supervisor is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Not every first child has been up yet.
    Booting,
    /// Every first child has been up, or has come to rest, once.
    Up,
    /// It has stopped its children and ended; with the reason if it failed.
    Ended(Option<String>),
}

/// What a supervisor is started with.
#[derive(Debug)]
pub(super) struct SupervisorArguments {
    pub(super) environment: Environment,
    pub(super) entry: Arc<Entry>,
    pub(super) incarnation: Incarnation,
    pub(super) spec: SupervisorSpec,
    pub(super) roster: Roster,
    pub(super) life: watch::Sender<Life>,
}

/// The state of a supervisor.
#[derive(Debug)]
pub(super) struct SupervisorState {
    entry: Arc<Entry>,
    environment: Environment,
    spec: SupervisorSpec,
    roster: Roster,
    mailbox: Mailbox<Command>,
    life: watch::Sender<Life>,
    plan: Plan,
    children: BTreeMap<ChildId, Child>,
    /// Ends of children whose start has not been reported yet.
    early_exits: BTreeMap<ActorId, Exit>,
    failure: Option<String>,
}

/// The supervisor actor.
#[derive(Debug)]
pub(super) struct Supervisor;

impl Actor for Supervisor {
    type Msg = Envelope<Command>;
    type State = SupervisorState;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: SupervisorArguments,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        let SupervisorArguments { environment, entry, incarnation, spec, roster, life } = arguments;
        let mailbox = Mailbox::new(myself, Arc::clone(entry.stats()), incarnation);
        let mut state = SupervisorState {
            entry,
            plan: Plan::new(spec.strategy, spec.exhaustion),
            environment,
            mailbox,
            life,
            children: BTreeMap::new(),
            early_exits: BTreeMap::new(),
            failure: None,
            spec,
            roster,
        };
        state.take_over().await?;
        Ok(state)
    }

    async fn post_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        state.carry_out(Vec::new());
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, Command(request)) = envelope.open();
        state.take(request);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let ended = exit_of(&event);
        // With the event goes the state of whoever was killed, and with that what it holds.
        drop(event);
        if let Some((actor, exit)) = ended {
            state.child_ended(actor, exit);
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Self::Msg>,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        state.stop_everyone(&myself.get_cell()).await;
        let failure = state.failure.take();
        state.entry.set_status(Status::Stopped);
        state.life.send_replace(Life::Ended(failure.clone()));
        match failure {
            Some(reason) => Err(reason.into()),
            None => Ok(()),
        }
    }
}

impl SupervisorState {
    fn start_done(
        &mut self,
        id: &ChildId,
        incarnation: Incarnation,
        result: Result<ActorCell, StartError>,
    ) -> Vec<Step> {
        let now_ms = self.environment.now_ms();
        let child = self.children.get_mut(id).filter(|child| child.incarnation == incarnation);
        let Some(child) = child else {
            dismiss(result);
            return Vec::new();
        };
        if child.being_stopped {
            // Whoever stops it has given this start up, and puts down what came of it.
            return Vec::new();
        }
        let cell = match result {
            Ok(cell) if self.plan.started(id, incarnation, now_ms) => cell,
            Ok(cell) => {
                dismiss(Ok(cell));
                return Vec::new();
            }
            Err(error) => {
                child.starting = None;
                child.vacate();
                child.spec.entry.record_crash(incarnation, &error.to_string());
                return self.plan_end(id, incarnation, Exit::Failed(error.to_string()));
            }
        };
        child.starting = None;
        child.spec.entry.set_status(Status::Running);
        let early_exit = self.early_exits.remove(&cell.get_id());
        child.cradle.put(cell.clone());
        child.cell = Some(cell);
        match early_exit {
            Some(exit) => self.note_end(id, exit),
            None => Vec::new(),
        }
    }

    /// A child has ended; if its start is not reported yet, that is kept until it is.
    fn child_ended(&mut self, actor: ActorId, exit: Exit) {
        let is_it = |child: &Child| child.cell.as_ref().is_some_and(|cell| cell.get_id() == actor);
        let found = self.children.iter().find(|(_, child)| is_it(child));
        let steps = match found.map(|(id, _)| id.clone()) {
            Some(id) => self.note_end(&id, exit),
            None => {
                if self.children.values().any(|child| child.starting.is_some()) {
                    self.early_exits.insert(actor, exit);
                }
                return;
            }
        };
        self.carry_out(steps);
    }

    fn note_end(&mut self, id: &ChildId, exit: Exit) -> Vec<Step> {
        let Some(child) = self.children.get_mut(id) else { return Vec::new() };
        child.vacate();
        if child.being_stopped {
            return Vec::new();
        }
        if let Exit::Failed(reason) = &exit {
            child.spec.entry.record_crash(child.incarnation, reason);
        }
        let incarnation = child.incarnation;
        self.plan_end(id, incarnation, exit)
    }

    fn plan_end(&mut self, id: &ChildId, incarnation: Incarnation, exit: Exit) -> Vec<Step> {
        let now_ms = self.environment.now_ms();
        let entropy = (self.environment.entropy)();
        if let Some(child) = self.children.get(id) {
            child.spec.entry.set_status(Status::Stopped);
        }
        self.plan.ended(id, incarnation, exit, now_ms, entropy)
    }

    fn stop_done(
        &mut self,
        id: &ChildId,
        incarnation: Incarnation,
        outcome: StopOutcome,
    ) -> Vec<Step> {
        let child = self.children.get_mut(id).filter(|child| child.incarnation == incarnation);
        let Some(child) = child else { return Vec::new() };
        child.pending = None;
        child.being_stopped = false;
        child.vacate();
        if outcome != StopOutcome::Stopped {
            let deadline = child.spec.shutdown;
            let reason = format!("it did not stop within {deadline:?} and was killed");
            child.spec.entry.record_crash(incarnation, &reason);
        }
        child.spec.entry.set_status(Status::Stopped);
        child.outcome = outcome;
        if !child.leaving {
            child.answer_stops();
        }
        self.plan.stopped(id, incarnation)
    }

    /// Carries out `steps`, and then whatever else is due.
    fn carry_out(&mut self, mut steps: Vec<Step>) {
        steps.extend(self.plan.next_steps());
        for step in steps {
            match step {
                Step::Start(id, incarnation) => self.begin_start(&id, incarnation),
                Step::Stop(id, incarnation) => self.begin_stop(&id, incarnation),
                Step::Wait(id, incarnation, delay, reason) => {
                    let mailbox = self.mailbox.clone();
                    let Some(child) = self.children.get_mut(&id) else { continue };
                    let delay_ms = whole_millis(delay);
                    child.spec.entry.set_status(Status::BackingOff { delay_ms, reason });
                    child.pending = Some(Task(tokio::spawn(async move {
                        tokio::time::sleep(delay).await;
                        report(&mailbox, Request::BackoffOver(id, incarnation));
                    })));
                }
                Step::Park(id, reason) => {
                    if let Some(child) = self.children.get(&id) {
                        child.spec.entry.set_status(Status::Parked { reason });
                    }
                }
                Step::Rest(id) => {
                    if let Some(child) = self.children.get_mut(&id) {
                        child.came_to_rest();
                    }
                }
                Step::Forget(id) => {
                    if let Some(child) = self.children.remove(&id) {
                        self.forget(&id, child);
                    }
                }
                Step::Fail(reason) => {
                    self.failure = Some(reason);
                    self.mailbox.actor().stop(None);
                }
            }
        }
        if self.children.values().all(|child| child.starting.is_none()) {
            self.early_exits.clear();
        }
        if self.plan.is_settled() {
            self.life.send_if_modified(|life| {
                let was_booting = *life == Life::Booting;
                if was_booting {
                    *life = Life::Up;
                }
                was_booting
            });
        }
    }

    fn begin_start(&mut self, id: &ChildId, incarnation: Incarnation) {
        let Some(child) = self.children.get_mut(id) else { return };
        child.incarnation = incarnation;
        child.pending = None;
        child.cradle.take();
        child.spec.entry.begin_start_of(incarnation);
        let context = StartContext {
            incarnation,
            supervisor: self.mailbox.actor().get_cell(),
            entry: Arc::clone(&child.spec.entry),
            cradle: child.cradle.clone(),
        };
        let places = Arc::clone(&self.environment.respawns);
        let start = start_child(child.spec.clone(), context, places);
        let mailbox = self.mailbox.clone();
        let id = id.clone();
        child.starting = Some(Task(tokio::spawn(async move {
            let result = start.await;
            let cell = result.as_ref().ok().cloned();
            report(&mailbox, Request::StartDone(id, incarnation, result));
            cell
        })));
    }

    /// Stops a child, or gives its start up.
    fn begin_stop(&mut self, id: &ChildId, incarnation: Incarnation) {
        let Some(child) = self.children.get_mut(id) else { return };
        child.being_stopped = true;
        child.spec.entry.set_status(Status::Stopping);
        let (cell, starting) = (child.cell.clone(), child.starting.take());
        let cradle = child.cradle.clone();
        let deadline = child.spec.shutdown;
        let mailbox = self.mailbox.clone();
        let id = id.clone();
        child.pending = Some(Task(tokio::spawn(async move {
            let outcome = match (cell, starting) {
                (Some(cell), _) => stop_actor(&cell, deadline).await,
                (None, Some(start)) => give_up(start, &cradle, deadline).await,
                (None, None) => StopOutcome::Stopped,
            };
            report(&mailbox, Request::StopDone(id, incarnation, outcome));
        })));
    }
}

/// Puts down an actor that was started and is not wanted any more: its start had been given up.
fn dismiss(started: Result<ActorCell, StartError>) {
    if let Ok(cell) = started {
        tokio::spawn(async move { stop_actor(&cell, DEFAULT_SHUTDOWN).await });
    }
}

/// Tells the supervisor what became of a task. A supervisor that has ended needs no report.
fn report(mailbox: &Mailbox<Command>, request: Request) {
    let _ = mailbox.cast(Trace::default(), Command(request));
}

#[cfg(test)]
mod changes;
#[cfg(test)]
mod tests;
