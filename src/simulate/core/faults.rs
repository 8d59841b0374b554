//! Trouble: crashes of the node and of channels, syncs that fail, clocks that jump.

use crate::domain::invariants::Violation;
use crate::domain::stage::StageState;
use crate::simulate::coverage::event_name;

use super::world::{Task, World};

/// What becomes of the frames that were not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CrashKind {
    /// None is found again.
    Losing,
    /// Some are, cut at the border of a frame.
    Tearing,
    /// All are, though nobody was told.
    Keeping,
}

impl CrashKind {
    fn name(self) -> &'static str {
        match self {
            Self::Losing => "crash_losing_the_tail",
            Self::Tearing => "crash_tearing_the_tail",
            Self::Keeping => "crash_keeping_the_tail",
        }
    }
}

impl World {
    /// One fault, and the time of the next.
    pub(super) fn trouble(&mut self) -> Result<(), Violation> {
        if !self.faulty {
            return Ok(());
        }
        let delay = self.rng.between(500, 60_000);
        self.after(delay, Task::Fault);
        if !self.up {
            return Ok(());
        }
        // Most crashes come right behind an append: there the unacknowledged tail is not empty.
        let appends = self.rng.between(1, 6);
        match self.rng.below(100) {
            0..=14 => self.planned_crash = Some((appends, CrashKind::Losing)),
            15..=29 => self.planned_crash = Some((appends, CrashKind::Tearing)),
            30..=44 => self.planned_crash = Some((appends, CrashKind::Keeping)),
            45..=49 => return self.crash(CrashKind::Losing),
            50..=59 => self.sync_fails = true,
            60..=79 => return self.crash_channel(),
            80..=89 => return self.jump_forward(),
            _ => self.jump_back(),
        }
        Ok(())
    }

    pub(super) fn crash_if_planned(&mut self) -> Result<(), Violation> {
        match self.planned_crash {
            None => Ok(()),
            Some((appends, kind)) if appends > 1 => {
                self.planned_crash = Some((appends - 1, kind));
                Ok(())
            }
            Some((_, kind)) => self.crash(kind),
        }
    }

    fn crash(&mut self, kind: CrashKind) -> Result<(), Violation> {
        self.fault(kind.name());
        self.stop(kind)
    }

    /// A failed sync is never tried again: the node stops.
    pub(super) fn fail_sync(&mut self) -> Result<(), Violation> {
        self.fault("sync_failure");
        self.stop(CrashKind::Tearing)
    }

    fn stop(&mut self, kind: CrashKind) -> Result<(), Violation> {
        self.restarts += 1;
        self.up = false;
        self.life += 1;
        self.planned_crash = None;
        self.sync_fails = false;
        self.note_what_was_under_way();
        let tail = self.journal.len() - self.journal.durable();
        let survivors = match kind {
            CrashKind::Losing => 0,
            CrashKind::Keeping => tail,
            CrashKind::Tearing => {
                let drawn = self.rng.below(u64::try_from(tail).unwrap_or(0) + 1);
                usize::try_from(drawn).unwrap_or(0)
            }
        };
        self.trace.note("crash", self.now, &(kind, tail, survivors));
        self.log(|| format!("the node stops: {survivors} of {tail} volatile frames survive"));
        for channel in &mut self.channels {
            channel.die();
        }
        for frame in self.journal.crash(survivors) {
            self.commit(&frame)?;
        }
        let delay = self.rng.between(200, 5_000);
        self.after(delay, Task::Boot { life: self.life });
        Ok(())
    }

    fn note_what_was_under_way(&mut self) {
        for channel in &self.channels {
            let positions = channel.committed.workflows.values().filter_map(|w| w.position());
            for position in positions {
                if matches!(position.state, StageState::Running { .. }) {
                    self.coverage.hit("restart_while_running", position.stage.name());
                }
            }
        }
        for event in self.journal.from(self.journal.durable()).iter().flat_map(|f| &f.events) {
            self.coverage.hit("restart_with_unacknowledged", event_name(event));
        }
    }

    /// The node starts: it folds the journal and lets every channel raise its generation.
    pub(super) fn boot(&mut self, life: u64) -> Result<(), Violation> {
        if life != self.life {
            return Ok(());
        }
        self.up = true;
        for index in 0..self.channels.len() {
            self.check_fold(index)?;
            self.channel_mut(index)?.forget_generation();
        }
        for index in 0..self.channels.len() {
            // A crash that was planned may come in the middle of a boot.
            if self.up && self.life == life {
                self.raise_generation(index)?;
            }
        }
        Ok(())
    }

    fn crash_channel(&mut self) -> Result<(), Violation> {
        let count = u64::try_from(self.channels.len()).unwrap_or(0);
        let index = usize::try_from(self.rng.below(count)).unwrap_or(0);
        self.fault("channel_crash");
        self.stop_channel(index)
    }

    /// The channel's actor dies; its frames that are on their way to the journal still arrive.
    pub(super) fn stop_channel(&mut self, index: usize) -> Result<(), Violation> {
        let delay = self.rng.between(1, 4_000);
        let channel = self.channel_mut(index)?;
        channel.die();
        let incarnation = channel.incarnation;
        self.after(delay, Task::RestartChannel { channel: index, incarnation });
        Ok(())
    }

    pub(super) fn restart_channel(
        &mut self,
        index: usize,
        incarnation: u64,
    ) -> Result<(), Violation> {
        if !self.up || self.channel(index)?.incarnation != incarnation {
            return Ok(());
        }
        let life = self.life;
        self.raise_generation(index)?;
        if self.faulty && self.life == life && self.rng.chance(300) {
            self.fault("stale_generation_append");
            self.append_of_older_life(index)?;
        }
        Ok(())
    }

    fn jump_forward(&mut self) -> Result<(), Violation> {
        self.fault("clock_jump_forward");
        let jump = self.rng.between(60_000, 7_200_000);
        self.wall_offset = self.wall_offset.saturating_add_unsigned(jump);
        for index in 0..self.channels.len() {
            self.reconcile(index)?;
        }
        Ok(())
    }

    fn jump_back(&mut self) {
        self.fault("clock_jump_back");
        let jump = self.rng.between(60_000, 1_800_000);
        self.wall_offset = self.wall_offset.saturating_sub_unsigned(jump);
    }
}
