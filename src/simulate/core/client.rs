//! The people and programs who want things, sensible or not.

use crate::domain::command::Command;
use crate::domain::ids::{CommandId, WorkflowId};
use crate::domain::invariants::Violation;
use crate::domain::stage::{Position, StageState, WaitReason};
use crate::domain::workflow::{ContentType, Priority};

use super::world::{Task, World, broken};

/// A channel is given new work while it has fewer unfinished workflows than this.
const BUSY: usize = 6;
/// How often a person looks after what is held, at the end.
const MEND_EVERY_MS: u64 = 60_000;

impl World {
    /// One wish, and the time of the next.
    pub(super) fn client(&mut self) -> Result<(), Violation> {
        if !self.faulty {
            return Ok(());
        }
        // Wishes come in bursts, so that several share one sync.
        let delay = if self.rng.chance(400) { 0 } else { self.rng.between(1, 6_000) };
        self.after(delay, Task::Client);
        if !self.up {
            return Ok(());
        }
        let count = u64::try_from(self.channels.len()).unwrap_or(0);
        let index = usize::try_from(self.rng.below(count)).unwrap_or(0);
        let command = self.draw_command(index)?;
        let parks = matches!(command, Command::ParkChannel { .. });
        let life = self.life;
        self.handle(index, &command)?;
        if parks && self.life == life && self.up {
            return self.stop_channel(index);
        }
        Ok(())
    }

    fn draw_command(&mut self, index: usize) -> Result<Command, Violation> {
        let state = &self.channel(index)?.speculative;
        let live: Vec<WorkflowId> =
            state.workflows.values().filter(|w| w.ending().is_none()).map(|w| w.id).collect();
        let all: Vec<WorkflowId> = state.workflows.keys().copied().collect();
        // Mostly what is unfinished, sometimes anything.
        let candidates = if self.rng.chance(900) { &live } else { &all };
        let roll = self.rng.below(100);
        let Some(workflow) = self.rng.pick(candidates).copied() else {
            return self.draw_start(index);
        };
        Ok(match roll {
            0..=29 if live.len() < BUSY => return self.draw_start(index),
            30..=33 => self.draw_repetition(index)?,
            34..=44 => Command::Pause { workflow },
            0..=29 => Command::Resume { workflow },
            45..=54 => Command::Approve { workflow },
            55..=56 => Command::Reject { workflow },
            57..=60 => Command::Resume { workflow },
            61..=63 => Command::Cancel { workflow, cause: "cancelled".to_owned() },
            64..=78 => Command::Retry { workflow },
            79..=81 => Command::Drop { workflow },
            82 => Command::ClockJumped { by_ms: 90_000 },
            83..=86 => {
                let number = u8::try_from(self.rng.between(1, 10)).unwrap_or(1);
                Command::Reprioritise { workflow, priority: priority(number) }
            }
            87..=89 => Command::PauseChannel,
            90..=96 => Command::ResumeChannel,
            97 => Command::ParkChannel { reason: "failed too often".to_owned() },
            _ => {
                let stranger = command_id(format!("stranger-{}", self.rng.draw()))?;
                Command::Cancel {
                    workflow: WorkflowId::of_command(&stranger),
                    cause: "cancelled".to_owned(),
                }
            }
        })
    }

    fn draw_start(&mut self, index: usize) -> Result<Command, Violation> {
        let command = command_id(format!("start-{}-{}", index, self.start_ids.len()))?;
        self.start_ids.push((index, command.clone()));
        Ok(self.start_command(command))
    }

    /// A program that got no answer, or does not believe it, asks again with the same id.
    fn draw_repetition(&mut self, index: usize) -> Result<Command, Violation> {
        let known: Vec<CommandId> = self
            .start_ids
            .iter()
            .filter(|(of, _)| *of == index)
            .map(|(_, id)| id.clone())
            .collect();
        let Some(command) = self.rng.pick(&known).cloned() else { return self.draw_start(index) };
        self.coverage.hit("fault", "repeated_command");
        Ok(self.start_command(command))
    }

    fn start_command(&mut self, command: CommandId) -> Command {
        let kinds = [ContentType::Trending, ContentType::Scheduled, ContentType::Evergreen];
        Command::Start {
            command,
            content_type: self.rng.pick(&kinds).copied().unwrap_or_default(),
            priority: Priority::default(),
            topic: self.rng.chance(200).then(|| "a wish".to_owned()),
        }
    }

    /// At the end a person resumes and retries whatever is held.
    pub(super) fn mend(&mut self) -> Result<(), Violation> {
        self.after(MEND_EVERY_MS, Task::Mend);
        for index in 0..self.channels.len() {
            let state = &self.channel(index)?.speculative;
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
                if known.position().is_some_and(awaits_approval) {
                    wishes.push(Command::Approve { workflow: *workflow });
                }
            }
            for wish in wishes {
                self.handle(index, &wish)?;
            }
        }
        Ok(())
    }
}

fn is_parked(position: &Position) -> bool {
    matches!(position.state, StageState::Parked { .. })
}

fn awaits_approval(position: &Position) -> bool {
    matches!(position.state, StageState::Waiting { reason: WaitReason::Approval, .. })
}

fn priority(number: u8) -> Priority {
    Priority::new(number).unwrap_or_default()
}

fn command_id(text: String) -> Result<CommandId, Violation> {
    CommandId::new(text).map_or_else(|_| broken("model", "a bad command id".to_owned()), Ok)
}
