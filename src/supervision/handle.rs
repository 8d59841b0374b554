//! Stable handles: an address that outlives the restarts of the actor behind it.
//!
//! Why it exists: in ractor a restarted actor is another actor with another reference. A handle is
//! made once, before its actor first starts, cloned to whoever needs it, and always leads to the
//! present incarnation.
//!
//! Architecture invariant: no lock is held across an await, and a handle never leads to an
//! incarnation that is known to be dead.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorRef};
use tokio::sync::Notify;

use super::cradle::Cradle;
use super::envelope::{CallError, Envelope, Kind, Mailbox, NotSent, Reply, Trace};
use super::observe::{Entry, Registry, Status};
use super::path::{ActorPath, Incarnation};
use super::start_error::StartError;

/// What an actor is told when it is started.
#[derive(Debug, Clone)]
pub struct StartContext {
    /// Which life begins. A fencing token: it only rises.
    pub incarnation: Incarnation,
    /// The actor that becomes the parent.
    pub supervisor: ActorCell,
    /// The actor's record.
    pub entry: Arc<Entry>,
    /// Where the actor is put as soon as it lives.
    pub(super) cradle: Cradle,
}

impl StartContext {
    /// The mailbox of the incarnation that begins, for its messages to itself: a timer that outlives
    /// it never reaches its successor.
    #[must_use]
    pub fn own_mailbox<M: Kind + Send + 'static>(
        &self,
        myself: ActorRef<Envelope<M>>,
    ) -> Mailbox<M> {
        Mailbox::new(myself, Arc::clone(self.entry.stats()), self.incarnation)
    }
}

/// The side of a handle that its supervisor needs without knowing the type of the messages.
pub trait Slot: fmt::Debug + Send + Sync {
    /// Forgets the mailbox of `incarnation`, which has ended; a later one stays.
    fn vacate(&self, incarnation: Incarnation);

    /// The child is removed: whatever else the handle kept for its next life is not wanted.
    fn forget(&self) {}
}

/// The mailbox of the present incarnation, and who waits for the next.
///
/// Not a `tokio::sync::watch`: that wakes those who wait in a random order, and with it would go the
/// order in which they ask a broker that has come back.
struct Current<M> {
    mailbox: Mutex<Option<Mailbox<M>>>,
    changed: Notify,
}

impl<M> Current<M> {
    fn lock(&self) -> MutexGuard<'_, Option<Mailbox<M>>> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stable address of an actor that takes messages `M`.
pub struct Handle<M> {
    entry: Arc<Entry>,
    current: Arc<Current<M>>,
}

impl<M> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}, {:?})", self.entry.path(), &*self.current.lock())
    }
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self { entry: Arc::clone(&self.entry), current: Arc::clone(&self.current) }
    }
}

