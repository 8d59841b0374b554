//! A child that its parent starts when it has work for it and lets go when it has none.
//!
//! Why it exists: a parent that is more than a supervisor (it owns the work of its children) keeps
//! the decision when to start a child. The rules of restarting are the same as everywhere: failures
//! are metered, waits are jittered, and past the intensity the child is parked.
//!
//! Architecture invariant: nothing starts by itself here; a failure only says when the next start
//! is allowed.

use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId};

use super::envelope::{Envelope, Kind, Mailbox};
use super::exit::Exit;
use super::handle::{Handle, Slot, StartContext};
use super::intensity::{RestartMeter, RestartPolicy, Verdict};
use super::observe::Status;
use super::shutdown::{StopOutcome, stop_actor};
use super::stats::whole_millis;

/// Why a child cannot take work now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It failed and may be started again at this time, in the parent's milliseconds.
    #[error("the actor failed: {reason}; it may be started again at {at_ms} ms")]
    NotBefore {
        /// When.
        at_ms: u64,
        /// How it failed.
        reason: String,
    },
    /// It failed too often and waits for a person.
    #[error("the actor failed too often and is parked: {reason}")]
    Parked {
        /// How it failed.
        reason: String,
    },
}

impl NotReady {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotBefore { .. } => "actor_backing_off",
            Self::Parked { .. } => "actor_parked",
        }
    }
}

/// What the end of a child means for its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It ended in order.
    InOrder,
    /// It failed; work that it held must be handed out again, when it is ready again.
    Failed(NotReady),
}

/// A child that is started on demand. Times are milliseconds of one monotonic clock.
#[derive(Debug)]
pub struct LazyChild<M: Kind + Send + 'static> {
    handle: Handle<M>,
    meter: RestartMeter,
    running: Option<Mailbox<M>>,
    not_ready: Option<NotReady>,
}

impl<M: Kind + Send + 'static> LazyChild<M> {
    /// A child behind `handle` that does not run yet.
    #[must_use]
    pub fn new(handle: Handle<M>, policy: RestartPolicy) -> Self {
        Self { handle, meter: RestartMeter::new(policy), running: None, not_ready: None }
    }

    /// Its stable handle.
    #[must_use]
    pub fn handle(&self) -> &Handle<M> {
        &self.handle
    }

    /// Its mailbox while it runs.
    #[must_use]
    pub fn running(&self) -> Option<&Mailbox<M>> {
        self.running.as_ref()
    }

    /// Its mailbox; starts the next incarnation if none runs. A failed start counts as a failure.
    ///
    /// # Errors
    /// [`NotReady`] before its back-off is over, when it is parked, and when the start failed.
    pub async fn ensure<A>(
        &mut self,
        now_ms: u64,
        entropy: u64,
        parent: ActorCell,
        make: impl FnOnce(&StartContext) -> (A, A::Arguments) + Send,
    ) -> Result<Mailbox<M>, NotReady>
    where
        A: Actor<Msg = Envelope<M>>,
    {
        if let Some(mailbox) = &self.running {
            return Ok(mailbox.clone());
        }
        match &self.not_ready {
            Some(NotReady::NotBefore { at_ms, .. }) if *at_ms <= now_ms => self.not_ready = None,
            Some(reason) => return Err(reason.clone()),
            None => {}
        }
        match self.handle.spawn(parent, make).await {
            Ok(mailbox) => {
                self.meter.started(now_ms);
                self.running = Some(mailbox.clone());
                Ok(mailbox)
            }
            Err(error) => Err(self.failed(&error.to_string(), now_ms, entropy)),
        }
    }

    /// Takes note of a supervision event (see `exit_of`); `None` when it is about someone else.
    pub fn note_end(
        &mut self,
        actor: ActorId,
        exit: &Exit,
        now_ms: u64,
        entropy: u64,
    ) -> Option<Ended> {
        let mailbox = self.running.take_if(|mailbox| mailbox.actor().get_id() == actor)?;
        match exit {
            Exit::Normal => {
                self.handle.child_ended(mailbox.incarnation(), None);
                Some(Ended::InOrder)
            }
            Exit::Failed(reason) => {
                self.handle.child_ended(mailbox.incarnation(), Some(reason));
                Some(Ended::Failed(self.failed(reason, now_ms, entropy)))
            }
        }
    }

    /// Lets a parked child start again and forgives its failures.
    pub fn unpark(&mut self) {
        self.meter.forgive();
        self.not_ready = None;
        if self.running.is_none() {
            self.handle.entry().set_status(Status::Stopped);
        }
    }

    /// Stops it and waits until it is down: killed after `deadline`. For the parent's own end; in a
    /// handler a parent asks by message and waits for the supervision event.
    pub async fn stop(&mut self, deadline: Duration) -> StopOutcome {
        // It stays known until it is down, in case the parent does not live to see that.
        let Some(mailbox) = self.running.clone() else { return StopOutcome::Stopped };
        self.handle.entry().set_status(Status::Stopping);
        let outcome = stop_actor(&mailbox.actor().get_cell(), deadline).await;
        self.running = None;
        self.handle.child_ended(mailbox.incarnation(), None);
        outcome
    }

    fn failed(&mut self, reason: &str, now_ms: u64, entropy: u64) -> NotReady {
        let reason = reason.to_owned();
        let (not_ready, status) = match self.meter.failed(now_ms, entropy) {
            Verdict::RestartAfter(delay) => {
                let delay_ms = whole_millis(delay);
                let at_ms = now_ms.saturating_add(delay_ms);
                let status = Status::BackingOff { delay_ms, reason: reason.clone() };
                (NotReady::NotBefore { at_ms, reason }, status)
            }
            Verdict::Exhausted { .. } => {
                (NotReady::Parked { reason: reason.clone() }, Status::Parked { reason })
            }
        };
        self.handle.entry().set_status(status);
        self.not_ready = Some(not_ready.clone());
        not_ready
    }
}

