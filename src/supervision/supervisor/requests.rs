//! What a supervisor is asked, and the children it begins with.
//!
//! Architecture invariant: every request is answered exactly once: at once, or when the child that
//! it puts down is down.

use ractor::ActorProcessingErr;

use super::super::child::{Child, StopReply};
use super::super::command::Request;
use super::super::envelope::Reply;
use super::super::observe::Status;
use super::super::path::ChildId;
use super::super::roster::Member;
use super::super::shutdown::kill_all;
use super::super::spec::ChildSpec;
use super::super::step::{NewChild, PlanError, Step};
use super::SupervisorState;

impl SupervisorState {
    /// Takes over what the last life of the supervisor left: who is to be there. What of that life
    /// still runs, because it was killed, ends before anything is started in its place.
    pub(super) async fn take_over(&mut self) -> Result<(), ActorProcessingErr> {
        let lists = self.roster.open(&*self.spec.children);
        let everyone = lists.staying.iter().chain(&lists.leaving);
        kill_all(everyone.filter_map(|member| member.cradle.take()).collect()).await;
        for member in lists.leaving {
            member.spec.entry.set_status(Status::Stopped);
            self.leave_no_trace(&member.spec);
        }
        for member in lists.staying {
            self.admit(&member)?;
        }
        Ok(())
    }

    /// Carries out a request or takes a report, and then whatever is due.
    pub(super) fn take(&mut self, request: Request) {
        let mut steps = Vec::new();
        match request {
            Request::Add(spec, reply) => reply.send(self.add(*spec)),
            Request::Remove(id, reply) => {
                let accepted = self.plan.remove(&id);
                if accepted.is_ok() {
                    self.roster.let_go(&id);
                    if let Some(child) = self.children.get_mut(&id) {
                        child.leaving = true;
                    }
                }
                steps = self.answer_when_down(&id, accepted, reply);
            }
            Request::Stop(id, reply) => {
                let accepted = self.plan.stop_child(&id);
                steps = self.answer_when_down(&id, accepted, reply);
            }
            Request::Restart(id, reply) => {
                let accepted = self.plan.restart_child(&id);
                self.answer_restart(&id, accepted, reply);
            }
            Request::Unpark(id, reply) => {
                let accepted = self.plan.unpark(&id);
                self.answer_restart(&id, accepted, reply);
            }
            Request::Children(reply) => {
                let views = self.plan.ids().filter_map(|id| Some(self.children.get(id)?.view(id)));
                reply.send(views.collect());
            }
            Request::StartDone(id, incarnation, result) => {
                steps = self.start_done(&id, incarnation, result);
            }
            Request::BackoffOver(id, incarnation) => {
                let is_over = self.plan.backoff_over(&id, incarnation);
                self.carry_out(steps);
                if is_over {
                    self.note_wait_for_turn(&id);
                }
                return;
            }
            Request::StopDone(id, incarnation, outcome) => {
                steps = self.stop_done(&id, incarnation, outcome);
            }
        }
        self.carry_out(steps);
    }

    /// Keeps the reply until the child is down; a refusal is told at once.
    fn answer_when_down(
        &mut self,
        id: &ChildId,
        accepted: Result<Vec<Step>, PlanError>,
        reply: StopReply,
    ) -> Vec<Step> {
        match accepted {
            Ok(steps) => {
                if let Some(child) = self.children.get_mut(id) {
                    child.stop_replies.push(reply);
                }
                steps
            }
            Err(error) => {
                reply.send(Err(error));
                Vec::new()
            }
        }
    }

    /// The wait of a child is over; if it was not started, it waits for those before it.
    fn note_wait_for_turn(&self, id: &ChildId) {
        if let Some(child) = self.children.get(id)
            && let Status::BackingOff { .. } = child.spec.entry.status()
        {
            child.spec.entry.set_status(Status::Stopped);
        }
    }

    /// It is neither parked nor backing off any more, though its turn may not have come yet.
    fn answer_restart(
        &mut self,
        id: &ChildId,
        accepted: Result<(), PlanError>,
        reply: Reply<Result<(), PlanError>>,
    ) {
        if let Some(child) = self.children.get_mut(id).filter(|_| accepted.is_ok())
            && let Status::Parked { .. } | Status::BackingOff { .. } = child.spec.entry.status()
        {
            child.pending = None;
            child.spec.entry.set_status(Status::Stopped);
        }
        reply.send(accepted);
    }

    fn add(&mut self, spec: ChildSpec) -> Result<(), PlanError> {
        let member = Member::new(spec, true);
        self.admit(&member)?;
        self.roster.add(member);
        Ok(())
    }

    fn admit(&mut self, member: &Member) -> Result<(), PlanError> {
        let spec = &member.spec;
        let id = spec.id();
        self.plan.add(NewChild {
            id: id.clone(),
            restart: spec.restart,
            significant: spec.significant,
            order: self.spec.order,
            added: member.added,
            policy: spec.policy.unwrap_or(self.spec.policy),
            last_incarnation: spec.entry.incarnation(),
        })?;
        // It may have been forgotten under this name before.
        self.environment.registry.list(&spec.entry);
        self.children.insert(id, Child::new(member.clone()));
        Ok(())
    }

    /// Nothing is left of a child that is down but how many lives it had.
    pub(super) fn forget(&self, id: &ChildId, mut child: Child) {
        child.pending = None;
        child.vacate();
        child.spec.entry.set_status(Status::Stopped);
        self.roster.forget(id);
        self.leave_no_trace(&child.spec);
        child.answer_stops();
    }

    fn leave_no_trace(&self, spec: &ChildSpec) {
        if let Some(slot) = &spec.slot {
            slot.forget();
        }
        self.environment.registry.forget(spec.entry.path());
    }
}
