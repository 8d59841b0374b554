//! Deadlines: what cannot be finished in time is refused at once, and what is taken is kept.
//!
//! A request with a deadline is taken only if there is a time before it, beside what runs, what is
//! promised already and what is reserved, at which it would fit for as long as it says. The latest
//! such time is promised to it: nothing may start that would be in its way then. It keeps its place
//! in the order and usually starts much sooner.
//!
//! A promise holds as long as those who were granted before keep to their estimates, models load in
//! the time the table says and the budget is not taken away.

use super::Arbiter;
use super::device::ModelState;
use super::outcome::Refusal;
use super::place::Reservation;
use super::queue::{Entry, Waiting};
use super::request::{DeviceId, GpuNeed, HostAmounts, KindId, Request, RequestId};
use super::watchdog::Alarm;

/// A piece of the machine for a while: `[start_ms, end_ms)`, loading a model until `load_end_ms`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Booking {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    pub(super) load_end_ms: u64,
    pub(super) device: Option<DeviceId>,
    pub(super) kind: Option<KindId>,
    pub(super) bytes: u64,
    pub(super) host: HostAmounts,
}

impl Booking {
    /// The same, beginning at another time.
    pub(super) fn moved_to(mut self, start_ms: u64) -> Self {
        let load_ms = self.load_end_ms.saturating_sub(self.start_ms);
        let span_ms = self.end_ms.saturating_sub(self.start_ms);
        self.start_ms = start_ms;
        self.load_end_ms = start_ms.saturating_add(load_ms);
        self.end_ms = start_ms.saturating_add(span_ms);
        self
    }

    fn covers(&self, at_ms: u64) -> bool {
        self.start_ms <= at_ms && at_ms < self.end_ms
    }
}

/// What was promised to a request with a deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promise {
    /// The latest time that was found for it; none once that cannot be kept.
    pub(super) booking: Option<Booking>,
    /// The last moment at which it can start and still be finished.
    pub(super) last_chance_ms: u64,
    pub(super) alarm_ms: u64,
}

impl Arbiter {
    /// Takes in a request with a deadline, if it can be promised or starts at once.
    pub(super) fn take_in_with_promise(&mut self, request: Request) -> Result<(), Refusal> {
        let id = request.id;
        if last_chance(&request) < Some(self.now_ms) || last_chance(&request).is_none() {
            return Err(Refusal::DeadlineUnreachable);
        }
        // What is reserved must be known before anything is promised beside it.
        self.settle();
        self.enqueue(self.fresh_entry(request));
        self.owned.insert((request.owner, id));
        let promised = self.promise(id);
        self.settle();
        if promised || !self.queue.contains(id) {
            return Ok(());
        }
        self.forget(id);
        Err(Refusal::DeadlineUnreachable)
    }

    /// Promises a waiting request the latest time before its deadline. Says whether there is one.
    pub(super) fn promise(&mut self, id: RequestId) -> bool {
        let Some(waiting) = self.queue.get(id).copied() else { return false };
        let Some(last_chance_ms) = last_chance(&waiting.request) else { return false };
        let booking = self.latest_gap(&waiting);
        let alarm_ms = booking.map_or(last_chance_ms.saturating_add(1), |found| found.start_ms);
        self.promises.insert(id, Promise { booking, last_chance_ms, alarm_ms });
        self.alarms.insert((alarm_ms, Alarm::Deadline(id)));
        booking.is_some()
    }

    pub(super) fn drop_promise(&mut self, id: RequestId) {
        if let Some(promise) = self.promises.remove(&id) {
            // The time that was kept for it is free for somebody who was passed over because of it.
            self.unsettled = true;
            self.alarms.remove(&(promise.alarm_ms, Alarm::Deadline(id)));
        }
    }

