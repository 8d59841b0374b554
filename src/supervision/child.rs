//! What a supervisor holds of one child beside the plan: its actor and the tasks about it.

use ractor::ActorCell;
use serde::Serialize;
use tokio::task::JoinHandle;

use super::cradle::Cradle;
use super::envelope::Reply;
use super::observe::Status;
use super::path::{ChildId, Incarnation};
use super::roster::Member;
use super::shutdown::{Departing, StopOutcome};
use super::spec::{ChildSpec, Restart};
use super::step::PlanError;

/// A child as its supervisor shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildView {
    /// Its name among its siblings.
    pub id: ChildId,
    /// Its latest life.
    pub incarnation: Incarnation,
    /// How it is.
    #[serde(flatten)]
    pub status: Status,
    /// Whether it is started again.
    pub restart: Restart,
    /// Whether it came to a supervisor that was already there.
    pub added: bool,
}

/// Where the answer to a request goes that puts a child down.
pub(super) type StopReply = Reply<Result<StopOutcome, PlanError>>;

/// A task that ends with its owner.
#[derive(Debug)]
pub(super) struct Task<T>(pub(super) JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a supervisor holds of a child beside the plan.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) spec: ChildSpec,
    pub(super) added: bool,
    pub(super) cradle: Cradle,
    pub(super) incarnation: Incarnation,
    pub(super) cell: Option<ActorCell>,
    pub(super) starting: Option<Task<Option<ActorCell>>>,
    /// A stop or a back-off under way.
    pub(super) pending: Option<Task<()>>,
    pub(super) being_stopped: bool,
    /// Whether it is forgotten when it is down.
    pub(super) leaving: bool,
    /// How its latest stop went, until that is told.
    pub(super) outcome: StopOutcome,
    pub(super) stop_replies: Vec<StopReply>,
}

impl Child {
    /// A child that has not been started by this life of the supervisor.
    pub(super) fn new(member: Member) -> Self {
        Self {
            incarnation: member.spec.entry.incarnation(),
            spec: member.spec,
            added: member.added,
            cradle: member.cradle,
            cell: None,
            starting: None,
            pending: None,
            being_stopped: false,
            leaving: false,
            outcome: StopOutcome::Stopped,
            stop_replies: Vec::new(),
        }
    }

    /// The child as it is shown.
    pub(super) fn view(&self, id: &ChildId) -> ChildView {
        ChildView {
            id: id.clone(),
            incarnation: self.incarnation,
            status: self.spec.entry.status(),
            restart: self.spec.restart,
            added: self.added,
        }
    }

    /// Its present incarnation has ended.
    pub(super) fn vacate(&mut self) {
        self.cell = None;
        if let Some(slot) = &self.spec.slot {
            slot.vacate(self.incarnation);
        }
    }

    /// The child on its way down; `None` when it does not run.
    pub(super) fn departing(&self) -> Option<Departing> {
        let cell = self.cell.clone()?;
        self.spec.entry.set_status(Status::Stopping);
        Some(Departing {
            path: self.spec.entry.path().clone(),
            incarnation: self.incarnation,
            cell,
            deadline: self.spec.shutdown,
        })
    }

    /// It is down and stays so: tells everyone who waits for that.
    pub(super) fn came_to_rest(&mut self) {
        self.pending = None;
        self.vacate();
        self.spec.entry.set_status(Status::Stopped);
        self.answer_stops();
    }

    /// Tells everyone who waits for it that it is down.
    pub(super) fn answer_stops(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, StopOutcome::Stopped);
        for reply in self.stop_replies.drain(..) {
            reply.send(Ok(outcome));
        }
    }
}
