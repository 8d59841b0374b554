//! What somebody asks for: everything at once, device and host.
//!
//! Architecture invariant: plain values. Whether a wish can be met is the arbiter's to say.

use serde::Serialize;

use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;

/// Names a request; given by whoever asks, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RequestId(pub u64);

/// Names a lease. Never given twice, so a late release of an old one is seen as what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LeaseId(pub u64);

/// The fencing token of a lease: it rises with every grant, so whoever holds an older one is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Epoch(pub u64);

/// Names whoever asks and holds. All that an owner has ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct OwnerId(pub u64);

/// A device, counted from 0 in the order of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DeviceId(pub u16);

/// A model kind, counted from 0 in the order of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct KindId(pub u16);

/// A part of the host that is shared out: slots, or bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Rendering: each slot is a share of the cores.
    Render,
    /// Light work, such as speaking: slots.
    Light,
    /// Bytes of the host's memory for models.
    ModelMemory,
    /// Bytes of the host's memory for video.
    VideoMemory,
    /// Bytes of the host's memory for caches.
    CacheMemory,
}

/// How many pools there are.
pub(super) const POOLS: usize = 5;

impl Pool {
    /// All of them.
    pub const ALL: [Self; POOLS] =
        [Self::Render, Self::Light, Self::ModelMemory, Self::VideoMemory, Self::CacheMemory];

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::Light => "light",
            Self::ModelMemory => "model_memory",
            Self::VideoMemory => "video_memory",
            Self::CacheMemory => "cache_memory",
        }
    }
}

/// Amounts of the host's pools: what is needed, or what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HostAmounts([u64; POOLS]);

impl HostAmounts {
    /// Nothing of any pool.
    pub const NONE: Self = Self([0; POOLS]);

    /// This much of one pool: slots, or bytes.
    #[must_use]
    pub fn of(pool: Pool, amount: u64) -> Self {
        Self::NONE.and(pool, amount)
    }

    /// The same with this much of `pool`.
    #[must_use]
    pub fn and(mut self, pool: Pool, amount: u64) -> Self {
        self.0[pool.index()] = amount;
        self
    }

    /// How much of `pool`.
    #[must_use]
    pub fn get(&self, pool: Pool) -> u64 {
        self.0[pool.index()]
    }

    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0 == [0; POOLS]
    }

    /// Whether `self` is within `capacity`, pool by pool.
    pub(super) fn is_within(&self, capacity: &Self) -> bool {
        self.0.iter().zip(&capacity.0).all(|(amount, limit)| amount <= limit)
    }

    /// Whether both need something of the same pool.
    pub(super) fn shares_with(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, theirs)| *mine > 0 && *theirs > 0)
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|pool| self.0[pool].saturating_add(other.0[pool])))
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|pool| self.0[pool].saturating_sub(other.0[pool])))
    }
}

/// Memory of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GpuMemory {
    /// A model whose weights all its users share; each user has its own activation bytes.
    Shared {
        /// Which model.
        kind: KindId,
        /// Bytes beside the weights, for this lease alone.
        activation: u64,
    },
    /// Bytes for this lease alone; nothing stays when it ends.
    Own {
        /// As what it is counted and learned about.
        kind: KindId,
        /// All its bytes.
        bytes: u64,
    },
}

impl GpuMemory {
    /// The kind it is counted under.
    #[must_use]
    pub const fn kind(&self) -> KindId {
        match self {
            Self::Shared { kind, .. } | Self::Own { kind, .. } => *kind,
        }
    }

    /// The model whose weights it shares, if it does.
    pub(super) const fn shared(&self) -> Option<KindId> {
        match self {
            Self::Shared { kind, .. } => Some(*kind),
            Self::Own { .. } => None,
        }
    }

    /// Bytes of its lease alone, as asked for.
    pub(super) const fn own_bytes(&self) -> u64 {
        match self {
            Self::Shared { activation, .. } => *activation,
            Self::Own { bytes, .. } => *bytes,
        }
    }
}

/// On which device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DeviceChoice {
    /// Wherever it starts soonest, and there where the model is.
    #[default]
    Any,
    /// On this one only.
    One(DeviceId),
}

/// What is needed of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GpuNeed {
    /// Memory.
    pub memory: GpuMemory,
    /// Where.
    pub device: DeviceChoice,
}

/// A wish. Times are milliseconds of the arbiter's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// Whoever asks; what it holds ends with it.
    pub owner: OwnerId,
    /// For which channel.
    pub channel: ChannelId,
    /// How urgent.
    pub priority: Priority,
    /// What it needs of a device.
    pub gpu: Option<GpuNeed>,
    /// What it needs of the host.
    pub host: HostAmounts,
    /// How long it may be held; then it is revoked.
    pub max_hold_ms: u64,
    /// How long it is expected to be held; none: as long as it may be.
    pub estimate_ms: Option<u64>,
    /// After how long its holder is asked to yield; none: five sixths of `max_hold_ms`.
    pub soft_hold_ms: Option<u64>,
    /// How often its holder must renew it to be thought alive; none: it need not.
    pub renew_ms: Option<u64>,
    /// When the work must be finished; what cannot be promised is refused at once.
    pub deadline_ms: Option<u64>,
}

impl Request {
    /// A wish for nothing yet; say with the following what of.
    #[must_use]
    pub fn new(id: RequestId, owner: OwnerId, channel: ChannelId, max_hold_ms: u64) -> Self {
        Self {
            id,
            owner,
            channel,
            priority: Priority::default(),
            gpu: None,
            host: HostAmounts::NONE,
            max_hold_ms,
            estimate_ms: None,
            soft_hold_ms: None,
            renew_ms: None,
            deadline_ms: None,
        }
    }

    /// Needs `amount` of `pool` too: slots, or bytes.
    #[must_use]
    pub fn with_host(mut self, pool: Pool, amount: u64) -> Self {
        self.host = self.host.and(pool, amount);
        self
    }

    /// Needs a model that its users share, and `activation` bytes for itself.
    #[must_use]
    pub fn with_model(mut self, kind: KindId, activation: u64) -> Self {
        let memory = GpuMemory::Shared { kind, activation };
        self.gpu = Some(GpuNeed { memory, device: DeviceChoice::Any });
        self
    }

    /// Needs `bytes` of a device for itself alone.
    #[must_use]
    pub fn with_own_memory(mut self, kind: KindId, bytes: u64) -> Self {
        let memory = GpuMemory::Own { kind, bytes };
        self.gpu = Some(GpuNeed { memory, device: DeviceChoice::Any });
        self
    }

    /// On this device only. Without a need of a device it changes nothing.
    #[must_use]
    pub fn on_device(mut self, device: DeviceId) -> Self {
        if let Some(need) = &mut self.gpu {
            need.device = DeviceChoice::One(device);
        }
        self
    }

    /// As urgent as this.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Expected to be held this long.
    #[must_use]
    pub fn with_estimate(mut self, estimate_ms: u64) -> Self {
        self.estimate_ms = Some(estimate_ms);
        self
    }

    /// To be finished by this time.
    #[must_use]
    pub fn with_deadline(mut self, deadline_ms: u64) -> Self {
        self.deadline_ms = Some(deadline_ms);
        self
    }

    /// To be renewed this often.
    #[must_use]
    pub fn with_renewal(mut self, renew_ms: u64) -> Self {
        self.renew_ms = Some(renew_ms);
        self
    }

    /// How long it is expected to be held, never longer than it may be.
    #[must_use]
    pub fn expected_ms(&self) -> u64 {
        self.estimate_ms.unwrap_or(self.max_hold_ms).min(self.max_hold_ms)
    }
}
