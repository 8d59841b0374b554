//! What the broker costs: turns of request, grant and release of the policy with a thousand waiting,
//! and the way through the actor under load.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use tokio::time::Instant;
use uuid::Uuid;
use ytempire::domain::ids::ChannelId;
use ytempire::domain::workflow::Priority;
use ytempire::gpu::arbiter::{
    Arbiter, DeviceSpec, Event, Grant, HostAmounts, KindId, Limits, ModelSpec, OwnerId, Pool,
    Request, RequestId, Setup,
};
use ytempire::gpu::broker::{BrokerParts, broker_spec};
use ytempire::gpu::driver::{DriverDevice, Simulated};
use ytempire::gpu::lease::{Broker, GpuWish, Need};
use ytempire::supervision::environment::Environment;
use ytempire::supervision::handle::Handle;
use ytempire::supervision::observe::Registry;
use ytempire::supervision::path::{ActorPath, ChildId};
use ytempire::supervision::spec::SupervisorSpec;
use ytempire::supervision::tree::{SupervisorHandle, Tree};

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

/// Clients at once, and how often each asks: 5,000 requests a second together.
const CLIENTS: u64 = 100;
const PACE: Duration = Duration::from_millis(20);
const LASTS: Duration = Duration::from_secs(10);

/// A broker in a tree of its own, with a simulated card that has room for everybody.
async fn running() -> (Broker, Tree) {
    let registry = Arc::new(Registry::new());
    let environment = Environment::new(Arc::clone(&registry), Arc::new(|| 0), 8);
    let root = SupervisorHandle::new(&registry, &ActorPath::root());
    let path = ActorPath::root().child(&ChildId::from("gpu"));
    let broker = Broker::new(Handle::new(&registry, &path));
    let device = DriverDevice { name: "card".to_owned(), memory_bytes: 1_000 * GIB };
    let parts = BrokerParts {
        setup: Setup { devices: vec![DeviceSpec::new("card", device.memory_bytes)], ..setup(0) },
        driver: Arc::new(Simulated::new(vec![device], Duration::ZERO)),
        read_every: Duration::from_secs(5),
        ticks: Arc::new(drop),
    };
    let child = broker.clone();
    let spec = SupervisorSpec::new(move || vec![broker_spec(child.handle(), parts.clone())]);
    let tree = Tree::start(&environment, &root, spec).await.expect("it starts");
    tree.booted().await.expect("it runs");
    (broker, tree)
}

/// When the clients ask within a turn of [`PACE`].
#[derive(Debug, Clone, Copy)]
enum Offered {
    /// One after the other, evenly.
    Evenly,
    /// All in the same millisecond.
    AtOnce,
}

/// Asks once every [`PACE`], and tells how long each grant took.
async fn client(broker: Broker, number: u64, offered: Offered, until: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    let kinds = ["llama_70b", "stable_diffusion", "tts", "video_processing"];
    let place = match offered {
        Offered::Evenly => number as f64 / CLIENTS as f64,
        Offered::AtOnce => 0.0,
    };
    let mut ticks = tokio::time::interval_at(Instant::now() + PACE.mul_f64(place), PACE);
    while Instant::now() < until {
        ticks.tick().await;
        let kind = kinds[usize::try_from(number % 4).unwrap_or(0)].to_owned();
        let wish = GpuWish::Model { kind, activation: GIB };
        let need = Need::of_gpu(wish).held_at_most(Duration::from_secs(60));
        let channel = ChannelId(Uuid::from_u128(u128::from(number)));
        let asked = Instant::now();
        let lease = broker.acquire(need, channel, Priority::default()).await.expect("granted");
        took.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(lease);
    }
    took
}

/// Prints how long messages and grants take with a hundred clients.
fn under_load(offered: Offered) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (broker, tree) = running().await;
        let until = Instant::now() + LASTS;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| tokio::spawn(client(broker.clone(), number, offered, until)))
            .collect();
        let mut took: Vec<Duration> = Vec::new();
        for one in clients {
            took.extend(one.await.expect("it ends"));
        }
        took.sort_unstable();
        let at = |share: f64| took[((took.len() as f64 - 1.0) * share) as usize];
        println!(
            "broker, {CLIENTS} clients {offered:?}, {:.0} requests a second: request to grant p50 \
             {:?}, p99 {:?}, longest {:?}",
            took.len() as f64 / LASTS.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(1.0),
        );
        let stats = broker.handle().entry().stats().view(tokio::time::Instant::now());
        let counts = stats.run_us_log2;
        let handled: u64 = counts.iter().sum();
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            let share = seen as f64 / handled as f64;
            // The shares around the 99 %, for a bucket is twice as wide as the one before.
            if (0.9..0.9999).contains(&share) {
                println!(
                    "broker, {handled} messages: {:.2} % handled within {} us",
                    share * 100.0,
                    1_u64 << bucket
                );
            }
        }
        tree.shutdown(Duration::from_secs(5)).await;
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    turning(&mut criterion);
    criterion.final_summary();
    // A look at the names of the benches only is not a run.
    if !std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        under_load(Offered::Evenly);
        under_load(Offered::AtOnce);
    }
}
