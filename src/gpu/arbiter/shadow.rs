//! When the first in line will have room: the shadow time of its reservation.

use super::Arbiter;
use super::device::{DeviceBook, ModelState};
use super::place::Reservation;
use super::promise::Booking;
use super::queue::Waiting;
use super::request::{DeviceId, KindId};

impl Arbiter {
    /// The soonest reservation for `waiting` on `device`, as what runs is expected to end.
    pub(super) fn earliest(&self, waiting: &Waiting, device: Option<DeviceId>) -> Reservation {
        let request = waiting.request.id;
        let booking = self.booking_from_now(waiting, device);
        if self.promises.is_empty() {
            let (room_ms, start_ms) = self.first_room(&booking);
            return Reservation { request, room_ms, booking: booking.moved_to(start_ms) };
        }
        let gap = self.first_gap(request, &booking);
        Reservation { request, room_ms: gap.start_ms, booking: gap }
    }

    /// What `waiting` would take on `device`, its model to be loaded unless it is there.
    pub(super) fn booking_from_now(&self, waiting: &Waiting, device: Option<DeviceId>) -> Booking {
        let (kind, bytes) = device.map_or((None, 0), |at| self.wanted(waiting, at));
        let book = device.and_then(|at| self.devices.get(usize::from(at.0)));
        let resident = book.zip(kind).and_then(|(book, kind)| book.resident(kind));
        let load_ms = resident.map_or(0, |found| match found.state {
            ModelState::Warm { .. } | ModelState::InUse | ModelState::Loading { .. } => 0,
            _ => found.load_ms,
        });
        let load_end_ms = self.now_ms.saturating_add(load_ms);
        let end_ms = load_end_ms.saturating_add(waiting.request.expected_ms());
        let host = waiting.request.host;
        Booking { start_ms: self.now_ms, end_ms, load_end_ms, device, kind, bytes, host }
    }

    /// The first time at which enough has ended, nothing else starting meanwhile, and the time at
    /// which the booking can begin then: its model may not be to be had before.
    fn first_room(&self, booking: &Booking) -> (u64, u64) {
        let of_host = self.first_host_room(booking);
        let Some(book) = booking.device.and_then(|at| self.devices.get(usize::from(at.0))) else {
            return (of_host, of_host);
        };
        let room_ms = of_host.max(self.first_device_room(book, booking));
        (room_ms, room_ms.max(self.model_ready(book, booking)))
    }

    fn first_host_room(&self, booking: &Booking) -> u64 {
        let mut used = self.host_used;
        let mut at_ms = self.now_ms;
        let mut ends = self.host_ends.iter();
        while !used.plus(&booking.host).is_within(&self.host_capacity) {
            let Some(((end_ms, _), host)) = ends.next() else { return u64::MAX };
            used = used.minus(host);
            at_ms = at_ms.max(*end_ms);
        }
        at_ms
    }

    /// When enough leases of the device have ended, all idle models being gone.
    fn first_device_room(&self, book: &DeviceBook, booking: &Booking) -> u64 {
        let mut at_ms = self.now_ms;
        let mut bytes = book.lease_bytes;
        let mut streams = book.ends.len();
        let mut users: Vec<u32> = book.residents.iter().map(|found| found.users).collect();
        let mut ends = book.ends.iter();
        while streams >= usize::try_from(book.spec.streams).unwrap_or(usize::MAX)
            || total_beside(book, booking, bytes, &users) > book.budget()
        {
            // Without leases only a budget that is too small now is in the way; it may grow again.
            let Some(((end_ms, _), (kind, own))) = ends.next() else { return u64::MAX };
            bytes = bytes.saturating_sub(*own);
            streams -= 1;
            if let Some(count) = kind.and_then(|kind| users.get_mut(usize::from(kind.0))) {
                *count = count.saturating_sub(1);
            }
            at_ms = at_ms.max(*end_ms);
        }
        at_ms
    }

    /// When the booking's model can be had or begun to be loaded.
    fn model_ready(&self, book: &DeviceBook, booking: &Booking) -> u64 {
        let mut at_ms = self.now_ms;
        let resident = booking.kind.and_then(|kind| book.resident(kind));
        if let Some(ModelState::Draining { until_ms } | ModelState::Failed { until_ms }) =
            resident.map(|found| found.state)
        {
            at_ms = at_ms.max(until_ms);
        }
        if booking.load_end_ms > booking.start_ms
            && let Some(ModelState::Loading { until_ms, .. }) =
                book.loading.and_then(|kind| book.resident(kind)).map(|found| found.state)
        {
            at_ms = at_ms.max(until_ms);
        }
        at_ms
    }
}

/// What the booking takes together with leases of `bytes` and the models that have `users`.
fn total_beside(book: &DeviceBook, booking: &Booking, bytes: u64, users: &[u32]) -> u64 {
    let mut total = bytes.saturating_add(booking.bytes);
    for (kind, (resident, users)) in (0_u16..).zip(book.residents.iter().zip(users)) {
        if *users > 0 || booking.kind == Some(KindId(kind)) {
            total = total.saturating_add(resident.weights);
        }
    }
    total
}
