//! What there is in a scenario, as the arbiter wants to know it.

use crate::config::quantity::ByteSize;
use crate::config::scenario::{GpuScenario, PolicyKind, Work};
use crate::gpu::arbiter::{
    DeviceId, DeviceSpec, Discipline, KindId, Limits, ModelSpec, Setup, permille,
};

/// Weights of kinds that a scenario neither lists nor gives a size, as in the design.
const DEFAULT_WEIGHTS: [(&str, ByteSize); 4] = [
    ("stable_diffusion", ByteSize::gib(8)),
    ("llama_70b", ByteSize::gib(16)),
    ("video_processing", ByteSize::gib(4)),
    ("tts", ByteSize::gib(2)),
];

/// Weights of every other kind.
const OTHER_WEIGHTS: ByteSize = ByteSize::gib(4);

/// Every kind that a scenario names; a kind's place is its id.
#[derive(Debug, Clone)]
pub(super) struct Kinds(Vec<ModelSpec>);

impl Kinds {
    /// The kinds of `scenario`: the listed ones, then the others as they come.
    pub(super) fn of(scenario: &GpuScenario) -> Self {
        let listed = scenario.models.iter().map(|model| {
            let load_ms = u64::try_from(model.load.as_millis()).unwrap_or(u64::MAX);
            ModelSpec::new(model.name.clone(), model.weights.0, load_ms)
        });
        let mut kinds = Self(listed.collect());
        for work in works(scenario) {
            let given = work.vram.filter(|_| !work.exclusive);
            match kinds.0.iter_mut().find(|known| known.name == work.kind) {
                // A kind may be met first by somebody who shares nothing and so says nothing of it.
                Some(known) => {
                    let is_listed = scenario.models.iter().any(|model| model.name == work.kind);
                    if let Some(weights) = given.filter(|_| !is_listed) {
                        known.weights_bytes = weights.0;
                    }
                }
                None => {
                    let weights = given.unwrap_or_else(|| default_weights(&work.kind));
                    kinds.0.push(ModelSpec::new(work.kind.clone(), weights.0, 0));
                }
            }
        }
        kinds
    }

    /// The id of a kind that the scenario names.
    pub(super) fn id(&self, name: &str) -> KindId {
        let at = self.0.iter().position(|known| known.name == name);
        KindId(at.and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX))
    }

    /// The kind of this id.
    pub(super) fn get(&self, kind: KindId) -> Option<&ModelSpec> {
        self.0.get(usize::from(kind.0))
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|kind| kind.name.as_str())
    }
}

fn works(scenario: &GpuScenario) -> impl Iterator<Item = &Work> {
    let listed = scenario.requests.iter().map(|asked| &asked.work);
    listed.chain(scenario.arrivals.iter().flat_map(|arrivals| &arrivals.steps))
}

fn default_weights(kind: &str) -> ByteSize {
    let known = DEFAULT_WEIGHTS.iter().find(|(name, _)| *name == kind);
    known.map_or(OTHER_WEIGHTS, |(_, weights)| *weights)
}

/// The device of this name.
pub(super) fn device_id(scenario: &GpuScenario, name: &str) -> Option<DeviceId> {
    let at = scenario.devices.iter().position(|device| device.name == name)?;
    u16::try_from(at).ok().map(DeviceId)
}

/// The machine of the scenario under `policy`.
pub(super) fn setup(scenario: &GpuScenario, kinds: &Kinds, policy: PolicyKind) -> Setup {
    let device = |device: &crate::config::scenario::ScenarioDevice| {
        // A burst of a thousand leases is a scenario too; what a stream costs is not simulated.
        DeviceSpec { streams: u32::MAX, ..DeviceSpec::new(device.name.clone(), device.vram.0) }
    };
    Setup {
        devices: scenario.devices.iter().map(device).collect(),
        models: kinds.0.clone(),
        limits: Limits {
            memory_permille: permille(scenario.policy.memory_fraction),
            max_hold_ms: u64::try_from(scenario.policy.max_hold.as_millis()).unwrap_or(u64::MAX),
            max_waiting: usize::MAX,
            max_leases: usize::MAX,
            discipline: match policy {
                PolicyKind::Broker => Discipline::Reserve,
                PolicyKind::Fifo => Discipline::Fifo,
                PolicyKind::Skip => Discipline::Skip,
            },
            ..Limits::default()
        },
        ..Setup::default()
    }
}
