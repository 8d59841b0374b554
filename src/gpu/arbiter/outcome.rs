//! What the arbiter answers: grants and other events as values, and typed refusals.

use serde::Serialize;

use super::request::{DeviceId, Epoch, KindId, LeaseId, OwnerId, Pool, RequestId};

/// A granted wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The request it answers.
    pub request: RequestId,
    /// Who asked.
    pub owner: OwnerId,
    /// The lease.
    pub lease: LeaseId,
    /// Its fencing token.
    pub epoch: Epoch,
    /// The device, if one was asked for.
    pub device: Option<DeviceId>,
    /// Bytes of the device for this lease alone; shared weights come on top.
    pub bytes: u64,
    /// Since when.
    pub granted_ms: u64,
    /// When its holder is asked to yield.
    pub soft_ms: u64,
    /// When it is revoked if still held.
    pub expires_ms: u64,
}

/// Why a lease was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was held for as long as it may be.
    Expired,
    /// Its holder did not renew it in time.
    Silent,
}

/// Something for the caller to carry out or pass on, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A request was granted.
    Granted(Grant),
    /// A request that had been taken will not be granted.
    Refused {
        /// Which.
        request: RequestId,
        /// Who asked.
        owner: OwnerId,
        /// Why.
        refusal: Refusal,
    },
    /// Load this model; then say `loaded` or `load_failed`.
    Load {
        /// Where.
        device: DeviceId,
        /// What.
        kind: KindId,
    },
    /// Remove this model; then say `evicted`.
    Evict {
        /// From where.
        device: DeviceId,
        /// What.
        kind: KindId,
    },
    /// Ask the holder to finish soon.
    AskToYield {
        /// Of this lease.
        lease: LeaseId,
        /// Who holds it.
        owner: OwnerId,
    },
    /// The lease is over: stop its holder.
    Revoked {
        /// Which.
        lease: LeaseId,
        /// The request it answered.
        request: RequestId,
        /// Who held it.
        owner: OwnerId,
        /// Why.
        cause: Cause,
    },
}

/// Why the answer is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was asked for, or for no time.
    #[error("nothing was asked for: name a need above zero and a hold above zero")]
    Nothing,
    /// It asks for more than there is.
    #[error("{asked} were asked for, but there are {capacity}")]
    NeverFits {
        /// What was asked for: slots, or bytes.
        asked: u64,
        /// What there is.
        capacity: u64,
    },
    /// It asks for a hold that is longer than any may be.
    #[error("a hold of {asked_ms} ms was asked for, but {limit_ms} ms is the longest")]
    HoldTooLong {
        /// What was asked for.
        asked_ms: u64,
        /// The longest.
        limit_ms: u64,
    },
    /// There is no GPU.
    #[error("this machine has no gpu; use the cpu")]
    NoDevice,
    /// There is no such device.
    #[error("there is no device {}", .0.0)]
    UnknownDevice(DeviceId),
    /// There is no such model kind.
    #[error("there is no model kind {}; add it to the models in the config", .0.0)]
    UnknownKind(KindId),
    /// A request of this name is waiting or held already.
    #[error("the request {} is already known", .0.0)]
    DuplicateRequest(RequestId),
    /// Too many wait already.
    #[error("too many requests are waiting; try again later")]
    Busy,
    /// It cannot be finished in time, beside what runs and what is promised.
    #[error("it cannot be finished by its deadline")]
    DeadlineUnreachable,
    /// It was to be finished in time, but what was ahead of it took longer than it said.
    #[error("its deadline passed while it waited: something ahead of it overran its estimate")]
    DeadlineMissed,
    /// It ran out of the device's memory twice.
    #[error("it ran out of the device's memory twice; use the cpu")]
    OutOfMemory,
    /// Its model could not be loaded.
    #[error("its model could not be loaded; use the cpu")]
    LoadFailed,
    /// The clock that was read is older than the one before.
    #[error("the clock went back from {last_ms} to {now_ms} ms")]
    ClockWentBack {
        /// What was read.
        now_ms: u64,
        /// What had been read before.
        last_ms: u64,
    },
    /// There never was such a lease, or not in this life of the arbiter.
    #[error("there is no such lease")]
    UnknownLease,
    /// The lease has ended already.
    #[error("the lease has ended already")]
    AlreadyEnded,
    /// The fencing token is not that of the lease.
    #[error("the lease's epoch is {}, not {}", .held.0, .named.0)]
    StaleEpoch {
        /// The lease's.
        held: Epoch,
        /// What was named.
        named: Epoch,
    },
    /// It is somebody else's lease.
    #[error("the lease belongs to somebody else")]
    NotYours,
    /// What a driver reported cannot be: more in use than there is.
    #[error("{foreign} bytes of {total} are said to be in use, which cannot be")]
    BadReading {
        /// Said to be in use.
        foreign: u64,
        /// All there is.
        total: u64,
    },
    /// No such load or eviction is under way.
    #[error("no such load or eviction is under way")]
    NotUnderWay,
}

impl Refusal {
    /// Its stable name for feeds, metrics and problem documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing_asked",
            Self::NeverFits { .. } => "never_fits",
            Self::HoldTooLong { .. } => "hold_too_long",
            Self::NoDevice => "no_device",
            Self::UnknownDevice(_) => "unknown_device",
            Self::UnknownKind(_) => "unknown_kind",
            Self::DuplicateRequest(_) => "duplicate_request",
            Self::Busy => "busy",
            Self::DeadlineUnreachable => "deadline_unreachable",
            Self::DeadlineMissed => "deadline_missed",
            Self::OutOfMemory => "out_of_memory",
            Self::LoadFailed => "load_failed",
            Self::ClockWentBack { .. } => "clock_went_back",
            Self::UnknownLease => "unknown_lease",
            Self::AlreadyEnded => "already_ended",
            Self::StaleEpoch { .. } => "stale_epoch",
            Self::NotYours => "not_yours",
            Self::BadReading { .. } => "bad_reading",
            Self::NotUnderWay => "not_under_way",
        }
    }
}

/// One pool of the host as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolUse {
    /// Which.
    pub pool: Pool,
    /// Slots or bytes in all.
    pub capacity: u64,
    /// Of them held.
    pub used: u64,
    /// Requests that wait and need some of it.
    pub waiting: usize,
}
