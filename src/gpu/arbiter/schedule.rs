//! One turn: everyone is looked at in order, whoever may start is started, and the first who may not
//! gets a reservation.

use super::Arbiter;
use super::device::{DeviceBook, ModelState, Pending};
use super::limits::Discipline;
use super::outcome::Event;
use super::place::{Placement, Reservation, Verdict};
use super::queue::Waiting;
use super::request::{DeviceId, GpuMemory, KindId, RequestId};
use super::watchdog::Alarm;

impl Arbiter {
    /// Grants what can be granted, if anything changed since it was last looked at.
    pub(super) fn settle(&mut self) {
        while std::mem::take(&mut self.unsettled) {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.reservations.clear();
        if self.queue.len() == 0 {
            return;
        }
        for id in self.due_promises() {
            self.consider(id, true);
        }
        let mut cursor = None;
        while let Some((at, id)) = self.queue.next_class(cursor) {
            cursor = Some(at);
            let started = self.consider(id, false);
            if !started && self.limits.discipline == Discipline::Fifo {
                break;
            }
        }
    }

    /// Starts a waiting request if it may start; else reserves room for it if it is the first that
    /// may not. Says whether it started.
    fn consider(&mut self, id: RequestId, is_due: bool) -> bool {
        let Some(waiting) = self.queue.get(id).copied() else { return false };
        match self.judge(&waiting, is_due) {
            Verdict::Start(placement) => {
                self.start(&waiting, &placement);
                true
            }
            Verdict::Blocked => {
                if self.limits.discipline == Discipline::Reserve {
                    self.reserve(&waiting);
                }
                false
            }
        }
    }

    /// Sends an idle model away.
    pub(super) fn evict(&mut self, device: DeviceId, kind: KindId) {
        let until_ms = self.now_ms.saturating_add(self.limits.drain_ms);
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        if self.limits.drain_ms == 0 {
            book.set_state(kind, ModelState::Cold);
        } else {
            book.set_state(kind, ModelState::Draining { until_ms });
            self.alarms.insert((until_ms, Alarm::Drain(device, kind)));
        }
        self.events.push(Event::Evict { device, kind });
    }

    fn start(&mut self, waiting: &Waiting, placement: &Placement) {
        let id = waiting.request.id;
        self.queue.remove(id);
        // Whoever would have been too late by itself may be in time by joining this one's load.
        self.unsettled |= !self.promises.is_empty();
        self.drop_promise(id);
        let Some(device) = placement.device else {
            let lease = self.book(waiting, None, 0, placement.end_ms);
            return self.activate(lease);
        };
        for kind in &placement.victims {
            self.evict(device, *kind);
        }
        let shared = waiting.request.gpu.as_ref().and_then(|need| need.memory.shared());
        let load = shared.filter(|_| placement.loads);
        let given_before = self.book_at(device).map_or(0, DeviceBook::given);
        if let Some(kind) = load {
            let until_ms = placement.end_ms.saturating_sub(waiting.request.expected_ms());
            self.plan_load(device, kind, until_ms);
        }
        let lease = self.book(waiting, Some(device), placement.bytes, placement.end_ms);
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        if placement.loads || placement.joins {
            book.joiners.push(lease);
        }
        let leaving = book.leaving();
        if !leaving.is_empty() {
            let bytes = book.given() - given_before;
            book.pending.push(Pending { lease, load, bytes, leaving });
        } else if let Some(kind) = load {
            self.begin_load(device, kind);
        } else if !placement.joins {
            self.activate(lease);
        }
    }

    pub(super) fn book_at(&self, device: DeviceId) -> Option<&DeviceBook> {
        self.devices.get(usize::from(device.0))
    }

    fn plan_load(&mut self, device: DeviceId, kind: KindId, until_ms: u64) {
        let since_ms = self.now_ms;
        if let Some(book) = self.devices.get_mut(usize::from(device.0)) {
            book.loading = Some(kind);
            book.set_state(kind, ModelState::Loading { since_ms, until_ms });
        }
    }

    /// Begins the load that was planned.
    fn begin_load(&mut self, device: DeviceId, kind: KindId) {
        let since_ms = self.now_ms;
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        let load_ms = book.resident(kind).map_or(0, |found| found.load_ms);
        let until_ms = since_ms.saturating_add(load_ms);
        book.set_state(kind, ModelState::Loading { since_ms, until_ms });
        // One that ends at the very moment it should is not late.
        self.alarms.insert((until_ms.saturating_add(1), Alarm::Load(device)));
        self.events.push(Event::Load { device, kind });
    }

    /// Goes on with what waited for models to leave that have left.
    pub(super) fn go_on(&mut self, device: DeviceId) {
        let Some(book) = self.devices.get_mut(usize::from(device.0)) else { return };
        let residents = &book.residents;
        let leaves = |kind: &KindId| {
            let state = residents.get(usize::from(kind.0)).map(|found| found.state);
            matches!(state, Some(ModelState::Draining { .. }))
        };
        let pending = std::mem::take(&mut book.pending);
        let (still, ready): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|one| one.leaving.iter().any(leaves));
        book.pending = still;
        let going = book.used().saturating_add(ready.iter().map(|one| one.bytes).sum());
        if going > book.budget() && book.draining_bytes > 0 {
            // The budget fell meanwhile, and more leaves because of it.
            let leaving = book.draining();
            book.pending.extend(ready.into_iter().map(|mut one| {
                one.leaving.clone_from(&leaving);
                one
            }));
            return;
        }
        for one in ready {
            let joins = self.book_at(device).is_some_and(|book| book.joiners.contains(&one.lease));
            match one.load {
                Some(kind) => self.begin_load(device, kind),
                None if !joins => self.activate(one.lease),
                None => {}
            }
        }
    }

