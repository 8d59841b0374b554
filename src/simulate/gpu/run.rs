//! One policy against one demand, from event to event.

use std::collections::{BTreeMap, BTreeSet};

use super::demand::Job;
use super::machine::{self, Kinds};
use super::report::Tally;
use crate::config::scenario::{GpuScenario, PolicyKind};
use crate::gpu::arbiter::{
    Arbiter, DeviceChoice, DeviceId, Event, GpuNeed, Grant, KindId, LeaseId, OwnerId, Request,
    RequestId,
};

/// What happens by itself at some time; of the same time in this order, so that what is returned is
/// there for whoever asks at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Loaded(DeviceId, KindId),
    Ends(LeaseId),
    Dies(LeaseId),
    Asks(usize),
}

/// A lease that is held.
#[derive(Debug, Clone, Copy)]
struct Held {
    job: usize,
    grant: Grant,
    /// Bytes beyond what it was given.
    excess: u64,
}

struct Run<'s> {
    jobs: &'s [Job],
    kinds: Vec<&'s str>,
    kind_table: &'s Kinds,
    max_hold_ms: u64,
    arbiter: Arbiter,
    due: BTreeSet<(u64, Due)>,
    held: BTreeMap<LeaseId, Held>,
    /// When each job that waits or is held was asked for.
    asked: BTreeMap<usize, u64>,
    /// Which jobs wait for another's end.
    followers: BTreeMap<usize, Vec<usize>>,
    total_bytes: Vec<u64>,
    leases: Vec<usize>,
    excess: Vec<u64>,
    now_ms: u64,
    tally: Tally,
}

/// Runs all jobs to their ends.
pub(super) fn run(
    scenario: &GpuScenario,
    kinds: &Kinds,
    jobs: &[Job],
    policy: PolicyKind,
) -> Tally {
    let setup = machine::setup(scenario, kinds, policy);
    let total_bytes: Vec<u64> = setup.devices.iter().map(|device| device.total_bytes).collect();
    let devices = total_bytes.len();
    let max_hold_ms = setup.limits.max_hold_ms;
    let arbiter = Arbiter::new(setup, 1);
    let budget_bytes = arbiter.view().devices.iter().map(|device| device.budget_bytes).sum();
    let named = || kinds.names().map(str::to_owned);
    let mut run = Run {
        jobs,
        kinds: kinds.names().collect(),
        kind_table: kinds,
        max_hold_ms,
        arbiter,
        due: BTreeSet::new(),
        held: BTreeMap::new(),
        asked: BTreeMap::new(),
        followers: BTreeMap::new(),
        total_bytes,
        leases: vec![0; devices],
        excess: vec![0; devices],
        now_ms: 0,
        tally: Tally {
            waits_ms: named().map(|name| (name, Vec::new())).collect(),
            devices,
            budget_bytes,
            ..Tally::default()
        },
    };
    for (at, job) in jobs.iter().enumerate() {
        match job.after {
            Some(other) => run.followers.entry(other).or_default().push(at),
            None => drop(run.due.insert((job.at_ms, Due::Asks(at)))),
        }
    }
    run.play();
    run.tally
}

