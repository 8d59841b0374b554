//! Runs a list of commands against an arbiter and notes what breaks a promise.
//!
//! Nobody behaves here: loads hang, holders die, drivers lie. What is checked after every step is
//! what must hold whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{
    Arbiter, DeviceId, Epoch, Event, GpuMemory, Grant, KindId, LeaseId, OwnerId, Refusal, Request,
    RequestId, Setup,
};
use super::commands::Command;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waits,
    Held(LeaseId),
    Ended,
}

/// A promise by its number in the list of the broker's facts, and how it was broken.
pub(super) type Broken = (u8, String);

/// One run.
pub(super) struct Chaos {
    pub(super) arbiter: Arbiter,
    pub(super) broken: Vec<Broken>,
    /// Everything that was answered, in order.
    pub(super) trace: Vec<String>,
    now_ms: u64,
    fates: BTreeMap<RequestId, Fate>,
    requests: BTreeMap<RequestId, Request>,
    held: BTreeMap<LeaseId, Grant>,
    ended: Vec<Grant>,
    loading: BTreeSet<(DeviceId, KindId)>,
    draining: BTreeSet<(DeviceId, KindId)>,
    last_lease: LeaseId,
    last_epoch: Epoch,
    used_before: Vec<u64>,
    next_id: u64,
}

/// Runs all commands.
pub(super) fn run(setup: Setup, commands: &[Command]) -> Chaos {
    let mut chaos = Chaos::new(setup);
    for command in commands {
        chaos.step(command);
    }
    chaos
}

impl Chaos {
    fn new(setup: Setup) -> Self {
        let used_before = vec![0; setup.devices.len()];
        Self {
            arbiter: Arbiter::new(setup, 1),
            broken: Vec::new(),
            trace: Vec::new(),
            now_ms: 0,
            fates: BTreeMap::new(),
            requests: BTreeMap::new(),
            held: BTreeMap::new(),
            ended: Vec::new(),
            loading: BTreeSet::new(),
            draining: BTreeSet::new(),
            last_lease: LeaseId(0),
            last_epoch: Epoch(0),
            used_before,
            next_id: 0,
        }
    }

    fn broke(&mut self, property: u8, how: String) {
        self.broken.push((property, how));
    }

    fn step(&mut self, command: &Command) {
        self.carry_out(command);
        self.absorb();
        self.check_books();
        self.check_turn();
    }

    fn nth_held(&self, at: usize) -> Option<Grant> {
        let count = self.held.len().max(1);
        self.held.values().nth(at % count).copied()
    }

    fn carry_out(&mut self, command: &Command) {
        match command {
            Command::Ask(wish) => {
                let request = wish.request(self.next_id, self.now_ms);
                self.next_id += 1;
                self.ask(request);
            }
            Command::Pass(ms) => {
                self.now_ms += ms;
                self.arbiter.tick(self.now_ms);
            }
            Command::ClockBack(ms) => self.read_old_clock(*ms),
            Command::Cancel(at) => self.cancel(*at),
            Command::Die(owner) => self.die(OwnerId(*owner)),
            Command::LoadEnds { at, well } => self.end_load(*at, *well),
            Command::DrainEnds(at) => {
                let count = self.draining.len().max(1);
                if let Some((device, kind)) = self.draining.iter().nth(at % count).copied() {
                    self.draining.remove(&(device, kind));
                    let answer = self.arbiter.evicted(self.now_ms, device, kind);
                    self.trace.push(format!("{answer:?}"));
                }
            }
            Command::Foreign { device, gib } => {
                let (at, bytes) = (DeviceId(*device), gib << 30);
                let answer = self.arbiter.set_foreign_use(self.now_ms, at, bytes);
                self.trace.push(format!("{answer:?}"));
            }
            Command::EvictIdle(device) => {
                let answer = self.arbiter.evict_idle(self.now_ms, DeviceId(*device));
                self.trace.push(format!("{answer:?}"));
            }
            Command::Gone(at) => {
                let count = self.ended.len().max(1);
                if let Some(grant) = self.ended.get(at % count) {
                    self.arbiter.holder_gone(self.now_ms, grant.lease);
                }
            }
            _ => self.use_lease(command),
        }
    }

