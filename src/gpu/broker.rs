//! The GpuBroker: the one actor of a node that grants leases, as the arbiter decides.
//!
//! It arbitrates what is scarce, devices and host alike; without a GPU it grants host slots and
//! memory. It is cast-only: a request carries where its answer goes. Loading a model, reading a device
//! and waiting are done beside it, so a message is handled in microseconds.
//!
//! A broker that is restarted begins with empty books and greater names for leases: all that an
//! earlier life granted was revoked when it ended, and what its holders still use is seen as the use
//! of others until it is gone.
//!
//! Architecture invariant: a lease frees what it holds exactly once, whatever becomes of its holder,
//! and a lease of an earlier life of the broker frees nothing of a later one.

mod readings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use readings::read_all;

use super::arbiter::{
    Arbiter, DeviceChoice, DeviceId, Event, GpuMemory, GpuNeed, Grant, KindId, LeaseId, OwnerId,
    Pool, Refusal, Request, RequestId, Setup,
};
use super::driver::{GpuDriver, NoGpu};
use super::lease::{BrokerMsg, GpuWish, Held, Lease, LeaseReply, Need};
use super::view::{BrokerView, Counts, DeviceReading, HostShare, LeaseView};
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;
use crate::supervision::envelope::{Envelope, Trace};
use crate::supervision::handle::Handle;
use crate::supervision::path::Incarnation;
use crate::supervision::spec::ChildSpec;
use crate::telemetry::tick::{LeaseNews, Tick, TickSink};

/// The kind that stands for every kind without a name in the config.
pub const OTHER_KINDS: &str = "others";

/// What the broker is made of.
#[derive(Clone)]
pub struct BrokerParts {
    /// What there is to share out.
    pub setup: Setup,
    /// The devices.
    pub driver: Arc<dyn GpuDriver>,
    /// How often the devices are read.
    pub read_every: Duration,
    /// Who is told of leases.
    pub ticks: TickSink,
}

impl BrokerParts {
    /// A machine without a GPU: so many slots for rendering and for light work.
    #[must_use]
    pub fn host_only(render_slots: u32, light_slots: u32, ticks: TickSink) -> Self {
        Self {
            setup: Setup::host_only(render_slots, light_slots),
            driver: Arc::new(NoGpu),
            read_every: Duration::from_secs(5),
            ticks,
        }
    }
}

/// The broker.
pub struct GpuBroker {
    handle: Handle<BrokerMsg>,
    parts: BrokerParts,
    life: Incarnation,
}

/// A request that waits for its answer.
struct Waiting {
    reply: LeaseReply,
    channel: ChannelId,
    priority: Priority,
}

/// What is kept of a lease that is held.
struct Holding {
    revoked: CancellationToken,
    yield_soon: CancellationToken,
    channel: ChannelId,
    priority: Priority,
}

/// The broker's books while it lives.
pub struct Books {
    arbiter: Arbiter,
    began: Instant,
    waiting: BTreeMap<RequestId, Waiting>,
    held: BTreeMap<LeaseId, Holding>,
    readings: Vec<DeviceReading>,
    counts: Counts,
    /// When it rings, and who rings it.
    alarm: Option<(u64, JoinHandle<()>)>,
    reader: Option<JoinHandle<()>>,
}

impl Drop for Books {
    fn drop(&mut self) {
        self.held.values().for_each(|holding| holding.revoked.cancel());
        let alarm = self.alarm.as_ref().map(|(_, ringing)| ringing);
        alarm.into_iter().chain(&self.reader).for_each(JoinHandle::abort);
    }
}

