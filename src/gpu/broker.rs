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

use super::arbiter::{Arbiter, Grant, LeaseId, Pool, PoolUse, Refusal, Request, RequestId};
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
        /// Which.
        lease: LeaseId,
        /// The broker's life that granted it.
        epoch: Incarnation,
    },
    /// A lease may have expired.
    Expire,
}

impl Kind for BrokerMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Release { .. } => "release",
            Self::Expire => "expire",
        }
    }
}

/// The right to use what was asked for. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    /// Fires when the lease is revoked: its time is up, or the broker died.
    pub revoked: CancellationToken,
    lease: LeaseId,
    epoch: Incarnation,
    broker: Handle<BrokerMsg>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let release = BrokerMsg::Release { lease: self.lease, epoch: self.epoch };
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
    epoch: Incarnation,
}

impl GpuBroker {
    /// Life `epoch` of the broker behind `handle`.
    #[must_use]
    pub fn new(handle: Handle<BrokerMsg>, slots: HostSlots, epoch: Incarnation) -> Self {
        Self { handle, slots, epoch }
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
            arbiter: Arbiter::new(self.slots.render, self.slots.light),
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
            BrokerMsg::Release { lease, epoch } if epoch == self.epoch => {
                books.arbiter.release(lease);
                books.held.remove(&lease);
            }
            BrokerMsg::Release { .. } => {}
            BrokerMsg::Expire => {
                for lease in books.arbiter.expire(now_ms) {
                    if let Some(revoked) = books.held.remove(&lease) {
                        revoked.cancel();
                    }
                }
            }
        }
        for grant in books.arbiter.grant(now_ms) {
            self.hand_over(books, &grant);
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
        let request =
            Request { id, pool: need.pool, slots: need.slots, priority, channel, max_hold_ms };
        match books.arbiter.request(now_ms, request) {
            Ok(()) => {
                books.waiting.insert(id, reply);
            }
            // Whoever asked may be gone; then nobody is told.
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    fn hand_over(&self, books: &mut Books, grant: &Grant) {
        let revoked = CancellationToken::new();
        books.held.insert(grant.lease, revoked.clone());
        let broker = self.handle.clone();
        let lease = Lease { revoked, lease: grant.lease, epoch: self.epoch, broker };
        if let Some(reply) = books.waiting.remove(&grant.request) {
            // If nobody waits any more, the lease comes back, is dropped and so released.
            drop(reply.send(Ok(lease)));
        }
    }

    fn set_alarm(&self, books: &mut Books, now_ms: u64) {
        if let Some(alarm) = books.alarm.take() {
            alarm.abort();
        }
        let Some(expiry_ms) = books.arbiter.next_expiry_ms() else { return };
        let wait = Duration::from_millis(expiry_ms.saturating_sub(now_ms));
        let handle = self.handle.clone();
        books.alarm = Some(tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // A broker that is not running has no leases left to expire.
            let _ = handle.cast(Trace::default(), BrokerMsg::Expire);
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
