//! Draws trees, and builds what is drawn.
//!
//! Architecture invariant: a drawing and what is built after it are the same tree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::supervision::handle::Handle;
use crate::supervision::intensity::{Backoff, Intensity, RestartPolicy};
use crate::supervision::path::{ActorPath, ChildId};
use crate::supervision::spec::{ChildSpec, Exhaustion, Order, Restart, Strategy, SupervisorSpec};
use crate::supervision::tree::{SupervisorHandle, supervisor_child};

use super::chance::Chance;
use super::field::{Field, soldier_spec};
use super::oracle::{Group, Unit};
use super::soldier::{Duty, Orders};

/// Failures count for so long. No course lasts half as long between two calms.
pub(super) const PERIOD: Duration = Duration::from_secs(36_000);
/// How long a soldier may take to stop.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(2);
/// How long a soldier may take to start.
pub(super) const START_LIMIT: Duration = Duration::from_secs(3);
/// Long enough for every supervisor to stop all its children in turn.
const GROUP_STOP_LIMIT: Duration = Duration::from_secs(1_000);

/// The handles of everyone who was ever drawn.
#[derive(Default)]
pub(super) struct Troops {
    pub(super) soldiers: BTreeMap<ActorPath, (Handle<Duty>, Arc<Orders>)>,
    pub(super) supervisors: BTreeMap<ActorPath, SupervisorHandle>,
}

/// Draws units with names of their own.
pub(super) struct Map {
    pub(super) chance: Chance,
    named: usize,
}

impl Map {
    pub(super) fn new(chance: Chance) -> Self {
        Self { chance, named: 0 }
    }

    /// A whole tree.
    pub(super) fn tree(&mut self) -> Group {
        let mut group = self.group(&ActorPath::root(), 2);
        // Most roots hold, or every course would be a short one.
        group.exhaustion = self.exhaustion(85);
        group
    }

    fn group(&mut self, path: &ActorPath, depth: usize) -> Group {
        let strategies = [Strategy::OneForOne, Strategy::RestForOne, Strategy::OneForAll];
        let strategy = self.chance.pick(&strategies);
        let together = strategy == Strategy::OneForOne && self.chance.happens(50);
        let order = if together { Order::Together } else { Order::InTurn };
        let exhaustion = self.exhaustion(60);
        let count = 1 + self.chance.below(4);
        let units = (0..count).map(|_| self.unit(path, depth)).collect();
        Group { strategy, exhaustion, order, units }
    }

    fn exhaustion(&mut self, parks_per_cent: usize) -> Exhaustion {
        let parks = self.chance.happens(parks_per_cent);
        if parks { Exhaustion::Park } else { Exhaustion::Escalate }
    }

    /// A supervisor with its group where `depth` allows one, or a worker.
    pub(super) fn unit(&mut self, parent: &ActorPath, depth: usize) -> Unit {
        let path = parent.child(&self.name());
        if depth > 0 && self.chance.happens(30) {
            let max_restarts = 1 + self.chance.below(2) as u32;
            let mut unit = Unit::new(path.clone(), Restart::Permanent, max_restarts);
            unit.group = Some(self.group(&path, depth - 1));
            return unit;
        }
        self.worker(path)
    }

    /// A worker at `path`.
    pub(super) fn worker(&mut self, path: ActorPath) -> Unit {
        let kinds = [
            Restart::Permanent,
            Restart::Permanent,
            Restart::Permanent,
            Restart::Transient,
            Restart::Temporary,
        ];
        let restart = self.chance.pick(&kinds);
        let max_restarts = self.chance.below(4) as u32;
        let mut unit = Unit::new(path, restart, max_restarts);
        unit.significant = self.chance.happens(15);
        unit
    }

    fn name(&mut self) -> ChildId {
        self.named += 1;
        ChildId::new(format!("c{}", self.named))
    }
}

impl Troops {
    /// The spec of a supervisor of `group` at `path`.
    pub(super) fn muster(&mut self, field: &Field, group: &Group) -> SupervisorSpec {
        let specs: Vec<ChildSpec> =
            group.units.iter().map(|unit| self.enlist(field, unit)).collect();
        SupervisorSpec::new(move || specs.clone())
            .strategy(group.strategy)
            .exhaustion(group.exhaustion)
            .order(group.order)
    }

    /// The spec of `unit`, with everyone below it.
    pub(super) fn enlist(&mut self, field: &Field, unit: &Unit) -> ChildSpec {
        let registry = &field.environment.registry;
        let policy = RestartPolicy {
            intensity: Intensity { max_restarts: unit.max_restarts, period: PERIOD },
            backoff: Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) },
            quiet: PERIOD,
        };
        let mut spec = match &unit.group {
            Some(group) => {
                let inner = self.muster(field, group);
                let handle = self.supervisors.entry(unit.path.clone());
                let handle = handle.or_insert_with(|| SupervisorHandle::new(registry, &unit.path));
                supervisor_child(&field.environment, handle, inner, GROUP_STOP_LIMIT)
            }
            None => {
                let (handle, orders) =
                    self.soldiers.entry(unit.path.clone()).or_insert_with(|| {
                        (Handle::new(registry, &unit.path), field.orders(&unit.path, &[]))
                    });
                let spec = soldier_spec(handle, Arc::clone(orders));
                spec.shutdown(STOP_LIMIT).start_limit(START_LIMIT)
            }
        };
        spec.significant = unit.significant;
        spec.restart(unit.restart).policy(policy)
    }
}
