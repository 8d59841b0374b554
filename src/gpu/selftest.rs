//! Work on the real device, to see that it does what the broker relies on: arithmetic is right,
//! urgent streams are served first, leases overlap, the budget can be filled, and running out of
//! memory is survived.
//!
//! Architecture invariant: all of it is done on leases of an arbiter, like any other work. Nothing
//! is claimed that was not measured by the device's own clock.

use serde::Serialize;
use uuid::Uuid;

use super::arbiter::{
    Arbiter, DeviceId, DeviceSpec, Event, Grant, KindId, Limits, ModelSpec, OwnerId, Request,
    RequestId, Setup,
};
use super::cuda::{Block, Card, CardStream, CudaFault, Mix, mixed};
use super::device::{GpuPresence, probe};
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;

/// How long the least urgent stream is kept busy, in launches of [`LAUNCH_MS`].
const LAUNCHES: u32 = 100;
const LAUNCH_MS: f64 = 2.0;
/// How long each of two leases works that must overlap.
const OVERLAP_MS: f64 = 40.0;
/// Enough blocks to fill any card.
const MANY_BLOCKS: u32 = 4_096;
/// The memory is filled in pieces of this size, smaller ones on a small device.
const PIECE: u64 = 256 << 20;

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it is as it must be.
    pub passed: bool,
    /// What was seen, with its figures.
    pub detail: String,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardReport {
    /// The driver's number of it.
    pub ordinal: usize,
    /// The product's name.
    pub name: String,
    /// Its compute capability.
    pub compute: String,
    /// All its memory.
    pub memory_bytes: u64,
    /// What of it could be leased.
    pub budget_bytes: u64,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
}

/// What the self-test found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTest {
    /// Why there was nothing to test, if so.
    pub no_gpu: Option<String>,
    /// Why it could not be begun, if so.
    pub fault: Option<String>,
    /// The devices.
    pub cards: Vec<CardReport>,
}

impl SelfTest {
    /// Whether there was a device and everything was as it must be.
    #[must_use]
    pub fn passed(&self) -> bool {
        let all = self.cards.iter().all(|card| card.checks.iter().all(|check| check.passed));
        !self.cards.is_empty() && all && self.fault.is_none()
    }
}

/// Tests every device; `memory_permille` of its memory may be leased.
#[must_use]
pub fn run(memory_permille: u16) -> SelfTest {
    let nothing = SelfTest { no_gpu: None, fault: None, cards: Vec::new() };
    let devices = match probe() {
        GpuPresence::NoDriver => {
            return SelfTest { no_gpu: Some(CudaFault::NoDriver.to_string()), ..nothing };
        }
        GpuPresence::NoDevice => {
            return SelfTest { no_gpu: Some(CudaFault::NoDevice.to_string()), ..nothing };
        }
        GpuPresence::Broken(what) => return SelfTest { fault: Some(what), ..nothing },
        GpuPresence::Devices(devices) => devices,
    };
    let mut report = nothing;
    for device in devices {
        let ordinal = usize::try_from(device.ordinal).unwrap_or(0);
        match Bench::open(ordinal, memory_permille) {
            Ok(bench) => report.cards.push(bench.work()),
            Err(fault) => report.fault = Some(format!("device {ordinal}: {fault}")),
        }
    }
    report
}

