//! The GpuBroker: the one actor of a node that grants leases, as the arbiter decides.
//!
//! Without a GPU it grants host slots. It is cast-only: a request carries where its answer goes.
//!
//! Architecture invariant: a lease frees what it holds exactly once, whatever becomes of its holder,
//! and a lease of an earlier life of the broker frees nothing of a later one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::arbiter::{
    Arbiter, Epoch, Event, Grant, LeaseId, Limits, OwnerId, Pool, PoolUse, Refusal, Request,
    RequestId, Setup, View,
};
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;
use crate::supervision::envelope::{Envelope, Kind, Trace};
use crate::supervision::handle::Handle;
use crate::supervision::path::Incarnation;

/// What a holder needs, all in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// From which pool.
    pub pool: Pool,
    /// How many slots.
    pub slots: u32,
    /// How long it is held at the most.
    pub max_hold: Duration,
}

/// Where the answer to a request goes.
pub type LeaseReply = oneshot::Sender<Result<Lease, Refusal>>;

/// What the broker is told.
#[derive(Debug)]
pub enum BrokerMsg {
    /// Somebody needs something.
    Request {
        /// What.
        need: Need,
        /// For which channel.
        channel: ChannelId,
        /// How urgently.
        priority: Priority,
        /// Where the lease goes.
        reply: LeaseReply,
    },
    /// A lease was given back.
    Release {
        /// Whose.
        owner: OwnerId,
        /// Which.
        lease: LeaseId,
        /// Its fencing token.
        epoch: Epoch,
    },
    /// Time alone may have changed something: a lease expired, or somebody waited long enough.
    Wake,
}

impl Kind for BrokerMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Release { .. } => "release",
            Self::Wake => "wake",
        }
    }
}

/// The right to use what was asked for. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    /// Fires when the lease is revoked: its time is up, or the broker died.
    pub revoked: CancellationToken,
    owner: OwnerId,
    lease: LeaseId,
    epoch: Epoch,
    broker: Handle<BrokerMsg>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let release =
            BrokerMsg::Release { owner: self.owner, lease: self.lease, epoch: self.epoch };
        // A broker that is not running has lost its books, and with them this lease.
        let _ = self.broker.cast(Trace::default(), release);
    }
}

/// How many slots there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostSlots {
    /// For rendering.
    pub render: u32,
    /// For light work.
    pub light: u32,
}

/// The broker.
#[derive(Debug)]
pub struct GpuBroker {
    handle: Handle<BrokerMsg>,
    slots: HostSlots,
    life: Incarnation,
}

impl GpuBroker {
    /// Life `life` of the broker behind `handle`.
    #[must_use]
    pub fn new(handle: Handle<BrokerMsg>, slots: HostSlots, life: Incarnation) -> Self {
        Self { handle, slots, life }
    }
}

/// The broker's books while it lives.
#[derive(Debug)]
pub struct Books {
    arbiter: Arbiter,
    began: Instant,
    next_request: u64,
    waiting: BTreeMap<RequestId, LeaseReply>,
    held: BTreeMap<LeaseId, CancellationToken>,
    alarm: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Books {
    fn drop(&mut self) {
        self.held.values().for_each(CancellationToken::cancel);
        if let Some(alarm) = &self.alarm {
            alarm.abort();
        }
    }
}

impl Books {
    fn now_ms(&self) -> u64 {
        let lived = Instant::now().saturating_duration_since(self.began);
        u64::try_from(lived.as_millis()).unwrap_or(u64::MAX)
    }

    /// How a pool stands.
    #[must_use]
    pub fn pool_use(&self, pool: Pool) -> PoolUse {
        self.arbiter.pool_use(pool)
    }

