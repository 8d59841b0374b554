//! What a supervisor holds of one child beside the plan: its actor and the tasks about it.

use ractor::ActorCell;
use tokio::task::JoinHandle;

use super::envelope::Reply;
use super::observe::Status;
use super::path::Incarnation;
use super::shutdown::Departing;
use super::spec::ChildSpec;
use super::step::PlanError;

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
    pub(super) incarnation: Incarnation,
    pub(super) cell: Option<ActorCell>,
    pub(super) starting: Option<Task<Option<ActorCell>>>,
    /// A stop or a back-off under way.
    pub(super) pending: Option<Task<()>>,
    pub(super) being_stopped: bool,
    pub(super) stop_replies: Vec<Reply<Result<(), PlanError>>>,
}

impl Child {
    /// A child that has not been started by this supervisor.
    pub(super) fn new(spec: ChildSpec) -> Self {
        Self {
            incarnation: spec.entry.incarnation(),
            spec,
            cell: None,
            starting: None,
            pending: None,
            being_stopped: false,
            stop_replies: Vec::new(),
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

    /// It is down and stays so: tells everyone who waits for that. A parked one stays parked.
    pub(super) fn came_to_rest(&mut self) {
        self.vacate();
        if !matches!(self.spec.entry.status(), Status::Parked { .. } | Status::Declared) {
            self.spec.entry.set_status(Status::Stopped);
        }
        self.answer_stops();
    }

    /// Tells everyone who waits for it that it is down.
    pub(super) fn answer_stops(&mut self) {
        for reply in self.stop_replies.drain(..) {
            reply.send(Ok(()));
        }
    }
}
