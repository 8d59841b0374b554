//! A lease from its start to its end.

use std::collections::btree_map::Entry;

use super::Arbiter;
use super::outcome::{Event, Grant};
use super::queue::{OrderKey, Waiting};
use super::request::{DeviceId, Epoch, GpuMemory, LeaseId, Request};
use super::watchdog::Alarm;

/// Where a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseState {
    /// Its bytes are kept for it until the model is loaded; nobody knows of it yet.
    Loading,
    /// Granted.
    Held,
    /// Over, but its holder may still use the bytes.
    Leaving,
}

/// A lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) request: Request,
    pub(super) key: OrderKey,
    pub(super) since_ms: u64,
    pub(super) oom: u32,
    pub(super) load_failures: u32,
    pub(super) state: LeaseState,
    pub(super) epoch: Epoch,
    pub(super) device: Option<DeviceId>,
    /// Bytes of the device for it alone.
    pub(super) bytes: u64,
    pub(super) granted_ms: u64,
    pub(super) renewed_ms: u64,
    pub(super) soft_ms: u64,
    pub(super) was_asked_to_yield: bool,
    pub(super) expires_ms: u64,
    /// When it is expected to end; later than first thought if it overruns.
    pub(super) expected_end_ms: u64,
    /// Its next alarm, if it has one.
    pub(super) alarm_ms: Option<u64>,
}

impl Lease {
    pub(super) fn is_loading(&self) -> bool {
        self.state == LeaseState::Loading
    }

    pub(super) fn is_held(&self) -> bool {
        self.state == LeaseState::Held
    }

    pub(super) fn memory(&self) -> Option<&GpuMemory> {
        self.request.gpu.as_ref().map(|need| &need.memory)
    }
}

impl Arbiter {
    /// Books a lease for a request that left the queue. It is not granted yet.
    pub(super) fn book(
        &mut self,
        waiting: &Waiting,
        device: Option<DeviceId>,
        bytes: u64,
        expected_end_ms: u64,
    ) -> LeaseId {
        let id = LeaseId(self.next_lease);
        self.next_lease += 1;
        let lease = Lease {
            request: waiting.request,
            key: waiting.key,
            since_ms: waiting.since_ms,
            oom: waiting.oom,
            load_failures: waiting.load_failures,
            state: LeaseState::Loading,
            epoch: Epoch(0),
            device,
            bytes,
            granted_ms: self.now_ms,
            renewed_ms: self.now_ms,
            soft_ms: u64::MAX,
            was_asked_to_yield: false,
            expires_ms: u64::MAX,
            expected_end_ms,
            alarm_ms: None,
        };
        self.held.insert(waiting.request.id, id);
        if let Some(book) = device.and_then(|device| self.devices.get_mut(usize::from(device.0))) {
            book.lease_bytes += bytes;
            if let Some(kind) = lease.memory().and_then(GpuMemory::shared) {
                book.add_user(kind);
            }
        }
        self.host_used = self.host_used.plus(&lease.request.host);
        self.leases.insert(id, lease);
        self.note_end(id);
        id
    }

    /// Grants a booked lease.
    pub(super) fn activate(&mut self, id: LeaseId) {
        let (now_ms, epoch) = (self.now_ms, Epoch(self.next_epoch));
        let Some(lease) = self.leases.get_mut(&id) else { return };
        self.next_epoch += 1;
        let hold = lease.request.max_hold_ms;
        let soft_hold = lease.request.soft_hold_ms.unwrap_or(hold / 6 * 5 + hold % 6 * 5 / 6);
        lease.state = LeaseState::Held;
        lease.epoch = epoch;
        lease.granted_ms = now_ms;
        lease.renewed_ms = now_ms;
        lease.soft_ms = now_ms.saturating_add(soft_hold.min(hold));
        lease.expires_ms = now_ms.saturating_add(hold);
        let expected_end_ms = now_ms.saturating_add(lease.request.expected_ms());
        let grant = Grant {
            request: lease.request.id,
            owner: lease.request.owner,
            lease: id,
            epoch,
            device: lease.device,
            bytes: lease.bytes,
            granted_ms: now_ms,
            soft_ms: lease.soft_ms,
            expires_ms: lease.expires_ms,
        };
        self.expect_end(id, expected_end_ms);
        self.arm_lease(id);
        self.events.push(Event::Granted(grant));
    }