    fn use_lease(&mut self, command: &Command) {
        let (Command::Release(at)
        | Command::ReleaseTwice(at)
        | Command::ReleaseStale(at)
        | Command::ReleaseStranger(at)
        | Command::Renew(at)
        | Command::OutOfMemory(at)) = command
        else {
            return;
        };
        let Some(grant) = self.nth_held(*at) else { return };
        let (owner, lease, epoch, now_ms) = (grant.owner, grant.lease, grant.epoch, self.now_ms);
        match command {
            Command::ReleaseStale(_) => {
                let stale = Epoch(epoch.0 - 1);
                let answer = self.arbiter.release(now_ms, owner, lease, stale);
                if !matches!(answer, Err(Refusal::StaleEpoch { .. })) {
                    self.broke(13, format!("a stale epoch was answered {answer:?}"));
                }
            }
            Command::ReleaseStranger(_) => {
                let answer = self.arbiter.release(now_ms, OwnerId(99), lease, epoch);
                if answer != Err(Refusal::NotYours) {
                    self.broke(5, format!("a stranger was answered {answer:?}"));
                }
            }
            Command::Renew(_) => {
                if let Err(refusal) = self.arbiter.renew(now_ms, owner, lease, epoch) {
                    self.broke(5, format!("a holder could not renew: {refusal}"));
                }
            }
            Command::OutOfMemory(_) if grant.device.is_some() => {
                let answer = self.arbiter.out_of_memory(now_ms, owner, lease, epoch);
                if answer.is_err() {
                    self.broke(12, format!("out of memory was answered {answer:?}"));
                }
                self.let_go(grant, Fate::Waits);
            }
            Command::OutOfMemory(_) => {
                let answer = self.arbiter.out_of_memory(now_ms, owner, lease, epoch);
                if answer != Err(Refusal::NoDevice) {
                    self.broke(15, format!("a host lease was answered {answer:?}"));
                }
            }
            _ => {
                self.release(grant);
                if matches!(command, Command::ReleaseTwice(_)) {
                    self.release_again(grant);
                }
            }
        }
    }

    fn release(&mut self, grant: Grant) {
        let answer = self.arbiter.release(self.now_ms, grant.owner, grant.lease, grant.epoch);
        if answer.is_err() {
            self.broke(5, format!("a holder's release was answered {answer:?}"));
        }
        self.let_go(grant, Fate::Ended);
    }

    fn release_again(&mut self, grant: Grant) {
        let answer = self.arbiter.release(self.now_ms, grant.owner, grant.lease, grant.epoch);
        if answer != Err(Refusal::AlreadyEnded) {
            self.broke(5, format!("a second release was answered {answer:?}"));
        }
    }

    fn let_go(&mut self, grant: Grant, fate: Fate) {
        self.held.remove(&grant.lease);
        self.ended.push(grant);
        self.fates.insert(grant.request, fate);
    }

    fn ask(&mut self, request: Request) {
        let now_ms = self.now_ms;
        let answer = self.arbiter.request(now_ms, request);
        self.trace.push(format!("{answer:?}"));
        let wants_gpu = request.gpu.is_some();
        match answer {
            Ok(()) => {
                self.fates.insert(request.id, Fate::Waits);
                self.requests.insert(request.id, request);
                if wants_gpu && self.used_before.is_empty() {
                    self.broke(15, "a gpu was promised without one".to_owned());
                }
                let asked = request.gpu.map_or(0, |need| self.smallest_need(&need.memory));
                if asked > self.largest_cap() {
                    self.broke(9, format!("{request:?} can never fit but was taken"));
                }
            }
            Err(Refusal::DeadlineUnreachable) if self.could_do_at_once(&request) => {
                self.broke(9, format!("{request:?} was refused on an idle machine"));
            }
            Err(_) => {}
        }
    }

    fn smallest_need(&self, memory: &GpuMemory) -> u64 {
        match memory {
            GpuMemory::Own { bytes, .. } => *bytes,
            GpuMemory::Shared { kind, activation } => {
                let weights =
                    super::models().get(usize::from(kind.0)).map_or(0, |m| m.weights_bytes);
                weights.saturating_add(*activation)
            }
        }
    }

    fn largest_cap(&self) -> u64 {
        let views = self.arbiter.view().devices;
        views.iter().map(|device| device.total_bytes / 10 * 8 + 8).max().unwrap_or(0)
    }

    /// Whether nothing at all is in the way and there is time to load and to hold.
    fn could_do_at_once(&self, request: &Request) -> bool {
        let view = self.arbiter.view();
        let is_idle = view.leases == 0 && view.waiting == 0 && view.reservations.is_empty();
        let is_calm = view.devices.iter().all(|device| {
            let settled = |state: &str| matches!(state, "cold" | "warm");
            let budget_is_whole = device.lowered_bytes == 0 && device.foreign_bytes == 0;
            budget_is_whole && device.models.iter().all(|model| settled(model.state))
        });
        // A model that nobody uses may have to leave first, which takes its time.
        let is_empty = view.devices.iter().all(|device| device.idle_bytes == 0);
        let leaving_ms = if is_empty { 0 } else { self.arbiter.limits.drain_ms };
        let needs_ms = leaving_ms + 20_000 + request.expected_ms();
        is_idle && is_calm && request.deadline_ms.is_some_and(|due| due >= self.now_ms + needs_ms)
    }

