//! How the ChannelActor gets from a command to committed events.
//!
//! Architecture invariant: frames are sent in the order of decision and acknowledged in the same
//! order; a frame that is refused ends this life of the actor, so nothing is ever rolled back.

use std::collections::BTreeSet;

use ractor::ActorProcessingErr;

use super::admission::Places;
use super::channel::{ChannelActor, ChannelLife};
use super::messages::{Answer, ChannelMsg, CommandError, CommandReply, RequestNote};
use crate::domain::apply::apply;
use crate::domain::channel::ChannelState;
use crate::domain::command::{Command, Rejection};
use crate::domain::decide::{Context, decide};
use crate::domain::event::Event;
use crate::domain::ids::{CommandId, Seq, WorkflowId};
use crate::domain::invariants::violations;
use crate::domain::noted::{NotedAnswer, NotedCommand, forgettable};
use crate::domain::timestamp::Timestamp;
use crate::journal::frame::FrameKind;
use crate::journal::record::{self, Commit, SCHEMA};
use crate::journal::writer::{AppendError, AppendRequest, Committed, Reply as AppendReply};
use crate::supervision::envelope::{Reply, Trace};

/// Who asks for a command, and how it is to be answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Option<CommandId>,
    pub(super) note: Option<Box<RequestNote>>,
    pub(super) reply: Option<Reply<CommandReply>>,
}

/// Who waits for a frame, and what it is told.
#[derive(Debug)]
struct Waiting {
    reply: Reply<CommandReply>,
    /// `Err` for a refusal that is noted: it is told once the note is durable.
    outcome: Result<Option<NotedAnswer>, CommandError>,
    replayed: bool,
}

/// A frame that the journal has not acknowledged yet.
#[derive(Debug)]
pub(super) struct InFlight {
    waiting: Vec<Waiting>,
    /// Workflows whose effects may have changed.
    touched: BTreeSet<WorkflowId>,
    /// The places of the workflows it starts, until the fold counts them.
    _places: Option<Places>,
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
    /// Decides `command` for somebody outside, who is answered once it is durable.
    pub(super) fn answer(
        &self,
        life: &mut ChannelLife,
        command: &Command,
        asked: Asked,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(note) = &asked.note
            && let Some(known) = life.state.commands.get(&note.id)
        {
            let outcome = again(note, known);
            tell(life, asked.reply, outcome, true);
            return Ok(());
        }
        self.carry_out(life, command, asked, trace)
    }

    /// Decides `command` for the actor itself.
    pub(super) fn decide(
        &self,
        life: &mut ChannelLife,
        command: &Command,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        self.carry_out(life, command, Asked { id: None, note: None, reply: None }, trace)
    }

    /// Decides `command`, applies what follows from it, and sends it to the journal.
    fn carry_out(
        &self,
        life: &mut ChannelLife,
        command: &Command,
        asked: Asked,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        let now = self.now();
        let (decided, places) = self.decided(life, command, now);
        let (mut events, refusal) = match decided {
            Ok(events) => (events, None),
            Err(rejection) => (Vec::new(), Some(rejection)),
        };
        if let Some(refusal) = &refusal
            && (asked.note.is_none() || matches!(refusal, Rejection::NotAdmitted(_)))
        {
            // A full node is asked again with the same id: that refusal is not kept.
            refuse(asked.reply, refusal.clone());
            return Ok(());
        }
        for event in &events {
            apply(&mut life.state, now, event);
        }
        let answer = asked.note.as_ref().map(|note| answer_of(note, refusal.as_ref(), &life.state));
        if let (Some(note), Some(answer)) = (&asked.note, &answer) {
            let noted = Event::CommandNoted {
                command: note.id.clone(),
                request: note.request,
                answer: answer.clone(),
                forgotten: forgettable(&life.state.commands, now),
            };
            apply(&mut life.state, now, &noted);
            events.push(noted);
        }
        debug_assert_eq!(violations(&life.state, &self.parts.policies), Vec::new());
        let touched: BTreeSet<WorkflowId> = events.iter().filter_map(Event::workflow).collect();
        let correlation = asked.id.or_else(|| correlation_of(life, &touched));
        self.send(life, now, correlation, events, trace)?;
        let all = matches!(command, Command::PauseChannel | Command::ResumeChannel);
        let touched = if all { life.state.workflows.keys().copied().collect() } else { touched };
        let outcome = match refusal {
            None => Ok(answer),
            Some(refusal) => Err(CommandError::Rejected(refusal)),
        };
        let waiting = asked.reply.map(|reply| Waiting { reply, outcome, replayed: false });
        let waiting = waiting.into_iter().collect();
        life.in_flight.push_back(InFlight { waiting, touched, _places: places });
        Ok(())
    }

    /// What follows from `command`, and the places that it takes on the node.
    fn decided(
        &self,
        life: &ChannelLife,
        command: &Command,
        now: Timestamp,
    ) -> (Result<Vec<Event>, Rejection>, Option<Places>) {
        let draw = self.parts.entropy.draw();
        let plain = Context::plain(now, draw, &self.parts.policies);
        let context = Context { rules: &self.parts.rules, ..plain };
        let scheduled = self.parts.rules.schedule.is_some();
        let may_start = match command {
            Command::Start { .. } => true,
            Command::Wake | Command::Recover => scheduled,
            _ => false,
        };
        if !may_start {
            return (decide(&life.state, command, context), None);
        }
        let gate = self.parts.admission.enter();
        let decided = decide(&life.state, command, Context { room: &gate.room, ..context });
        let places = decided.as_ref().ok().and_then(|events| gate.take(events));
        (decided, places)
    }

    fn send(
        &self,
        life: &ChannelLife,
        at: Timestamp,
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
            commit: Some(commit),
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
                for waiting in frame.waiting {
                    waiting.told(Seq(last));
                }
                Ok(frame.touched)
            }
            Err(error) => {
                for waiting in frame.waiting {
                    waiting.reply.send(Err(CommandError::NotDurable(error.clone())));
                }
                Err(Box::new(error))
            }
        }
    }
}

impl Waiting {
    fn told(self, seq: Seq) {
        let replayed = self.replayed;
        self.reply.send(self.outcome.map(|noted| Answer { seq, noted, replayed }));
    }
}

/// What a command is answered that was answered before.
fn again(note: &RequestNote, known: &NotedCommand) -> Result<Option<NotedAnswer>, CommandError> {
    if known.request != note.request {
        return Err(CommandError::Rejected(Rejection::KeyReused(note.id.clone())));
    }
    match &known.answer {
        NotedAnswer::Done { .. } => Ok(Some(known.answer.clone())),
        NotedAnswer::Refused { code, message } => {
            let (code, message) = (code.clone(), message.clone());
            Err(CommandError::RefusedBefore { code, message })
        }
    }
}

/// Answers when everything that was decided so far is durable.
fn tell(
    life: &mut ChannelLife,
    reply: Option<Reply<CommandReply>>,
    outcome: Result<Option<NotedAnswer>, CommandError>,
    replayed: bool,
) {
    let Some(reply) = reply else { return };
    let waiting = Waiting { reply, outcome, replayed };
    match life.in_flight.back_mut() {
        Some(frame) => frame.waiting.push(waiting),
        None => waiting.told(Seq(0)),
    }
}

fn answer_of(note: &RequestNote, refusal: Option<&Rejection>, state: &ChannelState) -> NotedAnswer {
    match refusal {
        None => NotedAnswer::Done { status: note.status, body: (note.render)(state) },
        Some(refusal) => {
            NotedAnswer::Refused { code: refusal.code().to_owned(), message: refusal.to_string() }
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
