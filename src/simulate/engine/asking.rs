//! What the channels' owners ask for, and what they were told.

use std::collections::VecDeque;

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::millis;
use crate::actors::messages::{ChannelMsg, CommandError, CommandReply};
use crate::config::scenario::EngineScenario;
use crate::domain::command::{Command, Rejection};
use crate::domain::ids::{CommandId, WorkflowId};
use crate::domain::invariants::Violation;
use crate::domain::stage::StageState;
use crate::domain::workflow::{ContentType, Priority, Workflow};
use crate::simulate::tree::node::SimNode;
use crate::simulate::tree::universe::Universe;
use crate::supervision::envelope::{Reply, Trace};

/// No more questions are open at once: a burst is a queue of askers, not a flood of frames.
const MOST_OPEN: usize = 200;
/// Who was not answered asks again after so many milliseconds.
const AGAIN_MS: u64 = 1_000;

/// A video that a channel asks for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// When it is asked for first.
    pub(super) at_ms: u64,
    /// The position of the channel in the scenario.
    pub(super) channel: usize,
    pub(super) command: CommandId,
    priority: Priority,
}

impl Ask {
    pub(super) fn workflow(&self) -> WorkflowId {
        WorkflowId::of_command(&self.command)
    }
}

/// All that is asked for.
pub(super) struct Asking {
    /// What is still to be asked, by time.
    to_ask: VecDeque<(u64, Ask)>,
    unanswered: Vec<(Ask, Receiver<CommandReply>)>,
    /// What was answered: it must never be lost.
    pub(super) answered: Vec<Ask>,
    /// So many of them have come to their end.
    over: usize,
}

impl Asking {
    pub(super) fn of(scenario: &EngineScenario) -> Self {
        let mut to_ask = Vec::new();
        for (channel, wish) in scenario.channels.iter().enumerate() {
            for number in 0..wish.videos {
                let at_ms = millis(wish.from.saturating_add(wish.every.saturating_mul(number)));
                let Ok(command) = CommandId::new(format!("video-{channel}-{number}")) else {
                    continue;
                };
                to_ask.push((at_ms, Ask { at_ms, channel, command, priority: wish.priority }));
            }
        }
        to_ask.sort_by_key(|(at_ms, _)| *at_ms);
        Self { to_ask: to_ask.into(), unanswered: Vec::new(), answered: Vec::new(), over: 0 }
    }

    /// A node lives again: whoever had no answer from the last one asks again.
    pub(super) fn begin_life(&mut self) {
        for (ask, _) in self.unanswered.drain(..).rev() {
            self.to_ask.push_front((ask.at_ms, ask));
        }
    }

    /// When something is to be asked next; never while too many questions are open.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let next = self.to_ask.front().map(|(at_ms, _)| *at_ms);
        next.filter(|_| self.unanswered.len() < MOST_OPEN)
    }

    pub(super) fn has_no_answer(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Asks for what it is time for.
    pub(super) fn ask(&mut self, node: &SimNode, now_ms: u64) -> Result<(), Violation> {
        while self.next_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            let Some((_, ask)) = self.to_ask.pop_front() else { break };
            let Some(channel) = node.channels.get(ask.channel) else {
                let found = format!("there is no channel {}", ask.channel);
                return Err(Violation { invariant: "model", found });
            };
            let (reply, answer) = Reply::pair();
            let command = Command::Start {
                command: ask.command.clone(),
                content_type: ContentType::Trending,
                priority: ask.priority,
                topic: None,
            };
            let id = Some(ask.command.clone());
            let message = ChannelMsg::Command { command, id, note: None, reply: Some(reply) };
            match channel.handle.cast(Trace::default(), message) {
                Ok(()) => self.unanswered.push((ask, answer)),
                // Its actor is not there at this moment.
                Err(_) => self.later(ask, now_ms),
            }
        }
        Ok(())
    }

    fn later(&mut self, ask: Ask, now_ms: u64) {
        let at_ms = now_ms.saturating_add(AGAIN_MS);
        let place = self.to_ask.partition_point(|(other_ms, _)| *other_ms <= at_ms);
        self.to_ask.insert(place, (at_ms, ask));
    }

    /// Takes in the answers that have come. Who was not told yes asks again, unless it was started
    /// before: by a command whose answer was lost.
    pub(super) fn hear(&mut self, now_ms: u64) {
        for (ask, mut answer) in std::mem::take(&mut self.unanswered) {
            match answer.try_recv() {
                Ok(Ok(_) | Err(CommandError::Rejected(Rejection::AlreadyStarted(_)))) => {
                    self.answered.push(ask);
                }
                Err(TryRecvError::Empty) => self.unanswered.push((ask, answer)),
                Ok(Err(_)) | Err(TryRecvError::Closed) => self.later(ask, now_ms),
            }
        }
    }

    /// Whether everything was asked for, answered, and has come to its end or needs a person.
    ///
    /// # Errors
    /// [`Violation`] when something that was answered is not there.
    pub(super) fn is_over(
        &mut self,
        universe: &Universe,
        node: &SimNode,
    ) -> Result<bool, Violation> {
        while let Some(ask) = self.answered.get(self.over) {
            let channel = node.channels.get(ask.channel).map(|channel| channel.id);
            match channel.and_then(|id| universe.workflow(id, ask.workflow(), needs_nothing)) {
                Some(true) => self.over += 1,
                Some(false) => return Ok(false),
                None => {
                    let found = format!("{} was answered and lost", ask.workflow());
                    return Err(Violation { invariant: "D1", found });
                }
            }
        }
        Ok(self.to_ask.is_empty() && self.unanswered.is_empty())
    }
}

/// Whether nothing more becomes of it by itself.
fn needs_nothing(workflow: &Workflow) -> bool {
    let position = workflow.position();
    position.is_none_or(|position| matches!(position.state, StageState::Parked { .. }))
}
