//! The messages of a supervisor.

use ractor::ActorCell;

use super::envelope::{Kind, Reply};
use super::path::{ChildId, Incarnation};
use super::shutdown::StopOutcome;
use super::spec::ChildSpec;
use super::start_error::StartError;
use super::step::PlanError;

/// A message to a supervisor; made by `SupervisorHandle` and by the supervisor's own tasks.
#[derive(Debug)]
pub struct Command(pub(super) Request);

#[derive(Debug)]
pub(super) enum Request {
    StartChild(Box<ChildSpec>, Reply<Result<(), PlanError>>),
    StopChild(ChildId, Reply<Result<(), PlanError>>),
    RestartChild(ChildId, Reply<Result<(), PlanError>>),
    Unpark(ChildId, Reply<Result<(), PlanError>>),
    StartDone(ChildId, Incarnation, Result<ActorCell, StartError>),
    BackoffOver(ChildId, Incarnation),
    StopDone(ChildId, Incarnation, StopOutcome),
}

impl Kind for Command {
    fn kind(&self) -> &'static str {
        match self.0 {
            Request::StartChild(..) => "start_child",
            Request::StopChild(..) => "stop_child",
            Request::RestartChild(..) => "restart_child",
            Request::Unpark(..) => "unpark",
            Request::StartDone(..) => "start_done",
            Request::BackoffOver(..) => "backoff_over",
            Request::StopDone(..) => "stop_done",
        }
    }
}
