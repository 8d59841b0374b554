//! What came of a run, counted and summed up.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a kind of work met.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KindReport {
    /// Leases that were granted.
    pub grants: usize,
    /// Seconds from asking to the grant, loading included, on average.
    pub mean_wait_s: f64,
    /// 99 of 100 waited no longer (nearest rank).
    pub p99_wait_s: f64,
    /// The longest.
    pub max_wait_s: f64,
    /// Requests that were refused, at once or after waiting.
    pub refused: usize,
}

/// What came of one policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PolicyReport {
    /// By kind of work.
    pub kinds: BTreeMap<String, KindReport>,
    /// Models that were loaded.
    pub loads: usize,
    /// Models that were sent away.
    pub evictions: usize,
    /// The share of the makespan in which a device had a lease, on average over the devices.
    pub lease_busy: f64,
    /// Bytes in use (leases, and models that are used or being loaded) over the makespan, as a share
    /// of what may be leased.
    pub byte_second_utilisation: f64,
    /// When the last lease ended, in seconds.
    pub makespan_s: f64,
    /// Requests with a deadline that were taken and finished too late or not at all.
    pub deadline_misses: usize,
    /// Times a holder ran out of memory.
    pub oom: usize,
}

/// What came of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// By name of the policy.
    pub policies: BTreeMap<String, PolicyReport>,
}

/// A run, counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) waits_ms: BTreeMap<String, Vec<u64>>,
    pub(super) refused: BTreeMap<String, usize>,
    pub(super) loads: usize,
    pub(super) evictions: usize,
    pub(super) devices: usize,
    /// Sum over the devices of the bytes that may be leased.
    pub(super) budget_bytes: u64,
    /// Milliseconds in which a device had a lease, over all devices.
    pub(super) busy_ms: u128,
    pub(super) byte_ms: u128,
    pub(super) end_ms: u64,
    pub(super) deadline_misses: usize,
    pub(super) oom: usize,
}

impl Tally {
    /// The tally as it is told.
    #[must_use]
    pub fn report(mut self) -> PolicyReport {
        let names: Vec<String> = self.waits_ms.keys().cloned().collect();
        let kinds = names.into_iter().map(|name| {
            let mut waits = self.waits_ms.remove(&name).unwrap_or_default();
            waits.sort_unstable();
            let refused = self.refused.get(&name).copied().unwrap_or(0);
            (name, kind_report(&waits, refused))
        });
        let kinds = kinds.collect();
        let span_ms = u128::from(self.end_ms);
        PolicyReport {
            kinds,
            loads: self.loads,
            evictions: self.evictions,
            lease_busy: share(self.busy_ms, span_ms * self.devices as u128),
            byte_second_utilisation: share(self.byte_ms, span_ms * u128::from(self.budget_bytes)),
            makespan_s: seconds(self.end_ms),
            deadline_misses: self.deadline_misses,
            oom: self.oom,
        }
    }
}

fn kind_report(waits: &[u64], refused: usize) -> KindReport {
    let total: u128 = waits.iter().map(|wait| u128::from(*wait)).sum();
    let rank = (waits.len() * 99).div_ceil(100);
    let p99 = rank.checked_sub(1).and_then(|at| waits.get(at)).copied();
    KindReport {
        grants: waits.len(),
        mean_wait_s: share(total, waits.len() as u128 * 1_000),
        p99_wait_s: seconds(p99.unwrap_or(0)),
        max_wait_s: seconds(waits.last().copied().unwrap_or(0)),
        refused,
    }
}

fn share(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