impl Run<'_> {
    fn play(&mut self) {
        loop {
            let due = self.due.first().map(|(at_ms, _)| *at_ms);
            // Once nobody waits or holds, alarms only tell of models and lessons.
            let alarm = self.arbiter.next_wakeup_ms().filter(|_| !self.asked.is_empty());
            let Some(at_ms) = due.into_iter().chain(alarm).min() else { return };
            self.pass_to(at_ms);
            match self.due.first().copied() {
                Some((when_ms, what)) if when_ms == at_ms => {
                    self.due.pop_first();
                    self.carry_out(what);
                }
                _ => self.arbiter.tick(at_ms),
            }
            self.absorb();
        }
    }

    /// Counts what was in use until `at_ms`.
    fn pass_to(&mut self, at_ms: u64) {
        let span_ms = u128::from(at_ms - self.now_ms);
        for (at, leases) in self.leases.iter().enumerate() {
            let device = DeviceId(u16::try_from(at).unwrap_or(u16::MAX));
            if *leases > 0 {
                self.tally.busy_ms += span_ms;
            }
            self.tally.byte_ms += span_ms * u128::from(self.arbiter.busy_bytes(device));
        }
        self.now_ms = at_ms;
    }

    fn carry_out(&mut self, what: Due) {
        match what {
            // A load that was given up is no longer under way.
            Due::Loaded(device, kind) => drop(self.arbiter.loaded(self.now_ms, device, kind).ok()),
            Due::Asks(job) => self.ask(job),
            Due::Ends(lease) => {
                if let Some(held) = self.take_held(lease) {
                    let Grant { owner, lease, epoch, .. } = held.grant;
                    // At the very moment of its longest hold it may have been taken away just now.
                    let _ = self.arbiter.release(self.now_ms, owner, lease, epoch);
                    self.end_job(held.job, true);
                }
            }
            Due::Dies(lease) => {
                if let Some(held) = self.take_held(lease) {
                    self.arbiter.owner_died(self.now_ms, held.grant.owner);
                    self.end_job(held.job, false);
                }
            }
        }
    }

    fn ask(&mut self, at: usize) {
        let job = &self.jobs[at];
        let number = at as u64;
        let (id, owner) = (RequestId(number), OwnerId(number));
        let mut request =
            Request::new(id, owner, job.channel, self.max_hold_ms).with_priority(job.priority);
        let device = job.device.map_or(DeviceChoice::Any, DeviceChoice::One);
        request.gpu = Some(GpuNeed { memory: job.memory, device });
        request.estimate_ms = job.estimate_ms;
        request.deadline_ms = job.deadline_ms.map(|span_ms| self.now_ms.saturating_add(span_ms));
        self.asked.insert(at, self.now_ms);
        if self.arbiter.request(self.now_ms, request).is_err() {
            self.refused(at, false);
        }
    }

    fn absorb(&mut self) {
        loop {
            let events = self.arbiter.take_events();
            if events.is_empty() {
                return;
            }
            for event in events {
                self.happened(event);
            }
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Granted(grant) => self.granted(grant),
            // It had been taken.
            Event::Refused { request, .. } => {
                let at = request.0 as usize;
                self.refused(at, self.jobs[at].deadline_ms.is_some());
            }
            Event::Load { device, kind } => {
                self.tally.loads += 1;
                let load_ms = self.kind_table.get(kind).map_or(0, |model| model.load_ms);
                let at_ms = self.now_ms.saturating_add(load_ms);
                self.due.insert((at_ms, Due::Loaded(device, kind)));
            }
            Event::Evict { .. } => self.tally.evictions += 1,
            // Nobody here can hurry.
            Event::AskToYield { .. } => {}
            Event::Revoked { lease, .. } => {
                if let Some(held) = self.take_held(lease) {
                    self.end_job(held.job, false);
                }
            }
        }
    }

    fn granted(&mut self, grant: Grant) {
        let at = grant.request.0 as usize;
        let job = &self.jobs[at];
        let asked_ms = self.asked.get(&at).copied().unwrap_or(self.now_ms);
        if let Some(waits) = self.tally.waits_ms.get_mut(self.kinds[usize::from(job.kind.0)]) {
            waits.push(self.now_ms - asked_ms);
        }
        let excess = job.uses.map_or(0, |uses| uses.saturating_sub(grant.bytes));
        self.held.insert(grant.lease, Held { job: at, grant, excess });
        if let Some(device) = grant.device {
            let place = usize::from(device.0);
            self.leases[place] += 1;
            self.excess[place] = self.excess[place].saturating_add(excess);
            let used = self.arbiter.busy_bytes(device).saturating_add(self.excess[place]);
            if self.excess[place] > 0 && used > self.total_bytes[place] {
                return self.run_out_of_memory(grant.lease);
            }
        }
        let end_ms = job.hold_ms.map(|hold_ms| self.now_ms.saturating_add(hold_ms));
        let death_ms = job.dies_after_ms.map(|after_ms| self.now_ms.saturating_add(after_ms));
        match (end_ms, death_ms) {
            (Some(end_ms), death_ms) if death_ms.is_none_or(|death_ms| end_ms <= death_ms) => {
                self.due.insert((end_ms, Due::Ends(grant.lease)));
            }
            (_, Some(death_ms)) => drop(self.due.insert((death_ms, Due::Dies(grant.lease)))),
            // It is taken away one day.
            _ => {}
        }
    }

    fn run_out_of_memory(&mut self, lease: LeaseId) {
        self.tally.oom += 1;
        if let Some(held) = self.take_held(lease) {
            let Grant { owner, epoch, .. } = held.grant;
            let noted = self.arbiter.out_of_memory(self.now_ms, owner, lease, epoch);
            debug_assert_eq!(noted, Ok(()), "what is held here is held there");
        }
    }

    fn refused(&mut self, at: usize, missed: bool) {
        let kind = self.kinds[usize::from(self.jobs[at].kind.0)];
        *self.tally.refused.entry(kind.to_owned()).or_default() += 1;
        self.tally.deadline_misses += usize::from(missed);
        self.asked.remove(&at);
        self.followed(at);
    }

    fn take_held(&mut self, lease: LeaseId) -> Option<Held> {
        let held = self.held.remove(&lease)?;
        if let Some(device) = held.grant.device {
            let place = usize::from(device.0);
            self.leases[place] -= 1;
            self.excess[place] -= held.excess;
        }
        Some(held)
    }

    /// A job whose lease is over, its work done or not.
    fn end_job(&mut self, at: usize, is_done: bool) {
        let asked_ms = self.asked.remove(&at).unwrap_or(self.now_ms);
        let due_ms = self.jobs[at].deadline_ms.map(|span_ms| asked_ms.saturating_add(span_ms));
        let is_missed = |due: u64| !is_done || self.now_ms > due;
        self.tally.deadline_misses += usize::from(due_ms.is_some_and(is_missed));
        self.tally.end_ms = self.tally.end_ms.max(self.now_ms);
        self.followed(at);
    }

    fn followed(&mut self, at: usize) {
        for next in self.followers.remove(&at).unwrap_or_default() {
            let at_ms = self.jobs[next].at_ms.max(self.now_ms);
            self.due.insert((at_ms, Due::Asks(next)));
        }
    }
}
