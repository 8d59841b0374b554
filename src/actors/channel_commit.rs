//! How the ChannelActor gets from a command to committed events.
//!
//! Architecture invariant: frames are sent in the order of decision and acknowledged in the same
//! order; a frame that is refused ends this life of the actor, so nothing is ever rolled back.

use std::collections::BTreeSet;

use ractor::ActorProcessingErr;

use super::channel::{ChannelActor, ChannelLife};
use super::messages::{ChannelMsg, CommandError, CommandReply};
use crate::domain::apply::apply;
use crate::domain::command::{Command, Rejection};
use crate::domain::decide::{Context, decide};
use crate::domain::event::Event;
use crate::domain::ids::{CommandId, Seq, WorkflowId};
use crate::domain::invariants::violations;
use crate::journal::frame::FrameKind;
use crate::journal::record::{self, Commit, SCHEMA};
use crate::journal::writer::{AppendError, AppendRequest, Committed, Reply as AppendReply};
use crate::supervision::envelope::{Reply, Trace};

/// A frame that the journal has not acknowledged yet.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Who waits for it.
    reply: Option<Reply<CommandReply>>,
    /// Workflows whose effects may have changed.
    touched: BTreeSet<WorkflowId>,
}

impl ChannelLife {
    /// Has the effects of `workflows` looked at when the oldest frame under way is acknowledged.
    /// Says whether there is one.
    pub(super) fn touch_with_oldest_frame(&mut self, workflows: BTreeSet<WorkflowId>) -> bool {
        match self.in_flight.front_mut() {
            Some(frame) => {
                frame.touched.extend(workflows);
                true
            }
            None => false,
        }
    }
}

impl ChannelActor {
    /// Decides `command`, applies what follows from it, and sends it to the journal.
    pub(super) fn decide(
        &self,
        life: &mut ChannelLife,
        command: &Command,
        id: Option<CommandId>,
        reply: Option<Reply<CommandReply>>,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        let now = self.now();
        let draw = self.parts.entropy.draw();
        let context = Context { now, draw, policies: &self.parts.policies };
        let events = match decide(&life.state, command, context) {
            Ok(events) => events,
            Err(rejection) => {
                refuse(reply, rejection);
                return Ok(());
            }
        };
        for event in &events {
            apply(&mut life.state, now, event);
        }
        debug_assert_eq!(violations(&life.state, &self.parts.policies), Vec::new());
        let touched: BTreeSet<WorkflowId> = events.iter().filter_map(Event::workflow).collect();
        let correlation = id.or_else(|| correlation_of(life, &touched));
        self.send(life, now, correlation, events, trace)?;
        let all = matches!(command, Command::PauseChannel | Command::ResumeChannel);
        let touched = if all { life.state.workflows.keys().copied().collect() } else { touched };
        life.in_flight.push_back(InFlight { reply, touched });
        Ok(())
    }

    fn send(
        &self,
        life: &ChannelLife,
        at: crate::domain::timestamp::Timestamp,
        correlation: Option<CommandId>,
        events: Vec<Event>,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        let channel = self.parts.tools.profile.id;
        let count = u16::try_from(events.len())?;
        let generation = life.generation;
        let commit = Commit { channel, generation, at, correlation, events };
        let payload = record::encode(&commit)?;
        let me = life.me.clone();
        let reply = AppendReply::call(move |outcome| {
            // An actor that ended has a successor that reads the fold.
            let _ = me.cast(trace, ChannelMsg::Committed(outcome));
        });
        self.parts.journal.append(AppendRequest {
            channel,
            generation,
            kind: FrameKind::Events,
            schema: SCHEMA,
            count,
            payload,
            reply,
        });
        Ok(())
    }

    /// Books the acknowledgement of the oldest frame and says whose effects may have changed.
    pub(super) fn acknowledge(
        life: &mut ChannelLife,
        outcome: Result<Committed, AppendError>,
    ) -> Result<BTreeSet<WorkflowId>, ActorProcessingErr> {
        let Some(frame) = life.in_flight.pop_front() else { return Ok(BTreeSet::new()) };
        match outcome {
            Ok(committed) => {
                let last = committed.first_seq.0 + u64::from(committed.count) - 1;
                if let Some(reply) = frame.reply {
                    reply.send(Ok(Seq(last)));
                }
                Ok(frame.touched)
            }
            Err(error) => {
                if let Some(reply) = frame.reply {
                    reply.send(Err(CommandError::NotDurable(error.clone())));
                }
                Err(Box::new(error))
            }
        }
    }
}

fn refuse(reply: Option<Reply<CommandReply>>, rejection: Rejection) {
    if let Some(reply) = reply {
        reply.send(Err(CommandError::Rejected(rejection)));
    }
}

/// Everything that follows from a start goes back to its command.
fn correlation_of(life: &ChannelLife, touched: &BTreeSet<WorkflowId>) -> Option<CommandId> {
    let workflow = life.state.workflows.get(touched.first()?)?;
    Some(workflow.command.clone())
}
