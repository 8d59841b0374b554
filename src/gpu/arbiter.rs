//! The broker's policy as a pure state machine on virtual time: who gets what, where and when.
//!
//! A request names everything it needs at once, of a device and of the host; nobody asks while
//! holding, so nobody waits in a circle. Read `request` (what is asked), `limits` (what there is),
//! `outcome` (what is answered), then `queue` (the order), `schedule` (one turn), `outlook`, `place` and
//! `shadow` (what may start, and when the first in line will), `promise` (deadlines), `device` and
//! `models` (memory), `watchdog` (time) and `memory` (when it ran out).
//!
//! Order: priority and age (one step for every 30 s), then the deadline, then first come, with the
//! channels' shares weighed. The first that does not fit gets a reservation: the time at which, as
//! the running leases' holders expect, there will be room. Others go ahead only if they end before
//! it or leave its room free (EASY backfilling, Lifka 1995), so large requests do not starve (G2).
//!
//! Architecture invariant: pure. Time comes in as milliseconds, everything else goes out as values.
//! Leased bytes never exceed the budget by anything that was granted here (G1), and every taken
//! request ends exactly once: granted and given back, refused, cancelled, or taken away.

mod admit;
mod device;
mod lease;
mod limits;
mod memory;
mod models;
mod outcome;
mod outlook;
mod place;
mod promise;
mod queue;
mod request;
mod schedule;
mod shadow;
mod view;
mod watchdog;

#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};

use device::DeviceBook;
use lease::Lease;
use place::Reservation;
use promise::Promise;
use queue::{Entry, Queue};
use watchdog::Alarm;

use crate::domain::ids::ChannelId;

pub use limits::{DeviceSpec, Discipline, Limits, MAX_BYTES, ModelSpec, Setup, permille};
pub use outcome::{Cause, Event, Grant, PoolUse, Refusal};
pub use request::{
    DeviceChoice, DeviceId, Epoch, GpuMemory, GpuNeed, HostAmounts, KindId, LeaseId, OwnerId, Pool,
    Request, RequestId,
};
pub use view::{DeviceView, HolderView, ModelView, ReservationView, View};

/// The books of one node.
#[derive(Debug, Clone)]
pub struct Arbiter {
    now_ms: u64,
    limits: Limits,
    models: Vec<ModelSpec>,
    devices: Vec<DeviceBook>,
    host_capacity: HostAmounts,
    host_used: HostAmounts,
    /// Leases of the host by when they are expected to end.
    host_ends: BTreeMap<(u64, LeaseId), HostAmounts>,
    queue: Queue,
    leases: BTreeMap<LeaseId, Lease>,
    /// Which lease answers which request, while it lives.
    held: BTreeMap<RequestId, LeaseId>,
    /// What each owner has waiting or held.
    owned: BTreeSet<(OwnerId, RequestId)>,
    promises: BTreeMap<RequestId, Promise>,
    reservations: Vec<Reservation>,
    weights: BTreeMap<ChannelId, u32>,
    /// How much more than asked for each kind is given, in thousandths, after it ran out of memory.
    learned: Vec<u64>,
    alarms: BTreeSet<(u64, Alarm)>,
    events: Vec<Event>,
    first_lease: u64,
    next_lease: u64,
    next_epoch: u64,
    unsettled: bool,
}

