//! What a holder asks for and gets: one request for everything it needs, and a lease that gives
//! itself back.
//!
//! Architecture invariant: whoever asks asks once, for device and host together, while holding
//! nothing. A lease frees what it holds exactly once, whatever becomes of its holder: dropped,
//! aborted or panicking, its end is told to the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::arbiter::{
    DeviceChoice, DeviceId, Epoch, HostAmounts, LeaseId, OwnerId, Pool, Refusal, RequestId,
};
use super::cuda::{CardStream, CudaFault};
use super::driver::{GpuDriver, Reading};
use super::view::BrokerView;
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;
use crate::supervision::envelope::{Kind, Trace};
use crate::supervision::handle::Handle;
use crate::supervision::path::Incarnation;

/// Memory of a device, by the name of the model kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuWish {
    /// The kind's model, whose weights all its users share.
    Model {
        /// Its kind; one that the config does not name counts as `others`.
        kind: String,
        /// Bytes beside the weights, for this lease alone.
        activation: u64,
    },
    /// Bytes for this lease alone.
    Own {
        /// As what they are counted and learned about.
        kind: String,
        /// How many.
        bytes: u64,
    },
}

/// What a holder needs, all in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Of the host: slots, and bytes of memory.
    pub host: HostAmounts,
    /// Of a device.
    pub gpu: Option<GpuWish>,
    /// On which.
    pub device: DeviceChoice,
    /// How long it is held at the most; then it is taken away.
    pub max_hold: Duration,
    /// How long it is expected to be held; none: as long as it may be.
    pub estimate: Option<Duration>,
    /// How long from now until the work must be finished; what cannot be promised is refused.
    pub deadline: Option<Duration>,
    /// How often the holder will say that it is alive; none: it need not.
    pub renew: Option<Duration>,
}

impl Need {
    /// `slots` of a pool, for no time yet.
    #[must_use]
    pub fn slots(pool: Pool, slots: u32) -> Self {
        Self::of_host(HostAmounts::of(pool, u64::from(slots)))
    }

    /// These amounts of the host, for no time yet.
    #[must_use]
    pub fn of_host(host: HostAmounts) -> Self {
        Self {
            host,
            gpu: None,
            device: DeviceChoice::Any,
            max_hold: Duration::ZERO,
            estimate: None,
            deadline: None,
            renew: None,
        }
    }

    /// Memory of a device, for no time yet.
    #[must_use]
    pub fn of_gpu(wish: GpuWish) -> Self {
        Self { gpu: Some(wish), ..Self::of_host(HostAmounts::NONE) }
    }

    /// Held for at most this long.
    #[must_use]
    pub fn held_at_most(mut self, max_hold: Duration) -> Self {
        self.max_hold = max_hold;
        self
    }
}

/// Where the answer to a request goes.
pub type LeaseReply = oneshot::Sender<Result<Lease, Refusal>>;

/// What the broker is told.
#[derive(Debug)]
pub enum BrokerMsg {
    /// Somebody needs something.
    Request {
        /// The request's name.
        id: RequestId,
        /// What.
        need: Box<Need>,
        /// For which channel.
        channel: ChannelId,
        /// How urgently.
        priority: Priority,
        /// Where the lease goes.
        reply: LeaseReply,
    },
    /// Whoever asked no longer wants it.
    Cancel(RequestId),
    /// A lease was given back.
    Release(Held),
    /// The holder of a lease is alive.
    Renew(Held),
    /// The holder of a lease ran out of the device's memory; it holds nothing any more.
    OutOfMemory {
        /// Which.
        held: Held,
        /// Where the lease goes that is given instead.
        reply: LeaseReply,
    },
    /// A model is loaded, or could not be.
    Loaded {
        /// Where.
        device: DeviceId,
        /// What, by its place among the kinds.
        kind: super::arbiter::KindId,
        /// Why not, in words.
        outcome: Result<(), String>,
    },
    /// A model has left a device.
    Evicted {
        /// Which device.
        device: DeviceId,
        /// Which model.
        kind: super::arbiter::KindId,
    },
    /// What a device's driver says.
    Read {
        /// Of which device.
        device: DeviceId,
        /// What.
        reading: Reading,
    },
    /// Somebody wants to see the books.
    Look(oneshot::Sender<BrokerView>),
    /// Time alone may have changed something: a lease expired, or somebody waited long enough.
    Wake,
}

impl Kind for BrokerMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Cancel(_) => "cancel",
            Self::Release(_) => "release",
            Self::Renew(_) => "renew",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::Loaded { .. } => "loaded",
            Self::Evicted { .. } => "evicted",
            Self::Read { .. } => "read",
            Self::Look(_) => "look",
            Self::Wake => "wake",
        }
    }
}

/// A lease by its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Whose.
    pub owner: OwnerId,
    /// Which.
    pub lease: LeaseId,
    /// Its fencing token.
    pub epoch: Epoch,
}

