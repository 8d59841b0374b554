//! The people and programs who want things of a node, sensible or not.

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::node::{SimChannel, SimNode, model};
use super::universe::Universe;
use crate::actors::messages::{ChannelMsg, CommandError, CommandReply};
use crate::domain::command::Command;
use crate::domain::ids::{ChannelId, CommandId, WorkflowId};
use crate::domain::invariants::Violation;
use crate::domain::stage::{Position, StageState};
use crate::domain::workflow::{ContentType, Priority};
use crate::simulate::coverage::command_name;
use crate::simulate::rng::Rng;
use crate::supervision::envelope::{Reply, Trace};

/// A channel is given new work while it has fewer unfinished workflows than this.
const BUSY: usize = 4;

/// What was asked for, and what must be true for ever once it was answered.
#[derive(Default)]
pub(super) struct Clients {
    start_ids: Vec<(ChannelId, CommandId)>,
    open: Vec<(ChannelId, Option<WorkflowId>, Receiver<CommandReply>)>,
    /// Workflows whose start was answered: they must never be lost.
    pub(super) answered: Vec<(ChannelId, WorkflowId)>,
    pub(super) commands: u64,
}

impl Clients {
    /// Sends `command` to `channel`; nobody hears it while its actor does not run.
    pub(super) fn send(&mut self, universe: &Universe, channel: &SimChannel, command: Command) {
        self.commands += 1;
        let name = command_name(&command);
        universe.hit("command", name);
        universe.log(|| format!("{} is told to {name}", channel.name));
        let (starts, id) = match &command {
            Command::Start { command, .. } => {
                (Some(WorkflowId::of_command(command)), Some(command.clone()))
            }
            _ => (None, None),
        };
        let (reply, answer) = Reply::pair();
        let message = ChannelMsg::Command { command, id, note: None, reply: Some(reply) };
        if channel.handle.cast(Trace::default(), message).is_ok() {
            self.open.push((channel.id, starts, answer));
        }
    }

    /// Takes in the answers that have come.
    pub(super) fn hear(&mut self, universe: &Universe) {
        let mut waiting = Vec::new();
        for (channel, starts, mut answer) in self.open.drain(..) {
            match answer.try_recv() {
                Ok(Ok(_)) => self.answered.extend(starts.map(|workflow| (channel, workflow))),
                Ok(Err(CommandError::Rejected(rejection))) => {
                    universe.hit("rejection", rejection.code());
                }
                // Only a command with a note is answered like this.
                Ok(Err(CommandError::RefusedBefore { .. })) => {}
                Ok(Err(CommandError::NotDurable(_))) => universe.hit("answer", "not_durable"),
                Err(TryRecvError::Closed) => universe.hit("answer", "none"),
                Err(TryRecvError::Empty) => waiting.push((channel, starts, answer)),
            }
        }
        self.open = waiting;
    }

    /// One wish.
    pub(super) fn wish(
        &mut self,
        universe: &Universe,
        node: &SimNode,
        rng: &mut Rng,
    ) -> Result<(), Violation> {
        let Some(channel) = rng.pick(&node.channels) else { return Ok(()) };
        let command = self.draw(node, channel, rng)?;
        self.send(universe, channel, command);
        Ok(())
    }

    fn draw(
        &mut self,
        node: &SimNode,
        channel: &SimChannel,
        rng: &mut Rng,
    ) -> Result<Command, Violation> {
        let (all, live): (Vec<WorkflowId>, Vec<WorkflowId>) = node.fold.read(channel.id, |state| {
            let unfinished = state.workflows.values().filter(|w| w.ending().is_none());
            (state.workflows.keys().copied().collect(), unfinished.map(|w| w.id).collect())
        });
        // Mostly what is unfinished, sometimes anything.
        let candidates = if rng.chance(900) { &live } else { &all };
        let roll = rng.below(100);
        let Some(workflow) = rng.pick(candidates).copied() else {
            return self.draw_start(channel, rng);
        };
        Ok(match roll {
            0..=29 if live.len() < BUSY => return self.draw_start(channel, rng),
            30..=33 => return self.draw_repetition(channel, rng),
            34..=42 => Command::Pause { workflow },
            0..=29 | 43..=60 => Command::Resume { workflow },
            61..=63 => Command::Cancel { workflow, cause: "cancelled".to_owned() },
            64..=79 => Command::Retry { workflow },
            80..=82 => Command::Drop { workflow },
            83..=87 => {
                let number = u8::try_from(rng.between(1, 10)).unwrap_or(1);
                let priority = Priority::new(number).unwrap_or_default();
                Command::Reprioritise { workflow, priority }
            }
            88..=89 => Command::PauseChannel,
            90..=97 => Command::ResumeChannel,
            _ => {
                let stranger = command_id(format!("stranger-{}", rng.draw()))?;
                let workflow = WorkflowId::of_command(&stranger);
                Command::Cancel { workflow, cause: "cancelled".to_owned() }
            }
        })
    }

    fn draw_start(&mut self, channel: &SimChannel, rng: &mut Rng) -> Result<Command, Violation> {
        let command = command_id(format!("start-{}", self.start_ids.len()))?;
        self.start_ids.push((channel.id, command.clone()));
        Ok(start_command(command, rng))
    }

    /// A program that got no answer, or does not believe it, asks again with the same id.
    fn draw_repetition(
        &mut self,
        channel: &SimChannel,
        rng: &mut Rng,
    ) -> Result<Command, Violation> {
        let known: Vec<CommandId> = self
            .start_ids
            .iter()
            .filter(|(of, _)| *of == channel.id)
            .map(|(_, id)| id.clone())
            .collect();
        match rng.pick(&known).cloned() {
            Some(command) => Ok(start_command(command, rng)),
            None => self.draw_start(channel, rng),
        }
    }

    /// A person resumes and retries whatever is held.
    pub(super) fn mend(&mut self, universe: &Universe, node: &SimNode) {
        for channel in &node.channels {
            let wishes = node.fold.read(channel.id, |state| {
                let mut wishes = Vec::new();
                if state.paused {
                    wishes.push(Command::ResumeChannel);
                }
                for (workflow, known) in &state.workflows {
                    if known.paused {
                        wishes.push(Command::Resume { workflow: *workflow });
                    }
                    if known.position().is_some_and(is_parked) {
                        wishes.push(Command::Retry { workflow: *workflow });
                    }
                }
                wishes
            });
            for wish in wishes {
                self.send(universe, channel, wish);
            }
        }
    }
}

fn is_parked(position: &Position) -> bool {
    matches!(position.state, StageState::Parked { .. })
}

fn start_command(command: CommandId, rng: &mut Rng) -> Command {
    let kinds = [ContentType::Trending, ContentType::Scheduled, ContentType::Evergreen];
    Command::Start {
        command,
        content_type: rng.pick(&kinds).copied().unwrap_or_default(),
        priority: Priority::default(),
        topic: None,
    }
}

pub(super) fn command_id(text: String) -> Result<CommandId, Violation> {
    CommandId::new(text).map_err(|error| model(&error))
}
