//! What the driver reports of models and devices: loaded, failed, gone, and what others use.

use super::Arbiter;
use super::device::ModelState;
use super::outcome::{Event, Refusal};
use super::queue::Entry;
use super::request::{DeviceId, KindId, LeaseId};
use super::watchdog::Alarm;

impl Arbiter {
    /// The model is loaded: whoever waits for it is granted.
    ///
    /// # Errors
    /// [`Refusal::NotUnderWay`] when no such load is under way.
    pub fn loaded(&mut self, now_ms: u64, device: DeviceId, kind: KindId) -> Result<(), Refusal> {
        self.advance(now_ms);
        let finished = self.finish_load(device, kind).map(|joiners| {
            let idle_since_ms = self.now_ms;
            if let Some(book) = self.devices.get_mut(usize::from(device.0)) {
                let is_used = book.resident(kind).is_some_and(|found| found.users > 0);
                let state =
                    if is_used { ModelState::InUse } else { ModelState::Warm { idle_since_ms } };
                book.set_state(kind, state);
                if let Some(resident) = book.residents.get_mut(usize::from(kind.0)) {
                    resident.failures = 0;
                }
            }
            for lease in joiners {
                let book = self.book_at(device);
                if !book.is_some_and(|book| book.pending.iter().any(|one| one.lease == lease)) {
                    self.activate(lease);
                }
            }
            self.shed_idle_everywhere();
            self.unsettled = true;
        });
        self.settle();
        finished
    }

    /// The model could not be loaded. Whoever waits for it waits again, a few times; it is not
    /// tried again before a while.
    ///
    /// # Errors
    /// [`Refusal::NotUnderWay`] when no such load is under way.
    pub fn load_failed(
        &mut self,
        now_ms: u64,
        device: DeviceId,
        kind: KindId,
    ) -> Result<(), Refusal> {
        self.advance(now_ms);
        let failed = self.fail_load(device, kind);
        self.settle();
        failed
    }

    pub(super) fn fail_load(&mut self, device: DeviceId, kind: KindId) -> Result<(), Refusal> {
        let joiners = self.finish_load(device, kind)?;
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return Ok(()) };
        let failures = book.resident(kind).map_or(0, |found| found.failures).saturating_add(1);
        let doublings = (failures - 1).min(8);
        let pause_ms = self.limits.load_retry_ms.saturating_mul(1 << doublings);
        let until_ms = self.now_ms.saturating_add(pause_ms);
        book.set_state(kind, ModelState::Failed { until_ms });
        if let Some(resident) = book.residents.get_mut(usize::from(kind.0)) {
            resident.failures = failures;
        }
        self.alarms.insert((until_ms, Alarm::Retry(device, kind)));
        for lease in joiners {
            self.try_elsewhere(lease);
        }
        self.unsettled = true;
        Ok(())
    }

    /// A lease whose load failed goes back into the queue, or is refused.
    fn try_elsewhere(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.get(&id).copied() else { return };
        self.end(id);
        let load_failures = lease.load_failures + 1;
        if load_failures >= self.limits.load_attempts {
            let (request, owner) = (lease.request.id, lease.request.owner);
            self.events.push(Event::Refused { request, owner, refusal: Refusal::LoadFailed });
            return;
        }
        self.take_back(Entry {
            request: lease.request,
            since_ms: lease.since_ms,
            key: Some(lease.key),
            share_permille: 0,
            oom: lease.oom,
            load_failures,
        });
    }

    /// Ends the load of `kind` in the books and names the leases that waited for it.
    fn finish_load(&mut self, device: DeviceId, kind: KindId) -> Result<Vec<LeaseId>, Refusal> {
        let book =
            self.devices.get_mut(usize::from(device.0)).ok_or(Refusal::UnknownDevice(device))?;
        let is_planned_only = book.pending.iter().any(|one| one.load == Some(kind));
        if book.loading != Some(kind) || is_planned_only {
            return Err(Refusal::NotUnderWay);
        }
        book.loading = None;
        if let Some(ModelState::Loading { until_ms, .. }) =
            book.resident(kind).map(|found| found.state)
        {
            self.alarms.remove(&(until_ms.saturating_add(1), Alarm::Load(device)));
        }
        Ok(std::mem::take(&mut book.joiners))
    }

    /// The evicted model has left the device.
    ///
    /// # Errors
    /// [`Refusal::NotUnderWay`] when it was not on its way out.
    pub fn evicted(&mut self, now_ms: u64, device: DeviceId, kind: KindId) -> Result<(), Refusal> {
        self.advance(now_ms);
        let left = self.end_drain(device, kind);
        self.settle();
        left
    }

    pub(super) fn end_drain(&mut self, device: DeviceId, kind: KindId) -> Result<(), Refusal> {
        let book =
            self.devices.get_mut(usize::from(device.0)).ok_or(Refusal::UnknownDevice(device))?;
        let state = book.resident(kind).map(|found| found.state);
        let Some(ModelState::Draining { until_ms }) = state else {
            return Err(Refusal::NotUnderWay);
        };
        book.set_state(kind, ModelState::Cold);
        self.alarms.remove(&(until_ms, Alarm::Drain(device, kind)));
        self.go_on(device);
        self.unsettled = true;
        Ok(())
    }

    /// Sends away every model of a device that nobody uses.
    ///
    /// # Errors
    /// [`Refusal::UnknownDevice`].
    pub fn evict_idle(&mut self, now_ms: u64, device: DeviceId) -> Result<(), Refusal> {
        self.advance(now_ms);
        let book = self.devices.get(usize::from(device.0)).ok_or(Refusal::UnknownDevice(device))?;
        for (_, kind, _) in book.idle_models(&[]) {
            self.evict(device, kind);
        }
        self.unsettled = true;
        self.settle();
        Ok(())
    }

    /// How much of a device others than this arbiter's holders and models use, as its driver says.
    /// The budget follows.
    ///
    /// # Errors
    /// [`Refusal::BadReading`] for more than the device has; the last reading stays then.
    pub fn set_foreign_use(
        &mut self,
        now_ms: u64,
        device: DeviceId,
        foreign: u64,
    ) -> Result<(), Refusal> {
        self.advance(now_ms);
        let book =
            self.devices.get_mut(usize::from(device.0)).ok_or(Refusal::UnknownDevice(device))?;
        let total = book.spec.total_bytes;
        if foreign > total {
            return Err(Refusal::BadReading { foreign, total });
        }
        book.foreign = foreign;
        self.shed_idle_everywhere();
        self.unsettled = true;
        self.settle();
        Ok(())
    }
}
