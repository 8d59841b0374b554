//! What a supervisor does next, as a pure state machine over its children.
//!
//! Why it exists: starts and stops take time and overlap with failures. Here every such history is
//! data in, steps out, so that it can be tested without an actor, and the actor around it is thin.
//!
//! Architecture invariant: pure. A step is asked for at most once; what is reported about an
//! incarnation that is no longer the present one changes nothing.

use super::exit::Exit;
use super::intensity::Verdict;
use super::path::{ChildId, Incarnation};
use super::spec::{Exhaustion, Order, Restart, Strategy};
use super::step::{NewChild, PlanError, Step};

mod child;

use child::{Child, Phase, Wish};

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

    /// Adds a child that is to run, behind all others; [`Plan::next_steps`] starts it when its turn
    /// comes.
    ///
    /// # Errors
    /// [`PlanError::Duplicate`], [`PlanError::Leaving`] or [`PlanError::Stopping`].
    pub fn add(&mut self, new: NewChild) -> Result<(), PlanError> {
        if self.failing {
            return Err(PlanError::Stopping);
        }
        match self.children.iter().find(|child| child.id == new.id) {
            Some(child) if child.wish == Wish::Leave => Err(PlanError::Leaving(new.id)),
            Some(_) => Err(PlanError::Duplicate(new.id)),
            None => {
                self.children.push(Child::new(new));
                Ok(())
            }
        }
    }

    /// The names of the children, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &ChildId> {
        self.children.iter().map(|child| &child.id)
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

    /// The incarnation has started. Says whether it is the one that was asked for; nobody wants
    /// another.
    pub fn started(&mut self, id: &ChildId, incarnation: Incarnation, now_ms: u64) -> bool {
        let Some(child) = self.present(id, incarnation, Phase::Starting) else { return false };
        child.phase = Phase::Running;
        child.settled = true;
        child.meter.started(now_ms);
        true
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
        if child.incarnation != incarnation || !child.is_up() || failing {
            return Vec::new();
        }
        if child.wish != Wish::Run {
            // It was to go down anyhow, so its end is not held against it.
            return self.came_down(index);
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

    /// The wait before the restart of the incarnation is over. Says whether it was still waited
    /// for.
    pub fn backoff_over(&mut self, id: &ChildId, incarnation: Incarnation) -> bool {
        let Some(child) = self.present(id, incarnation, Phase::BackingOff) else { return false };
        child.phase = Phase::Down;
        true
    }

    /// The incarnation that was asked to stop is down.
    pub fn stopped(&mut self, id: &ChildId, incarnation: Incarnation) -> Vec<Step> {
        let Some(index) = self.position(id) else { return Vec::new() };
        if self.present(id, incarnation, Phase::Stopping).is_none() {
            return Vec::new();
        }
        self.came_down(index)
    }

    /// A person or the program wants it down until it is asked to run again.
    ///
    /// # Errors
    /// [`PlanError::Unknown`].
    pub fn stop_child(&mut self, id: &ChildId) -> Result<Vec<Step>, PlanError> {
        self.take_down(id, Wish::Rest)
    }

    /// A person or the program wants it down and forgotten, whatever it does now.
    ///
    /// # Errors
    /// [`PlanError::Unknown`].
    pub fn remove(&mut self, id: &ChildId) -> Result<Vec<Step>, PlanError> {
        self.take_down(id, Wish::Leave)
    }

    fn take_down(&mut self, id: &ChildId, wish: Wish) -> Result<Vec<Step>, PlanError> {
        let index = self.position(id).ok_or_else(|| PlanError::Unknown(id.clone()))?;
        let Some(child) = self.children.get_mut(index) else { return Ok(Vec::new()) };
        if child.wish == Wish::Leave {
            return Ok(Vec::new());
        }
        child.wish = wish;
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
    /// [`PlanError::Unknown`], [`PlanError::Leaving`], [`PlanError::Stopping`].
    pub fn restart_child(&mut self, id: &ChildId) -> Result<(), PlanError> {
        if self.failing {
            return Err(PlanError::Stopping);
        }
        let index = self.position(id).ok_or_else(|| PlanError::Unknown(id.clone()))?;
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        if child.wish == Wish::Leave {
            return Err(PlanError::Leaving(id.clone()));
        }
        child.meter.forgive();
        match child.phase {
            Phase::Running => {
                child.wish = Wish::Recycle;
                self.mark_companions(index);
            }
            Phase::Down | Phase::BackingOff | Phase::Parked | Phase::Finished => {
                child.wish = Wish::Run;
                child.phase = Phase::Down;
            }
            // A start under way is new enough; after a stop under way it starts again.
            Phase::Starting | Phase::Stopping => child.wish = Wish::Run,
        }
        Ok(())
    }

    /// A person wants a parked child to run again.
    ///
    /// # Errors
    /// [`PlanError::Unknown`], [`PlanError::Leaving`], [`PlanError::NotParked`],
    /// [`PlanError::Stopping`].
    pub fn unpark(&mut self, id: &ChildId) -> Result<(), PlanError> {
        let child = self.children.iter().find(|child| child.id == *id);
        match child {
            Some(child) if child.phase != Phase::Parked && child.wish != Wish::Leave => {
                Err(PlanError::NotParked(id.clone()))
            }
            _ => self.restart_child(id),
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

    /// Stops whoever is not wanted at once, and those that depend on each other from the last to
    /// the first, each when the one before it is down. A start under way is stopped too: what it
    /// waits for may never come.
    fn due_stops(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut turn_is_taken = false;
        let grouped = self.is_grouped();
        for child in self.children.iter_mut().rev() {
            let has_turn = grouped && child.order == Order::InTurn;
            let must_wait = has_turn && turn_is_taken && child.is_recycled();
            match child.phase {
                Phase::Stopping => turn_is_taken |= has_turn,
                Phase::Running | Phase::Starting if child.wish != Wish::Run && !must_wait => {
                    child.phase = Phase::Stopping;
                    steps.push(Step::Stop(child.id.clone(), child.incarnation));
                    turn_is_taken |= has_turn;
                }
                Phase::Running
                | Phase::Starting
                | Phase::Down
                | Phase::BackingOff
                | Phase::Parked
                | Phase::Finished => {}
            }
        }
        steps
    }

    /// Starts every child that is wanted, down, and whose turn it is.
    fn due_starts(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let grouped = self.is_grouped();
        let recycling =
            self.children.iter().any(|child| child.is_recycled() && child.order == Order::InTurn);
        let mut earlier_are_ready = true;
        let mut earlier_are_settled = true;
        for child in &mut self.children {
            let may_start = match child.order {
                Order::Together => true,
                Order::InTurn if grouped => earlier_are_ready && !recycling,
                Order::InTurn => child.settled || earlier_are_settled,
            };
            if child.wish == Wish::Run && child.phase == Phase::Down && may_start {
                child.incarnation = child.incarnation.next();
                child.phase = Phase::Starting;
                steps.push(Step::Start(child.id.clone(), child.incarnation));
            }
            if child.order == Order::InTurn && child.is_wanted() {
                earlier_are_ready &= child.is_ready();
                earlier_are_settled &= child.settled;
            }
        }
        steps
    }

    /// Marks the siblings that must go down with the child at `index`.
    fn mark_companions(&mut self, index: usize) {
        for (place, child) in self.children.iter_mut().enumerate() {
            let is_companion = match self.strategy {
                Strategy::OneForOne => false,
                Strategy::RestForOne => place > index,
                Strategy::OneForAll => place != index,
            };
            if is_companion && child.order == Order::InTurn {
                child.go_down_with_sibling();
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

    /// It ended for good, by itself or with a sibling. A temporary one that was added is forgotten.
    fn came_to_rest(&mut self, index: usize) -> Vec<Step> {
        let Some(child) = self.children.get_mut(index) else { return Vec::new() };
        child.phase = Phase::Finished;
        child.wish = Wish::Run;
        child.settled = true;
        if child.added && child.restart == Restart::Temporary {
            return self.forget(index);
        }
        vec![Step::Rest(child.id.clone())]
    }

    /// It is down after it was asked to stop, or before it could be.
    fn came_down(&mut self, index: usize) -> Vec<Step> {
        let Some(child) = self.children.get_mut(index) else { return Vec::new() };
        child.phase = Phase::Down;
        match child.wish {
            Wish::Run | Wish::Recycle => {
                child.wish = Wish::Run;
                Vec::new()
            }
            Wish::Retire => self.came_to_rest(index),
            Wish::Rest => {
                child.settled = true;
                vec![Step::Rest(child.id.clone())]
            }
            Wish::Leave => self.forget(index),
        }
    }

    fn forget(&mut self, index: usize) -> Vec<Step> {
        let child = self.children.remove(index);
        vec![Step::Forget(child.id)]
    }

    fn fail(&mut self, reason: String) -> Vec<Step> {
        self.failing = true;
        vec![Step::Fail(reason)]
    }

    /// Whether children depend on each other.
    fn is_grouped(&self) -> bool {
        self.strategy != Strategy::OneForOne
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
        phase: Phase,
    ) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| {
            child.id == *id && child.incarnation == incarnation && child.phase == phase
        })
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