impl<M: Kind + Send + 'static> Handle<M> {
    /// A handle for the actor at `path`. Make one and clone it: two handles that are made for one
    /// path do not know of each other.
    #[must_use]
    pub fn new(registry: &Registry, path: &ActorPath) -> Self {
        Self {
            entry: registry.entry(path),
            current: Arc::new(Current { mailbox: Mutex::new(None), changed: Notify::new() }),
        }
    }

    /// Where the actor is in the tree.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        self.entry.path()
    }

    /// The actor's record.
    #[must_use]
    pub fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// The mailbox of the present incarnation; `None` while none runs.
    #[must_use]
    pub fn current(&self) -> Option<Mailbox<M>> {
        self.current.lock().clone()
    }

    /// The present incarnation; `None` while none runs.
    #[must_use]
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.current.lock().as_ref().map(Mailbox::incarnation)
    }

    /// Waits for an incarnation later than `after` and returns its mailbox; with the default
    /// `Incarnation(0)`, for any. Callers bound the wait.
    pub async fn running_after(&self, after: Incarnation) -> Mailbox<M> {
        loop {
            let mut change = pin!(self.current.changed.notified());
            // From here on no change is missed, also one between the look and the wait.
            change.as_mut().enable();
            let mailbox = self.current();
            if let Some(mailbox) = mailbox
                && mailbox.incarnation() > after
            {
                return mailbox;
            }
            change.await;
        }
    }

    /// Sends to the present incarnation.
    ///
    /// # Errors
    /// [`NotSent::NotRunning`] with the message while none runs.
    pub fn cast(&self, trace: Trace, message: M) -> Result<(), NotSent<M>> {
        match self.current() {
            Some(mailbox) => mailbox.cast(trace, message),
            None => Err(NotSent::NotRunning(message)),
        }
    }

    /// Sends to the present incarnation unless `cap` messages wait there already.
    ///
    /// # Errors
    /// [`NotSent::Full`] or [`NotSent::NotRunning`], with the message.
    pub fn try_cast(&self, cap: u64, trace: Trace, message: M) -> Result<(), NotSent<M>> {
        match self.current() {
            Some(mailbox) => mailbox.try_cast(cap, trace, message),
            None => Err(NotSent::NotRunning(message)),
        }
    }

    /// Asks the present incarnation and waits for the answer, at most `limit`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<T: Send>(
        &self,
        limit: Duration,
        trace: Trace,
        question: impl FnOnce(Reply<T>) -> M + Send,
    ) -> Result<T, CallError> {
        match self.current() {
            Some(mailbox) => mailbox.call(limit, trace, question).await,
            None => Err(CallError::NotRunning),
        }
    }

    /// Starts the next incarnation as a child of `supervisor`, for parents that supervise by hand:
    /// counts the incarnation, spawns, publishes the mailbox, notes status or crash. When the child
    /// ends, the parent hands what it learned to [`Handle::child_ended`].
    ///
    /// # Errors
    /// [`StartError::Failed`] when `pre_start` failed or panicked, or the parent is ending.
    pub async fn spawn<A>(
        &self,
        supervisor: ActorCell,
        make: impl FnOnce(&StartContext) -> (A, A::Arguments) + Send,
    ) -> Result<Mailbox<M>, StartError>
    where
        A: Actor<Msg = Envelope<M>>,
    {
        let incarnation = self.entry.begin_start();
        let entry = Arc::clone(&self.entry);
        let cradle = Cradle::default();
        let context = StartContext { incarnation, supervisor, entry, cradle };
        match self.spawn_as(&context, make).await {
            Ok(mailbox) => {
                self.entry.set_status(Status::Running);
                Ok(mailbox)
            }
            Err(error) => {
                self.entry.record_crash(incarnation, &error.to_string());
                self.entry.set_status(Status::Stopped);
                Err(error)
            }
        }
    }

    /// Notes that life `incarnation`, started by [`Handle::spawn`], has ended; `failure` says how it
    /// failed, if it did.
    pub fn child_ended(&self, incarnation: Incarnation, failure: Option<&str>) {
        self.vacate(incarnation);
        if let Some(reason) = failure {
            self.entry.record_crash(incarnation, reason);
        }
        if self.entry.incarnation() == incarnation {
            self.entry.set_status(Status::Stopped);
        }
    }

    /// Spawns as `context` says and publishes the mailbox; the caller keeps the record.
    pub(super) async fn spawn_as<A>(
        &self,
        context: &StartContext,
        make: impl FnOnce(&StartContext) -> (A, A::Arguments) + Send,
    ) -> Result<Mailbox<M>, StartError>
    where
        A: Actor<Msg = Envelope<M>>,
    {
        let (actor, arguments) = make(context);
        let supervisor = context.supervisor.clone();
        let (actor_ref, _) = A::spawn_linked(None, actor, arguments, supervisor).await?;
        context.cradle.put(actor_ref.get_cell());
        Ok(self.publish(context.incarnation, actor_ref))
    }

    /// Makes `actor` the present incarnation, unless a later one is there already.
    pub(super) fn publish(
        &self,
        incarnation: Incarnation,
        actor: ActorRef<Envelope<M>>,
    ) -> Mailbox<M> {
        let mailbox = Mailbox::new(actor, Arc::clone(self.entry.stats()), incarnation);
        {
            let mut current = self.current.lock();
            let is_late = current.as_ref().is_some_and(|later| later.incarnation() > incarnation);
            if is_late {
                return mailbox;
            }
            *current = Some(mailbox.clone());
        }
        self.current.changed.notify_waiters();
        mailbox
    }
}

impl<M: Kind + Send + 'static> Slot for Handle<M> {
    fn vacate(&self, incarnation: Incarnation) {
        let mut current = self.current.lock();
        let is_over = current.as_ref().is_some_and(|mailbox| mailbox.incarnation() <= incarnation);
        if is_over {
            *current = None;
        }
    }
}
