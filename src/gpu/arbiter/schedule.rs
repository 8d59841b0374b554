//! One turn: everyone is looked at in order, whoever may start is started, and the first who may not
//! gets a reservation.

use super::Arbiter;
use super::device::{DeviceBook, ModelState, Pending};
use super::limits::Discipline;
use super::outcome::Event;
use super::outlook::Outlook;
use super::place::{Placement, Reservation, Verdict};
use super::queue::{Shape, Waiting};
use super::request::{DeviceId, GpuMemory, GpuNeed, HostAmounts, KindId, RequestId};
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
        let mut outlook = self.outlook();
        let worth = |books: &Self, outlook: &Outlook, cursor| {
            books.queue.next_class(cursor, |shape| books.is_worth_a_look(outlook, shape))
        };
        while let Some((at, id)) = worth(self, &outlook, cursor) {
            cursor = Some(at);
            let kept = self.reservations.len();
            let started = self.consider(id, false);
            if !started && self.limits.discipline == Discipline::Fifo {
                break;
            }
            if started || self.reservations.len() > kept {
                outlook = self.outlook();
            }
        }
    }

    /// Starts a waiting request if it may start; else reserves room for it if it is the first that
    /// may not. Says whether it started.
    fn consider(&mut self, id: RequestId, is_due: bool) -> bool {
        let Some(waiting) = self.queue.get(id) else { return false };
        match self.judge(waiting, is_due) {
            Verdict::Start(placement) => {
                self.start(id, &placement);
                true
            }
            Verdict::Blocked => {
                if self.limits.discipline == Discipline::Reserve {
                    let reservation = self.soonest(waiting);
                    self.reservations.extend(reservation);
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

    fn start(&mut self, id: RequestId, placement: &Placement) {
        let Some(waiting) = self.queue.remove(id) else { return };
        // Whoever would have been too late by itself may be in time by joining this one's load.
        self.unsettled |= !self.promises.is_empty();
        self.drop_promise(id);
        let Some(device) = placement.device else {
            let lease = self.book(&waiting, None, 0, placement.end_ms);
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
        let lease = self.book(&waiting, Some(device), placement.bytes, placement.end_ms);
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

    /// The soonest room for a request, unless room of that sort is kept for somebody before it, or
    /// it would be too late: then nobody is to wait because of it.
    fn soonest(&self, waiting: &Waiting) -> Option<Reservation> {
        let request = &waiting.request;
        let reservation = match &request.gpu {
            None if self.is_kept(None, &request.host) => None,
            None => Some(self.earliest(waiting, None)),
            Some(need) => {
                let free = self.unkept(need, &request.host);
                let reservations = free.map(|device| self.earliest(waiting, Some(device)));
                reservations.min_by_key(|found| found.booking.start_ms)
            }
        };
        let due_ms = request.deadline_ms.unwrap_or(u64::MAX);
        reservation.filter(|found| found.booking.end_ms <= due_ms)
    }

    /// Whether room of this sort is kept for somebody.
    fn is_kept(&self, device: Option<DeviceId>, host: &HostAmounts) -> bool {
        self.reservations.iter().any(|kept| {
            (device.is_some() && kept.booking.device == device)
                || kept.booking.host.shares_with(host)
        })
    }

    /// The devices that could meet the need some time and are not kept for somebody yet.
    fn unkept(&self, need: &GpuNeed, host: &HostAmounts) -> impl Iterator<Item = DeviceId> {
        self.choices(need).filter(move |device| {
            let can_ever = self
                .book_at(*device)
                .is_some_and(|book| book.whole(&need.memory, need.memory.own_bytes()) <= book.cap);
            can_ever && !self.is_kept(Some(*device), host)
        })
    }

    /// Whether room can be kept for a request of this shape.
    pub(super) fn can_reserve(&self, shape: &Shape) -> bool {
        match &shape.gpu {
            None => !self.is_kept(None, &shape.host),
            Some(need) => self.unkept(need, &shape.host).next().is_some(),
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
