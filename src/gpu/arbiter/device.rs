//! The books of one device: its budget, the models on it and the bytes of its leases.
//!
//! Architecture invariant: what is used is what the leases and the models on the device add up to,
//! and nothing starts that would bring it above the budget (G1).

use std::collections::BTreeMap;

use super::limits::{DeviceSpec, Limits, ModelSpec};
use super::request::{GpuMemory, KindId, LeaseId};

/// What becomes of a model on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelState {
    /// Not there.
    Cold,
    /// On its way; `until_ms` is when it is expected, `since_ms` when it began.
    Loading { since_ms: u64, until_ms: u64 },
    /// There and unused.
    Warm { idle_since_ms: u64 },
    /// There and used.
    InUse,
    /// On its way out; at `until_ms` it counts as gone. It serves nobody.
    Draining { until_ms: u64 },
    /// It could not be loaded and is not tried before `until_ms`.
    Failed { until_ms: u64 },
}

/// A model on a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resident {
    pub(super) state: ModelState,
    /// Leases that use it or wait for it to be loaded.
    pub(super) users: u32,
    /// Loads that failed in a row.
    pub(super) failures: u32,
    pub(super) weights: u64,
    pub(super) load_ms: u64,
}

impl Resident {
    /// Whether its weights have a place: models on their way out are counted by themselves.
    pub(super) const fn is_there(&self) -> bool {
        !matches!(
            self.state,
            ModelState::Cold | ModelState::Failed { .. } | ModelState::Draining { .. }
        )
    }
}

/// A lease, or the load it began with, that waits for models to leave.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) lease: LeaseId,
    /// The model to be loaded then, if it was to be loaded for this lease.
    pub(super) load: Option<KindId>,
    /// Bytes that are booked, but not used before then.
    pub(super) bytes: u64,
    pub(super) leaving: Vec<KindId>,
}

/// The books of one device.
#[derive(Debug, Clone)]
pub(super) struct DeviceBook {
    pub(super) spec: DeviceSpec,
    /// The most that may ever be leased.
    pub(super) cap: u64,
    pub(super) foreign: u64,
    /// Taken off the budget because memory ran out.
    pub(super) lowered: u64,
    pub(super) residents: Vec<Resident>,
    /// The one model that is being loaded.
    pub(super) loading: Option<KindId>,
    /// Bytes of leases, without shared weights.
    pub(super) lease_bytes: u64,
    /// Bytes of weights, used or not.
    pub(super) weight_bytes: u64,
    /// Of them those that could go at once.
    pub(super) idle_bytes: u64,
    /// Bytes of models on their way out. Their place may be given away already.
    pub(super) draining_bytes: u64,
    /// What was given such a place and waits until it is empty.
    pub(super) pending: Vec<Pending>,
    /// Leases by when they are expected to end, with the model they share and their own bytes.
    pub(super) ends: BTreeMap<(u64, LeaseId), (Option<KindId>, u64)>,
    /// Leases that are granted as soon as the model is loaded.
    pub(super) joiners: Vec<LeaseId>,
}

impl DeviceBook {
    pub(super) fn new(spec: DeviceSpec, models: &[ModelSpec], limits: &Limits) -> Self {
        let resident = |model: &ModelSpec| Resident {
            state: ModelState::Cold,
            users: 0,
            failures: 0,
            weights: model.weights_bytes,
            load_ms: model.load_ms,
        };
        let permille = u128::from(limits.memory_permille.min(1_000));
        let share = u128::from(spec.total_bytes) * permille / 1_000;
        Self {
            cap: u64::try_from(share).unwrap_or(spec.total_bytes),
            spec,
            foreign: 0,
            lowered: 0,
            residents: models.iter().map(resident).collect(),
            loading: None,
            lease_bytes: 0,
            weight_bytes: 0,
            idle_bytes: 0,
            draining_bytes: 0,
            pending: Vec::new(),
            ends: BTreeMap::new(),
            joiners: Vec::new(),
        }
    }

    /// What may be used now.
    pub(super) fn budget(&self) -> u64 {
        let not_foreign = self
            .spec
            .total_bytes
            .saturating_sub(self.foreign)
            .saturating_sub(self.spec.headroom_bytes);
        self.cap.min(not_foreign).saturating_sub(self.lowered)
    }

    /// What is given away, idle models included.
    pub(super) fn given(&self) -> u64 {
        self.lease_bytes + self.weight_bytes
    }

    /// What is in use: with the models on their way out, without what waits for them to leave.
    pub(super) fn used(&self) -> u64 {
        let pending: u64 = self.pending.iter().map(|one| one.bytes).sum();
        (self.given() + self.draining_bytes).saturating_sub(pending)
    }

