//! What is learned when a device runs out of memory.
//!
//! The kind gets a quarter more than it asks for, the device's budget is lowered, idle models go,
//! and the request is tried once more in its old place. The second time it is refused, so that its
//! owner takes the CPU path. Both lessons fade.

use super::Arbiter;
use super::outcome::{Event, Refusal};
use super::queue::Entry;
use super::request::{DeviceId, Epoch, KindId, LeaseId, OwnerId};
use super::watchdog::Alarm;

/// The most that is learned: four times what was asked for.
const MOST_LEARNED: u64 = 4_000;

impl Arbiter {
    /// The holder ran out of the device's memory; it holds nothing any more. Its request waits
    /// again, or is refused if this was the second time.
    ///
    /// # Errors
    /// [`Refusal`] when the lease is not held by this owner with this epoch, or is of no device.
    pub fn out_of_memory(
        &mut self,
        now_ms: u64,
        owner: OwnerId,
        lease: LeaseId,
        epoch: Epoch,
    ) -> Result<(), Refusal> {
        self.advance(now_ms);
        let learned = self.check_held(owner, lease, epoch).and_then(|()| self.learn_from(lease));
        self.settle();
        learned
    }

    fn learn_from(&mut self, id: LeaseId) -> Result<(), Refusal> {
        let lease = self.leases.get(&id).copied().ok_or(Refusal::UnknownLease)?;
        let (Some(device), Some(memory)) = (lease.device, lease.memory().copied()) else {
            return Err(Refusal::NoDevice);
        };
        self.end(id);
        self.grow_estimate(memory.kind());
        self.lower_budget(device);
        if let Some(book) = self.devices.get(usize::from(device.0)) {
            for (_, kind, _) in book.idle_models(&[]) {
                self.evict(device, kind);
            }
        }
        if lease.oom > 0 {
            let (request, owner) = (lease.request.id, lease.request.owner);
            self.events.push(Event::Refused { request, owner, refusal: Refusal::OutOfMemory });
        } else {
            self.take_back(Entry {
                request: lease.request,
                since_ms: lease.since_ms,
                key: Some(lease.key),
                share_permille: 0,
                oom: 1,
                load_failures: lease.load_failures,
            });
        }
        self.unsettled = true;
        Ok(())
    }

    fn grow_estimate(&mut self, kind: KindId) {
        let half_life_ms = self.limits.learned_half_life_ms;
        let Some(permille) = self.learned.get_mut(usize::from(kind.0)) else { return };
        *permille = (*permille * 5 / 4).min(MOST_LEARNED);
        self.rearm(Alarm::Learned(kind), half_life_ms);
    }

    fn lower_budget(&mut self, device: DeviceId) {
        let shrink_ms = self.limits.shrink_ms;
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        // A twentieth each time; half of the device always stays.
        book.lowered = book.lowered.saturating_add(book.cap / 20).min(book.cap / 2);
        self.rearm(Alarm::Budget(device), shrink_ms);
    }

    /// Half of what was learned about a kind is forgotten; the last percent at once.
    pub(super) fn forget_estimate(&mut self, kind: KindId) {
        let half_life_ms = self.limits.learned_half_life_ms;
        let Some(permille) = self.learned.get_mut(usize::from(kind.0)) else { return };
        let excess = (*permille - 1_000) / 2;
        *permille = if excess < 10 { 1_000 } else { 1_000 + excess };
        if *permille > 1_000 {
            self.rearm(Alarm::Learned(kind), half_life_ms);
        }
        self.unsettled = true;
    }

    /// Half of what was taken off a device's budget is given back; the last hundredth at once.
    pub(super) fn raise_budget(&mut self, device: DeviceId) {
        let shrink_ms = self.limits.shrink_ms;
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        book.lowered /= 2;
        if book.lowered < book.cap / 100 {
            book.lowered = 0;
        } else {
            self.rearm(Alarm::Budget(device), shrink_ms);
        }
        self.unsettled = true;
    }

    fn rearm(&mut self, alarm: Alarm, after_ms: u64) {
        self.alarms.retain(|(_, other)| *other != alarm);
        // Never at once: a fading lesson must let time pass.
        self.alarms.insert((self.now_ms.saturating_add(after_ms.max(1)), alarm));
    }
}
