//! The arbiter's random commands, carried out by tasks that hold leases, with every driver that needs
//! no device: whatever happens, the books balance, and in the end nothing is left.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;
use tokio::task::JoinHandle;

use super::super::super::arbiter::tests::commands::{Command, Wish, commands};
use super::super::super::arbiter::{
    DeviceId, DeviceSpec, GpuMemory, HostAmounts, Limits, ModelSpec, Pool, Setup,
};
use super::super::super::driver::{DriverDevice, GpuDriver, NoGpu, Reading, Simulated};
use super::super::super::lease::{GpuWish, Lease, LeaseError, Need};
use super::{BrokerParts, GIB, Running, channel, silent};
use crate::domain::workflow::Priority;

const KINDS: [(&str, u64, u64); 5] = [
    ("llama_70b", 16, 20_000),
    ("stable_diffusion", 8, 10_000),
    ("tts", 2, 5_000),
    ("video_processing", 4, 0),
    ("small", 0, 0),
];

type Asked = JoinHandle<Result<Lease, LeaseError>>;

/// Everybody who asked and holds.
struct Crowd {
    running: Running,
    simulated: Option<Arc<Simulated>>,
    asked: Vec<Asked>,
    held: Vec<Lease>,
}

fn parts(devices: usize) -> (BrokerParts, Option<Arc<Simulated>>) {
    let named = |at: usize| DriverDevice { name: format!("card{at}"), memory_bytes: 32_607 << 20 };
    let cards: Vec<DriverDevice> = (0..devices).map(named).collect();
    let specs = cards.iter().map(|card| DeviceSpec::new(card.name.clone(), card.memory_bytes));
    let models = KINDS.map(|(name, gib, load_ms)| ModelSpec::new(name, gib * GIB, load_ms));
    let setup = Setup {
        devices: specs.collect(),
        models: models.to_vec(),
        host: HostAmounts::of(Pool::Render, 3).and(Pool::Light, 4).and(Pool::VideoMemory, 8 * GIB),
        limits: Limits { drain_ms: 4_000, quarantine_ms: 3_000, ..Limits::default() },
    };
    let load = Duration::from_secs(10);
    let simulated = (devices > 0).then(|| Arc::new(Simulated::new(cards, load)));
    let driver: Arc<dyn GpuDriver> = match &simulated {
        Some(simulated) => Arc::clone(simulated) as _,
        None => Arc::new(NoGpu),
    };
    let read_every = Duration::from_secs(5);
    (BrokerParts { setup, driver, read_every, ticks: silent() }, simulated)
}

fn need(wish: &Wish) -> Need {
    let name = |kind: u16| KINDS.get(usize::from(kind)).map_or("unknown", |(name, ..)| name);
    let host = wish.pool.map_or(HostAmounts::NONE, |(pool, amount)| HostAmounts::of(pool, amount));
    let estimate = Duration::from_secs(wish.estimate_s);
    Need {
        host,
        gpu: wish.memory.map(|memory| match memory {
            GpuMemory::Shared { kind, activation } => {
                GpuWish::Model { kind: name(kind.0).to_owned(), activation }
            }
            GpuMemory::Own { kind, bytes } => GpuWish::Own { kind: name(kind.0).to_owned(), bytes },
        }),
        device: wish.device,
        max_hold: estimate * u32::try_from(wish.slack).unwrap_or(1),
        estimate: Some(estimate),
        deadline: wish.deadline_s.map(Duration::from_secs),
        renew: wish.renews.then_some(Duration::from_secs(20)),
    }
}

impl Crowd {
    async fn new(devices: usize) -> Self {
        let (parts, simulated) = parts(devices);
        let running = Running::new(parts).await;
        Self { running, simulated, asked: Vec::new(), held: Vec::new() }
    }

    /// Takes what was granted meanwhile.
    async fn collect(&mut self) {
        // The broker answers what it was told before it answers this.
        drop(self.running.broker.look().await);
        tokio::task::yield_now().await;
        let mut waiting = Vec::new();
        for asked in std::mem::take(&mut self.asked) {
            match asked.is_finished() {
                true => self.held.extend(asked.await.ok().and_then(Result::ok)),
                false => waiting.push(asked),
            }
        }
        self.asked = waiting;
    }

