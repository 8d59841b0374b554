//! What must become of a tree, foretold in its own plain words.
//!
//! Why it exists: a supervisor that is compared with its own plan proves nothing about the plan.
//! This is the promise read from the words of the specs: no time, no phases, one thing after the
//! other, and only who stands how when all is quiet again.
//!
//! Architecture invariant: it shares no rule with the plan. It holds while at most one soldier at a
//! time has bad starts before it.

use std::collections::{BTreeMap, VecDeque};

use crate::supervision::path::{ActorPath, ChildId};
use crate::supervision::spec::{Exhaustion, Order, Restart, Strategy};

use super::soldier::Fate;

/// How many lives each path has had.
pub(super) type Lives = BTreeMap<ActorPath, u64>;

/// How a unit stands when all is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Running,
    /// It is meant to run, but what it depends on is parked.
    Down,
    Parked,
    /// It ended by itself, or with its siblings, and does not come back.
    Finished,
    /// A person stopped it.
    Stopped,
    /// It was forgotten; it is struck off when the round is over.
    Gone,
}

/// A worker, or a supervisor with its group.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) path: ActorPath,
    pub(super) restart: Restart,
    pub(super) significant: bool,
    pub(super) max_restarts: u32,
    pub(super) added: bool,
    pub(super) group: Option<Group>,
    pub(super) stand: Stand,
    /// What becomes of its next starts.
    pub(super) fates: VecDeque<Fate>,
    /// It handles a message for ever.
    pub(super) hangs: bool,
    /// It will not come to an end when it is asked to stop.
    pub(super) clings: bool,
    failures: u32,
}

/// The children of one supervisor, in their order.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) strategy: Strategy,
    pub(super) exhaustion: Exhaustion,
    pub(super) order: Order,
    pub(super) units: Vec<Unit>,
}

/// Whether the failure of a child is that of its supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Contained,
    Escalates,
}

impl Unit {
    pub(super) fn new(path: ActorPath, restart: Restart, max_restarts: u32) -> Self {
        Self {
            path,
            restart,
            significant: false,
            max_restarts,
            added: false,
            group: None,
            stand: Stand::Down,
            fates: VecDeque::new(),
            hangs: false,
            clings: false,
            failures: 0,
        }
    }

    /// The same unit as it was drawn: nobody has been added to it, and nothing has happened yet.
    pub(super) fn anew(self) -> Self {
        let group = self.group.map(|group| {
            let units = group.units.into_iter().map(Self::anew).collect();
            Group { units, ..group }
        });
        let significant = self.significant;
        Self { significant, group, ..Self::new(self.path, self.restart, self.max_restarts) }
    }

    pub(super) fn id(&self) -> ChildId {
        self.path.id()
    }

    fn has_bad_starts(&self) -> bool {
        let below = self.group.iter().flat_map(|group| &group.units);
        !self.fates.is_empty() || below.into_iter().any(Self::has_bad_starts)
    }

    /// A new life is tried. Says whether it comes about.
    fn start(&mut self, lives: &mut Lives) -> bool {
        *lives.entry(self.path.clone()).or_default() += 1;
        self.hangs = false;
        self.clings = false;
        let succeeds = match &mut self.group {
            Some(group) => group.boot(lives) == Verdict::Contained,
            None => matches!(self.fates.pop_front(), None | Some(Fate::Slow(_))),
        };
        if succeeds {
            self.stand = Stand::Running;
        }
        succeeds
    }

    /// It goes down with a sibling.
    fn fall(&mut self) {
        self.stand = match (self.restart, self.added) {
            (Restart::Temporary, true) => Stand::Gone,
            (Restart::Temporary, false) => Stand::Finished,
            (Restart::Permanent | Restart::Transient, _) => Stand::Down,
        };
    }
}

impl Group {
    /// The supervisor starts: everyone is new.
    pub(super) fn boot(&mut self, lives: &mut Lives) -> Verdict {
        for unit in &mut self.units {
            unit.stand = Stand::Down;
            unit.failures = 0;
        }
        self.settle(lives)
    }

    /// Does something to the child at `path`, wherever below, and carries failures up.
    pub(super) fn at(
        &mut self,
        path: &ActorPath,
        lives: &mut Lives,
        deed: &mut dyn FnMut(&mut Self, usize, &mut Lives) -> Verdict,
    ) -> Verdict {
        let on_the_way =
            self.units.iter().position(|unit| *path == unit.path || path.is_below(&unit.path));
        let Some(place) = on_the_way else { panic!("nobody is at {path}") };
        if self.units[place].path == *path {
            return deed(self, place, lives);
        }
        let below = self.units[place].group.as_mut().unwrap();
        match below.at(path, lives, deed) {
            Verdict::Contained => Verdict::Contained,
            Verdict::Escalates => self.ended(place, true, lives),
        }
    }