/// Why a check cannot be carried out.
#[derive(Debug, thiserror::Error)]
enum NotDone {
    #[error(transparent)]
    Fault(#[from] CudaFault),
    #[error("the arbiter refused the lease: {0}")]
    Refused(#[from] super::arbiter::Refusal),
    #[error("the lease was not granted at once")]
    NotGranted,
}

type Seen = Result<(bool, String), NotDone>;

/// A check by its name.
type Named = (&'static str, fn(&mut Bench) -> Seen);

/// One device with an arbiter of its own.
struct Bench {
    card: Card,
    arbiter: Arbiter,
    free_bytes: u64,
    total_bytes: u64,
    now_ms: u64,
    next: u64,
}

/// A lease and the stream it is for.
struct Leased {
    grant: Grant,
    stream: CardStream,
}

impl Bench {
    fn open(ordinal: usize, memory_permille: u16) -> Result<Self, CudaFault> {
        let card = Card::open(ordinal)?;
        let memory = card.memory()?;
        let device = DeviceSpec {
            // What the device itself keeps for streams and programs.
            headroom_bytes: memory.total / 50,
            ..DeviceSpec::new(card.name.clone(), memory.total)
        };
        let mut arbiter = Arbiter::new(
            Setup {
                devices: vec![device],
                models: vec![ModelSpec::new("selftest", 0, 0)],
                limits: Limits { memory_permille, ..Limits::default() },
                ..Setup::default()
            },
            1,
        );
        let foreign = memory.total.saturating_sub(memory.free);
        // A reading of more than there is cannot be: it was bounded just now.
        let _ = arbiter.set_foreign_use(0, DeviceId(0), foreign);
        let (free_bytes, total_bytes) = (memory.free, memory.total);
        Ok(Self { card, arbiter, free_bytes, total_bytes, now_ms: 0, next: 1 })
    }

    fn budget(&self) -> u64 {
        self.arbiter.view().devices.first().map_or(0, |device| device.budget_bytes)
    }

    fn lease(&mut self, priority: u8, bytes: u64) -> Result<Leased, NotDone> {
        self.now_ms += 1;
        let id = self.next;
        self.next += 1;
        let priority = Priority::new(priority).unwrap_or_default();
        let channel = ChannelId(Uuid::nil());
        let request = Request::new(RequestId(id), OwnerId(id), channel, 3_600_000)
            .with_own_memory(KindId(0), bytes)
            .with_priority(priority);
        self.arbiter.request(self.now_ms, request)?;
        let grant = self.granted()?;
        Ok(Leased { grant, stream: self.card.stream(priority)? })
    }

    fn granted(&mut self) -> Result<Grant, NotDone> {
        let events = self.arbiter.take_events();
        let granted = events.into_iter().find_map(|event| match event {
            Event::Granted(grant) => Some(grant),
            _ => None,
        });
        granted.ok_or(NotDone::NotGranted)
    }

    fn give_back(&mut self, leased: &Leased) -> Result<(), NotDone> {
        self.now_ms += 1;
        leased.stream.finish()?;
        let Grant { owner, lease, epoch, .. } = leased.grant;
        Ok(self.arbiter.release(self.now_ms, owner, lease, epoch)?)
    }

    fn work(mut self) -> CardReport {
        let budget_bytes = self.budget();
        let named: [Named; 5] = [
            ("arithmetic", Self::arithmetic),
            ("priorities", Self::priorities),
            ("overlap", Self::overlap),
            ("budget", Self::fill_budget),
            ("out of memory", Self::run_out),
        ];
        let checks = named.into_iter().map(|(name, check)| {
            let (passed, detail) =
                check(&mut self).unwrap_or_else(|not_done| (false, not_done.to_string()));
            Check { name, passed, detail }
        });
        let checks = checks.collect();
        CardReport {
            ordinal: self.card.ordinal,
            name: self.card.name.clone(),
            compute: format!("{}.{}", self.card.compute.0, self.card.compute.1),
            memory_bytes: self.total_bytes,
            budget_bytes,
            checks,
        }
    }

    /// The kernel computes what a processor computes.
    fn arithmetic(&mut self) -> Seen {
        const ROUNDS: u32 = 1_000;
        let leased = self.lease(5, 16 << 20)?;
        let mix = Mix::load(&self.card)?;
        let words = mix.run(&leased.stream, 64, ROUNDS, 1)?.words()?;
        self.give_back(&leased)?;
        let wrong =
            (0_u32..).zip(&words).filter(|(index, word)| mixed(*index, ROUNDS) != **word).count();
        Ok((wrong == 0, format!("{} words, {wrong} of them wrong", words.len())))
    }

    /// What an urgent stream is given is done before what waits on another.
    fn priorities(&mut self) -> Seen {
        let (least, most) = self.card.priorities;
        if least == most {
            return Ok((true, "the device knows one priority only".to_owned()));
        }
        let patient = self.lease(1, 64 << 20)?;
        let urgent = self.lease(10, 64 << 20)?;
        let mix = Mix::load(&self.card)?;
        let rounds = self.rounds_for(&mix, &patient.stream, MANY_BLOCKS, LAUNCH_MS)?;
        let begin = patient.stream.mark()?;
        let slow = mix.run(&patient.stream, MANY_BLOCKS, rounds, LAUNCHES)?;
        let slow_end = patient.stream.mark()?;
        let quick = mix.run(&urgent.stream, 64, rounds, 1)?;
        let quick_end = urgent.stream.mark()?;
        let (quick_ms, slow_ms) = (begin.until_ms(&quick_end)?, begin.until_ms(&slow_end)?);
        drop((slow, quick));
        self.give_back(&patient)?;
        self.give_back(&urgent)?;
        let detail = format!(
            "asked for last, done after {quick_ms:.1} ms; what was asked for first, after \
             {slow_ms:.1} ms (stream priorities {} and {})",
            urgent.stream.priority, patient.stream.priority
        );
        Ok((quick_ms < slow_ms / 2.0, detail))
    }

    /// Two small leases work at the same time.
    fn overlap(&mut self) -> Seen {
        let one = self.lease(5, 16 << 20)?;
        let other = self.lease(5, 16 << 20)?;
        let mix = Mix::load(&self.card)?;
        let rounds = self.rounds_for(&mix, &one.stream, 1, OVERLAP_MS)?;
        let begin = one.stream.mark()?;
        let alone = mix.run(&one.stream, 1, rounds, 1)?;
        let alone_ms = begin.until_ms(&one.stream.mark()?)?;
        let begin = one.stream.mark()?;
        other.stream.wait_for(&begin)?;
        let first = mix.run(&one.stream, 1, rounds, 1)?;
        let second = mix.run(&other.stream, 1, rounds, 1)?;
        let ends = [one.stream.mark()?, other.stream.mark()?];
        let both_ms = begin.until_ms(&ends[0])?.max(begin.until_ms(&ends[1])?);
        drop((alone, first, second));
        self.give_back(&one)?;
        self.give_back(&other)?;
        let detail = format!("one alone took {alone_ms:.1} ms, two at once {both_ms:.1} ms");
        Ok((both_ms < 1.5 * alone_ms, detail))
    }

    /// All that may be leased can be used, and comes back.
    fn fill_budget(&mut self) -> Seen {
        let budget = self.budget();
        let leased = self.lease(5, budget)?;
        let filled = self.fill(&leased, budget);
        self.give_back(&leased)?;
        let (taken, used) = filled?;
        self.card.trim()?;
        let after = self.card.memory()?.free;
        let lost = self.free_bytes.saturating_sub(after);
        let detail = format!(
            "{} MiB leased, {} MiB taken; the driver says {} MiB more in use then, and {} MiB still \
             after they came back",
            leased.grant.bytes >> 20,
            taken >> 20,
            used >> 20,
            lost >> 20
        );
        Ok((lost <= self.total_bytes / 50, detail))
    }

    /// Takes all bytes of a lease piece by piece and lets go of them: how many they were, and how many
    /// more the driver said were in use then.
    fn fill(&self, leased: &Leased, budget: u64) -> Result<(u64, u64), CudaFault> {
        let piece = PIECE.min(budget / 8).max(1);
        let mut pieces: Vec<Block> = Vec::new();
        let mut taken = 0;
        while taken < leased.grant.bytes {
            let bytes = piece.min(leased.grant.bytes - taken);
            pieces.push(leased.stream.take(usize::try_from(bytes).unwrap_or(usize::MAX))?);
            taken += bytes;
        }
        leased.stream.finish()?;
        let full = self.card.memory()?;
        Ok((taken, self.free_bytes.saturating_sub(full.free)))
    }

    /// Asking the device for more than it has is an error and no end.
    fn run_out(&mut self) -> Seen {
        let leased = self.lease(5, 16 << 20)?;
        let too_much = self.total_bytes.saturating_add(PIECE);
        let too_much = usize::try_from(too_much).unwrap_or(usize::MAX);
        match leased.stream.take(too_much) {
            Err(CudaFault::OutOfMemory) => {}
            Err(fault) => return Err(fault.into()),
            Ok(_) => return Ok((false, "the device gave more memory than it has".to_owned())),
        }
        let before = self.budget();
        self.now_ms += 1;
        let Grant { owner, lease, epoch, .. } = leased.grant;
        self.arbiter.out_of_memory(self.now_ms, owner, lease, epoch)?;
        // The first time it is granted once more.
        let again = Leased { grant: self.granted()?, stream: leased.stream };
        let after = self.budget();
        let mix = Mix::load(&self.card)?;
        let words = mix.run(&again.stream, 4, 10, 1)?.words()?;
        self.give_back(&again)?;
        let is_right = (0_u32..).zip(&words).all(|(index, word)| mixed(index, 10) == *word);
        let detail = format!(
            "refused by the driver; the budget went from {} to {} MiB for a while, and the next work \
             on the stream was {}",
            before >> 20,
            after >> 20,
            if is_right { "right" } else { "wrong" }
        );
        Ok((is_right && after < before, detail))
    }

    /// How many rounds take about `wanted_ms` with so many blocks.
    fn rounds_for(
        &self,
        mix: &Mix,
        stream: &CardStream,
        blocks: u32,
        wanted_ms: f64,
    ) -> Result<u32, CudaFault> {
        const TRIAL: u32 = 20_000;
        // The first run of a program on a device is not like the others.
        drop(mix.run(stream, blocks, 10, 1)?);
        let begin = stream.mark()?;
        let trial = mix.run(stream, blocks, TRIAL, 1)?;
        let took_ms = begin.until_ms(&stream.mark()?)?.max(0.001);
        drop(trial);
        let rounds = f64::from(TRIAL) * wanted_ms / took_ms;
        Ok(rounds.clamp(1.0, 500_000_000.0) as u32)
    }
}