/// The right to use what was asked for. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    /// Fires when the lease is revoked: its time is up, or the broker died.
    pub revoked: CancellationToken,
    /// Fires when the holder should finish soon: its time is nearly up.
    pub yield_soon: CancellationToken,
    /// The device, if one was asked for.
    pub device: Option<DeviceId>,
    /// Bytes of the device for this lease alone.
    pub bytes: u64,
    priority: Priority,
    held: Held,
    broker: Handle<BrokerMsg>,
    driver: Arc<dyn GpuDriver>,
    is_over: bool,
}

impl Lease {
    /// A lease that was granted.
    pub(super) fn new(
        held: Held,
        (device, bytes): (Option<DeviceId>, u64),
        priority: Priority,
        broker: Handle<BrokerMsg>,
        driver: Arc<dyn GpuDriver>,
    ) -> Self {
        Self {
            revoked: CancellationToken::new(),
            yield_soon: CancellationToken::new(),
            device,
            bytes,
            priority,
            held,
            broker,
            driver,
            is_over: false,
        }
    }

    /// A stream of its own on its device, as urgent as its request; `None` without a real device.
    /// Work submitted to it must be finished before the lease is dropped. The first stream of a
    /// device takes a moment: ask where blocking is allowed.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn stream(&self) -> Result<Option<CardStream>, CudaFault> {
        match self.device {
            Some(device) => self.driver.stream(device, self.priority),
            None => Ok(None),
        }
    }

    /// Says that the holder is alive, where it promised to.
    pub fn renew(&self) {
        // A broker that is not running has no leases left to renew.
        let _ = self.broker.cast(Trace::default(), BrokerMsg::Renew(self.held));
    }

    /// The device ran out of memory, and the holder has let go of what it had: waits for another
    /// lease, larger by what was learned.
    ///
    /// # Errors
    /// [`LeaseError`]: this was the second time, so that the work is to be done on the processor, or
    /// the broker is not there.
    pub async fn ran_out(mut self) -> Result<Self, LeaseError> {
        let (reply, answer) = oneshot::channel();
        let told = BrokerMsg::OutOfMemory { held: self.held, reply };
        self.broker.cast(Trace::default(), told).map_err(|_| LeaseError::BrokerGone)?;
        self.is_over = true;
        let asking = Asking { id: Some(RequestId(self.held.owner.0)), broker: self.broker.clone() };
        asking.wait(answer).await
    }

    pub(super) fn names(&self) -> Held {
        self.held
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_over {
            // A broker that is not running has lost its books, and with them this lease.
            let _ = self.broker.cast(Trace::default(), BrokerMsg::Release(self.held));
        }
    }
}

/// A request that waits; dropping it takes it back.
struct Asking {
    id: Option<RequestId>,
    broker: Handle<BrokerMsg>,
}

impl Asking {
    async fn wait(
        mut self,
        answer: oneshot::Receiver<Result<Lease, Refusal>>,
    ) -> Result<Lease, LeaseError> {
        let answer = answer.await;
        self.id = None;
        match answer {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(refusal)) => Err(LeaseError::Refused(refusal)),
            Err(_) => Err(LeaseError::BrokerGone),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // A broker that is not running has forgotten it already.
            let _ = self.broker.cast(Trace::default(), BrokerMsg::Cancel(id));
        }
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

/// The node's broker, for all who ask it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Broker {
    handle: Handle<BrokerMsg>,
    next: Arc<AtomicU64>,
}

impl Broker {
    /// The broker behind `handle`. All who ask it share this value or its clones: it names the
    /// requests.
    #[must_use]
    pub fn new(handle: Handle<BrokerMsg>) -> Self {
        Self { handle, next: Arc::new(AtomicU64::new(1)) }
    }

    /// Its address in the tree.
    #[must_use]
    pub fn handle(&self) -> &Handle<BrokerMsg> {
        &self.handle
    }

    /// Asks for a lease, and waits for it. Who stops waiting has not asked.
    ///
    /// # Errors
    /// [`LeaseError`] when it is refused, or the broker is not there.
    pub async fn acquire(
        &self,
        need: Need,
        channel: ChannelId,
        priority: Priority,
    ) -> Result<Lease, LeaseError> {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let (reply, answer) = oneshot::channel();
        let request = BrokerMsg::Request { id, need: Box::new(need), channel, priority, reply };
        self.handle.cast(Trace::default(), request).map_err(|_| LeaseError::BrokerGone)?;
        Asking { id: Some(id), broker: self.handle.clone() }.wait(answer).await
    }

    /// The life of the broker that would be asked now.
    #[must_use]
    pub fn life(&self) -> Incarnation {
        self.handle.incarnation().unwrap_or_default()
    }

    /// Waits for a life of the broker after `life`.
    pub async fn next_life(&self, life: Incarnation) {
        drop(self.handle.running_after(life).await);
    }

    /// The broker's books as they stand; none when it does not run.
    pub async fn look(&self) -> Option<BrokerView> {
        let (reply, answer) = oneshot::channel();
        self.handle.cast(Trace::default(), BrokerMsg::Look(reply)).ok()?;
        answer.await.ok()
    }
}
