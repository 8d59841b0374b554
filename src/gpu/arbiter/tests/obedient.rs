//! A machine on which everybody keeps to what was said: loads take as long as the table says, and
//! holders return when they estimated. What is promised of waiting must hold here to the
//! millisecond.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{
    Arbiter, DeviceId, Event, GpuMemory, Grant, KindId, LeaseId, OwnerId, Pool, Refusal, Request,
    RequestId, Setup,
};
use super::chaos::Broken;
use super::commands::{Wish, device_choice, fitting_memory};
use crate::domain::ids::ChannelId;

/// A wish and how long after the one before it is uttered.
pub(super) type Arrival = (u64, Wish);

/// Wishes that can be met, close enough together to queue.
pub(super) fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let needs = (
        prop::option::weighted(0.85, fitting_memory()),
        device_choice(),
        prop::option::weighted(
            0.3,
            prop_oneof![(Just(Pool::Render), 1_u64..4), (Just(Pool::Light), 1_u64..5),],
        ),
    );
    let who = (prop_oneof![3 => Just(5_u8), 1 => 1_u8..=10], 0_u8..3);
    let time = (10_u64..90, prop::option::weighted(0.25, 30_u64..900));
    let wish = (needs, who, time).prop_map(|(needs, who, time)| Wish {
        memory: needs.0,
        device: needs.1,
        pool: if needs.0.is_none() { needs.2.or(Some((Pool::Render, 2))) } else { needs.2 },
        priority: who.0,
        channel: who.1,
        owner: 1,
        estimate_s: time.0,
        slack: 10,
        deadline_s: time.1,
        renews: false,
    });
    prop::collection::vec((prop_oneof![Just(0), 0_u64..40_000], wish), 1..60)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Loaded(DeviceId, KindId),
    Gone(DeviceId, KindId),
    Returns(LeaseId),
}

/// One run.
pub(super) struct Obedient {
    arbiter: Arbiter,
    pub(super) broken: Vec<Broken>,
    due: BTreeSet<(u64, Due)>,
    requests: BTreeMap<RequestId, (u64, Request)>,
    held: BTreeMap<LeaseId, Grant>,
    pub(super) granted: Vec<(u64, RequestId)>,
    /// Who was first in line, and from when room was kept for it.
    first: Option<(RequestId, u64)>,
    drain_ms: u64,
}

/// Runs all arrivals to their ends.
pub(super) fn run(setup: Setup, arrivals: &[Arrival]) -> Obedient {
    let mut run = Obedient {
        drain_ms: setup.limits.drain_ms,
        arbiter: Arbiter::new(setup, 1),
        broken: Vec::new(),
        due: BTreeSet::new(),
        requests: BTreeMap::new(),
        held: BTreeMap::new(),
        granted: Vec::new(),
        first: None,
    };
    let mut at_ms = 0;
    for (id, (after_ms, wish)) in (0..).zip(arrivals) {
        at_ms += after_ms;
        run.until(at_ms);
        run.ask(at_ms, wish.request(id, at_ms));
        run.look(at_ms);
    }
    run.until(u64::MAX);
    run.check_ends();
    run
}

impl Obedient {
    /// Lets everything happen that happens before `end_ms`.
    fn until(&mut self, end_ms: u64) {
        loop {
            let due = self.due.first().map(|(at_ms, _)| *at_ms);
            let alarm = self.arbiter.next_wakeup_ms();
            let Some(at_ms) = due.into_iter().chain(alarm).min() else { return };
            if at_ms >= end_ms {
                return;
            }
            // What is returned at a time is there for whoever is due at that time.
            while let Some((when_ms, what)) = self.due.first().copied()
                && when_ms == at_ms
            {
                self.due.remove(&(when_ms, what));
                self.carry_out(at_ms, what);
            }
            self.arbiter.tick(at_ms);
            self.look(at_ms);
        }
    }

    fn carry_out(&mut self, at_ms: u64, what: Due) {
        match what {
            Due::Loaded(device, kind) => self.arbiter.loaded(at_ms, device, kind).unwrap(),
            // It counted as gone already if that took as long as it may.
            Due::Gone(device, kind) => drop(self.arbiter.evicted(at_ms, device, kind).ok()),
            Due::Returns(lease) => {
                let grant = self.held.remove(&lease).unwrap();
                self.arbiter.release(at_ms, grant.owner, lease, grant.epoch).unwrap();
            }
        }
        self.absorb(at_ms);
    }

    fn ask(&mut self, at_ms: u64, request: Request) {
        // Whoever is more urgent, whose share is weighed against the first one's, or who has a
        // deadline may rightly come first.
        let first = self.first.and_then(|(id, _)| self.requests.get(&id));
        if first.is_some_and(|(_, first)| {
            request.priority > first.priority
                || share_of(&request) != share_of(first)
                || request.deadline_ms.is_some()
        }) {
            self.first = None;
        }
        match self.arbiter.request(at_ms, request) {
            Ok(()) => drop(self.requests.insert(request.id, (at_ms, request))),
            Err(Refusal::DeadlineUnreachable) if request.deadline_ms.is_some() => {}
            Err(Refusal::UnknownDevice(_) | Refusal::NoDevice) if request.gpu.is_some() => {}
            Err(refusal) => self.broken.push((9, format!("{request:?}: {refusal}"))),
        }
    }