    /// The requests whose promised time has come, soonest first.
    pub(super) fn due_promises(&self) -> Vec<RequestId> {
        if self.promises.is_empty() {
            return Vec::new();
        }
        let starts = self
            .promises
            .iter()
            .filter_map(|(id, promise)| promise.booking.map(|found| (found.start_ms, *id)));
        let mut due: Vec<_> = starts.filter(|(start_ms, _)| *start_ms <= self.now_ms).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether `booking`, starting now, would be in the way of somebody else's promise.
    pub(super) fn breaks_promises(&self, id: RequestId, booking: &Booking) -> bool {
        if self.promises.is_empty() {
            return false;
        }
        let plan = self.plan(&[id], false);
        let promised = self.promises.iter().filter(|(other, _)| **other != id);
        let bookings = promised.filter_map(|(_, promise)| promise.booking);
        let mut concerned = bookings.filter(|kept| {
            let overlaps = kept.start_ms < booking.end_ms && kept.end_ms > booking.start_ms;
            let same_device = kept.device.is_some() && kept.device == booking.device;
            overlaps && (same_device || kept.host.shares_with(&booking.host))
        });
        concerned.next().is_some() && !self.fits_plan(&plan, booking)
    }

    /// Whether `kept` would have to move if `booking` of request `id` started now.
    pub(super) fn would_move(&self, id: RequestId, booking: &Booking, kept: &Reservation) -> bool {
        let overlaps = kept.booking.start_ms < booking.end_ms;
        let same_device = booking.device.is_some() && kept.booking.device == booking.device;
        let concerned = same_device || kept.booking.host.shares_with(&booking.host);
        if !overlaps || !concerned || kept.booking.start_ms == u64::MAX {
            return false;
        }
        let mut plan = self.plan(&[id, kept.request], false);
        plan.push(*booking);
        !self.fits_plan(&plan, &kept.booking)
    }

    /// The first time at which the booking fits for as long as it lasts, promises respected.
    pub(super) fn first_gap(&self, id: RequestId, booking: &Booking) -> Booking {
        let hold_ms = booking.end_ms - booking.load_end_ms;
        let book = booking.device.and_then(|at| self.book_at(at));
        let resident = book.zip(booking.kind).and_then(|(book, kind)| book.resident(kind));
        // By then its model may have been evicted.
        let load_ms = resident.map_or(0, |found| found.load_ms);
        let booking = self.with_leaving(*booking, load_ms, hold_ms);
        let plan = self.plan(&[id], false);
        let mut starts: Vec<u64> =
            plan.iter().flat_map(|other| [other.load_end_ms, other.end_ms]).collect();
        starts.push(self.now_ms);
        starts.retain(|start_ms| *start_ms >= self.ready_ms(&booking));
        starts.push(self.ready_ms(&booking));
        starts.sort_unstable();
        starts.dedup();
        let mut moved = starts.into_iter().map(|start_ms| booking.moved_to(start_ms));
        moved
            .find(|candidate| self.fits_plan(&plan, candidate))
            .unwrap_or_else(|| booking.moved_to(u64::MAX))
    }

    fn latest_gap(&self, waiting: &Waiting) -> Option<Booking> {
        let plan = self.plan(&[waiting.request.id], true);
        match &waiting.request.gpu {
            None => self.latest_gap_on(&plan, waiting, None),
            Some(need) => self.latest_gap_of(&plan, waiting, need),
        }
    }

    fn latest_gap_of(
        &self,
        plan: &[Booking],
        waiting: &Waiting,
        need: &GpuNeed,
    ) -> Option<Booking> {
        let gaps =
            self.choices(need).filter_map(|device| self.latest_gap_on(plan, waiting, Some(device)));
        gaps.max_by_key(|found| (found.start_ms, std::cmp::Reverse(found.device)))
    }

    fn latest_gap_on(
        &self,
        plan: &[Booking],
        waiting: &Waiting,
        device: Option<DeviceId>,
    ) -> Option<Booking> {
        let deadline_ms = waiting.request.deadline_ms?;
        let booking = self.booking_when_cold(waiting, device);
        let span_ms = booking.end_ms - booking.start_ms;
        let latest_ms = deadline_ms.checked_sub(span_ms)?;
        let soonest_ms = self.ready_ms(&booking);
        let mut starts: Vec<u64> =
            plan.iter().filter_map(|other| other.start_ms.checked_sub(span_ms)).collect();
        starts.extend(plan.iter().filter_map(|other| {
            other.start_ms.checked_sub(booking.load_end_ms - booking.start_ms)
        }));
        starts.push(latest_ms);
        starts.push(soonest_ms);
        starts.retain(|start_ms| (soonest_ms..=latest_ms).contains(start_ms));
        starts.sort_unstable_by(|one, other| other.cmp(one));
        starts.dedup();
        let mut moved = starts.into_iter().map(|start_ms| booking.moved_to(start_ms));
        moved.find(|candidate| self.fits_plan(plan, candidate))
    }

    /// What a request takes if its model has to be loaded, for by then it may have been evicted, and
    /// if others have to leave first.
    fn booking_when_cold(&self, waiting: &Waiting, device: Option<DeviceId>) -> Booking {
        let booking = self.booking_from_now(waiting, device);
        let book = device.and_then(|at| self.devices.get(usize::from(at.0)));
        let resident = book.zip(booking.kind).and_then(|(book, kind)| book.resident(kind));
        let load_ms = resident.map_or(0, |found| found.load_ms);
        self.with_leaving(booking, load_ms, waiting.request.expected_ms())
    }

    /// The booking with the time idle models may take to leave, a load and a hold.
    fn with_leaving(&self, mut booking: Booking, load_ms: u64, hold_ms: u64) -> Booking {
        let leaving_ms = booking.device.map_or(0, |_| self.limits.drain_ms);
        let ready_ms = booking.start_ms.saturating_add(leaving_ms).saturating_add(load_ms);
        booking.load_end_ms = if load_ms > 0 { ready_ms } else { booking.start_ms };
        booking.end_ms = ready_ms.saturating_add(hold_ms);
        booking
    }

    /// Before this the booking's model cannot be begun to be loaded.
    fn ready_ms(&self, booking: &Booking) -> u64 {
        let book = booking.device.and_then(|at| self.devices.get(usize::from(at.0)));
        let resident = book.zip(booking.kind).and_then(|(book, kind)| book.resident(kind));
        match resident.map(|found| found.state) {
            Some(ModelState::Draining { until_ms } | ModelState::Failed { until_ms }) => {
                until_ms.max(self.now_ms)
            }
            _ => self.now_ms,
        }
    }

    /// What is booked: what runs, what loads, what is promised to others than those in `without` and,
    /// if asked for, what is reserved.
    fn plan(&self, without: &[RequestId], with_reservations: bool) -> Vec<Booking> {
        let mut plan = Vec::new();
        for lease in self.leases.values() {
            let kind = lease.memory().and_then(super::GpuMemory::shared);
            let end_ms = lease.expected_end_ms.max(self.now_ms.saturating_add(1));
            plan.push(Booking {
                start_ms: self.now_ms,
                end_ms,
                load_end_ms: self.now_ms,
                device: lease.device,
                kind,
                bytes: lease.bytes,
                host: lease.request.host,
            });
        }
        for (index, book) in (0_u16..).zip(&self.devices) {
            for (kind, resident) in (0_u16..).zip(&book.residents) {
                let ModelState::Loading { until_ms, .. } = resident.state else { continue };
                plan.push(Booking {
                    start_ms: self.now_ms,
                    end_ms: until_ms,
                    load_end_ms: until_ms,
                    device: Some(DeviceId(index)),
                    kind: Some(KindId(kind)),
                    bytes: 0,
                    host: HostAmounts::NONE,
                });
            }
        }
        let promised = self.promises.iter().filter(|(other, _)| !without.contains(other));
        plan.extend(promised.filter_map(|(_, promise)| promise.booking));
        if with_reservations {
            // Whose promise is in the plan already needs no second place in it.
            let is_other =
                |asked: RequestId| !without.contains(&asked) && !self.promises.contains_key(&asked);
            let others = self.reservations.iter().filter(|kept| is_other(kept.request));
            plan.extend(others.map(|kept| Booking { start_ms: kept.room_ms, ..kept.booking }));
        }
        plan
    }

    /// Whether `wanted` fits beside the plan from its start to its end.
    fn fits_plan(&self, plan: &[Booking], wanted: &Booking) -> bool {
        let loader_clash = plan.iter().any(|other| {
            // Whoever wants the same model joins its load.
            let is_another = other.kind.is_none() || other.kind != wanted.kind;
            other.device == wanted.device
                && is_another
                && other.start_ms < wanted.load_end_ms
                && wanted.start_ms < other.load_end_ms
        });
        if loader_clash || wanted.start_ms == u64::MAX {
            return false;
        }
        let later_starts = plan.iter().map(|other| other.start_ms);
        let inside =
            later_starts.filter(|at_ms| wanted.start_ms < *at_ms && *at_ms < wanted.end_ms);
        let mut moments: Vec<u64> = inside.chain([wanted.start_ms]).collect();
        moments.sort_unstable();
        moments.dedup();
        moments.into_iter().all(|at_ms| self.fits_at(plan, wanted, at_ms))
    }

    fn fits_at(&self, plan: &[Booking], wanted: &Booking, at_ms: u64) -> bool {
        let running = plan.iter().filter(|other| other.covers(at_ms));
        let host = running.clone().fold(wanted.host, |sum, other| sum.plus(&other.host));
        let of_host = wanted.host.is_none() || host.is_within(&self.host_capacity);
        let Some(book) = wanted.device.and_then(|at| self.devices.get(usize::from(at.0))) else {
            return of_host;
        };
        let beside = running.filter(|other| other.device == wanted.device);
        let mut bytes = wanted.bytes;
        let mut streams: u64 = 1;
        let mut kinds: Vec<KindId> = wanted.kind.into_iter().collect();
        for other in beside {
            bytes = bytes.saturating_add(other.bytes);
            streams += 1;
            kinds.extend(other.kind);
        }
        kinds.sort_unstable();
        kinds.dedup();
        let weights =
            kinds.iter().filter_map(|kind| book.resident(*kind)).map(|found| found.weights);
        let total = weights.fold(bytes, u64::saturating_add);
        of_host && total <= book.budget() && streams <= u64::from(book.spec.streams)
    }

    /// A request that comes back into the queue keeps its deadline, with a new promise if possible.
    pub(super) fn take_back(&mut self, entry: Entry) {
        let request = entry.request;
        let keeps_promises = self.limits.discipline == super::Discipline::Reserve;
        if keeps_promises && last_chance(&request).is_some_and(|last_ms| last_ms < self.now_ms) {
            let (request, owner) = (request.id, request.owner);
            let refusal = Refusal::DeadlineMissed;
            self.events.push(super::Event::Refused { request, owner, refusal });
            return;
        }
        self.enqueue(entry);
        self.owned.insert((request.owner, request.id));
        if request.deadline_ms.is_some() && keeps_promises {
            self.promise(request.id);
        }
        self.unsettled = true;
    }

    /// The alarm of a request with a deadline: its promised time has come, or has gone, or its last
    /// chance went.
    pub(super) fn deadline_alarm(&mut self, id: RequestId) {
        let Some(mut promise) = self.promises.get(&id).copied() else { return };
        if self.now_ms > promise.last_chance_ms {
            return self.miss(id);
        }
        let next_ms = self.now_ms.saturating_add(1);
        if promise.booking.is_some_and(|found| found.start_ms < self.now_ms) {
            // Somebody overran: a place that cannot be kept must not be kept free.
            let waiting = self.queue.get(id).copied();
            let gap = waiting.and_then(|waiting| self.latest_gap(&waiting));
            promise.booking = gap.filter(|found| found.start_ms > next_ms);
        }
        promise.alarm_ms = match promise.booking {
            Some(found) => found.start_ms.max(next_ms),
            None => promise.last_chance_ms.saturating_add(1),
        };
        self.alarms.insert((promise.alarm_ms, Alarm::Deadline(id)));
        self.promises.insert(id, promise);
        self.unsettled = true;
    }

    fn miss(&mut self, id: RequestId) {
        let owner = self.queue.get(id).map(|waiting| waiting.request.owner);
        self.forget(id);
        if let Some(owner) = owner {
            let refusal = Refusal::DeadlineMissed;
            self.events.push(super::Event::Refused { request: id, owner, refusal });
        }
    }
}

/// The last moment at which the request can start, its model being there, and be finished in time.
fn last_chance(request: &Request) -> Option<u64> {
    request.deadline_ms.and_then(|due| due.checked_sub(request.expected_ms()))
}
