//! Whether a request may start now, and where: it must fit, and it must delay nobody who was
//! promised a time.

use super::Arbiter;
use super::device::{DeviceBook, ModelState};
use super::outlook::held_then;
use super::promise::Booking;
use super::queue::Waiting;
use super::request::{DeviceId, GpuMemory, GpuNeed, HostAmounts, KindId, LeaseId, RequestId};

/// Room that is kept for the first in line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reservation {
    pub(super) request: RequestId,
    /// When those who hold what it needs are expected to have returned it.
    pub(super) room_ms: u64,
    /// What it will take; `start_ms` is `u64::MAX` while nobody can say when.
    pub(super) booking: Booking,
}

/// How a request starts.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    pub(super) device: Option<DeviceId>,
    pub(super) bytes: u64,
    /// Its model has to be loaded first.
    pub(super) loads: bool,
    /// Its model is being loaded.
    pub(super) joins: bool,
    /// Idle models that have to go first.
    pub(super) victims: Vec<KindId>,
    pub(super) end_ms: u64,
}

/// Whether a request may start.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    Start(Placement),
    Blocked,
}

/// A device on which a request would fit.
#[derive(Debug, Clone, Copy)]
struct Fit {
    device: DeviceId,
    bytes: u64,
    loads: bool,
    joins: bool,
    /// Bytes that idle models have to give.
    lacking: u64,
    /// How long models may take to leave.
    leaving_ms: u64,
    /// How long until the model is there.
    load_ms: u64,
}

/// Space for a request on a device, in bytes.
struct Space<'a> {
    book: &'a DeviceBook,
    bytes: u64,
    wanted: u64,
    free: u64,
}

impl Arbiter {
    /// Whether the waiting request may start now. `is_due`: its promise says now, so nobody's
    /// reservation is in its way.
    pub(super) fn judge(&self, waiting: &Waiting, is_due: bool) -> Verdict {
        let request = &waiting.request;
        let host_free = self.host_capacity.minus(&self.host_used);
        if self.leases.len() >= self.limits.max_leases || !request.host.is_within(&host_free) {
            return Verdict::Blocked;
        }
        let Some(need) = &request.gpu else {
            let placement = self.placement(waiting, None);
            return self.verdict(waiting, placement, is_due);
        };
        if let [_] = self.devices.as_slice() {
            let placement =
                self.fit(DeviceId(0), need).map(|fit| self.placement(waiting, Some(fit)));
            return placement
                .map_or(Verdict::Blocked, |found| self.verdict(waiting, found, is_due));
        }
        let mut fits: Vec<Fit> =
            self.choices(need).filter_map(|device| self.fit(device, need)).collect();
        fits.sort_by_key(|fit| {
            let free = self.devices[usize::from(fit.device.0)].free();
            let evicts = fit.lacking > 0;
            (fit.loads, fit.joins, evicts, std::cmp::Reverse(free), fit.device)
        });
        for fit in fits {
            let verdict = self.verdict(waiting, self.placement(waiting, Some(fit)), is_due);
            if matches!(verdict, Verdict::Start(_)) {
                return verdict;
            }
        }
        Verdict::Blocked
    }

    /// Whether a device has space for `need` now, idle models counted as space: without it, nothing
    /// starts there.
    pub(super) fn has_space(&self, device: DeviceId, need: &GpuNeed) -> bool {
        self.space(device, need).is_some()
    }

