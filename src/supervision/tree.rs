//! What users of supervision hold: the handle of a supervisor, a supervisor as a child of another,
//! and the root of a tree.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell};
use tokio::sync::watch;

use super::child::ChildView;
use super::command::{Command, Request};
use super::envelope::{CallError, Reply, Trace};
use super::environment::Environment;
use super::handle::{Handle, Slot};
use super::observe::{Registry, Status};
use super::path::{ActorPath, ChildId, Incarnation};
use super::roster::Roster;
use super::shutdown::{Departing, ShutdownReport, StopOutcome, stop_group};
use super::spec::{ChildSpec, Role, StartFn, SupervisorSpec};
use super::start_error::StartError;
use super::step::PlanError;
use super::supervisor::{Life, Supervisor, SupervisorArguments};

/// How long a supervisor may take to accept a request. Its handlers never wait, so this is ample.
const ACCEPT_LIMIT: Duration = Duration::from_secs(10);

/// How long a supervisor may take until its children are up, or one is down. Each of them has its
/// own limits, so this is only there to be finite.
const FINITE: Duration = Duration::from_secs(24 * 3_600);

/// Why a request to a supervisor was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// The supervisor refused it.
    #[error(transparent)]
    Refused(#[from] PlanError),
    /// The supervisor did not answer.
    #[error("no answer from the supervisor: {0}")]
    Call(#[from] CallError),
}

impl SupervisorError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::Call(error) => error.code(),
        }
    }
}

/// The stable handle of a supervisor; made before it starts and valid over its restarts.
///
/// Who is added and who is removed stays so over restarts of the supervisor, until it is removed
/// itself. When a supervisor is on
/// its way out, a request ends as `supervisor_stopping`, `actor_not_running` (nothing was done) or
/// `call_without_answer` (it may have been done).
#[derive(Debug, Clone)]
pub struct SupervisorHandle {
    handle: Handle<Command>,
    roster: Roster,
}

impl SupervisorHandle {
    /// A handle for the supervisor at `path`. Make one and clone it.
    #[must_use]
    pub fn new(registry: &Registry, path: &ActorPath) -> Self {
        Self { handle: Handle::new(registry, path), roster: Roster::default() }
    }

    /// Where the supervisor is in the tree.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        self.handle.path()
    }

    /// Where a child of it is in the tree.
    #[must_use]
    pub fn child_path(&self, id: &ChildId) -> ActorPath {
        self.path().child(id)
    }

    /// Adds a child behind all others and begins its start in its turn; returns when that is
    /// accepted. Its handle tells when it runs.
    ///
    /// # Errors
    /// `duplicate_child`, `child_leaving` while one of that name is being removed,
    /// `supervisor_stopping`, or no answer.
    pub async fn add(&self, spec: ChildSpec) -> Result<(), SupervisorError> {
        Ok(self.ask(ACCEPT_LIMIT, |reply| Request::Add(Box::new(spec), reply)).await??)
    }

    /// Stops a child, whatever it does now, forgets it with its record and its failures, and
    /// returns when it is gone: within its own deadline and the grace of a kill. Says how it went
    /// down. Whoever depends on it is not touched.
    ///
    /// # Errors
    /// `unknown_child`, or no answer.
    pub async fn remove(&self, id: &ChildId) -> Result<StopOutcome, SupervisorError> {
        let id = id.clone();
        Ok(self.ask(FINITE, |reply| Request::Remove(id, reply)).await??)
    }

    /// Stops a child and keeps it down until it is restarted or its supervisor is; returns when it
    /// is down: within its own deadline and the grace of a kill. Says how it went down.
    ///
    /// # Errors
    /// `unknown_child`, or no answer.
    pub async fn stop(&self, id: &ChildId) -> Result<StopOutcome, SupervisorError> {
        let id = id.clone();
        Ok(self.ask(FINITE, |reply| Request::Stop(id, reply)).await??)
    }

    /// Begins a new incarnation of a child, running or not, and forgives its failures; returns when
    /// that is accepted.
    ///
    /// # Errors
    /// `unknown_child`, `child_leaving`, `supervisor_stopping`, or no answer.
    pub async fn restart(&self, id: &ChildId) -> Result<(), SupervisorError> {
        let id = id.clone();
        Ok(self.ask(ACCEPT_LIMIT, |reply| Request::Restart(id, reply)).await??)
    }

    /// Lets a parked child run again and forgives its failures; returns when that is accepted.
    ///
    /// # Errors
    /// `unknown_child`, `child_not_parked`, `child_leaving`, `supervisor_stopping`, or no answer.
    pub async fn unpark(&self, id: &ChildId) -> Result<(), SupervisorError> {
        let id = id.clone();
        Ok(self.ask(ACCEPT_LIMIT, |reply| Request::Unpark(id, reply)).await??)
    }

    /// The children in their order, those that are being removed too.
    ///
    /// # Errors
    /// No answer.
    pub async fn children(&self) -> Result<Vec<ChildView>, SupervisorError> {
        self.ask(ACCEPT_LIMIT, Request::Children).await
    }

    /// The supervisor's actor, to do it harm.
    #[cfg(test)]
    pub(super) fn cell(&self) -> Option<ActorCell> {
        self.handle.current().map(|mailbox| mailbox.actor().get_cell())
    }

    async fn ask<T: Send>(
        &self,
        limit: Duration,
        question: impl FnOnce(Reply<T>) -> Request + Send,
    ) -> Result<T, SupervisorError> {
        let question = |reply| Command(question(reply));
        Ok(self.handle.call(limit, Trace::default(), question).await?)
    }
}

