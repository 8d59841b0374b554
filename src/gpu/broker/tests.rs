//! The broker with holders that are real tasks, on a paused clock.

mod drivers;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use uuid::Uuid;

use super::super::arbiter::{
    DeviceChoice, DeviceId, DeviceSpec, HostAmounts, Limits, ModelSpec, Pool, Refusal, Setup,
};
use super::super::driver::{DriverDevice, Reading, Simulated};
use super::super::lease::{Broker, GpuWish, LeaseError, Need};
use super::super::view::BrokerView;
use super::{BrokerParts, broker_spec};
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;
use crate::supervision::environment::Environment;
use crate::supervision::handle::Handle;
use crate::supervision::observe::Registry;
use crate::supervision::path::{ActorPath, ChildId};
use crate::supervision::spec::SupervisorSpec;
use crate::supervision::tree::{SupervisorHandle, Tree};
use crate::telemetry::tick::{LeaseNews, Tick, TickSink};

const GIB: u64 = 1 << 30;

fn silent() -> TickSink {
    Arc::new(drop)
}

fn channel() -> ChannelId {
    ChannelId(Uuid::nil())
}

/// A broker in a tree of its own.
struct Running {
    broker: Broker,
    _tree: Tree,
}

impl Running {
    async fn new(parts: BrokerParts) -> Self {
        let registry = Arc::new(Registry::new());
        let environment = Environment::new(Arc::clone(&registry), Arc::new(|| 0), 8);
        let root = SupervisorHandle::new(&registry, &ActorPath::root());
        let path = ActorPath::root().child(&ChildId::from("gpu"));
        let broker = Broker::new(Handle::new(&registry, &path));
        let child = broker.clone();
        let spec = SupervisorSpec::new(move || vec![broker_spec(child.handle(), parts.clone())]);
        let tree = Tree::start(&environment, &root, spec).await.unwrap();
        tree.booted().await.unwrap();
        Self { broker, _tree: tree }
    }

    async fn ask(&self, need: Need) -> Result<super::Lease, LeaseError> {
        self.broker.acquire(need, channel(), Priority::default()).await
    }

    async fn look(&self) -> BrokerView {
        self.broker.look().await.unwrap()
    }
}

fn slot() -> Need {
    Need::slots(Pool::Render, 1).held_at_most(Duration::from_secs(600))
}

fn own(kind: &str, gib: u64) -> Need {
    let wish = GpuWish::Own { kind: kind.to_owned(), bytes: gib * GIB };
    Need::of_gpu(wish).held_at_most(Duration::from_secs(600))
}

fn model(kind: &str, gib: u64) -> Need {
    let wish = GpuWish::Model { kind: kind.to_owned(), activation: gib * GIB };
    Need::of_gpu(wish).held_at_most(Duration::from_secs(600))
}