impl Arbiter {
    /// Books of life `life` of the broker, counted from 1: leases and epochs of a later life are
    /// greater than all of an earlier one.
    #[must_use]
    pub fn new(setup: Setup, life: u32) -> Self {
        let Setup { devices, models, host, limits } = setup;
        let book = |mut spec: DeviceSpec| {
            spec.total_bytes = spec.total_bytes.min(MAX_BYTES);
            DeviceBook::new(spec, &models, &limits)
        };
        let first = u64::from(life) << 32 | 1;
        let first_come_only = limits.discipline != Discipline::Reserve;
        Self {
            now_ms: 0,
            devices: devices.into_iter().take(usize::from(u16::MAX)).map(book).collect(),
            learned: vec![1_000; models.len()],
            models,
            limits,
            host_capacity: host,
            host_used: HostAmounts::NONE,
            host_ends: BTreeMap::new(),
            queue: Queue::new(first_come_only),
            leases: BTreeMap::new(),
            held: BTreeMap::new(),
            owned: BTreeSet::new(),
            promises: BTreeMap::new(),
            reservations: Vec::new(),
            weights: BTreeMap::new(),
            alarms: BTreeSet::new(),
            events: Vec::new(),
            first_lease: first,
            next_lease: first,
            next_epoch: first,
            unsettled: false,
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<KindId> {
        let position = self.models.iter().position(|model| model.name == name)?;
        u16::try_from(position).ok().map(KindId)
    }

    /// How a channel's share weighs against the others', 1 unless said.
    pub fn set_weight(&mut self, channel: ChannelId, weight: u32) {
        self.weights.insert(channel, weight.max(1));
    }

    /// Takes a request in; what comes of it is among the events, perhaps at once.
    ///
    /// # Errors
    /// [`Refusal`] for what makes no sense, can never be met, cannot be finished by its deadline,
    /// or when too many wait. Nothing of it is kept then.
    pub fn request(&mut self, now_ms: u64, request: Request) -> Result<(), Refusal> {
        if now_ms < self.now_ms {
            return Err(Refusal::ClockWentBack { now_ms, last_ms: self.now_ms });
        }
        self.advance(now_ms);
        let taken = self.check(&request).and_then(|()| self.take_in(request));
        self.settle();
        taken
    }

    fn take_in(&mut self, request: Request) -> Result<(), Refusal> {
        let id = request.id;
        if request.deadline_ms.is_some() && self.limits.discipline == Discipline::Reserve {
            return self.take_in_with_promise(request);
        }
        self.enqueue(self.fresh_entry(request));
        self.owned.insert((request.owner, id));
        Ok(())
    }

    fn fresh_entry(&self, request: Request) -> Entry {
        let share_permille = self.share_permille(&request);
        Entry {
            request,
            since_ms: self.now_ms,
            key: None,
            share_permille,
            oom: 0,
            load_failures: 0,
        }
    }

    fn enqueue(&mut self, entry: Entry) {
        let weight = self.weights.get(&entry.request.channel).copied().unwrap_or(1);
        // Behind another of its class it cannot be served, because that one cannot either.
        self.unsettled |= self.queue.insert(entry, weight);
    }

    /// Forgets a request that still waits, for room or for its model. Says whether it did.
    pub fn cancel(&mut self, now_ms: u64, request: RequestId) -> bool {
        self.advance(now_ms);
        let cancelled = self.forget(request);
        self.settle();
        cancelled
    }

    fn forget(&mut self, id: RequestId) -> bool {
        if let Some(waiting) = self.queue.remove(id) {
            self.drop_promise(id);
            self.owned.remove(&(waiting.request.owner, id));
            self.unsettled = true;
            return true;
        }
        let Some(lease) = self.held.get(&id).copied() else { return false };
        if self.leases.get(&lease).is_some_and(|found| found.is_loading()) {
            self.end(lease);
            return true;
        }
        false
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// [`Refusal`] when it is not held by this owner with this epoch; nothing is freed then.
    pub fn release(
        &mut self,
        now_ms: u64,
        owner: OwnerId,
        lease: LeaseId,
        epoch: Epoch,
    ) -> Result<(), Refusal> {
        self.advance(now_ms);
        let freed = self.check_held(owner, lease, epoch).map(|()| self.end(lease));
        self.settle();
        freed
    }

    /// Whether work of this lease may still be submitted: the fence every use goes through.
    ///
    /// # Errors
    /// [`Refusal`] when the lease is not held by this owner with this epoch.
    pub fn check_held(&self, owner: OwnerId, lease: LeaseId, epoch: Epoch) -> Result<(), Refusal> {
        match self.leases.get(&lease) {
            Some(found) if found.is_held() && found.request.owner != owner => {
                Err(Refusal::NotYours)
            }
            Some(found) if found.is_held() && found.epoch != epoch => {
                Err(Refusal::StaleEpoch { held: found.epoch, named: epoch })
            }
            Some(found) if found.is_held() => Ok(()),
            Some(found) if found.is_loading() => Err(Refusal::UnknownLease),
            Some(_) => Err(Refusal::AlreadyEnded),
            None if (self.first_lease..self.next_lease).contains(&lease.0) => {
                Err(Refusal::AlreadyEnded)
            }
            None => Err(Refusal::UnknownLease),
        }
    }

    /// Ends everything an owner has: what waits is forgotten, what is held is freed. Says how many
    /// leases were freed.
    pub fn owner_died(&mut self, now_ms: u64, owner: OwnerId) -> usize {
        self.advance(now_ms);
        let everything = (owner, RequestId(0))..=(owner, RequestId(u64::MAX));
        let requests: Vec<RequestId> = self.owned.range(everything).map(|(_, id)| *id).collect();
        let mut freed = 0;
        for id in requests {
            if !self.forget(id)
                && let Some(lease) = self.held.get(&id).copied()
            {
                self.end_later(lease);
                freed += 1;
            }
        }
        self.settle();
        freed
    }

    /// Lets time pass: overdue holders are asked to yield and then revoked, waits end.
    pub fn tick(&mut self, now_ms: u64) {
        self.advance(now_ms);
        self.settle();
    }

    /// When time alone will change something next.
    #[must_use]
    pub fn next_wakeup_ms(&self) -> Option<u64> {
        self.alarms.first().map(|(at_ms, _)| *at_ms)
    }

    /// Takes what has happened, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The same into `into`, which is emptied first.
    pub fn swap_events(&mut self, into: &mut Vec<Event>) {
        into.clear();
        std::mem::swap(&mut self.events, into);
    }

    /// The time the books stand at.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }
}
