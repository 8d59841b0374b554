//! The broker's books for people and programs: `ytempire gpu` and `/api/v1/gpu`.

use serde::Serialize;

use super::arbiter::{DeviceId, LeaseId, Pool, View};
use super::driver::Reading;
use crate::domain::ids::ChannelId;

/// Everything there is to see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrokerView {
    /// `none`, `simulated` or `cuda`.
    pub driver: &'static str,
    /// Which life of the broker this is, counted from 1; leases of an earlier one are void.
    pub life: u64,
    /// What has happened in this life.
    pub counts: Counts,
    /// Devices, pools, who waits and for whom room is kept.
    #[serde(flatten)]
    pub books: View,
    /// What the devices' driver says, in the order of the devices.
    pub readings: Vec<DeviceReading>,
    /// Who holds what, oldest first.
    pub held: Vec<LeaseView>,
}

/// How often what happened in a life of the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Leases that were granted.
    pub granted: u64,
    /// Leases that came back.
    pub released: u64,
    /// Leases that were taken away.
    pub revoked: u64,
    /// Requests that were refused, at once or after waiting.
    pub refused: u64,
    /// Times a holder ran out of a device's memory.
    pub out_of_memory: u64,
    /// Loads of a model that were begun.
    pub loads: u64,
    /// Models that were sent away.
    pub evictions: u64,
}

/// What a device's driver says, against the books.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeviceReading {
    /// What it says.
    #[serde(flatten)]
    pub reading: Reading,
    /// What this node uses by the driver's word, less what the books say. None while either is
    /// unknown.
    pub drift_bytes: Option<i64>,
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeaseView {
    /// Which.
    pub lease: LeaseId,
    /// For which channel.
    pub channel: ChannelId,
    /// On which device, if it needs one.
    pub device: Option<DeviceId>,
    /// Bytes of it for this lease alone.
    pub bytes: u64,
    /// What it holds of the host.
    pub host: Vec<HostShare>,
    /// How long it is held already.
    pub held_ms: u64,
    /// When it is taken away, from now.
    pub expires_in_ms: u64,
}

/// A part of a host's pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HostShare {
    /// Which pool.
    pub pool: Pool,
    /// Slots or bytes.
    pub amount: u64,
}
