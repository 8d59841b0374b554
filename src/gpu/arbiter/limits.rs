//! What there is to share out, and the numbers of the policy.

use super::request::{HostAmounts, Pool};

/// A device with memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Its name for people.
    pub name: String,
    /// All of its memory, in bytes.
    pub total_bytes: u64,
    /// Bytes kept free beside the use of others.
    pub headroom_bytes: u64,
    /// Leases at a time: each has a stream.
    pub streams: u32,
}

impl DeviceSpec {
    /// A device of this name and memory, without headroom and with 256 streams.
    #[must_use]
    pub fn new(name: impl Into<String>, total_bytes: u64) -> Self {
        Self { name: name.into(), total_bytes, headroom_bytes: 0, streams: 256 }
    }
}

/// A model kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSpec {
    /// Its name.
    pub name: String,
    /// Bytes of its weights, counted once per device.
    pub weights_bytes: u64,
    /// How long loading them takes. 0: nothing is loaded ahead, the holder brings it along.
    pub load_ms: u64,
}

impl ModelSpec {
    /// A kind of this name, weight and load time.
    #[must_use]
    pub fn new(name: impl Into<String>, weights_bytes: u64, load_ms: u64) -> Self {
        Self { name: name.into(), weights_bytes, load_ms }
    }
}

/// How whoever waits is served. A node uses `Reserve`; the others are what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discipline {
    /// By rank; the first gets a reservation, the others go ahead where they cannot delay it.
    #[default]
    Reserve,
    /// Strictly first come, first served: whoever does not fit holds up everyone behind.
    Fifo,
    /// First come, but whatever fits goes ahead: large ones may starve.
    Skip,
}

/// The numbers of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How much of a device may be leased, in thousandths of its memory.
    pub memory_permille: u16,
    /// The longest hold that may be asked for.
    pub max_hold_ms: u64,
    /// Requests that may wait.
    pub max_waiting: usize,
    /// Leases that may be held.
    pub max_leases: usize,
    /// How long an evicted model may take to go. 0: it goes at once.
    pub drain_ms: u64,
    /// How long the bytes of a dead or revoked holder count as used unless it is known to be gone.
    pub quarantine_ms: u64,
    /// How long a device's budget stays lowered after it ran out of memory.
    pub shrink_ms: u64,
    /// Half-life of what an out-of-memory adds to a kind's estimate.
    pub learned_half_life_ms: u64,
    /// The first wait after a failed load; it doubles with each further failure.
    pub load_retry_ms: u64,
    /// Failed loads a request lives through before it is refused.
    pub load_attempts: u32,
    /// How whoever waits is served.
    pub discipline: Discipline,
}

/// A share of a device's memory, above 0 and up to 1, in thousandths.
#[must_use]
pub fn permille(fraction: f64) -> u16 {
    (fraction * 1_000.0).round().clamp(1.0, 1_000.0) as u16
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_permille: 800,
            max_hold_ms: 24 * 3_600_000,
            max_waiting: 10_000,
            max_leases: 4_096,
            drain_ms: 0,
            quarantine_ms: 0,
            shrink_ms: 300_000,
            learned_half_life_ms: 600_000,
            load_retry_ms: 5_000,
            load_attempts: 3,
            discipline: Discipline::Reserve,
        }
    }
}

/// Everything the arbiter is made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setup {
    /// The devices; none: a machine without a GPU.
    pub devices: Vec<DeviceSpec>,
    /// The model kinds.
    pub models: Vec<ModelSpec>,
    /// The host's pools.
    pub host: HostAmounts,
    /// The numbers of the policy.
    pub limits: Limits,
}

impl Setup {
    /// A machine without a GPU: this many slots for rendering and for light work, at least one of
    /// each.
    #[must_use]
    pub fn host_only(render_slots: u32, light_slots: u32) -> Self {
        let host = HostAmounts::of(Pool::Render, u64::from(render_slots.max(1)))
            .and(Pool::Light, u64::from(light_slots.max(1)));
        Self { host, ..Self::default() }
    }
}

/// The largest device that is believed: 1 PiB. Sums of a few such sizes do not overflow.
pub const MAX_BYTES: u64 = 1 << 50;