    /// Notes that a lease is expected to end at another time than before.
    pub(super) fn expect_end(&mut self, id: LeaseId, end_ms: u64) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        let former = (lease.expected_end_ms, id);
        if former.0 == end_ms {
            return;
        }
        lease.expected_end_ms = end_ms;
        if let Some(book) = lease.device.and_then(|at| self.devices.get_mut(usize::from(at.0))) {
            book.ends.remove(&former);
        }
        self.host_ends.remove(&former);
        self.note_end(id);
    }

    /// Puts a lease among those that end, at the time it is expected to.
    fn note_end(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.get(&id) else { return };
        let place = (lease.expected_end_ms, id);
        let shared = lease.memory().and_then(GpuMemory::shared);
        if let Some(book) = lease.device.and_then(|at| self.devices.get_mut(usize::from(at.0))) {
            book.ends.insert(place, (shared, lease.bytes));
        }
        if !lease.request.host.is_none() {
            self.host_ends.insert(place, lease.request.host);
        }
    }

    /// Frees a lease, exactly once.
    pub(super) fn end(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.remove(&id) else { return };
        self.disown(&lease, id);
        if let Some(at_ms) = lease.alarm_ms {
            self.alarms.remove(&(at_ms, Alarm::Lease(id)));
        }
        if let Some(book) = lease.device.and_then(|at| self.devices.get_mut(usize::from(at.0))) {
            book.ends.remove(&(lease.expected_end_ms, id));
            book.lease_bytes -= lease.bytes;
            if let Some(one) = book.pending.iter_mut().find(|one| one.lease == id) {
                // Its model comes all the same; others may wait for it.
                one.bytes = one.bytes.saturating_sub(lease.bytes);
            }
            book.pending.retain(|one| one.lease != id || one.load.is_some() || one.bytes > 0);
            if let Some(kind) = lease.memory().and_then(GpuMemory::shared) {
                book.drop_user(self.now_ms, kind);
            }
        }
        if !lease.request.host.is_none() {
            self.host_ends.remove(&(lease.expected_end_ms, id));
            self.host_used = self.host_used.minus(&lease.request.host);
        }
        self.unsettled = true;
        self.shed_idle_everywhere();
    }

    /// Ends a lease whose holder may still use its bytes: they count until it is known to be gone.
    pub(super) fn end_later(&mut self, id: LeaseId) {
        if self.limits.quarantine_ms == 0 {
            return self.end(id);
        }
        let until_ms = self.now_ms.saturating_add(self.limits.quarantine_ms);
        let Some(lease) = self.leases.get_mut(&id) else { return };
        lease.state = LeaseState::Leaving;
        let copy = *lease;
        self.disown(&copy, id);
        self.expect_end(id, until_ms);
        self.arm_lease(id);
        self.unsettled = true;
    }

    fn disown(&mut self, lease: &Lease, id: LeaseId) {
        // A request that went back into the queue is owned still, and may have a newer lease.
        if let Entry::Occupied(held) = self.held.entry(lease.request.id)
            && *held.get() == id
        {
            held.remove();
            if !self.queue.contains(lease.request.id) {
                self.owned.remove(&(lease.request.owner, lease.request.id));
            }
        }
    }

    /// The holder of an ended lease is known to be gone. Says whether that freed something.
    pub fn holder_gone(&mut self, now_ms: u64, lease: LeaseId) -> bool {
        self.advance(now_ms);
        let was_leaving =
            self.leases.get(&lease).is_some_and(|found| found.state == LeaseState::Leaving);
        if was_leaving {
            self.end(lease);
        }
        self.settle();
        was_leaving
    }
}