    fn read_old_clock(&mut self, ms: u64) {
        let Some(now_ms) = self.now_ms.checked_sub(ms) else { return };
        let owner = OwnerId(7);
        let wish = super::ask(9_999_999);
        let answer = self.arbiter.request(now_ms, Request { owner, ..wish });
        if !matches!(answer, Err(Refusal::ClockWentBack { .. })) {
            self.broke(3, format!("an old clock was answered {answer:?}"));
        }
        self.arbiter.tick(now_ms);
        if self.arbiter.now_ms() != self.now_ms {
            self.broke(3, "the books went back in time".to_owned());
        }
    }

    fn cancel(&mut self, at: usize) {
        let waiting: Vec<RequestId> = self
            .fates
            .iter()
            .filter_map(|(id, fate)| (*fate == Fate::Waits).then_some(*id))
            .collect();
        let Some(id) = waiting.get(at % waiting.len().max(1)).copied() else { return };
        if !self.arbiter.cancel(self.now_ms, id) {
            self.broke(3, format!("{id:?} waits but could not be cancelled"));
        }
        if self.arbiter.cancel(self.now_ms, id) {
            self.broke(3, format!("{id:?} was cancelled twice"));
        }
        self.fates.insert(id, Fate::Ended);
    }

    fn die(&mut self, owner: OwnerId) {
        // What was due before is among the events before the death.
        self.arbiter.tick(self.now_ms);
        self.absorb();
        self.arbiter.owner_died(self.now_ms, owner);
        let theirs: Vec<RequestId> =
            self.requests.values().filter(|found| found.owner == owner).map(|r| r.id).collect();
        for id in theirs {
            if let Some(Fate::Held(lease)) = self.fates.get(&id).copied()
                && let Some(grant) = self.held.remove(&lease)
            {
                self.ended.push(grant);
            }
            self.fates.insert(id, Fate::Ended);
        }
        self.absorb();
        if self.arbiter.owner_died(self.now_ms, owner) != 0 {
            self.broke(5, format!("{owner:?} died twice"));
        }
    }

    fn end_load(&mut self, at: usize, well: bool) {
        let count = self.loading.len().max(1);
        let Some((device, kind)) = self.loading.iter().nth(at % count).copied() else { return };
        self.loading.remove(&(device, kind));
        let answer = match well {
            true => self.arbiter.loaded(self.now_ms, device, kind),
            false => self.arbiter.load_failed(self.now_ms, device, kind),
        };
        // A load that hung for too long has been given up already.
        self.trace.push(format!("{answer:?}"));
    }

    fn absorb(&mut self) {
        for event in self.arbiter.take_events() {
            self.trace.push(format!("{event:?}"));
            match event {
                Event::Granted(grant) => self.granted(grant),
                Event::Refused { request, .. } => self.ends(request, None),
                Event::Revoked { lease, request, .. } => self.ends(request, Some(lease)),
                Event::Load { device, kind } => {
                    // One that was given up for hanging is no longer under way.
                    self.loading.retain(|(other, _)| *other != device);
                    self.loading.insert((device, kind));
                }
                Event::Evict { device, kind } => self.evicts(device, kind),
                Event::AskToYield { lease, .. } => {
                    if !self.held.contains_key(&lease) {
                        self.broke(5, format!("{lease:?} is not held but was to yield"));
                    }
                }
            }
        }
    }

    fn granted(&mut self, grant: Grant) {
        if grant.lease <= self.last_lease && self.held.contains_key(&grant.lease) {
            self.broke(2, format!("{:?} was given twice", grant.lease));
        }
        if self.ended.iter().any(|old| old.lease == grant.lease) || grant.epoch <= self.last_epoch {
            self.broke(2, format!("{grant:?} comes after {:?}", self.last_epoch));
        }
        self.last_lease = self.last_lease.max(grant.lease);
        self.last_epoch = grant.epoch;
        if self.fates.get(&grant.request) != Some(&Fate::Waits) {
            self.broke(3, format!("{:?} was granted but did not wait", grant.request));
        }
        let memory = self.requests.get(&grant.request).and_then(|found| found.gpu);
        if let (Some(device), Some(need)) = (grant.device, memory)
            && self.draining.contains(&(device, need.memory.kind()))
            && matches!(need.memory, GpuMemory::Shared { .. })
            && self.state_of(device, need.memory.kind()) == "draining"
        {
            self.broke(8, format!("{grant:?} is on a model that leaves"));
        }
        self.fates.insert(grant.request, Fate::Held(grant.lease));
        self.held.insert(grant.lease, grant);
    }

