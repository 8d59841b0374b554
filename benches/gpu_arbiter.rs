//! What the broker's policy costs: turns of request, grant and release with a thousand waiting.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]
#![expect(missing_docs, reason = "criterion makes the main function")]

use std::collections::VecDeque;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use uuid::Uuid;
use ytempire::domain::ids::ChannelId;
use ytempire::domain::workflow::Priority;
use ytempire::gpu::arbiter::{
    Arbiter, DeviceSpec, Event, Grant, HostAmounts, KindId, Limits, ModelSpec, OwnerId, Pool,
    Request, RequestId, Setup,
};

const GIB: u64 = 1 << 30;
const WAITING: usize = 1_000;

fn setup(devices: usize) -> Setup {
    let device = |index: usize| DeviceSpec::new(format!("gpu{index}"), 32_607 << 20);
    Setup {
        devices: (0..devices).map(device).collect(),
        models: vec![
            ModelSpec::new("llama_70b", 16 * GIB, 0),
            ModelSpec::new("stable_diffusion", 8 * GIB, 0),
            ModelSpec::new("tts", 2 * GIB, 0),
            ModelSpec::new("video_processing", 4 * GIB, 0),
        ],
        host: HostAmounts::of(Pool::Render, 3).and(Pool::Light, 4),
        limits: Limits::default(),
    }
}

/// An arbiter with a thousand waiting, and everybody who holds something.
struct Crowd {
    arbiter: Arbiter,
    held: VecDeque<Grant>,
    events: Vec<Event>,
    now_ms: u64,
    next: u64,
}

impl Crowd {
    fn new(devices: usize) -> Self {
        let arbiter = Arbiter::new(setup(devices), 1);
        let held = VecDeque::new();
        let mut crowd = Self { arbiter, held, events: Vec::new(), now_ms: 0, next: 1 };
        while crowd.arbiter.waiting() < WAITING {
            crowd.ask();
        }
        crowd
    }

    /// Somebody asks: models and memory of one's own, of a dozen sizes, for four channels.
    fn ask(&mut self) {
        let id = self.next;
        self.next += 1;
        let channel = ChannelId(Uuid::from_u128(u128::from(id % 4)));
        let priority = Priority::new(1 + u8::try_from(id % 10).unwrap_or(0)).expect("1 to 10");
        let kind = KindId(u16::try_from(id % 4).unwrap_or(0));
        let request = Request::new(RequestId(id), OwnerId(id), channel, 1_800_000)
            .with_estimate(20_000 + id * 7_919 % 70_000)
            .with_priority(priority);
        let request = match id % 3 {
            0 => request.with_own_memory(kind, (1 + id % 8) * GIB),
            _ => request.with_model(kind, (1 + id % 3) * GIB),
        };
        self.arbiter.request(self.now_ms, request).expect("it can be met");
        self.note_grants();
    }

    fn note_grants(&mut self) {
        self.arbiter.swap_events(&mut self.events);
        let granted = self.events.iter().filter_map(|event| match event {
            Event::Granted(grant) => Some(*grant),
            _ => None,
        });
        self.held.extend(granted);
    }

    /// Whoever has held for longest returns; as many ask as were granted.
    fn turn(&mut self) -> u64 {
        self.now_ms += 1;
        let Some(grant) = self.held.pop_front() else { return 0 };
        let returned = self.arbiter.release(self.now_ms, grant.owner, grant.lease, grant.epoch);
        // Whoever held for too long was put out.
        let _ = returned;
        self.note_grants();
        while self.arbiter.waiting() < WAITING {
            self.ask();
        }
        1
    }
}

fn turning(c: &mut Criterion) {
    let mut group = c.benchmark_group("gpu arbiter");
    group.throughput(Throughput::Elements(1));
    for devices in [1, 2, 4] {
        let name = format!("one turn with 1,000 waiting, {devices} devices");
        group.bench_function(name, |bencher| {
            let mut crowd = Crowd::new(devices);
            bencher.iter(|| crowd.turn());
        });
    }
    group.finish();
}

criterion_group!(benches, turning);
criterion_main!(benches);