    /// The child at `place` has ended by itself.
    pub(super) fn ended(&mut self, place: usize, failed: bool, lives: &mut Lives) -> Verdict {
        let restart = self.units[place].restart;
        let verdict = match (restart, failed) {
            (Restart::Temporary | Restart::Transient, false) => self.ended_for_good(place),
            (Restart::Permanent, _) | (Restart::Temporary | Restart::Transient, true) => {
                self.failed(place)
            }
        };
        match verdict {
            Verdict::Escalates => Verdict::Escalates,
            Verdict::Contained => self.settle(lives),
        }
    }

    /// A person removes the child at `place`.
    pub(super) fn remove(&mut self, place: usize, lives: &mut Lives) -> Verdict {
        self.units.remove(place);
        self.settle(lives)
    }

    /// A person stops the child at `place`.
    pub(super) fn stop(&mut self, place: usize, lives: &mut Lives) -> Verdict {
        self.units[place].stand = Stand::Stopped;
        self.settle(lives)
    }

    /// A person restarts the child at `place`, however it stands.
    pub(super) fn restart(&mut self, place: usize, lives: &mut Lives) -> Verdict {
        if self.units[place].stand == Stand::Running {
            self.companions_fall(place);
        }
        self.units[place].failures = 0;
        self.units[place].stand = Stand::Down;
        self.settle(lives)
    }

    /// A person adds a child.
    pub(super) fn add(&mut self, unit: Unit, lives: &mut Lives) -> Verdict {
        self.units.push(Unit { added: true, ..unit });
        self.settle(lives)
    }

    /// So much time passes that no failure counts any more.
    pub(super) fn calm_down(&mut self) {
        for unit in &mut self.units {
            unit.failures = 0;
            if let Some(group) = &mut unit.group {
                group.calm_down();
            }
        }
    }

    /// No bad start is before anyone any more.
    pub(super) fn clear_fates(&mut self) {
        for unit in &mut self.units {
            unit.fates.clear();
            if let Some(group) = &mut unit.group {
                group.clear_fates();
            }
        }
    }

    fn ended_for_good(&mut self, place: usize) -> Verdict {
        let unit = &mut self.units[place];
        let is_forgotten = unit.added && unit.restart == Restart::Temporary;
        unit.stand = if is_forgotten { Stand::Gone } else { Stand::Finished };
        Verdict::Contained
    }

    /// A life of the child at `place`, or its start, has failed.
    fn failed(&mut self, place: usize) -> Verdict {
        if self.units[place].restart == Restart::Temporary {
            let is_grave = self.units[place].significant;
            return if is_grave { Verdict::Escalates } else { self.ended_for_good(place) };
        }
        self.companions_fall(place);
        let unit = &mut self.units[place];
        if unit.failures < unit.max_restarts {
            unit.failures += 1;
            unit.stand = Stand::Down;
            return Verdict::Contained;
        }
        if unit.significant || self.exhaustion == Exhaustion::Escalate {
            return Verdict::Escalates;
        }
        unit.stand = Stand::Parked;
        Verdict::Contained
    }

    fn companions_fall(&mut self, place: usize) {
        let first = match (self.strategy, self.order) {
            (Strategy::OneForOne, _) | (_, Order::Together) => return,
            (Strategy::RestForOne, Order::InTurn) => place + 1,
            (Strategy::OneForAll, Order::InTurn) => 0,
        };
        for (other, unit) in self.units.iter_mut().enumerate().skip(first) {
            if other != place && unit.stand == Stand::Running {
                unit.fall();
            }
        }
    }

    /// Starts whoever is to run, until nobody can be started any more.
    fn settle(&mut self, lives: &mut Lives) -> Verdict {
        self.units.retain(|unit| unit.stand != Stand::Gone);
        while let Some(place) = self.next_to_start() {
            if self.units[place].start(lives) {
                continue;
            }
            if self.failed(place) == Verdict::Escalates {
                return Verdict::Escalates;
            }
            self.units.retain(|unit| unit.stand != Stand::Gone);
        }
        Verdict::Contained
    }

    fn next_to_start(&self) -> Option<usize> {
        let down = |unit: &Unit| unit.stand == Stand::Down;
        if self.order == Order::Together {
            // All are tried at once, so whoever fails has not held the others up.
            let good = self.units.iter().position(|unit| down(unit) && !unit.has_bad_starts());
            return good.or_else(|| self.units.iter().position(down));
        }
        for (place, unit) in self.units.iter().enumerate() {
            if down(unit) {
                return Some(place);
            }
            if unit.stand == Stand::Parked && self.strategy != Strategy::OneForOne {
                return None;
            }
        }
        None
    }
}