    /// What `need` takes of `device`, its own bytes and all it has to be given now, if there is so
    /// much, idle models counted as space.
    fn space(&self, device: DeviceId, need: &GpuNeed) -> Option<Space<'_>> {
        let book = self.devices.get(usize::from(device.0))?;
        let bytes = self.effective_bytes(device, &need.memory);
        let wanted = bytes.checked_add(book.missing_weights(&need.memory))?;
        let free = book.free();
        let is_there = wanted <= free.saturating_add(book.idle_bytes) && has_stream(book);
        is_there.then_some(Space { book, bytes, wanted, free })
    }

    /// Whether and how `need` fits on `device` now, reservations aside.
    fn fit(&self, device: DeviceId, need: &GpuNeed) -> Option<Fit> {
        let Space { book, bytes, wanted, free } = self.space(device, need)?;
        let (loads, joins, load_ms) = self.way_in(book, &need.memory)?;
        let lacking = wanted.saturating_sub(free);
        if lacking > 0 && book.victims(lacking, &self.spared(device, &need.memory)).is_none() {
            return None;
        }
        let must_wait = lacking > 0 || wanted > free.saturating_sub(book.draining_bytes);
        let leaving_ms = if must_wait { self.limits.drain_ms } else { 0 };
        Some(Fit { device, bytes, loads, joins, lacking, leaving_ms, load_ms })
    }

    /// Whether the model must be loaded or joined in loading, and how long that takes. `None`: it
    /// cannot be had now.
    fn way_in(&self, book: &DeviceBook, memory: &GpuMemory) -> Option<(bool, bool, u64)> {
        let Some(kind) = memory.shared() else { return Some((false, false, 0)) };
        let resident = book.resident(kind)?;
        match resident.state {
            ModelState::Warm { .. } | ModelState::InUse => Some((false, false, 0)),
            ModelState::Loading { until_ms, .. } => {
                Some((false, true, until_ms.saturating_sub(self.now_ms)))
            }
            ModelState::Draining { .. } | ModelState::Failed { .. } => None,
            ModelState::Cold if resident.load_ms == 0 => Some((false, false, 0)),
            ModelState::Cold => book.loading.is_none().then_some((true, false, resident.load_ms)),
        }
    }

    /// Models that must stay: the request's own, those of who has room kept on the device, and those
    /// whose promised time comes before they would have left.
    pub(super) fn spared(&self, device: DeviceId, memory: &GpuMemory) -> Vec<KindId> {
        // Beside promises, room is kept with time to load the model again.
        let counts = self.promises.is_empty();
        let kept = self.reservations.iter().filter(|kept| kept.booking.device == Some(device));
        let kinds = kept.filter_map(|kept| kept.booking.kind.filter(|_| counts));
        let soon_ms = self.now_ms.saturating_add(self.limits.drain_ms);
        let promised = self.promises.values().filter_map(|promise| promise.booking);
        let promised =
            promised.filter(|kept| kept.device == Some(device) && kept.start_ms <= soon_ms);
        kinds.chain(promised.filter_map(|kept| kept.kind)).chain(memory.shared()).collect()
    }

    fn placement(&self, waiting: &Waiting, fit: Option<Fit>) -> Placement {
        let ready_ms = fit.map_or(0, |found| match found.joins {
            // The load goes on while others leave.
            true => found.leaving_ms.max(found.load_ms),
            false => found.leaving_ms.saturating_add(found.load_ms),
        });
        let hold_ms = waiting.request.expected_ms();
        Placement {
            device: fit.map(|found| found.device),
            bytes: fit.map_or(0, |found| found.bytes),
            loads: fit.is_some_and(|found| found.loads),
            joins: fit.is_some_and(|found| found.joins),
            victims: match (fit, &waiting.request.gpu) {
                (Some(found), Some(need)) if found.lacking > 0 => {
                    let book = &self.devices[usize::from(found.device.0)];
                    let spared = self.spared(found.device, &need.memory);
                    book.victims(found.lacking, &spared).unwrap_or_default()
                }
                _ => Vec::new(),
            },
            end_ms: self.now_ms.saturating_add(ready_ms).saturating_add(hold_ms),
        }
    }

    fn verdict(&self, waiting: &Waiting, placement: Placement, is_due: bool) -> Verdict {
        let is_late = waiting.request.deadline_ms.is_some_and(|due| placement.end_ms > due);
        let keeps_promises = self.limits.discipline == super::Discipline::Reserve;
        if is_late && keeps_promises {
            return Verdict::Blocked;
        }
        if is_due || (self.reservations.is_empty() && self.promises.is_empty()) {
            return Verdict::Start(placement);
        }
        let booking = self.booking_of(waiting, &placement);
        let id = waiting.request.id;
        let delays_someone = self.reservations.iter().any(|kept| match self.promises.is_empty() {
            true => self.delays(&booking, kept),
            false => self.would_move(id, &booking, kept),
        });
        if delays_someone || self.breaks_promises(id, &booking) {
            return Verdict::Blocked;
        }
        Verdict::Start(placement)
    }

    fn booking_of(&self, waiting: &Waiting, placement: &Placement) -> Booking {
        let memory = waiting.request.gpu.as_ref().map(|need| &need.memory);
        let hold_ms = waiting.request.expected_ms();
        Booking {
            start_ms: self.now_ms,
            end_ms: placement.end_ms,
            load_end_ms: match placement.loads {
                true => placement.end_ms.saturating_sub(hold_ms),
                false => self.now_ms,
            },
            device: placement.device,
            kind: memory.and_then(GpuMemory::shared),
            bytes: placement.bytes,
            host: waiting.request.host,
        }
    }

    /// Whether starting `booking` now would make the holder of `kept` start later.
    ///
    /// What runs only ever ends, so it is enough to look at the time from which there is room.
    fn delays(&self, booking: &Booking, kept: &Reservation) -> bool {
        let room_ms = kept.room_ms;
        if booking.end_ms <= room_ms {
            return false;
        }
        let same_device = booking.device.is_some() && booking.device == kept.booking.device;
        let host_clash = booking.host.shares_with(&kept.booking.host) && {
            let running = self.host_at(room_ms).plus(&booking.host).plus(&kept.booking.host);
            !running.is_within(&self.host_capacity)
        };
        host_clash || (same_device && self.crowds_out(booking, kept))
    }

    fn crowds_out(&self, booking: &Booking, reservation: &Reservation) -> bool {
        let (room_ms, kept) = (reservation.room_ms, &reservation.booking);
        let Some(book) = booking.device.and_then(|at| self.devices.get(usize::from(at.0))) else {
            return false;
        };
        let loader_clash = kept.load_end_ms > kept.start_ms && booking.load_end_ms > room_ms;
        if loader_clash {
            return true;
        }
        let (bytes, streams) = held_then(book, reservation, [booking.kind, kept.kind]);
        bytes.saturating_add(booking.bytes) > book.budget()
            || streams >= u64::from(book.spec.streams)
    }

    /// What of the host is expected to be held still at `at_ms`.
    pub(super) fn host_at(&self, at_ms: u64) -> HostAmounts {
        let later = self.host_ends.range((at_ms, LeaseId(u64::MAX))..);
        later.fold(HostAmounts::NONE, |sum, (_, host)| sum.plus(host))
    }
}

pub(super) fn has_stream(book: &DeviceBook) -> bool {
    u32::try_from(book.ends.len()).is_ok_and(|count| count < book.spec.streams)
}