    /// How everything stands.
    #[must_use]
    pub fn view(&self) -> View {
        self.arbiter.view()
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
        Ok(Books {
            arbiter: Arbiter::new(
                Setup::host_only(self.slots.render, self.slots.light),
                // Lives are counted by the supervisor, far from four thousand millions.
                u32::try_from(self.life.0).unwrap_or(u32::MAX),
            ),
            began: Instant::now(),
            next_request: 1,
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            alarm: None,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        books: &mut Books,
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, message) = envelope.open();
        let now_ms = books.now_ms();
        match message {
            BrokerMsg::Request { need, channel, priority, reply } => {
                self.request(books, now_ms, need, channel, priority, reply);
            }
            BrokerMsg::Release { owner, lease, epoch } => {
                // A lease that was revoked, or is of an earlier life, frees nothing of this one.
                if books.arbiter.release(now_ms, owner, lease, epoch).is_ok() {
                    books.held.remove(&lease);
                }
            }
            BrokerMsg::Wake => books.arbiter.tick(now_ms),
        }
        for event in books.arbiter.take_events() {
            self.carry_out(books, &event);
        }
        self.set_alarm(books, now_ms);
        Ok(())
    }
}

impl GpuBroker {
    fn request(
        &self,
        books: &mut Books,
        now_ms: u64,
        need: Need,
        channel: ChannelId,
        priority: Priority,
        reply: LeaseReply,
    ) {
        let id = RequestId(books.next_request);
        books.next_request += 1;
        let max_hold_ms = u64::try_from(need.max_hold.as_millis()).unwrap_or(u64::MAX);
        // A longer hold is not refused but revoked then.
        let max_hold_ms = max_hold_ms.min(Limits::default().max_hold_ms);
        // Whoever asks holds one lease at a time, so a request is an owner of its own.
        let request = Request::new(id, OwnerId(id.0), channel, max_hold_ms)
            .with_host(need.pool, u64::from(need.slots))
            .with_priority(priority);
        match books.arbiter.request(now_ms, request) {
            Ok(()) => {
                books.waiting.insert(id, reply);
            }
            // Whoever asked may be gone; then nobody is told.
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    fn carry_out(&self, books: &mut Books, event: &Event) {
        match event {
            Event::Granted(grant) => self.hand_over(books, grant),
            Event::Refused { request, refusal, .. } => {
                if let Some(reply) = books.waiting.remove(request) {
                    drop(reply.send(Err(*refusal)));
                }
            }
            Event::Revoked { lease, .. } => {
                if let Some(revoked) = books.held.remove(lease) {
                    revoked.cancel();
                }
            }
            // The stage's own soft limit asks its work to finish; without a device there is no
            // model to load or to remove.
            Event::AskToYield { .. } | Event::Load { .. } | Event::Evict { .. } => {}
        }
    }

    fn hand_over(&self, books: &mut Books, grant: &Grant) {
        let revoked = CancellationToken::new();
        books.held.insert(grant.lease, revoked.clone());
        let broker = self.handle.clone();
        let (owner, lease, epoch) = (grant.owner, grant.lease, grant.epoch);
        let lease = Lease { revoked, owner, lease, epoch, broker };
        if let Some(reply) = books.waiting.remove(&grant.request) {
            // If nobody waits any more, the lease comes back, is dropped and so released.
            drop(reply.send(Ok(lease)));
        }
    }

    fn set_alarm(&self, books: &mut Books, now_ms: u64) {
        if let Some(alarm) = books.alarm.take() {
            alarm.abort();
        }
        let Some(wakeup_ms) = books.arbiter.next_wakeup_ms() else { return };
        let wait = Duration::from_millis(wakeup_ms.saturating_sub(now_ms));
        let handle = self.handle.clone();
        books.alarm = Some(tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // A broker that is not running has no leases left to expire.
            let _ = handle.cast(Trace::default(), BrokerMsg::Wake);
        }));
    }
}

/// Asks the broker behind `handle`, and waits for the lease.
///
/// # Errors
/// [`LeaseError`] when it is refused, or the broker is not there.
pub async fn acquire(
    handle: &Handle<BrokerMsg>,
    need: Need,
    channel: ChannelId,
    priority: Priority,
) -> Result<Lease, LeaseError> {
    let (reply, answer) = oneshot::channel();
    let request = BrokerMsg::Request { need, channel, priority, reply };
    handle.cast(Trace::default(), request).map_err(|_| LeaseError::BrokerGone)?;
    match answer.await {
        Ok(Ok(lease)) => Ok(lease),
        Ok(Err(refusal)) => Err(LeaseError::Refused(refusal)),
        Err(_) => Err(LeaseError::BrokerGone),
    }
}

/// Why there is no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It was refused.
    #[error("the lease was refused: {0}")]
    Refused(Refusal),
    /// The broker is not running, or died while the request waited.
    #[error("the broker is being restarted")]
    BrokerGone,
}

/// A handle's broker, ready to be put into the tree.
#[must_use]
pub fn broker_spec(
    handle: &Handle<BrokerMsg>,
    slots: HostSlots,
) -> crate::supervision::spec::ChildSpec {
    let address = handle.clone();
    let make = Arc::new(move |epoch| GpuBroker::new(address.clone(), slots, epoch));
    crate::supervision::spec::ChildSpec::actor(handle, move |context| {
        (make(context.incarnation), ())
    })
}