impl Books {
    fn now_ms(&self) -> u64 {
        let lived = Instant::now().saturating_duration_since(self.began);
        u64::try_from(lived.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Actor for GpuBroker {
    type Msg = Envelope<BrokerMsg>;
    type State = Books;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Books, ActorProcessingErr> {
        // Lives are counted by the supervisor, far from four thousand millions.
        let life = u32::try_from(self.life.0).unwrap_or(u32::MAX);
        let arbiter = Arbiter::new(self.parts.setup.clone(), life);
        let devices = self.parts.setup.devices.len();
        let mut books = Books {
            arbiter,
            began: Instant::now(),
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            readings: vec![DeviceReading::default(); devices],
            counts: Counts::default(),
            alarm: None,
            reader: None,
        };
        if devices > 0 {
            // What an earlier life's holders still use must be known before anything is granted.
            for (device, reading) in read_all(&self.parts.driver, devices).await {
                books.take_reading(0, device, reading);
            }
            books.reader = Some(self.spawn_reader(devices));
        }
        Ok(books)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        books: &mut Books,
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, message) = envelope.open();
        let now_ms = books.now_ms();
        self.take(books, now_ms, message);
        for event in books.arbiter.take_events() {
            self.carry_out(books, &event);
        }
        self.set_alarm(books, now_ms);
        Ok(())
    }
}

impl GpuBroker {
    /// Life `life` of the broker behind `handle`.
    #[must_use]
    pub fn new(handle: Handle<BrokerMsg>, parts: BrokerParts, life: Incarnation) -> Self {
        Self { handle, parts, life }
    }

    fn take(&self, books: &mut Books, now_ms: u64, message: BrokerMsg) {
        let arbiter = &mut books.arbiter;
        // What comes too late (a lease that was revoked or is of an earlier life, a load that was
        // given up) is refused by the arbiter, and there is nobody to be told.
        match message {
            BrokerMsg::Request { id, need, channel, priority, reply } => {
                let waiting = Waiting { reply, channel, priority };
                self.request(books, now_ms, id, &need, waiting);
            }
            BrokerMsg::Cancel(id) => {
                // If it was granted at this very moment, its lease is handed over to nobody, and so
                // comes back.
                if arbiter.cancel(now_ms, id) {
                    books.waiting.remove(&id);
                }
            }
            BrokerMsg::Release(Held { owner, lease, epoch }) => {
                if arbiter.release(now_ms, owner, lease, epoch).is_ok() {
                    self.forget(books, lease, LeaseNews::Released);
                }
            }
            BrokerMsg::Renew(Held { owner, lease, epoch }) => {
                let _ = arbiter.renew(now_ms, owner, lease, epoch);
            }
            BrokerMsg::OutOfMemory { held, reply } => self.ran_out(books, now_ms, held, reply),
            BrokerMsg::Loaded { device, kind, outcome } => match outcome {
                Ok(()) => {
                    let _ = arbiter.loaded(now_ms, device, kind);
                }
                Err(reason) => {
                    tracing::warn!(device = device.0, reason, "a model could not be loaded");
                    let _ = arbiter.load_failed(now_ms, device, kind);
                }
            },
            BrokerMsg::Evicted { device, kind } => {
                let _ = arbiter.evicted(now_ms, device, kind);
            }
            BrokerMsg::Read { device, reading } => books.take_reading(now_ms, device, reading),
            // Whoever asked may be gone.
            BrokerMsg::Look(reply) => drop(reply.send(self.view(books, now_ms))),
            BrokerMsg::Wake => arbiter.tick(now_ms),
        }
    }

    fn request(
        &self,
        books: &mut Books,
        now_ms: u64,
        id: RequestId,
        need: &Need,
        waiting: Waiting,
    ) {
        let asked = self.request_of(books, now_ms, id, need, &waiting);
        match asked.and_then(|request| books.arbiter.request(now_ms, request)) {
            Ok(()) => drop(books.waiting.insert(id, waiting)),
            Err(refusal) => refuse(books, waiting.reply, refusal),
        }
    }

    fn request_of(
        &self,
        books: &Books,
        now_ms: u64,
        id: RequestId,
        need: &Need,
        waiting: &Waiting,
    ) -> Result<Request, Refusal> {
        let limit_ms = self.parts.setup.limits.max_hold_ms;
        // A longer hold is not refused but taken away then.
        let max_hold_ms = millis(need.max_hold).min(limit_ms);
        // Whoever asks holds one lease at a time, so a request is an owner of its own.
        let mut request = Request::new(id, OwnerId(id.0), waiting.channel, max_hold_ms)
            .with_priority(waiting.priority);
        request.host = need.host;
        request.estimate_ms = need.estimate.map(millis);
        request.deadline_ms = need.deadline.map(|span| now_ms.saturating_add(millis(span)));
        request.renew_ms = need.renew.map(millis);
        if let Some(wish) = &need.gpu {
            let kind_of = |name: &str| {
                let kind = books.arbiter.kind(name).or_else(|| books.arbiter.kind(OTHER_KINDS));
                kind.ok_or(match self.parts.setup.devices.is_empty() {
                    true => Refusal::NoDevice,
                    false => Refusal::UnknownKind(KindId(u16::MAX)),
                })
            };
            let memory = match wish {
                GpuWish::Model { kind, activation } => {
                    GpuMemory::Shared { kind: kind_of(kind)?, activation: *activation }
                }
                GpuWish::Own { kind, bytes } => {
                    GpuMemory::Own { kind: kind_of(kind)?, bytes: *bytes }
                }
            };
            request.gpu = Some(GpuNeed { memory, device: need.device });
        } else if need.device != DeviceChoice::Any {
            return Err(Refusal::Nothing);
        }
        Ok(request)
    }

    fn ran_out(&self, books: &mut Books, now_ms: u64, held: Held, reply: LeaseReply) {
        let Held { owner, lease, epoch } = held;
        let known = books.held.get(&lease).map(|holding| (holding.channel, holding.priority));
        match (books.arbiter.out_of_memory(now_ms, owner, lease, epoch), known) {
            (Ok(()), Some((channel, priority))) => {
                books.counts.out_of_memory += 1;
                self.forget(books, lease, LeaseNews::Released);
                let waiting = Waiting { reply, channel, priority };
                books.waiting.insert(RequestId(owner.0), waiting);
            }
            (Ok(()), None) => refuse(books, reply, Refusal::UnknownLease),
            (Err(refusal), _) => {
                // Its holder has let go of it, whatever it was.
                if books.arbiter.release(now_ms, owner, lease, epoch).is_ok() {
                    self.forget(books, lease, LeaseNews::Released);
                }
                refuse(books, reply, refusal);
            }
        }
    }

    fn carry_out(&self, books: &mut Books, event: &Event) {
        match event {
            Event::Granted(grant) => self.hand_over(books, grant),
            Event::Refused { request, refusal, .. } => {
                if let Some(waiting) = books.waiting.remove(request) {
                    refuse(books, waiting.reply, *refusal);
                }
            }
            Event::Revoked { lease, .. } => {
                if let Some(holding) = books.held.get(lease) {
                    holding.revoked.cancel();
                }
                self.forget(books, *lease, LeaseNews::Revoked);
            }
            Event::AskToYield { lease, .. } => {
                if let Some(holding) = books.held.get(lease) {
                    holding.yield_soon.cancel();
                }
            }
            Event::Load { device, kind } => {
                books.counts.loads += 1;
                self.load(*device, *kind);
            }
            Event::Evict { device, kind } => {
                books.counts.evictions += 1;
                self.evict(*device, *kind);
            }
        }
    }

    fn hand_over(&self, books: &mut Books, grant: &Grant) {
        let Some(waiting) = books.waiting.remove(&grant.request) else { return };
        let Waiting { reply, channel, priority } = waiting;
        let held = Held { owner: grant.owner, lease: grant.lease, epoch: grant.epoch };
        let place = (grant.device, grant.bytes);
        let (broker, driver) = (self.handle.clone(), Arc::clone(&self.parts.driver));
        let lease = Lease::new(held, place, priority, broker, driver);
        let holding = Holding {
            revoked: lease.revoked.clone(),
            yield_soon: lease.yield_soon.clone(),
            channel,
            priority,
        };
        books.held.insert(grant.lease, holding);
        books.counts.granted += 1;
        (self.parts.ticks)(Tick::Lease {
            news: LeaseNews::Granted,
            lease: lease.names().lease.0,
            channel,
        });
        // If nobody waits any more, the lease comes back, is dropped and so released.
        drop(reply.send(Ok(lease)));
    }

    fn forget(&self, books: &mut Books, lease: LeaseId, news: LeaseNews) {
        if let Some(Holding { channel, .. }) = books.held.remove(&lease) {
            match news {
                LeaseNews::Granted => {}
                LeaseNews::Released => books.counts.released += 1,
                LeaseNews::Revoked => books.counts.revoked += 1,
            }
            (self.parts.ticks)(Tick::Lease { news, lease: lease.0, channel });
        }
    }

    fn kind_name(&self, kind: KindId) -> String {
        let model = self.parts.setup.models.get(usize::from(kind.0));
        model.map(|model| model.name.clone()).unwrap_or_default()
    }

    fn load(&self, device: DeviceId, kind: KindId) {
        let (driver, handle) = (Arc::clone(&self.parts.driver), self.handle.clone());
        let name = self.kind_name(kind);
        tokio::spawn(async move {
            let outcome = driver.load(device, &name).await;
            // A broker that is not running has forgotten the load.
            let _ = handle.cast(Trace::default(), BrokerMsg::Loaded { device, kind, outcome });
        });
    }

    fn evict(&self, device: DeviceId, kind: KindId) {
        let (driver, handle) = (Arc::clone(&self.parts.driver), self.handle.clone());
        let name = self.kind_name(kind);
        tokio::spawn(async move {
            driver.evict(device, &name).await;
            let _ = handle.cast(Trace::default(), BrokerMsg::Evicted { device, kind });
        });
    }

    /// Reads the devices again and again, beside the actor: a driver may take its time.
    fn spawn_reader(&self, devices: usize) -> JoinHandle<()> {
        let (driver, handle) = (Arc::clone(&self.parts.driver), self.handle.clone());
        let every = self.parts.read_every.max(Duration::from_millis(100));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                for (device, reading) in read_all(&driver, devices).await {
                    if handle.cast(Trace::default(), BrokerMsg::Read { device, reading }).is_err() {
                        return;
                    }
                }
            }
        })
    }

    /// Has the broker woken when time alone changes something. An alarm that rings sooner than it
    /// need stays: it is set anew then, and most leases are back long before theirs.
    fn set_alarm(&self, books: &mut Books, now_ms: u64) {
        let wakeup_ms = books.arbiter.next_wakeup_ms();
        let is_soon_enough =
            |at_ms: u64| at_ms > now_ms && wakeup_ms.is_none_or(|due| at_ms <= due);
        if books.alarm.as_ref().is_some_and(|(at_ms, _)| is_soon_enough(*at_ms)) {
            return;
        }
        if let Some((_, ringing)) = books.alarm.take() {
            ringing.abort();
        }
        let Some(wakeup_ms) = wakeup_ms else { return };
        let wait = Duration::from_millis(wakeup_ms.saturating_sub(now_ms));
        let handle = self.handle.clone();
        let ringing = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // A broker that is not running has no leases left to expire.
            let _ = handle.cast(Trace::default(), BrokerMsg::Wake);
        });
        books.alarm = Some((wakeup_ms, ringing));
    }

    fn view(&self, books: &Books, now_ms: u64) -> BrokerView {
        let held = books.arbiter.holders().map(|holder| {
            let shares = Pool::ALL.map(|pool| HostShare { pool, amount: holder.host.get(pool) });
            LeaseView {
                lease: holder.lease,
                channel: holder.channel,
                device: holder.device,
                bytes: holder.bytes,
                host: shares.into_iter().filter(|share| share.amount > 0).collect(),
                held_ms: now_ms.saturating_sub(holder.granted_ms),
                expires_in_ms: holder.expires_ms.saturating_sub(now_ms),
            }
        });
        BrokerView {
            driver: self.parts.driver.name(),
            life: self.life.0,
            counts: books.counts,
            books: books.arbiter.view(),
            readings: books.readings.clone(),
            held: held.collect(),
        }
    }
}

/// Whoever asked may be gone; then nobody is told.
fn refuse(books: &mut Books, reply: LeaseReply, refusal: Refusal) {
    books.counts.refused += 1;
    drop(reply.send(Err(refusal)));
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A handle's broker, ready to be put into the tree.
#[must_use]
pub fn broker_spec(handle: &Handle<BrokerMsg>, parts: BrokerParts) -> ChildSpec {
    let address = handle.clone();
    ChildSpec::actor(handle, move |context| {
        (GpuBroker::new(address.clone(), parts.clone(), context.incarnation), ())
    })
}

#[cfg(test)]
mod tests;
