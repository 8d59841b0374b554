//! Time: overdue holders, loads that hang, models that will not go, lessons that fade.
//!
//! Architecture invariant: everything that waits has an alarm or somebody ahead who has one.

use super::Arbiter;
use super::device::ModelState;
use super::lease::{Lease, LeaseState};
use super::outcome::{Cause, Event};
use super::request::{DeviceId, Epoch, KindId, LeaseId, OwnerId, RequestId};

/// What happens when a time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// A lease overran its estimate, is to yield, was not renewed, or is over.
    Lease(LeaseId),
    /// A load takes longer than expected.
    Load(DeviceId),
    /// A model counts as gone.
    Drain(DeviceId, KindId),
    /// A model may be loaded again.
    Retry(DeviceId, KindId),
    /// A lowered budget rises.
    Budget(DeviceId),
    /// A lesson about a kind fades.
    Learned(KindId),
    /// A promised time has come, or a last chance has gone.
    Deadline(RequestId),
}

/// A load that takes so many times as long as expected has failed, but never before this.
const LOAD_PATIENCE: u64 = 10;
const LOAD_PATIENCE_MS: u64 = 600_000;

/// An overrun is expected to go on for half as long again, but at least this.
const SHORTEST_OVERRUN_MS: u64 = 1_000;

impl Arbiter {
    /// Lets time pass, never backwards, and does what was due meanwhile.
    pub(super) fn advance(&mut self, now_ms: u64) {
        // All that is overdue happens now: a machine that slept must not find leases that were
        // granted and revoked while nobody could use them.
        self.now_ms = now_ms.max(self.now_ms);
        while let Some((at_ms, alarm)) = self.alarms.first().copied() {
            if at_ms > self.now_ms {
                break;
            }
            self.alarms.pop_first();
            self.ring(alarm);
        }
    }

    fn ring(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Lease(lease) => self.lease_alarm(lease),
            Alarm::Load(device) => self.load_alarm(device),
            Alarm::Drain(device, kind) => {
                // Without a drain under way there is nothing to end.
                let _ = self.end_drain(device, kind);
            }
            Alarm::Retry(device, kind) => self.retry_alarm(device, kind),
            Alarm::Budget(device) => self.raise_budget(device),
            Alarm::Learned(kind) => self.forget_estimate(kind),
            Alarm::Deadline(request) => self.deadline_alarm(request),
        }
    }

    /// Sets the next alarm of a lease.
    pub(super) fn arm_lease(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        let next = next_alarm(lease);
        if let Some(former) = lease.alarm_ms {
            self.alarms.remove(&(former, Alarm::Lease(id)));
        }
        lease.alarm_ms = Some(next);
        self.alarms.insert((next, Alarm::Lease(id)));
    }

    fn lease_alarm(&mut self, id: LeaseId) {
        let now_ms = self.now_ms;
        let Some(lease) = self.leases.get_mut(&id) else { return };
        lease.alarm_ms = None;
        if lease.state == LeaseState::Leaving {
            return self.end(id);
        }
        if lease.expires_ms <= now_ms {
            return self.revoke(id, Cause::Expired);
        }
        if renewal_due(lease) <= now_ms {
            return self.revoke(id, Cause::Silent);
        }
        if lease.soft_ms <= now_ms && !lease.was_asked_to_yield {
            lease.was_asked_to_yield = true;
            let owner = lease.request.owner;
            self.events.push(Event::AskToYield { lease: id, owner });
        }
        let (granted_ms, expires_ms) = (lease.granted_ms, lease.expires_ms);
        if lease.expected_end_ms < now_ms {
            let more_ms = ((now_ms - granted_ms) / 2).max(SHORTEST_OVERRUN_MS);
            self.expect_end(id, now_ms.saturating_add(more_ms).min(expires_ms));
            self.unsettled = true;
        }
        self.arm_lease(id);
    }

    fn revoke(&mut self, id: LeaseId, cause: Cause) {
        let Some(lease) = self.leases.get(&id) else { return };
        let (request, owner) = (lease.request.id, lease.request.owner);
        self.events.push(Event::Revoked { lease: id, request, owner, cause });
        self.end_later(id);
    }

    fn load_alarm(&mut self, device: DeviceId) {
        let now_ms = self.now_ms;
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        let Some(kind) = book.loading else { return };
        let Some(resident) = book.resident(kind) else { return };
        let ModelState::Loading { since_ms, .. } = resident.state else { return };
        let took_ms = now_ms.saturating_sub(since_ms);
        let patience_ms = resident.load_ms.saturating_mul(LOAD_PATIENCE).max(LOAD_PATIENCE_MS);
        if took_ms >= patience_ms {
            // A load is under way here, so it can fail.
            let _ = self.fail_load(device, kind);
            return;
        }
        let more_ms = (took_ms / 2).max(SHORTEST_OVERRUN_MS).min(patience_ms - took_ms);
        let until_ms = now_ms.saturating_add(more_ms);
        book.set_state(kind, ModelState::Loading { since_ms, until_ms });
        let joiners = book.joiners.clone();
        for lease in joiners {
            let hold_ms = self.leases.get(&lease).map(|found| found.request.expected_ms());
            if let Some(hold_ms) = hold_ms {
                self.expect_end(lease, until_ms.saturating_add(hold_ms));
            }
        }
        self.alarms.insert((until_ms.saturating_add(1), Alarm::Load(device)));
        self.unsettled = true;
    }

    fn retry_alarm(&mut self, device: DeviceId, kind: KindId) {
        let now_ms = self.now_ms;
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        let state = book.resident(kind).map(|found| found.state);
        if let Some(ModelState::Failed { until_ms }) = state
            && until_ms <= now_ms
        {
            book.set_state(kind, ModelState::Cold);
            self.unsettled = true;
        }
    }

    /// Says that the holder is alive. It may hold until its lease expires, renewed or not.
    ///
    /// # Errors
    /// [`Refusal`](super::Refusal) when the lease is not held by this owner with this epoch.
    pub fn renew(
        &mut self,
        now_ms: u64,
        owner: OwnerId,
        lease: LeaseId,
        epoch: Epoch,
    ) -> Result<u64, super::Refusal> {
        self.advance(now_ms);
        let held = self.check_held(owner, lease, epoch);
        let renewed = held.and_then(|()| {
            let now_ms = self.now_ms;
            let found = self.leases.get_mut(&lease).ok_or(super::Refusal::UnknownLease)?;
            found.renewed_ms = now_ms;
            Ok(renewal_due(found).min(found.expires_ms))
        });
        self.arm_lease(lease);
        self.settle();
        renewed
    }
}

fn renewal_due(lease: &Lease) -> u64 {
    lease.request.renew_ms.map_or(u64::MAX, |every_ms| lease.renewed_ms.saturating_add(every_ms))
}

fn next_alarm(lease: &Lease) -> u64 {
    if lease.state == LeaseState::Leaving {
        return lease.expected_end_ms;
    }
    let soft_ms = if lease.was_asked_to_yield { u64::MAX } else { lease.soft_ms };
    // Whoever returns at the very moment it said has not overrun.
    let overrun_ms = lease.expected_end_ms.saturating_add(1);
    lease.expires_ms.min(renewal_due(lease)).min(soft_ms).min(overrun_ms)
}
