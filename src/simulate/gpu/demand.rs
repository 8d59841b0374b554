//! Who asks for what and when: everything that chance decides, drawn once, so that each policy meets
//! the same.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use super::machine::{Kinds, device_id};
use crate::config::scenario::{Arrivals, Every, GpuScenario, Hold, MAX_ARRIVALS, Work};
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;
use crate::gpu::arbiter::{DeviceId, GpuMemory, KindId};
use crate::simulate::rng::Rng;

/// Something to be asked for once.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// Not before this.
    pub(super) at_ms: u64,
    /// Nor before this other one, which stands before it, has ended.
    pub(super) after: Option<usize>,
    pub(super) kind: KindId,
    pub(super) memory: GpuMemory,
    pub(super) device: Option<DeviceId>,
    pub(super) channel: ChannelId,
    pub(super) priority: Priority,
    /// How long it is held; none: until it is taken away.
    pub(super) hold_ms: Option<u64>,
    pub(super) estimate_ms: Option<u64>,
    pub(super) deadline_ms: Option<u64>,
    pub(super) dies_after_ms: Option<u64>,
    /// Bytes of its own that are really used.
    pub(super) uses: Option<u64>,
}

/// Everything that is asked for in `scenario`.
pub(super) fn draw(scenario: &GpuScenario, kinds: &Kinds) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut rng = stream(scenario.seed, 0);
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for asked in &scenario.requests {
        let after = asked.after.as_deref().and_then(|id| places.get(id).copied());
        if let Some(id) = &asked.id {
            places.insert(id, jobs.len());
        }
        jobs.push(job(scenario, kinds, &asked.work, millis(asked.at), after, &mut rng));
    }
    for (number, arrivals) in (1..).zip(&scenario.arrivals) {
        let mut rng = stream(scenario.seed, number);
        for at_ms in times(arrivals, &mut rng) {
            let mut before = None;
            for step in &arrivals.steps {
                jobs.push(job(scenario, kinds, step, at_ms, before, &mut rng));
                before = Some(jobs.len() - 1);
            }
        }
    }
    jobs
}

/// The chance of one source of demand, which none of the others disturbs.
fn stream(seed: u64, number: u64) -> Rng {
    let mut seeds = Rng::new(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
    Rng::new(seeds.draw())
}

fn times(arrivals: &Arrivals, rng: &mut Rng) -> Vec<u64> {
    let until_ms = arrivals.until.map_or(u64::MAX, millis);
    let most = usize::try_from(arrivals.count.unwrap_or(MAX_ARRIVALS)).unwrap_or(usize::MAX);
    let mut at_ms = millis(arrivals.from);
    let mut times = Vec::new();
    while times.len() < most {
        let apart_ms = match arrivals.every {
            Every::Fixed(apart) => millis(apart),
            Every::Poisson(mean) => exponential(millis(mean), rng),
        };
        at_ms = at_ms.saturating_add(apart_ms);
        if at_ms > until_ms {
            break;
        }
        times.push(at_ms);
    }
    times
}

/// A time of the exponential distribution with this mean, by inversion.
fn exponential(mean_ms: u64, rng: &mut Rng) -> u64 {
    let uniform = (rng.draw() >> 11) as f64 / (1_u64 << 53) as f64;
    (-(1.0 - uniform).ln() * mean_ms as f64).round() as u64
}

fn job(
    scenario: &GpuScenario,
    kinds: &Kinds,
    work: &Work,
    at_ms: u64,
    after: Option<usize>,
    rng: &mut Rng,
) -> Job {
    let kind = kinds.id(&work.kind);
    let activation = work.activation.0;
    let memory = if work.exclusive {
        let weights = kinds.get(kind).map_or(0, |model| model.weights_bytes);
        let own = work.vram.map_or(weights, |vram| vram.0);
        GpuMemory::Own { kind, bytes: own.saturating_add(activation) }
    } else {
        GpuMemory::Shared { kind, activation }
    };
    let hold_ms = match work.hold {
        Hold::Between(low, high) => Some(rng.between(millis(low), millis(high))),
        Hold::Never => None,
    };
    Job {
        at_ms,
        after,
        kind,
        memory,
        device: work.device.as_deref().and_then(|name| device_id(scenario, name)),
        channel: ChannelId(Uuid::new_v5(&Uuid::NAMESPACE_OID, work.channel.as_bytes())),
        // The scenario's reader let nothing else pass.
        priority: Priority::new(work.priority).unwrap_or_default(),
        hold_ms,
        estimate_ms: work.estimate.map(millis).or(hold_ms),
        deadline_ms: work.deadline.map(millis),
        dies_after_ms: work.owner_dies_after.map(millis),
        uses: work.uses.map(|uses| uses.0),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