    fn state_of(&self, device: DeviceId, kind: KindId) -> &'static str {
        let view = self.arbiter.view();
        view.devices[usize::from(device.0)].models[usize::from(kind.0)].state
    }

    fn ends(&mut self, request: RequestId, lease: Option<LeaseId>) {
        let expected = lease.map_or(Fate::Waits, Fate::Held);
        if self.fates.get(&request) != Some(&expected) {
            let fate = self.fates.get(&request);
            self.broke(3, format!("{request:?} ended, but it is {fate:?}"));
        }
        if let Some(grant) = lease.and_then(|lease| self.held.remove(&lease)) {
            self.ended.push(grant);
        }
        self.fates.insert(request, Fate::Ended);
    }

    fn evicts(&mut self, device: DeviceId, kind: KindId) {
        let uses = |grant: &&Grant| {
            let need = self.requests.get(&grant.request).and_then(|found| found.gpu);
            let shared = need.is_some_and(
                |need| matches!(need.memory, GpuMemory::Shared { kind: used, .. } if used == kind),
            );
            grant.device == Some(device) && shared
        };
        // A grant of the same turn may have come after the eviction; those are on other models.
        if let Some(grant) = self.held.values().find(uses).copied() {
            self.broke(8, format!("{kind:?} was evicted under {grant:?}"));
        }
        self.draining.insert((device, kind));
    }

    fn check_books(&mut self) {
        if let Err(problem) = self.arbiter.audit() {
            self.broke(4, problem);
        }
        let view = self.arbiter.view();
        for (index, device) in view.devices.iter().enumerate() {
            let limit = device.budget_bytes.max(self.used_before[index]);
            if device.used_bytes > limit {
                self.broke(1, format!("{} of {limit} bytes on {index}", device.used_bytes));
            }
            self.used_before[index] = device.used_bytes.max(device.given_bytes);
            let loads = device.models.iter().filter(|model| model.state == "loading").count();
            if loads > 1 {
                self.broke(14, format!("{loads} loads at a time on {index}"));
            }
        }
        for (id, fate) in &self.fates.clone() {
            if *fate == Fate::Waits && !self.arbiter.knows(*id) {
                self.broke(3, format!("{id:?} was lost"));
            }
        }
    }

    /// Looking again must find nothing to do, and an idle machine must not let anybody wait.
    fn check_turn(&mut self) {
        let mut again = self.arbiter.clone();
        again.look_again();
        let missed = again.take_events();
        if !missed.is_empty() {
            self.broke(11, format!("a second look found {missed:?}"));
        }
        let view = self.arbiter.view();
        let is_still = view.leases == 0
            && view.devices.iter().all(|device| {
                let settled = |state: &str| matches!(state, "cold" | "warm");
                device.lowered_bytes == 0
                    && device.foreign_bytes == 0
                    && device.models.iter().all(|model| settled(model.state))
            });
        // One that would be late if it started now waits for nothing but its last chance.
        let patient = self.requests.values().filter(|found| found.deadline_ms.is_none());
        let waits = |found: &&Request| self.arbiter.is_waiting(found.id);
        if is_still && let Some(found) = patient.into_iter().find(waits).copied() {
            self.broke(11, format!("{found:?} waits for an idle machine"));
        }
    }

    /// Everybody lets go: whoever waits gives up, whoever holds returns, models go.
    pub(super) fn wind_up(&mut self) {
        for owner in 0..100 {
            self.die(OwnerId(owner));
            self.absorb();
        }
        for _ in 0..100 {
            self.now_ms += 3_600_000;
            self.arbiter.tick(self.now_ms);
            for (device, kind) in std::mem::take(&mut self.loading) {
                // It may have been given up already.
                let _ = self.arbiter.loaded(self.now_ms, device, kind);
            }
            self.absorb();
        }
        let idle: Vec<(u64, u64)> = self
            .arbiter
            .view()
            .devices
            .iter()
            .map(|device| (device.used_bytes, device.idle_bytes))
            .collect();
        for (used, idle) in idle {
            if used != idle {
                self.broke(4, format!("{used} bytes are used, but {idle} are idle"));
            }
        }
        for index in 0..self.used_before.len() {
            let device = DeviceId(u16::try_from(index).unwrap());
            self.arbiter.evict_idle(self.now_ms, device).unwrap();
        }
        self.now_ms += 3_600_000;
        self.arbiter.tick(self.now_ms);
        for device in self.arbiter.view().devices {
            if device.used_bytes != 0 {
                self.broke(4, format!("{} bytes are left", device.used_bytes));
            }
            if device.lowered_bytes != 0 {
                self.broke(12, format!("{} bytes stay off the budget", device.lowered_bytes));
            }
        }
        if self.arbiter.pool_use(super::Pool::Render).used != 0 {
            self.broke(4, "slots are left".to_owned());
        }
    }
}