    fn absorb(&mut self, now_ms: u64) {
        for event in self.arbiter.take_events() {
            match event {
                Event::Granted(grant) => self.granted(now_ms, grant),
                Event::Load { device, kind } => {
                    let load_ms = super::models()[usize::from(kind.0)].load_ms;
                    self.due.insert((now_ms + load_ms, Due::Loaded(device, kind)));
                }
                Event::Evict { device, kind } if self.drain_ms > 0 => {
                    self.due.insert((now_ms + self.drain_ms / 2, Due::Gone(device, kind)));
                }
                Event::Evict { .. } => {}
                Event::Refused { request, refusal, .. } => {
                    self.broken.push((9, format!("{request:?} was taken, then {refusal}")));
                }
                other @ (Event::AskToYield { .. } | Event::Revoked { .. }) => {
                    self.broken.push((5, format!("an obedient holder met {other:?}")));
                }
            }
        }
    }

    fn granted(&mut self, now_ms: u64, grant: Grant) {
        let (since_ms, request) = self.requests[&grant.request];
        let end_ms = now_ms + request.expected_ms();
        if let Some(deadline_ms) = request.deadline_ms
            && end_ms > deadline_ms
        {
            let late_ms = end_ms - deadline_ms;
            self.broken.push((9, format!("{:?} is {late_ms} ms late", grant.request)));
        }
        self.granted.push((now_ms, grant.request));
        self.held.insert(grant.lease, grant);
        self.due.insert((end_ms, Due::Returns(grant.lease)));
        // Each of those that were granted while it waited, or held when it came, may have taken the
        // longest hold, a load of its own and of another, and a model's leaving.
        let longest_ms = 90_000 + 2 * 20_000 + self.drain_ms;
        let ahead = self.granted.iter().filter(|(at_ms, _)| at_ms + longest_ms >= since_ms).count();
        let bound_ms = u64::try_from(ahead + 1).unwrap() * longest_ms;
        if now_ms - since_ms > bound_ms {
            let waited_ms = now_ms - since_ms;
            self.broken.push((6, format!("{:?} waited {waited_ms} ms", grant.request)));
        }
    }

    /// Looks at whom room is kept for: as long as it is the same, its time never moves back.
    fn look(&mut self, now_ms: u64) {
        self.absorb(now_ms);
        if let Err(problem) = self.arbiter.audit() {
            self.broken.push((1, problem));
        }
        let view = self.arbiter.view();
        for device in &view.devices {
            if device.used_bytes > device.budget_bytes {
                self.broken.push((1, format!("{} bytes are used", device.used_bytes)));
            }
        }
        let kept = view.reservations.iter().find(|kept| !kept.promised);
        let first = kept.and_then(|kept| kept.start_ms.map(|start_ms| (kept.request, start_ms)));
        if let Some((request, start_ms)) = self.first {
            let still_waits = self.arbiter.is_waiting(request);
            if still_waits && now_ms > start_ms && first.is_some_and(|(id, _)| id == request) {
                self.broken.push((7, format!("{request:?} was to start at {start_ms}")));
            }
            if let Some((id, later_ms)) = first
                && id == request
                && later_ms > start_ms
            {
                self.broken.push((7, format!("{request:?} moved from {start_ms} to {later_ms}")));
            }
        }
        // Whoever has a promise may be put off until its promised time.
        let is_promised = |id: RequestId| self.requests[&id].1.deadline_ms.is_some();
        self.first = first.filter(|(id, _)| !is_promised(*id));
    }

    fn check_ends(&mut self) {
        let granted: BTreeSet<RequestId> = self.granted.iter().map(|(_, id)| *id).collect();
        for id in self.requests.keys() {
            if !granted.contains(id) {
                self.broken.push((6, format!("{id:?} never got anything")));
            }
        }
        if granted.len() != self.granted.len() {
            self.broken.push((3, "somebody was granted twice".to_owned()));
        }
        let view = self.arbiter.view();
        for device in view.devices {
            if device.used_bytes != device.idle_bytes || device.leases != 0 {
                self.broken.push((4, format!("{} bytes stay used", device.used_bytes)));
            }
        }
    }

    /// Requests that ask for the same, as urgently, for the same channel, in the order of grants.
    pub(super) fn overtakings(&self) -> Vec<String> {
        let mut last: BTreeMap<String, RequestId> = BTreeMap::new();
        let mut found = Vec::new();
        for (_, id) in &self.granted {
            let (_, request) = &self.requests[id];
            if request.deadline_ms.is_some() {
                continue;
            }
            let blank = Request { id: RequestId(0), owner: OwnerId(0), ..*request };
            if let Some(before) = last.insert(format!("{blank:?}"), *id)
                && before > *id
            {
                found.push(format!("{id:?} came before {before:?} and was granted after it"));
            }
        }
        found
    }
}

/// What a request's share is taken from: its channel's work on the host, with shared models, or with
/// memory of its own of one kind.
fn share_of(request: &Request) -> (ChannelId, Option<Option<KindId>>) {
    let memory = request.gpu.map(|need| match need.memory {
        GpuMemory::Shared { .. } => None,
        GpuMemory::Own { kind, .. } => Some(kind),
    });
    (request.channel, memory)
}
