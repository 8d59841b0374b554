//! What a supervisor does next, as a pure state machine over its children.
//!
//! Why it exists: starts and stops take time and overlap with failures. Here every such history is
//! data in, steps out, so that it can be tested without an actor, and the actor around it is thin.
//!
//! Architecture invariant: pure. A step is asked for at most once; what is reported about an
//! incarnation that is no longer the present one changes nothing.

use super::exit::Exit;
use super::intensity::{RestartMeter, Verdict};
use super::path::{ChildId, Incarnation};
use super::spec::{Exhaustion, Order, Restart, Strategy};
use super::step::{NewChild, PlanError, Step};

/// Where a child is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// It does not run; it is started as soon as its turn comes, if it is wanted.
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

/// A child as the plan sees it.
#[derive(Debug)]
struct Child {
    id: ChildId,
    restart: Restart,
    significant: bool,
    order: Order,
    dynamic: bool,
    meter: RestartMeter,
    incarnation: Incarnation,
    phase: Phase,
    /// Whether it is meant to run.
    wanted: bool,
    /// Whether it must go down before it may run on.
    recycle: bool,
    /// Whether it has been up, or has come to rest, at least once: the next in turn may start.
    settled: bool,
}

impl Child {
    fn is_up_or_finished(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Finished)
    }
}

/// The children of one supervisor and the rules about them.
#[derive(Debug)]
pub struct Plan {
    strategy: Strategy,
    exhaustion: Exhaustion,
    children: Vec<Child>,
    failing: bool,
}

impl Plan {
    /// A plan without children.
    #[must_use]
    pub fn new(strategy: Strategy, exhaustion: Exhaustion) -> Self {
        Self { strategy, exhaustion, children: Vec::new(), failing: false }
    }

    /// Adds a child that is to run; [`Plan::next_steps`] starts it when its turn comes.
    ///
    /// # Errors
    /// [`PlanError::Duplicate`] or [`PlanError::Stopping`].
    pub fn add(&mut self, new: NewChild) -> Result<(), PlanError> {
        if self.failing {
            return Err(PlanError::Stopping);
        }
        if self.position(&new.id).is_some() {
            return Err(PlanError::Duplicate(new.id));
        }
        self.children.push(Child {
            id: new.id,
            restart: new.restart,
            significant: new.significant,
            order: new.order,
            dynamic: new.dynamic,
            meter: RestartMeter::new(new.policy),
            incarnation: new.last_incarnation,
            phase: Phase::Down,
            wanted: true,
            recycle: false,
            settled: false,
        });
        Ok(())
    }

