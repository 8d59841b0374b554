//! Random commands, as a list that shrinks. The same list can be run against every setup.

use proptest::prelude::*;

use super::super::{
    DeviceChoice, DeviceId, GpuMemory, GpuNeed, KindId, OwnerId, Pool, Request, RequestId,
};
use super::{GIB, channel};
use crate::domain::workflow::Priority;

/// What may be done to an arbiter. Positions are taken modulo what there is to choose from.
#[derive(Debug, Clone)]
pub(in crate::gpu) enum Command {
    /// Somebody asks.
    Ask(Wish),
    /// A holder returns its lease.
    Release(usize),
    /// A holder returns its lease twice.
    ReleaseTwice(usize),
    /// A lease is returned with the epoch before its own.
    ReleaseStale(usize),
    /// Somebody else returns a lease.
    ReleaseStranger(usize),
    /// Whoever waits no longer wants it.
    Cancel(usize),
    /// An owner dies.
    Die(u64),
    /// The holder of an ended lease is gone.
    Gone(usize),
    /// A holder says that it is alive.
    Renew(usize),
    /// A holder ran out of memory.
    OutOfMemory(usize),
    /// A load that is under way is done, or fails.
    LoadEnds { at: usize, well: bool },
    /// A model that was sent away has gone.
    DrainEnds(usize),
    /// Others use so much of a device, perhaps more than it has.
    Foreign { device: u16, gib: u64 },
    /// Whoever is idle goes.
    EvictIdle(u16),
    /// Time passes.
    Pass(u64),
    /// A clock is read that is behind.
    ClockBack(u64),
}

/// What somebody asks for.
#[derive(Debug, Clone)]
pub(in crate::gpu) struct Wish {
    pub(in crate::gpu) memory: Option<GpuMemory>,
    pub(in crate::gpu) device: DeviceChoice,
    pub(in crate::gpu) pool: Option<(Pool, u64)>,
    pub(in crate::gpu) priority: u8,
    pub(in crate::gpu) channel: u8,
    pub(in crate::gpu) owner: u64,
    pub(in crate::gpu) estimate_s: u64,
    /// So many times the estimate it may be held.
    pub(in crate::gpu) slack: u64,
    pub(in crate::gpu) deadline_s: Option<u64>,
    pub(in crate::gpu) renews: bool,
}

impl Wish {
    /// The request of this wish at `now_ms`.
    pub(super) fn request(&self, id: u64, now_ms: u64) -> Request {
        let estimate_ms = self.estimate_s * 1_000;
        let (owner, channel) = (OwnerId(self.owner), channel(u128::from(self.channel)));
        let max_hold_ms = estimate_ms * self.slack;
        let mut request = Request::new(RequestId(id), owner, channel, max_hold_ms)
            .with_estimate(estimate_ms)
            .with_priority(Priority::new(self.priority).unwrap());
        request.gpu = self.memory.map(|memory| GpuNeed { memory, device: self.device });
        if let Some((pool, amount)) = self.pool {
            request = request.with_host(pool, amount);
        }
        if let Some(seconds) = self.deadline_s {
            request = request.with_deadline(now_ms + seconds * 1_000);
        }
        if self.renews {
            request = request.with_renewal(20_000);
        }
        request
    }
}

/// Wishes that can be met on a full-size device: what well-behaved callers ask for.
pub(super) fn fitting_memory() -> impl Strategy<Value = GpuMemory> {
    let gib = prop::sample::select(vec![GIB / 2, GIB, 2 * GIB]);
    let shared = (0_u16..4, gib)
        .prop_map(|(kind, activation)| GpuMemory::Shared { kind: KindId(kind), activation });
    let own = prop::sample::select(vec![4 * GIB, 8 * GIB, 16 * GIB])
        .prop_map(|bytes| GpuMemory::Own { kind: KindId(4), bytes });
    prop_oneof![2 => shared, 1 => own]
}

fn any_memory() -> impl Strategy<Value = GpuMemory> {
    let odd = prop_oneof![Just(0), Just(1), 0..40 * GIB, Just(u64::MAX)];
    let shared = (0_u16..7, odd.clone())
        .prop_map(|(kind, activation)| GpuMemory::Shared { kind: KindId(kind), activation });
    let own =
        (0_u16..7, odd).prop_map(|(kind, bytes)| GpuMemory::Own { kind: KindId(kind), bytes });
    prop_oneof![8 => fitting_memory(), 1 => shared, 1 => own]
}

fn any_pool() -> impl Strategy<Value = (Pool, u64)> {
    prop_oneof![
        4 => (Just(Pool::Render), 0_u64..5),
        4 => (Just(Pool::Light), 1_u64..4),
        1 => (Just(Pool::VideoMemory), 0..9 * GIB),
        1 => (Just(Pool::CacheMemory), 0_u64..2),
    ]
}

pub(super) fn device_choice() -> impl Strategy<Value = DeviceChoice> {
    prop_oneof![
        4 => Just(DeviceChoice::Any),
        1 => (0_u16..3).prop_map(|device| DeviceChoice::One(DeviceId(device))),
    ]
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let needs = (
        prop::option::weighted(0.8, any_memory()),
        device_choice(),
        prop::option::weighted(0.4, any_pool()),
    );
    let who = (1_u8..=10, 0_u8..3, 0_u64..6);
    let time = (0_u64..90, 1_u64..4, prop::option::weighted(0.2, 0_u64..400), any::<bool>());
    (needs, who, time).prop_map(|(needs, who, time)| Wish {
        memory: needs.0,
        device: needs.1,
        pool: needs.2,
        priority: who.0,
        channel: who.1,
        owner: who.2,
        estimate_s: time.0,
        slack: time.1,
        deadline_s: time.2,
        renews: time.3,
    })
}

fn command() -> impl Strategy<Value = Command> {
    let at = 0_usize..16;
    prop_oneof![
        12 => any_wish().prop_map(Command::Ask),
        5 => at.clone().prop_map(Command::Release),
        1 => at.clone().prop_map(Command::ReleaseTwice),
        1 => at.clone().prop_map(Command::ReleaseStale),
        1 => at.clone().prop_map(Command::ReleaseStranger),
        1 => at.clone().prop_map(Command::Cancel),
        1 => (0_u64..6).prop_map(Command::Die),
        1 => at.clone().prop_map(Command::Gone),
        1 => at.clone().prop_map(Command::Renew),
        1 => at.clone().prop_map(Command::OutOfMemory),
        4 => (at.clone(), prop::bool::weighted(0.8))
            .prop_map(|(at, well)| Command::LoadEnds { at, well }),
        1 => at.prop_map(Command::DrainEnds),
        1 => (0_u16..3, 0_u64..40).prop_map(|(device, gib)| Command::Foreign { device, gib }),
        1 => (0_u16..3).prop_map(Command::EvictIdle),
        5 => prop_oneof![0_u64..5_000, 0_u64..120_000, Just(3_600_000)].prop_map(Command::Pass),
        1 => (1_u64..10_000).prop_map(Command::ClockBack),
    ]
}

/// A list of anything.
pub(in crate::gpu) fn commands() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(), 1..80)
}