    pub(super) fn free(&self) -> u64 {
        self.budget().saturating_sub(self.given())
    }

    /// The models on their way out, if something has to wait for them.
    pub(super) fn leaving(&self) -> Vec<KindId> {
        if self.draining_bytes == 0 || self.given() + self.draining_bytes <= self.budget() {
            return Vec::new();
        }
        self.draining()
    }

    /// The models on their way out.
    pub(super) fn draining(&self) -> Vec<KindId> {
        let kinds = (0_u16..).zip(&self.residents);
        let leaving = kinds.filter(|(_, found)| matches!(found.state, ModelState::Draining { .. }));
        leaving.map(|(kind, _)| KindId(kind)).collect()
    }

    pub(super) fn resident(&self, kind: KindId) -> Option<&Resident> {
        self.residents.get(usize::from(kind.0))
    }

    /// The weights that a lease of `memory` brings along, if it started now.
    pub(super) fn missing_weights(&self, memory: &GpuMemory) -> u64 {
        let resident = memory.shared().and_then(|kind| self.resident(kind));
        resident.filter(|found| !found.is_there()).map_or(0, |found| found.weights)
    }

    /// The most that a lease of `memory` with `bytes` of its own ever takes.
    pub(super) fn whole(&self, memory: &GpuMemory, bytes: u64) -> u64 {
        let resident = memory.shared().and_then(|kind| self.resident(kind));
        bytes.saturating_add(resident.map_or(0, |found| found.weights))
    }

    /// Changes the state of a model and keeps the sums right.
    pub(super) fn set_state(&mut self, kind: KindId, state: ModelState) {
        let Some(resident) = self.residents.get_mut(usize::from(kind.0)) else { return };
        let weights = resident.weights;
        if resident.is_there() {
            self.weight_bytes -= weights;
        }
        match resident.state {
            ModelState::Warm { .. } => self.idle_bytes -= weights,
            ModelState::Draining { .. } => self.draining_bytes -= weights,
            _ => {}
        }
        resident.state = state;
        if resident.is_there() {
            self.weight_bytes += weights;
        }
        match state {
            ModelState::Warm { .. } => self.idle_bytes += weights,
            ModelState::Draining { .. } => self.draining_bytes += weights,
            _ => {}
        }
    }

    /// Counts a user of `kind`. It must be loading or there already.
    pub(super) fn add_user(&mut self, kind: KindId) {
        let Some(resident) = self.residents.get_mut(usize::from(kind.0)) else { return };
        resident.users += 1;
        if !matches!(resident.state, ModelState::Loading { .. }) {
            self.set_state(kind, ModelState::InUse);
        }
    }

    /// Counts a user of `kind` off; without users it is idle.
    pub(super) fn drop_user(&mut self, now_ms: u64, kind: KindId) {
        let Some(resident) = self.residents.get_mut(usize::from(kind.0)) else { return };
        resident.users = resident.users.saturating_sub(1);
        if resident.users == 0 && resident.state == ModelState::InUse {
            self.set_state(kind, ModelState::Warm { idle_since_ms: now_ms });
        }
    }

    /// The idle models, least recently used first, without those in `spared`.
    pub(super) fn idle_models(&self, spared: &[KindId]) -> Vec<(u64, KindId, u64)> {
        let mut idle: Vec<(u64, KindId, u64)> = Vec::new();
        for (index, resident) in (0_u16..).zip(&self.residents) {
            if let ModelState::Warm { idle_since_ms } = resident.state
                && !spared.contains(&KindId(index))
            {
                idle.push((idle_since_ms, KindId(index), resident.weights));
            }
        }
        idle.sort_unstable();
        idle
    }

    /// Which idle models go so that `wanted` more bytes are free: the least recently used, but none
    /// that is not needed for it. `None`: all of them would not do.
    pub(super) fn victims(&self, wanted: u64, spared: &[KindId]) -> Option<Vec<KindId>> {
        let mut chosen = Vec::new();
        let mut gained: u64 = 0;
        for (_, kind, weights) in self.idle_models(spared) {
            if gained >= wanted {
                break;
            }
            if weights > 0 {
                gained += weights;
                chosen.push((kind, weights));
            }
        }
        if gained < wanted {
            return None;
        }
        let mut needed = Vec::new();
        for (kind, weights) in chosen {
            if gained - weights >= wanted {
                gained -= weights;
            } else {
                needed.push(kind);
            }
        }
        Some(needed)
    }
}
