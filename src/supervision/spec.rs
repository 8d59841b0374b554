//! What a supervisor is told about its children.
//!
//! Architecture invariant: a spec is data and functions that can be used any number of times; it
//! holds nothing of a running actor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell};
use serde::Serialize;

use super::envelope::{Envelope, Kind};
use super::handle::{Handle, Slot, StartContext};
use super::intensity::RestartPolicy;
use super::observe::Entry;
use super::path::ChildId;
use super::start_error::StartError;

/// How long a start may take unless the spec says otherwise.
pub const DEFAULT_START_LIMIT: Duration = Duration::from_secs(30);

/// How long an orderly stop may take unless the spec says otherwise.
pub const DEFAULT_SHUTDOWN: Duration = Duration::from_secs(5);

/// Whether a child that has ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only when it failed or was killed.
    Transient,
    /// Never, not even with its siblings. One that was added is forgotten when it has ended.
    Temporary,
}

/// Who else is restarted when a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody.
    OneForOne,
    /// Those that were started after it: they depend on it.
    RestForOne,
    /// All of its siblings.
    OneForAll,
}

/// What happens when a child fails more often than its intensity allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhaustion {
    /// The supervisor stops its children and fails, so that its own supervisor decides.
    Escalate,
    /// The child is left stopped with its reason until a person unparks it; no sibling notices.
    Park,
}

/// How the children of a supervisor start and stop, those that are added later too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One after the other as listed, and stop in reverse: each may use those before it.
    InTurn,
    /// All at once: they do not know of each other. For `OneForOne` only.
    Together,
}

/// What a child is to its supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It works. Its restarts take one of the places for respawns.
    Worker,
    /// It supervises others. It takes no place, or it would wait for its own children.
    Supervisor,
}

/// The start of a child under way. Dropping it gives the start up. What lives by then must be linked
/// to the supervisor of the context; a `Handle` sees to that.
pub type StartFuture = Pin<Box<dyn Future<Output = Result<ActorCell, StartError>> + Send>>;

/// Starts one incarnation of a child, linked to the supervisor of the context.
pub type StartFn = Arc<dyn Fn(StartContext) -> StartFuture + Send + Sync>;

/// One child of a supervisor.
#[derive(Clone)]
pub struct ChildSpec {
    /// The child's record; the last part of its path is its id.
    pub entry: Arc<Entry>,
    /// Starts it.
    pub start: StartFn,
    /// Its handle, to be emptied when an incarnation has ended.
    pub slot: Option<Arc<dyn Slot>>,
    /// Whether it is started again.
    pub restart: Restart,
    /// How long a start may take; longer is a failed start.
    pub start_limit: Duration,
    /// How long an orderly stop may take; then it is killed.
    pub shutdown: Duration,
    /// Whether its final failure is the failure of its supervisor.
    pub significant: bool,
    /// What it is to its supervisor.
    pub role: Role,
    /// Its own restart policy, if not that of the supervisor.
    pub policy: Option<RestartPolicy>,
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildSpec({}, {:?})", self.entry.path(), self.restart)
    }
}

impl ChildSpec {
    /// A permanent worker behind `handle`: `make` gives the actor and its arguments for each
    /// incarnation.
    #[must_use]
    pub fn actor<M, A, F>(handle: &Handle<M>, make: F) -> Self
    where
        M: Kind + Send + 'static,
        A: Actor<Msg = Envelope<M>>,
        F: Fn(&StartContext) -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        let address = handle.clone();
        let start: StartFn = Arc::new(move |context| {
            let make = Arc::clone(&make);
            let address = address.clone();
            Box::pin(async move {
                let mailbox = address.spawn_as(&context, |context| make(context)).await?;
                Ok(mailbox.actor().get_cell())
            })
        });
        let mut spec = Self::new(Arc::clone(handle.entry()), start);
        spec.slot = Some(Arc::new(handle.clone()));
        spec
    }

    /// A permanent worker that `start` starts, without a handle.
    #[must_use]
    pub fn new(entry: Arc<Entry>, start: StartFn) -> Self {
        Self {
            entry,
            start,
            slot: None,
            restart: Restart::Permanent,
            start_limit: DEFAULT_START_LIMIT,
            shutdown: DEFAULT_SHUTDOWN,
            significant: false,
            role: Role::Worker,
            policy: None,
        }
    }

    /// The child's name among its siblings.
    #[must_use]
    pub fn id(&self) -> ChildId {
        self.entry.path().id()
    }

    /// Whether it is started again.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How long an orderly stop may take.
    #[must_use]
    pub fn shutdown(mut self, deadline: Duration) -> Self {
        self.shutdown = deadline;
        self
    }

    /// How long a start may take.
    #[must_use]
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Makes its final failure the failure of its supervisor.
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }

    /// Its own restart policy.
    #[must_use]
    pub fn policy(mut self, policy: RestartPolicy) -> Self {
        self.policy = Some(policy);
        self
    }
}

/// What a supervisor is: its rules and its first children.
#[derive(Clone)]
pub struct SupervisorSpec {
    /// Who else is restarted when a child is.
    pub strategy: Strategy,
    /// What happens past the intensity.
    pub exhaustion: Exhaustion,
    /// The restart policy of children without their own.
    pub policy: RestartPolicy,
    /// How the children start and stop.
    pub order: Order,
    /// Lists the first children, when the supervisor first starts.
    pub children: Arc<dyn Fn() -> Vec<ChildSpec> + Send + Sync>,
}

impl fmt::Debug for SupervisorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupervisorSpec({:?}, {:?}, {:?})", self.strategy, self.exhaustion, self.order)
    }
}

impl SupervisorSpec {
    /// One-for-one, escalating, children in turn, default policy.
    #[must_use]
    pub fn new(children: impl Fn() -> Vec<ChildSpec> + Send + Sync + 'static) -> Self {
        Self {
            strategy: Strategy::OneForOne,
            exhaustion: Exhaustion::Escalate,
            policy: RestartPolicy::default(),
            order: Order::InTurn,
            children: Arc::new(children),
        }
    }

    /// Who else is restarted when a child is.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// What happens past the intensity.
    #[must_use]
    pub fn exhaustion(mut self, exhaustion: Exhaustion) -> Self {
        self.exhaustion = exhaustion;
        self
    }

    /// The restart policy of children without their own.
    #[must_use]
    pub fn policy(mut self, policy: RestartPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How the children start and stop.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }
}