    /// Whether every child has been up, or has come to rest, once; those behind a parked child that
    /// they depend on are not waited for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        for child in &self.children {
            if !child.settled {
                return false;
            }
            if child.phase == Phase::Parked && self.strategy != Strategy::OneForOne {
                return true;
            }
        }
        true
    }

    /// In which order everything stops: groups one after the other, the members of a group at once.
    #[must_use]
    pub fn stop_order(&self) -> Vec<Vec<ChildId>> {
        let of_order = |order: Order| {
            let children = self.children.iter().filter(move |child| child.order == order);
            children.map(|child| child.id.clone())
        };
        let mut groups = vec![of_order(Order::Together).collect::<Vec<_>>()];
        let mut in_turn: Vec<Vec<ChildId>> = of_order(Order::InTurn).map(|id| vec![id]).collect();
        in_turn.reverse();
        groups.append(&mut in_turn);
        groups.retain(|group| !group.is_empty());
        groups
    }

    /// The incarnation has started.
    pub fn started(&mut self, id: &ChildId, incarnation: Incarnation, now_ms: u64) {
        if let Some(child) = self.present(id, incarnation, &Phase::Starting) {
            child.phase = Phase::Running;
            child.settled = true;
            child.meter.started(now_ms);
        }
    }

    /// The incarnation, running or starting, has ended by itself.
    pub fn ended(
        &mut self,
        id: &ChildId,
        incarnation: Incarnation,
        exit: Exit,
        now_ms: u64,
        entropy: u64,
    ) -> Vec<Step> {
        let Some(index) = self.position(id) else { return Vec::new() };
        let failing = self.failing;
        let Some(child) = self.children.get_mut(index) else { return Vec::new() };
        let is_up = matches!(child.phase, Phase::Starting | Phase::Running);
        if child.incarnation != incarnation || !is_up || failing {
            return Vec::new();
        }
        if !child.wanted {
            return self.came_down(index);
        }
        if child.recycle {
            // It was to go down anyhow, so its end is not held against it.
            child.phase = Phase::Down;
            child.recycle = false;
            return Vec::new();
        }
        let reason = match (child.restart, exit) {
            (Restart::Temporary | Restart::Transient, Exit::Normal) => {
                return self.came_to_rest(index);
            }
            (Restart::Permanent, Exit::Normal) => "it ended although it is permanent".to_owned(),
            (_, Exit::Failed(reason)) => reason,
        };
        if child.restart == Restart::Temporary {
            if child.significant {
                return self.fail(format!("{id} failed: {reason}"));
            }
            return self.came_to_rest(index);
        }
        let verdict = child.meter.failed(now_ms, entropy);
        self.mark_companions(index);
        match verdict {
            Verdict::RestartAfter(delay) => {
                self.set_phase(index, Phase::BackingOff);
                vec![Step::Wait(id.clone(), incarnation, delay, reason)]
            }
            Verdict::Exhausted { restarts } => {
                self.exhausted(index, format!("{reason} (after {restarts} restarts)"))
            }
        }
    }

    /// The wait before the restart of the incarnation is over.
    pub fn backoff_over(&mut self, id: &ChildId, incarnation: Incarnation) {
        if let Some(child) = self.present(id, incarnation, &Phase::BackingOff) {
            child.phase = Phase::Down;
        }
    }

    /// The incarnation that was asked to stop is down.
    pub fn stopped(&mut self, id: &ChildId, incarnation: Incarnation) -> Vec<Step> {
        let Some(index) = self.position(id) else { return Vec::new() };
        if self.present(id, incarnation, &Phase::Stopping).is_none() {
            return Vec::new();
        }
        self.came_down(index)
    }

    /// A person or the program wants it stopped. A dynamic child is forgotten when it is down.
    ///
    /// # Errors
    /// [`PlanError::Unknown`].
    pub fn stop_child(&mut self, id: &ChildId) -> Result<Vec<Step>, PlanError> {
        let index = self.position(id).ok_or_else(|| PlanError::Unknown(id.clone()))?;
        let Some(child) = self.children.get_mut(index) else { return Ok(Vec::new()) };
        child.wanted = false;
        child.recycle = false;
        match child.phase {
            Phase::Starting | Phase::Stopping | Phase::Running => Ok(Vec::new()),
            Phase::Down | Phase::BackingOff | Phase::Parked | Phase::Finished => {
                Ok(self.came_down(index))
            }
        }
    }

    /// A person or the program wants a new incarnation, whatever the child does now; its failures
    /// are forgiven.
    ///
    /// # Errors
    /// [`PlanError::Unknown`], [`PlanError::Stopping`].
    pub fn restart_child(&mut self, id: &ChildId) -> Result<(), PlanError> {
        if self.failing {
            return Err(PlanError::Stopping);
        }
        let index = self.position(id).ok_or_else(|| PlanError::Unknown(id.clone()))?;
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        child.wanted = true;
        child.meter.forgive();
        match child.phase {
            Phase::Running => {
                child.recycle = true;
                self.mark_companions(index);
            }
            Phase::Down | Phase::BackingOff | Phase::Parked | Phase::Finished => {
                child.phase = Phase::Down;
            }
            // A start under way is new enough; after a stop under way it starts again.
            Phase::Starting | Phase::Stopping => {}
        }
        Ok(())
    }

    /// A person wants a parked child to run again.
    ///
    /// # Errors
    /// [`PlanError::Unknown`], [`PlanError::NotParked`], [`PlanError::Stopping`].
    pub fn unpark(&mut self, id: &ChildId) -> Result<(), PlanError> {
        let child = self.children.iter().find(|child| child.id == *id);
        match child {
            None => Err(PlanError::Unknown(id.clone())),
            Some(child) if child.phase != Phase::Parked => Err(PlanError::NotParked(id.clone())),
            Some(_) => self.restart_child(id),
        }
    }

    /// What can be begun now, in this order. Call it after every report and every request.
    pub fn next_steps(&mut self) -> Vec<Step> {
        if self.failing {
            return Vec::new();
        }
        let mut steps = self.due_stops();
        steps.extend(self.due_starts());
        steps
    }

    /// Stops whoever is not wanted at once, and those to be recycled from the last to the first,
    /// each when the one before it is down.
    fn due_stops(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut turn_is_taken = false;
        for child in self.children.iter_mut().rev() {
            let must_go = !child.wanted || child.recycle;
            let in_turn = child.recycle && child.order == Order::InTurn;
            if !must_go || (in_turn && turn_is_taken) {
                continue;
            }
            match child.phase {
                Phase::Running => {
                    child.phase = Phase::Stopping;
                    steps.push(Step::Stop(child.id.clone(), child.incarnation));
                    turn_is_taken |= in_turn;
                }
                Phase::Starting | Phase::Stopping => turn_is_taken |= in_turn,
                Phase::Down | Phase::BackingOff | Phase::Parked | Phase::Finished => {
                    child.recycle = false;
                }
            }
        }
        steps
    }

    /// Starts every child that is wanted, down, and whose turn it is.
    fn due_starts(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let grouped = self.strategy != Strategy::OneForOne;
        let recycling =
            self.children.iter().any(|child| child.recycle && child.order == Order::InTurn);
        let mut earlier_are_up = true;
        let mut earlier_are_settled = true;
        for child in &mut self.children {
            let may_start = match child.order {
                Order::Together => true,
                Order::InTurn if grouped => earlier_are_up && !recycling,
                Order::InTurn => child.settled || earlier_are_settled,
            };
            let is_due = child.wanted && !child.recycle && child.phase == Phase::Down;
            if is_due && may_start {
                child.incarnation = child.incarnation.next();
                child.phase = Phase::Starting;
                steps.push(Step::Start(child.id.clone(), child.incarnation));
            }
            if child.order == Order::InTurn && child.wanted {
                earlier_are_up &= child.is_up_or_finished();
                earlier_are_settled &= child.settled;
            }
        }
        steps
    }

    /// Marks the siblings that must be restarted with the child at `index`.
    fn mark_companions(&mut self, index: usize) {
        for (place, child) in self.children.iter_mut().enumerate() {
            let is_companion = match self.strategy {
                Strategy::OneForOne => false,
                Strategy::RestForOne => place > index,
                Strategy::OneForAll => place != index,
            };
            let is_up = matches!(child.phase, Phase::Starting | Phase::Running);
            if is_companion && child.order == Order::InTurn && is_up {
                child.recycle = true;
            }
        }
    }

    fn exhausted(&mut self, index: usize, reason: String) -> Vec<Step> {
        let exhaustion = self.exhaustion;
        let Some(child) = self.children.get_mut(index) else { return Vec::new() };
        let id = child.id.clone();
        if child.significant || exhaustion == Exhaustion::Escalate {
            return self.fail(format!("{id} failed too often: {reason}"));
        }
        child.phase = Phase::Parked;
        child.settled = true;
        vec![Step::Park(id, reason)]
    }

    /// It ended by itself and is not started again.
    fn came_to_rest(&mut self, index: usize) -> Vec<Step> {
        let Some(child) = self.children.get_mut(index) else { return Vec::new() };
        child.phase = Phase::Finished;
        child.settled = true;
        let id = child.id.clone();
        self.rest_or_forget(index, id)
    }

    /// It is down after it was asked to stop, or before it could be.
    fn came_down(&mut self, index: usize) -> Vec<Step> {
        let Some(child) = self.children.get_mut(index) else { return Vec::new() };
        child.phase = Phase::Down;
        child.recycle = false;
        if child.wanted {
            return Vec::new();
        }
        child.settled = true;
        let id = child.id.clone();
        self.rest_or_forget(index, id)
    }

    fn rest_or_forget(&mut self, index: usize, id: ChildId) -> Vec<Step> {
        if self.children.get(index).is_some_and(|child| child.dynamic) {
            self.children.remove(index);
            return vec![Step::Forget(id)];
        }
        vec![Step::Rest(id)]
    }

    fn fail(&mut self, reason: String) -> Vec<Step> {
        self.failing = true;
        vec![Step::Fail(reason)]
    }

    fn set_phase(&mut self, index: usize, phase: Phase) {
        if let Some(child) = self.children.get_mut(index) {
            child.phase = phase;
        }
    }

    fn position(&self, id: &ChildId) -> Option<usize> {
        self.children.iter().position(|child| child.id == *id)
    }

    /// The child, if `incarnation` is its present one and it is in `phase`.
    fn present(
        &mut self,
        id: &ChildId,
        incarnation: Incarnation,
        phase: &Phase,
    ) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| {
            child.id == *id && child.incarnation == incarnation && child.phase == *phase
        })
    }
}

#[cfg(test)]
mod tests;
