//! What is refused before it waits: nonsense, what can never fit, and what would be too much.

use super::Arbiter;
use super::limits::MAX_BYTES;
use super::outcome::Refusal;
use super::request::{DeviceChoice, DeviceId, GpuMemory, GpuNeed, Pool, Request};

impl Arbiter {
    /// Whether a request makes sense and can ever be met.
    pub(super) fn check(&self, request: &Request) -> Result<(), Refusal> {
        if self.held.contains_key(&request.id) || self.queue.contains(request.id) {
            return Err(Refusal::DuplicateRequest(request.id));
        }
        let is_empty = request.gpu.is_none() && request.host.is_none();
        if is_empty || request.max_hold_ms == 0 {
            return Err(Refusal::Nothing);
        }
        if request.max_hold_ms > self.limits.max_hold_ms {
            let (asked_ms, limit_ms) = (request.max_hold_ms, self.limits.max_hold_ms);
            return Err(Refusal::HoldTooLong { asked_ms, limit_ms });
        }
        for pool in Pool::ALL {
            let (asked, capacity) = (request.host.get(pool), self.host_capacity.get(pool));
            if asked > capacity {
                return Err(Refusal::NeverFits { asked, capacity });
            }
        }
        if let Some(need) = &request.gpu {
            self.check_gpu(need)?;
        }
        if self.queue.len() >= self.limits.max_waiting {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    fn check_gpu(&self, need: &GpuNeed) -> Result<(), Refusal> {
        if self.devices.is_empty() {
            return Err(Refusal::NoDevice);
        }
        let kind = need.memory.kind();
        let Some(model) = self.models.get(usize::from(kind.0)) else {
            return Err(Refusal::UnknownKind(kind));
        };
        if let DeviceChoice::One(device) = need.device
            && usize::from(device.0) >= self.devices.len()
        {
            return Err(Refusal::UnknownDevice(device));
        }
        let weights = need.memory.shared().map_or(0, |_| model.weights_bytes);
        let asked = weights.saturating_add(need.memory.own_bytes());
        if asked == 0 {
            return Err(Refusal::Nothing);
        }
        let largest = self.choices(need).map(|device| self.devices[usize::from(device.0)].cap);
        let capacity = largest.max().unwrap_or(0).min(MAX_BYTES);
        if asked > capacity { Err(Refusal::NeverFits { asked, capacity }) } else { Ok(()) }
    }

    /// The devices a need may be met on.
    pub(super) fn choices(&self, need: &GpuNeed) -> impl Iterator<Item = DeviceId> + use<> {
        let count = u16::try_from(self.devices.len()).unwrap_or(u16::MAX);
        let range = match need.device {
            DeviceChoice::Any => 0..count,
            DeviceChoice::One(device) => device.0..(device.0.saturating_add(1)).min(count),
        };
        range.map(DeviceId)
    }

    /// The share of the scarcest thing a request asks for, in thousandths.
    pub(super) fn share_permille(&self, request: &Request) -> u64 {
        let share = |asked: u64, capacity: u64| match capacity {
            0 => 0,
            _ => u64::try_from(u128::from(asked) * 1_000 / u128::from(capacity)).unwrap_or(1_000),
        };
        let of_host = Pool::ALL
            .map(|pool| share(request.host.get(pool), self.host_capacity.get(pool)))
            .into_iter()
            .max();
        let of_device = request.gpu.as_ref().and_then(|need| {
            let devices = self.choices(need);
            let shares = devices.filter_map(|device| {
                let book = self.devices.get(usize::from(device.0))?;
                Some(share(need.memory.own_bytes(), book.cap))
            });
            shares.min()
        });
        of_host.unwrap_or(0).max(of_device.unwrap_or(0)).min(1_000)
    }

    /// Bytes that a lease of `memory` gets on `device`: what was asked for, and what was learned
    /// from running out of memory, as far as the device can ever give it.
    pub(super) fn effective_bytes(&self, device: DeviceId, memory: &GpuMemory) -> u64 {
        let asked = memory.own_bytes();
        let permille = self.learned.get(usize::from(memory.kind().0)).copied().unwrap_or(1_000);
        if permille == 1_000 {
            return asked;
        }
        let Some(book) = self.devices.get(usize::from(device.0)) else { return asked };
        let grown = u128::from(asked) * u128::from(permille) / 1_000;
        let room = book.cap.saturating_sub(book.whole(memory, 0));
        u64::try_from(grown).unwrap_or(u64::MAX).min(room).max(asked)
    }
}
