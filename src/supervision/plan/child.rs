//! A child as the plan sees it.

use super::super::intensity::RestartMeter;
use super::super::path::{ChildId, Incarnation};
use super::super::spec::{Order, Restart};
use super::super::step::NewChild;

/// Where a child is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does not run; it is started as soon as its turn comes, if it is to run.
    Down,
    Starting,
    Running,
    Stopping,
    BackingOff,
    /// It does not run and waits for a person.
    Parked,
    /// It ended by its own decision, or for ever.
    Finished,
}

/// What is meant to become of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// It is to run, if it has not ended for good.
    Run,
    /// It is to go down in its turn and then to run again.
    Recycle,
    /// It is to go down in its turn because of a sibling, and is never started again.
    Retire,
    /// It is to go down at once, and to stay down until it is asked to run.
    Rest,
    /// It is to go down at once and to be forgotten.
    Leave,
}

/// A child as the plan sees it.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) id: ChildId,
    pub(super) restart: Restart,
    pub(super) significant: bool,
    pub(super) order: Order,
    /// Whether it came to a supervisor that was already there.
    pub(super) added: bool,
    pub(super) meter: RestartMeter,
    pub(super) incarnation: Incarnation,
    pub(super) phase: Phase,
    pub(super) wish: Wish,
    /// Whether it has been up, or has come to rest, at least once: the next in turn may start.
    pub(super) settled: bool,
}

impl Child {
    /// A child that is to run and has not been started yet.
    pub(super) fn new(new: NewChild) -> Self {
        Self {
            id: new.id,
            restart: new.restart,
            significant: new.significant,
            order: new.order,
            added: new.added,
            meter: RestartMeter::new(new.policy),
            incarnation: new.last_incarnation,
            phase: Phase::Down,
            wish: Wish::Run,
            settled: false,
        }
    }

    /// Whether something of it lives.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running)
    }

    /// Whether those that depend on it may start.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Finished)
    }

    /// Whether it is to run, now or after it has gone down.
    pub(super) fn is_wanted(&self) -> bool {
        match self.wish {
            Wish::Run | Wish::Recycle | Wish::Retire => true,
            Wish::Rest | Wish::Leave => false,
        }
    }

    /// Whether it goes down because of its siblings, or to come back.
    pub(super) fn is_recycled(&self) -> bool {
        matches!(self.wish, Wish::Recycle | Wish::Retire)
    }

    /// A sibling that it lives and dies with has failed.
    pub(super) fn go_down_with_sibling(&mut self) {
        if self.wish == Wish::Run && self.is_up() {
            let is_temporary = self.restart == Restart::Temporary;
            self.wish = if is_temporary { Wish::Retire } else { Wish::Recycle };
        }
    }
}
