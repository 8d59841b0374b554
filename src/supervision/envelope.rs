//! The envelope every message travels in, and the typed mailbox it is put into.
//!
//! Why it exists: ractor's mailboxes are unbounded and tell nothing. The envelope counts its place
//! in the mailbox, its age and its handling, carries the trace context, and makes a bounded send
//! possible.
//!
//! Architecture invariant: a place in a mailbox is given back exactly once, whatever becomes of the
//! message: handled, refused, or dropped with the mailbox of a dead actor.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorRef, MessagingErr};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::path::Incarnation;
use super::stats::Stats;
use crate::domain::ids::WorkflowId;

/// What kind of message it is: a fixed snake_case word for counters and pictures.
pub trait Kind {
    /// The word, for example `start_stage`.
    fn kind(&self) -> &'static str;
}

/// Where a message comes from: it is handed on from cause to effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trace {
    /// The same for everything that follows from one command or one tick; 0 is none.
    pub correlation: u128,
    /// The workflow it is about, if it is about one.
    pub workflow: Option<WorkflowId>,
}

/// One taken place in a mailbox; dropping it gives the place back.
#[derive(Debug)]
struct DepthGuard(Arc<Stats>);

impl Drop for DepthGuard {
    fn drop(&mut self) {
        self.0.leave_queue();
    }
}

/// A message on its way. Actors declare `type Msg = Envelope<Theirs>` and begin their handler with
/// [`Envelope::open`].
#[derive(Debug)]
pub struct Envelope<M> {
    message: M,
    kind: &'static str,
    trace: Trace,
    enqueued: Instant,
    place: DepthGuard,
}

impl<M: Kind> Envelope<M> {
    fn new(message: M, trace: Trace, place: DepthGuard) -> Self {
        let kind = message.kind();
        Self { message, kind, trace, enqueued: Instant::now(), place }
    }

    /// Takes the message out and begins its handling, which lasts until the [`Handling`] is dropped.
    #[must_use = "keep the handling alive until the handler ends"]
    pub fn open(self) -> (Handling, M) {
        let now = Instant::now();
        let stats = Arc::clone(&self.place.0);
        drop(self.place);
        stats.begin(self.kind, now.saturating_duration_since(self.enqueued), now);
        (Handling { stats, began: now, trace: self.trace }, self.message)
    }
}

/// The handling of one message; dropping it ends it, and notices a panic.
#[derive(Debug)]
pub struct Handling {
    stats: Arc<Stats>,
    began: Instant,
    trace: Trace,
}

impl Handling {
    /// The trace context of the message that is handled.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.trace
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        let ran = Instant::now().saturating_duration_since(self.began);
        self.stats.finish(ran, std::thread::panicking());
    }
}

/// Why a message was not put into a mailbox. The message comes back, unless it is lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent<M> {
    /// No actor runs there now; it may be back later.
    #[error("the actor is not running: try again when it is back")]
    NotRunning(M),
    /// As many messages wait there as the sender allows.
    #[error("the mailbox of the actor is full: try again when it has caught up")]
    Full(M),
    /// The engine refused it for a reason that cannot arise with typed references.
    #[error("the engine refused the message: report this as a bug")]
    Lost,
}

impl<M> NotSent<M> {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRunning(_) => "actor_not_running",
            Self::Full(_) => "mailbox_full",
            Self::Lost => "message_lost",
        }
    }

    /// The message, to send it again or elsewhere.
    #[must_use]
    pub fn into_message(self) -> Option<M> {
        match self {
            Self::NotRunning(message) | Self::Full(message) => Some(message),
            Self::Lost => None,
        }
    }
}

/// Why a call brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The actor was not running: nothing was done.
    #[error("the actor is not running: try again when it is back")]
    NotRunning,
    /// No answer in time: it may have been done, or may yet be done.
    #[error("the actor did not answer within {limit:?}: it may still carry out the request")]
    TimedOut {
        /// How long was waited.
        limit: Duration,
    },
    /// The actor dropped the question, mostly because it died: it may have been done.
    #[error("the actor ended without an answer: it may have carried out the request")]
    NoAnswer,
}

impl CallError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRunning => "actor_not_running",
            Self::TimedOut { .. } => "call_timed_out",
            Self::NoAnswer => "call_without_answer",
        }
    }
}

/// Where the answer to a call goes.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<T>);

impl<T> Reply<T> {
    /// A question and where its answer will arrive, for callers that wait by themselves.
    #[must_use]
    pub fn pair() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers. Nobody may be waiting any more; then the answer is dropped.
    pub fn send(self, answer: T) {
        // A caller that gave up is no concern of the one who answers.
        let _ = self.0.send(answer);
    }

    /// Whether the caller has given up.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

/// The mailbox of one incarnation of an actor. It stays bound to that incarnation: timers and
/// replies of an actor to itself belong here; everyone else holds a `Handle`.
pub struct Mailbox<M> {
    actor: ActorRef<Envelope<M>>,
    stats: Arc<Stats>,
    incarnation: Incarnation,
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = self.stats.depth();
        write!(f, "Mailbox(incarnation {}, depth {depth})", self.incarnation)
    }
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            stats: Arc::clone(&self.stats),
            incarnation: self.incarnation,
        }
    }
}

impl<M: Kind + Send + 'static> Mailbox<M> {
    /// The mailbox of `actor`, counted in `stats`.
    #[must_use]
    pub fn new(actor: ActorRef<Envelope<M>>, stats: Arc<Stats>, incarnation: Incarnation) -> Self {
        Self { actor, stats, incarnation }
    }

    /// The actor itself, to stop, kill or await it.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<Envelope<M>> {
        &self.actor
    }

    /// Which life of the actor this is.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Messages that wait in it.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.stats.depth()
    }

    /// Puts a message in, however many wait there.
    ///
    /// # Errors
    /// [`NotSent::NotRunning`] with the message when the actor has ended or is ending.
    pub fn cast(&self, trace: Trace, message: M) -> Result<(), NotSent<M>> {
        self.stats.enqueue();
        self.deliver(trace, message)
    }

    /// Puts a message in unless `cap` messages wait there already.
    ///
    /// # Errors
    /// [`NotSent::Full`] or [`NotSent::NotRunning`], with the message.
    pub fn try_cast(&self, cap: u64, trace: Trace, message: M) -> Result<(), NotSent<M>> {
        if !self.stats.try_enqueue(cap) {
            return Err(NotSent::Full(message));
        }
        self.deliver(trace, message)
    }

    /// Asks and waits for the answer, at most `limit`.
    ///
    /// # Errors
    /// See [`CallError`]; only with [`CallError::NotRunning`] is it sure that nothing was done.
    pub async fn call<T: Send>(
        &self,
        limit: Duration,
        trace: Trace,
        question: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, CallError> {
        let (reply, answer) = Reply::pair();
        self.cast(trace, question(reply)).map_err(|_| CallError::NotRunning)?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(CallError::NoAnswer),
            Err(_) => Err(CallError::TimedOut { limit }),
        }
    }

    /// Sends a message whose place is already taken.
    fn deliver(&self, trace: Trace, message: M) -> Result<(), NotSent<M>> {
        let place = DepthGuard(Arc::clone(&self.stats));
        match self.actor.send_message(Envelope::new(message, trace, place)) {
            Ok(()) => Ok(()),
            Err(MessagingErr::SendErr(envelope)) => Err(NotSent::NotRunning(envelope.message)),
            Err(MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => Err(NotSent::Lost),
        }
    }
}

#[cfg(test)]
mod tests;
