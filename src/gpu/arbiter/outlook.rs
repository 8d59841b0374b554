//! Of whom something may come, at a glance: most of those who wait are passed over by a comparison.
//!
//! Architecture invariant: nobody is passed over who could start, or for whom room would be kept.

use super::Arbiter;
use super::device::DeviceBook;
use super::limits::Discipline;
use super::place::{Reservation, has_stream};
use super::queue::Shape;
use super::request::{DeviceId, HostAmounts, KindId, LeaseId};

/// What there is for one more lease. It holds until something starts or room is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook {
    looks_at_all: bool,
    reserves: bool,
    has_lease: bool,
    host_free: HostAmounts,
    /// The most bytes that any device has, idle models counted as space.
    now_bytes: u64,
    /// What ends by then is in the way of nobody for whom room is kept on a device.
    room_ms: u64,
    /// The most bytes that any device has for a lease that lasts longer.
    later_bytes: u64,
    /// Whether room is kept on every device.
    devices_kept: bool,
}

impl Arbiter {
    pub(super) fn outlook(&self) -> Outlook {
        let mut outlook = Outlook {
            looks_at_all: self.limits.discipline == Discipline::Fifo,
            reserves: self.limits.discipline == Discipline::Reserve,
            has_lease: self.leases.len() < self.limits.max_leases,
            host_free: self.host_capacity.minus(&self.host_used),
            now_bytes: 0,
            room_ms: 0,
            later_bytes: 0,
            devices_kept: true,
        };
        for (index, book) in (0..).map(DeviceId).zip(&self.devices) {
            if has_stream(book) {
                let bytes = book.free().saturating_add(book.idle_bytes);
                outlook.now_bytes = outlook.now_bytes.max(bytes);
            }
            let kept = self.reservations.iter().find(|kept| kept.booking.device == Some(index));
            outlook.devices_kept &= kept.is_some();
            let later = match kept {
                // Beside promises it is the whole plan that counts.
                Some(kept) if self.promises.is_empty() => {
                    outlook.room_ms = outlook.room_ms.max(kept.room_ms);
                    bytes_beside(book, kept)
                }
                _ => u64::MAX,
            };
            outlook.later_bytes = outlook.later_bytes.max(later);
        }
        outlook
    }

    /// Whether something may come of a request of this shape: there may be space for it that is not
    /// kept, or room may be kept for it.
    pub(super) fn is_worth_a_look(&self, outlook: &Outlook, shape: &Shape) -> bool {
        outlook.looks_at_all
            || self.may_start(outlook, shape)
            || (outlook.reserves
                && !(outlook.devices_kept && shape.gpu.is_some())
                && self.can_reserve(shape))
    }

    fn may_start(&self, outlook: &Outlook, shape: &Shape) -> bool {
        let has_host = || outlook.has_lease && shape.host.is_within(&outlook.host_free);
        let Some(need) = &shape.gpu else { return has_host() };
        let own_bytes = need.memory.own_bytes();
        let lasts_longer = self.now_ms.saturating_add(shape.least_hold_ms()) > outlook.room_ms;
        own_bytes <= outlook.now_bytes
            && (!lasts_longer || own_bytes <= outlook.later_bytes)
            && has_host()
            && self.choices(need).any(|device| self.has_space(device, need))
    }
}

/// Bytes that one more lease may take of a device beside the room that is kept there and what is
/// expected to be held still then.
fn bytes_beside(book: &DeviceBook, kept: &Reservation) -> u64 {
    let (bytes, streams) = held_then(book, kept, [kept.booking.kind, None]);
    match streams < u64::from(book.spec.streams) {
        true => book.budget().saturating_sub(bytes),
        false => 0,
    }
}

/// Bytes and streams of the room that is kept, and of what is expected to be held still then, with
/// the weights of their models and of `kinds`, each once.
pub(super) fn held_then(
    book: &DeviceBook,
    kept: &Reservation,
    kinds: [Option<KindId>; 2],
) -> (u64, u64) {
    let later = || book.ends.range((kept.room_ms, LeaseId(u64::MAX))..).map(|(_, held)| held);
    let mut bytes = kept.booking.bytes;
    let mut streams = 1;
    for (_, own) in later() {
        bytes = bytes.saturating_add(*own);
        streams += 1;
    }
    for (kind, resident) in (0..).map(KindId).zip(&book.residents) {
        if kinds.contains(&Some(kind)) || later().any(|(held, _)| *held == Some(kind)) {
            bytes = bytes.saturating_add(resident.weights);
        }
    }
    (bytes, streams)
}