    fn take_held(&mut self, at: usize) -> Option<Lease> {
        (!self.held.is_empty()).then(|| self.held.swap_remove(at % self.held.len()))
    }

    async fn carry_out(&mut self, command: &Command) {
        match command {
            Command::Ask(wish) => {
                let (broker, need) = (self.running.broker.clone(), need(wish));
                let priority = Priority::new(wish.priority).unwrap_or_default();
                self.asked.push(tokio::spawn(async move {
                    broker.acquire(need, channel(), priority).await
                }));
                tokio::task::yield_now().await;
            }
            Command::Release(at) | Command::ReleaseTwice(at) | Command::Gone(at) => {
                drop(self.take_held(*at));
            }
            Command::Cancel(at) if !self.asked.is_empty() => {
                let asked = self.asked.swap_remove(at % self.asked.len());
                asked.abort();
            }
            Command::Die(_) => {
                // The broker itself, sometimes: its leases are void, and the next life goes on.
                let life = self.running.broker.life();
                if let Some(current) = self.running.broker.handle().current() {
                    current.actor().kill();
                    self.running.broker.next_life(life).await;
                }
            }
            Command::Renew(at) if !self.held.is_empty() => self.held[at % self.held.len()].renew(),
            Command::OutOfMemory(at) => {
                if let Some(lease) = self.take_held(*at) {
                    self.asked.push(tokio::spawn(lease.ran_out()));
                    tokio::task::yield_now().await;
                }
            }
            Command::LoadEnds { well: false, .. } => {
                if let Some(simulated) = &self.simulated {
                    simulated.fail_loads(1);
                }
            }
            Command::Foreign { device, gib } => {
                if let Some(simulated) = &self.simulated {
                    let foreign_bytes = Some(gib * GIB);
                    let used_bytes = foreign_bytes;
                    let reading = Reading { used_bytes, foreign_bytes, ..Reading::default() };
                    simulated.set_reading(DeviceId(*device), reading);
                }
            }
            Command::Pass(ms) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            _ => {}
        }
        self.collect().await;
    }

    /// Every pool and device within its bounds.
    async fn check(&self) -> Result<(), String> {
        let view = self.running.look().await;
        for pool in &view.books.pools {
            if pool.used > pool.capacity {
                return Err(format!("{pool:?}"));
            }
        }
        for device in &view.books.devices {
            if device.used_bytes > device.total_bytes / 10 * 8 + 10 {
                return Err(format!("{device:?}"));
            }
        }
        Ok(())
    }

    /// All leave: nothing may stay but idle models.
    async fn wind_up(mut self) -> Result<(), String> {
        self.asked.iter().for_each(JoinHandle::abort);
        for asked in std::mem::take(&mut self.asked) {
            drop(asked.await);
        }
        self.held.clear();
        // Whoever was put out counts for a while; loads and failed ones come to an end.
        tokio::time::sleep(Duration::from_secs(1_000)).await;
        let view = self.running.look().await;
        let books = &view.books;
        let is_empty = books.waiting == 0 && books.leases == 0 && view.held.is_empty();
        let is_idle = books.devices.iter().all(|device| device.used_bytes == device.idle_bytes);
        let is_free = books.pools.iter().all(|pool| pool.used == 0);
        if is_empty && is_idle && is_free { Ok(()) } else { Err(format!("{view:#?}")) }
    }
}

async fn history(devices: usize, commands: &[Command]) -> Result<(), String> {
    let mut crowd = Crowd::new(devices).await;
    let mut deaths = 0;
    for command in commands {
        // A broker that is killed again and again would rightly be given up.
        deaths += usize::from(matches!(command, Command::Die(_)));
        if deaths > 2 && matches!(command, Command::Die(_)) {
            continue;
        }
        crowd.carry_out(command).await;
        crowd.check().await?;
    }
    crowd.wind_up().await
}

proptest! {
    #![proptest_config(Config { cases: 40, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_same_commands_balance_with_every_driver(commands in commands()) {
        for devices in 0..3 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap();
            let outcome = runtime.block_on(history(devices, &commands));
            prop_assert!(outcome.is_ok(), "{devices} devices: {}", outcome.unwrap_err());
        }
    }
}