    /// Keeps room for a request, unless room of that sort is kept for somebody before it.
    fn reserve(&mut self, waiting: &Waiting) {
        let request = &waiting.request;
        let is_kept = |device: Option<DeviceId>| {
            self.reservations.iter().any(|kept| {
                (device.is_some() && kept.booking.device == device)
                    || kept.booking.host.shares_with(&request.host)
            })
        };
        let Some(need) = &request.gpu else {
            if !is_kept(None) {
                let reservation = self.earliest(waiting, None);
                self.keep(waiting, reservation);
            }
            return;
        };
        let free = self.choices(need).filter(|device| {
            let book = &self.devices[usize::from(device.0)];
            let can_ever = book.whole(&need.memory, need.memory.own_bytes()) <= book.cap;
            can_ever && !is_kept(Some(*device))
        });
        let reservations = free.map(|device| self.earliest(waiting, Some(device)));
        if let Some(soonest) = reservations.min_by_key(|found| found.booking.start_ms) {
            self.keep(waiting, soonest);
        }
    }

    /// Keeps a reservation, unless it would be too late: then nobody is to wait because of it.
    fn keep(&mut self, waiting: &Waiting, reservation: Reservation) {
        let due_ms = waiting.request.deadline_ms.unwrap_or(u64::MAX);
        if reservation.booking.end_ms <= due_ms {
            self.reservations.push(reservation);
        }
    }

    /// Sends idle models away where more is used than may be.
    pub(super) fn shed_idle_everywhere(&mut self) {
        for index in 0..self.devices.len() {
            let book = &self.devices[index];
            let over = book.given().saturating_sub(book.budget());
            if over == 0 || book.idle_bytes == 0 {
                continue;
            }
            let victims = book.victims(over, &[]).unwrap_or_else(|| {
                book.idle_models(&[]).into_iter().map(|(_, kind, _)| kind).collect()
            });
            let device = DeviceId(u16::try_from(index).unwrap_or(u16::MAX));
            for kind in victims {
                self.evict(device, kind);
            }
        }
    }

    /// The memory a waiting request wants on `device`: its own bytes and, if it shares one, its
    /// model.
    pub(super) fn wanted(&self, waiting: &Waiting, device: DeviceId) -> (Option<KindId>, u64) {
        let memory = waiting.request.gpu.as_ref().map(|need| &need.memory);
        let kind = memory.and_then(GpuMemory::shared);
        (kind, memory.map_or(0, |memory| self.effective_bytes(device, memory)))
    }
}