fn on_card(load: Duration) -> (BrokerParts, Arc<Simulated>) {
    let device = DriverDevice { name: "card".to_owned(), memory_bytes: 32 * GIB };
    let driver = Arc::new(Simulated::new(vec![device], load));
    let load_ms = u64::try_from(load.as_millis()).unwrap();
    let setup = Setup {
        devices: vec![DeviceSpec::new("card", 32 * GIB)],
        models: vec![
            ModelSpec::new("llama_70b", 16 * GIB, load_ms),
            ModelSpec::new("others", 4 * GIB, 0),
        ],
        host: HostAmounts::of(Pool::Render, 2),
        limits: Limits::default(),
    };
    let read_every = Duration::from_secs(5);
    (BrokerParts { setup, driver: driver.clone(), read_every, ticks: silent() }, driver)
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_free_again_when_it_is_dropped() {
    let news: Arc<Mutex<Vec<LeaseNews>>> = Arc::default();
    let told = Arc::clone(&news);
    let ticks: TickSink = Arc::new(move |tick| {
        if let Tick::Lease { news, .. } = tick {
            told.lock().unwrap_or_else(PoisonError::into_inner).push(news);
        }
    });
    let running = Running::new(BrokerParts::host_only(1, 1, ticks)).await;
    let first = running.ask(slot()).await.unwrap();
    let (second, ()) = tokio::join!(running.ask(slot()), async {
        assert_eq!(running.look().await.books.waiting, 1);
        drop(first);
    });
    let second = second.unwrap();
    let view = running.look().await;
    assert_eq!((view.held.len(), view.books.leases, view.books.waiting), (1, 1, 0));
    drop(second);
    assert_eq!(running.look().await.books.leases, 0);
    let told = news.lock().unwrap_or_else(PoisonError::into_inner).clone();
    use LeaseNews::{Granted, Released};
    assert_eq!(told, [Granted, Released, Granted, Released]);
    let counts = running.look().await.counts;
    assert_eq!((counts.granted, counts.released, counts.revoked, counts.refused), (2, 2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_has_not_asked() {
    let running = Running::new(BrokerParts::host_only(1, 1, silent())).await;
    let first = running.ask(slot()).await.unwrap();
    let patience = Duration::from_secs(3);
    assert!(tokio::time::timeout(patience, running.ask(slot())).await.is_err());
    assert_eq!(running.look().await.books.waiting, 0);
    drop(first);
    assert_eq!(running.look().await.books.leases, 0, "nothing is granted to nobody");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_by_name() {
    let bare = Running::new(BrokerParts::host_only(1, 1, silent())).await;
    let refusal = |answer: Result<super::Lease, LeaseError>| match answer {
        Err(LeaseError::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(bare.ask(own("tts", 2)).await), "no_device");
    let two = Need::slots(Pool::Render, 2).held_at_most(Duration::from_secs(1));
    assert_eq!(refusal(bare.ask(two).await), "never_fits");
    assert_eq!(refusal(bare.ask(Need::slots(Pool::Render, 1)).await), "nothing_asked");
    let (mut parts, _) = on_card(Duration::ZERO);
    let carded = Running::new(parts.clone()).await;
    assert_eq!(refusal(carded.ask(own("tts", 40)).await), "never_fits");
    assert!(carded.ask(own("a kind without a name", 2)).await.is_ok(), "it counts as others");
    let mut elsewhere = own("tts", 1);
    elsewhere.device = DeviceChoice::One(DeviceId(7));
    assert_eq!(refusal(carded.ask(elsewhere).await), "unknown_device");
    parts.setup.models.clear();
    let strict = Running::new(parts).await;
    assert_eq!(refusal(strict.ask(own("tts", 2)).await), "unknown_kind");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_stays_is_asked_to_yield_and_then_put_out() {
    let running = Running::new(BrokerParts::host_only(1, 1, silent())).await;
    let stays = running.ask(slot()).await.unwrap();
    let next = running.ask(slot());
    tokio::pin!(next);
    tokio::select! {
        () = stays.yield_soon.cancelled() => {}
        _ = &mut next => panic!("granted before the first was asked to yield"),
    }
    let next = next.await.unwrap();
    assert!(stays.revoked.is_cancelled());
    drop(stays);
    assert_eq!(running.look().await.books.leases, 1, "a late return frees nothing");
    drop(next);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_must_be_renewed_lives_as_long_as_it_is() {
    let running = Running::new(BrokerParts::host_only(1, 1, silent())).await;
    let mut need = slot();
    need.renew = Some(Duration::from_secs(10));
    let lease = running.ask(need).await.unwrap();
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(9)).await;
        lease.renew();
        running.look().await;
        assert!(!lease.revoked.is_cancelled());
    }
    lease.revoked.cancelled().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_life_of_the_broker_knows_nothing_of_the_old_leases() {
    let running = Running::new(BrokerParts::host_only(1, 1, silent())).await;
    let old = running.ask(slot()).await.unwrap();
    let life = running.broker.life();
    running.broker.handle().current().unwrap().actor().kill();
    old.revoked.cancelled().await;
    running.broker.next_life(life).await;
    let fresh = running.ask(slot()).await.unwrap();
    drop(old);
    let view = running.look().await;
    assert_eq!((view.life, view.books.leases), (life.0 + 1, 1), "the old one frees nothing");
    drop(fresh);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_loaded_once_and_a_load_that_fails_is_tried_elsewhere_in_time() {
    let (parts, driver) = on_card(Duration::from_secs(20));
    let running = Running::new(parts).await;
    driver.fail_loads(1);
    let began = tokio::time::Instant::now();
    let (one, two) =
        tokio::join!(running.ask(model("llama_70b", 1)), running.ask(model("llama_70b", 1)));
    let (one, two) = (one.unwrap(), two.unwrap());
    // A failed load, a pause of five seconds, and a load.
    assert_eq!(began.elapsed().as_secs(), 45);
    let view = running.look().await;
    let device = &view.books.devices[0];
    assert_eq!((device.lease_bytes, device.used_bytes), (2 * GIB, 18 * GIB));
    drop((one, two));
    assert_eq!(running.look().await.books.devices[0].idle_bytes, 16 * GIB);
    driver.fail_loads(u32::MAX);
    drop(running.ask(own("others", 20)).await.unwrap());
    let refused = running.ask(model("llama_70b", 1)).await.unwrap_err();
    assert_eq!(refused, LeaseError::Refused(Refusal::LoadFailed));
}

#[tokio::test(start_paused = true)]
async fn what_others_use_is_not_given_away_and_a_lie_is_not_believed() {
    let (parts, driver) = on_card(Duration::ZERO);
    let used = |used: u64, foreign: Option<u64>| Reading {
        used_bytes: Some(used * GIB),
        foreign_bytes: foreign.map(|gib| gib * GIB),
        ..Reading::default()
    };
    driver.set_reading(DeviceId(0), used(20, Some(20)));
    let running = Running::new(parts).await;
    let budget = running.look().await.books.devices[0].budget_bytes;
    assert_eq!(budget, 12 * GIB, "the first reading comes before the first lease");
    driver.set_reading(DeviceId(0), used(400, Some(400)));
    tokio::time::sleep(Duration::from_secs(6)).await;
    let view = running.look().await;
    assert_eq!(view.books.devices[0].budget_bytes, budget);
    assert!(view.readings[0].reading.problems[0].contains("cannot be"), "{view:?}");
    // Without a word of whose it is, what the books do not know of is others'.
    let lease = running.ask(own("others", 2)).await.unwrap();
    driver.set_reading(DeviceId(0), used(5, None));
    tokio::time::sleep(Duration::from_secs(6)).await;
    let device = running.look().await.books.devices[0].clone();
    assert_eq!((device.foreign_bytes, device.budget_bytes / GIB), (3 * GIB, 25));
    driver.set_reading(DeviceId(0), used(6, Some(3)));
    tokio::time::sleep(Duration::from_secs(6)).await;
    let view = running.look().await;
    assert_eq!(view.readings[0].drift_bytes, Some(GIB.cast_signed()));
    // Somebody of ours uses a GiB that the books do not know of: it is not given away.
    assert_eq!(view.books.devices[0].foreign_bytes, 4 * GIB);
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn running_out_of_memory_gets_a_larger_lease_once_and_then_the_word_to_use_the_cpu() {
    let (parts, _) = on_card(Duration::ZERO);
    let running = Running::new(parts).await;
    let first = running.ask(own("others", 4)).await.unwrap();
    let second = first.ran_out().await.unwrap();
    assert_eq!(second.bytes, 5 * GIB);
    let over = second.ran_out().await.unwrap_err();
    assert_eq!(over, LeaseError::Refused(Refusal::OutOfMemory));
    let view = running.look().await;
    assert_eq!((view.books.leases, view.held.len()), (0, 0));
    assert_eq!((view.counts.out_of_memory, view.counts.refused), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn thousands_of_holders_that_die_leave_nothing_behind() {
    let (parts, _) = on_card(Duration::from_secs(2));
    let running = Arc::new(Running::new(parts).await);
    let mut holders = JoinSet::new();
    for number in 0_u64..3_000 {
        let running = Arc::clone(&running);
        holders.spawn(async move {
            let need = match number % 3 {
                0 => slot(),
                1 => model("llama_70b", 1 + number % 4),
                _ => own("others", 1 + number % 8),
            };
            let lease = running.ask(need).await;
            tokio::time::sleep(Duration::from_millis(number * 37 % 20_000)).await;
            if number.is_multiple_of(5) {
                // A panic that is not told.
                std::panic::resume_unwind(Box::new(number));
            }
            drop(lease);
        });
        if number.is_multiple_of(16) {
            tokio::time::sleep(Duration::from_millis(number * 13 % 900)).await;
        }
        // One of those that are under way is aborted, wherever it is.
        if number.is_multiple_of(7) {
            holders.abort_all();
            while holders.join_next().await.is_some() {}
        }
    }
    holders.abort_all();
    while holders.join_next().await.is_some() {}
    let view = running.look().await;
    assert_eq!((view.books.waiting, view.books.leases, view.held.len()), (0, 0, 0));
    let device = &view.books.devices[0];
    assert_eq!((device.lease_bytes, device.used_bytes), (0, device.idle_bytes));
    assert!(view.books.pools.iter().all(|pool| pool.used == 0));
}

#[tokio::test(start_paused = true)]
async fn who_runs_out_of_what_it_never_had_gives_back_what_it_holds() {
    let running = Running::new(BrokerParts::host_only(1, 1, silent())).await;
    let lease = running.ask(slot()).await.unwrap();
    let refused = lease.ran_out().await.unwrap_err();
    assert_eq!(refused, LeaseError::Refused(Refusal::NoDevice));
    assert_eq!(running.look().await.books.leases, 0);
}