/// A parent that is killed takes its child with it; then nobody must be told that it runs.
impl<M: Kind + Send + 'static> Drop for LazyChild<M> {
    fn drop(&mut self) {
        if let Some(mailbox) = &self.running {
            self.handle.vacate(mailbox.incarnation());
            self.handle.entry().note_forced_end(mailbox.incarnation());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ractor::{ActorProcessingErr, ActorRef, SupervisionEvent};

    use super::super::envelope::Trace;
    use super::super::exit::exit_of;
    use super::super::ground::field::{Duty, Field, Soldier, at_most};
    use super::super::path::Incarnation;
    use super::*;

    /// The parent: hands the ends of its children out.
    struct Parent;

    type Ends = tokio::sync::mpsc::UnboundedSender<(ActorId, Exit)>;

    impl Actor for Parent {
        type Msg = ();
        type State = Ends;
        type Arguments = Ends;

        async fn pre_start(
            &self,
            _myself: ActorRef<()>,
            ends: Ends,
        ) -> Result<Ends, ActorProcessingErr> {
            Ok(ends)
        }

        async fn handle_supervisor_evt(
            &self,
            _myself: ActorRef<()>,
            event: SupervisionEvent,
            ends: &mut Ends,
        ) -> Result<(), ActorProcessingErr> {
            if let Some(end) = exit_of(&event) {
                ends.send(end)?;
            }
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_starts_on_demand_backs_off_is_parked_and_comes_back() {
        let field = Field::new();
        let mut child = LazyChild::new(field.root("renderer"), at_most(1));
        let orders = field.orders(child.handle().path(), &[]);
        let (ends, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let (parent, _) = Parent::spawn(None, Parent, ends).await.unwrap();
        let make =
            |context: &StartContext| (Soldier::new(Arc::clone(&orders), context.incarnation), ());
        let now = 1_000;

        child.ensure(now, u64::MAX, parent.get_cell(), make).await.unwrap();
        child.handle().cast(Trace::default(), Duty::Panic).unwrap();
        let (actor, exit) = ended.recv().await.unwrap();
        let failed = child.note_end(actor, &exit, now, u64::MAX);
        let not_before =
            NotReady::NotBefore { at_ms: 1_100, reason: "simulated panic, as ordered".to_owned() };
        assert_eq!(failed, Some(Ended::Failed(not_before.clone())));
        assert_eq!(child.note_end(actor, &exit, now, u64::MAX), None, "an end counts once");
        let refused = child.ensure(1_099, 0, parent.get_cell(), make).await.unwrap_err();
        assert_eq!(refused, not_before);

        let mailbox = child.ensure(1_100, 0, parent.get_cell(), make).await.unwrap();
        assert_eq!(mailbox.incarnation(), Incarnation(2));
        mailbox.cast(Trace::default(), Duty::Panic).unwrap();
        let (actor, exit) = ended.recv().await.unwrap();
        child.note_end(actor, &exit, 1_300, 0).unwrap();
        let refused = child.ensure(99_000, 0, parent.get_cell(), make).await.unwrap_err();
        assert_eq!(refused.code(), "actor_parked");
        assert!(matches!(child.handle().entry().status(), Status::Parked { .. }));

        child.unpark();
        child.ensure(99_000, 0, parent.get_cell(), make).await.unwrap();
        assert_eq!(child.stop(Duration::from_secs(1)).await, StopOutcome::Stopped);
        assert_eq!(child.handle().incarnation(), None);
    }
}