impl Slot for SupervisorHandle {
    fn vacate(&self, incarnation: Incarnation) {
        self.handle.vacate(incarnation);
    }

    fn forget(&self) {
        self.roster.clear();
    }
}

/// A supervisor as a permanent child of another one. It counts as started when all its own first
/// children have been up, or have come to rest, once. `shutdown` must leave time for the stops of
/// all its children, one after the other where they stop in turn.
#[must_use]
pub fn supervisor_child(
    environment: &Environment,
    handle: &SupervisorHandle,
    spec: SupervisorSpec,
    shutdown: Duration,
) -> ChildSpec {
    let address = handle.handle.clone();
    let roster = handle.roster.clone();
    let environment = environment.clone();
    let start: StartFn = Arc::new(move |context| {
        let address = address.clone();
        let environment = environment.clone();
        let spec = spec.clone();
        let roster = roster.clone();
        Box::pin(async move {
            let life = watch::Sender::new(Life::Booting);
            let mut watching = life.subscribe();
            let spawned = address.spawn_as(&context, |context| {
                let arguments = SupervisorArguments {
                    environment,
                    entry: Arc::clone(&context.entry),
                    incarnation: context.incarnation,
                    spec,
                    roster,
                    life,
                };
                (Supervisor, arguments)
            });
            let mailbox = spawned.await?;
            booted(&mut watching).await.map_err(StartError::Failed)?;
            Ok(mailbox.actor().get_cell())
        })
    });
    let mut child = ChildSpec::new(Arc::clone(handle.handle.entry()), start);
    child.slot = Some(Arc::new(handle.clone()));
    child.role = Role::Supervisor;
    child.start_limit = FINITE;
    child.shutdown = shutdown;
    child
}

/// Waits until a supervisor's first children have been up.
async fn booted(life: &mut watch::Receiver<Life>) -> Result<(), String> {
    let reached = life.wait_for(|life| *life != Life::Booting).await;
    match reached.as_deref() {
        Ok(Life::Ended(Some(reason))) => Err(reason.clone()),
        Ok(Life::Ended(None)) => Err("it was stopped before its children were up".to_owned()),
        Ok(Life::Booting | Life::Up) => Ok(()),
        Err(_) => Err("it was killed".to_owned()),
    }
}

/// Why a tree has ended by itself, or did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the supervision tree has failed: {0}")]
pub struct TreeFailure(pub String);

impl TreeFailure {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "tree_failed"
    }
}

/// A running tree: its root supervisor and everything below.
#[derive(Debug)]
pub struct Tree {
    environment: Environment,
    handle: SupervisorHandle,
    cell: ActorCell,
    life: watch::Receiver<Life>,
}

impl Tree {
    /// Starts a tree; returns at once, before the children are up.
    ///
    /// # Errors
    /// [`TreeFailure`] when the spec names a child twice.
    pub async fn start(
        environment: &Environment,
        handle: &SupervisorHandle,
        spec: SupervisorSpec,
    ) -> Result<Self, TreeFailure> {
        let entry = Arc::clone(handle.handle.entry());
        let incarnation = entry.begin_start();
        let life = watch::Sender::new(Life::Booting);
        let watching = life.subscribe();
        let arguments = SupervisorArguments {
            environment: environment.clone(),
            entry: Arc::clone(&entry),
            incarnation,
            spec,
            roster: handle.roster.clone(),
            life,
        };
        let spawned = Supervisor::spawn(None, Supervisor, arguments).await;
        let (actor, _) =
            spawned.map_err(|error| TreeFailure(StartError::from(error).to_string()))?;
        let cell = actor.get_cell();
        handle.handle.publish(incarnation, actor);
        entry.set_status(Status::Running);
        Ok(Self { environment: environment.clone(), handle: handle.clone(), cell, life: watching })
    }

    /// The root supervisor's handle.
    #[must_use]
    pub fn handle(&self) -> &SupervisorHandle {
        &self.handle
    }

    /// Waits until every first child has been up, or has come to rest, once.
    ///
    /// # Errors
    /// [`TreeFailure`] when the tree ended before.
    pub async fn booted(&self) -> Result<(), TreeFailure> {
        booted(&mut self.life.clone()).await.map_err(TreeFailure)
    }

    /// Waits until the tree has ended, and everything in it is stopped.
    ///
    /// # Errors
    /// [`TreeFailure`] when it ended because a failure escalated to the root.
    pub async fn ended(&self) -> Result<(), TreeFailure> {
        let mut life = self.life.clone();
        let end = life.wait_for(|life| matches!(life, Life::Ended(_))).await;
        match end.as_deref() {
            Ok(Life::Ended(Some(reason))) => Err(TreeFailure(reason.clone())),
            Ok(_) => Ok(()),
            Err(_) => Err(TreeFailure("the root was killed".to_owned())),
        }
    }

    /// Stops everything in order and says how it went. What is not down after `limit` is killed.
    pub async fn shutdown(self, limit: Duration) -> ShutdownReport {
        let entry = self.handle.handle.entry();
        let root = Departing {
            path: entry.path().clone(),
            incarnation: entry.incarnation(),
            cell: self.cell,
            deadline: limit,
        };
        stop_group(vec![root], &self.environment.shutdowns).await;
        entry.set_status(Status::Stopped);
        self.environment.shutdowns.report()
    }
}
