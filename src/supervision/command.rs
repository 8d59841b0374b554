//! The messages of a supervisor.

use ractor::ActorCell;

use super::child::{ChildView, StopReply};
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
    Add(Box<ChildSpec>, Reply<Result<(), PlanError>>),
    Remove(ChildId, StopReply),
    Stop(ChildId, StopReply),
    Restart(ChildId, Reply<Result<(), PlanError>>),
    Unpark(ChildId, Reply<Result<(), PlanError>>),
    Children(Reply<Vec<ChildView>>),
    StartDone(ChildId, Incarnation, Result<ActorCell, StartError>),
    BackoffOver(ChildId, Incarnation),
    StopDone(ChildId, Incarnation, StopOutcome),
}

impl Kind for Command {
    fn kind(&self) -> &'static str {
        match self.0 {
            Request::Add(..) => "add",
            Request::Remove(..) => "remove",
            Request::Stop(..) => "stop",
            Request::Restart(..) => "restart",
            Request::Unpark(..) => "unpark",
            Request::Children(..) => "children",
            Request::StartDone(..) => "start_done",
            Request::BackoffOver(..) => "backoff_over",
            Request::StopDone(..) => "stop_done",
        }
    }
}
