//! What of this machine the broker shares out: devices, cores and memory, as they are found here and
//! as the config wants it.
//!
//! Architecture invariant: a machine without a GPU, or without `/proc`, gets a broker all the same.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::config::render::CountOrAuto;
use crate::gpu::arbiter::{DeviceSpec, HostAmounts, Limits, ModelSpec, Pool, Setup, permille};
use crate::gpu::broker::BrokerParts;
use crate::gpu::cuda::CudaDriver;
use crate::gpu::driver::{GpuDriver, NoGpu};
use crate::telemetry::tick::TickSink;

/// Cores that one render uses well.
const CORES_PER_RENDER: u32 = 4;
/// From so many cores on, [`SPARED_CORES`] are left to the rest of the machine.
const MANY_CORES: u32 = 8;
const SPARED_CORES: u32 = 2;
/// The host's memory in hundredths: models, video, caches. The rest is the system's.
const MEMORY_SHARES: [(Pool, u64); 3] =
    [(Pool::ModelMemory, 40), (Pool::VideoMemory, 30), (Pool::CacheMemory, 20)];
/// Kept free on each device beside the use of others: what contexts of our children take.
const HEADROOM_BYTES: u64 = 512 << 20;
/// How long what a revoked holder had, or a model that is sent away, counts as used on a device unless
/// it is known to be gone.
const DOUBT_MS: u64 = 10_000;
/// How often devices are read.
const READ_EVERY: Duration = Duration::from_secs(5);

/// What there is to share out, but for the devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Slots and memory of the host.
    pub host: HostAmounts,
    /// Processor threads of one render.
    pub threads: u32,
    models: Vec<ModelSpec>,
    memory_permille: u16,
}

impl Share {
    /// What `config` wants on this machine.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = total_memory(&meminfo).unwrap_or(0);
        Self::on(config, u32::try_from(cores).unwrap_or(1), memory)
    }

    fn on(config: &Config, cores: u32, memory_bytes: u64) -> Self {
        let usable = if cores >= MANY_CORES { cores - SPARED_CORES } else { cores };
        let render = match config.host.render_slots {
            CountOrAuto::Auto => (usable / CORES_PER_RENDER).max(1),
            CountOrAuto::Count(count) => count,
        };
        let threads = match config.render.threads {
            CountOrAuto::Auto => (usable / render).max(1),
            CountOrAuto::Count(count) => count,
        };
        let slots = HostAmounts::of(Pool::Render, u64::from(render))
            .and(Pool::Light, u64::from(usable.max(1)));
        let host = MEMORY_SHARES.into_iter().fold(slots, |host, (pool, hundredths)| {
            host.and(pool, memory_bytes / 100 * hundredths)
        });
        // Weights come along with the process that uses them: nothing is loaded ahead.
        let models = config.gpu.models.iter().map(|(name, size)| ModelSpec::new(name, size.0, 0));
        let memory_permille = permille(config.gpu.memory_fraction);
        Self { host, threads, models: models.collect(), memory_permille }
    }

    /// The broker's parts with the devices that are found here.
    #[must_use]
    pub fn broker(&self, ticks: TickSink) -> BrokerParts {
        let driver: Arc<dyn GpuDriver> = match CudaDriver::find(Arc::new(is_ours)) {
            Some(driver) => Arc::new(driver),
            None => Arc::new(NoGpu),
        };
        let devices = driver.devices().into_iter().map(|device| DeviceSpec {
            headroom_bytes: HEADROOM_BYTES,
            ..DeviceSpec::new(device.name, device.memory_bytes)
        });
        let devices: Vec<DeviceSpec> = devices.collect();
        let doubt_ms = if devices.is_empty() { 0 } else { DOUBT_MS };
        let limits = Limits {
            memory_permille: self.memory_permille,
            quarantine_ms: doubt_ms,
            drain_ms: doubt_ms,
            ..Limits::default()
        };
        let setup = Setup { devices, models: self.models.clone(), host: self.host, limits };
        BrokerParts { setup, driver, read_every: READ_EVERY, ticks }
    }
}

/// `MemTotal` in bytes from the text of `/proc/meminfo` (proc(5)).
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// Whether a process is this one or descends from it.
fn is_ours(pid: u32) -> bool {
    let mut current = pid;
    // A chain of parents is short; a longer one is somebody else's.
    for _ in 0..64 {
        if current == std::process::id() {
            return true;
        }
        let stat = std::fs::read_to_string(format!("/proc/{current}/stat")).unwrap_or_default();
        match parent_of(&stat) {
            Some(parent) if parent > 0 => current = parent,
            _ => return false,
        }
    }
    false
}

/// The parent's number from the text of `/proc/<pid>/stat`. The name before it may hold anything.
fn parent_of(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn two_cores_of_a_large_machine_are_left_free_and_its_memory_is_divided() {
        let share = Share::on(&Config::defaults(Path::new("/")), 16, 128 * GIB);
        let amounts = Pool::ALL.map(|pool| share.host.get(pool));
        assert_eq!((amounts[0], amounts[1], share.threads), (3, 14, 4));
        assert_eq!(amounts[2..].iter().map(|bytes| bytes / GIB).collect::<Vec<_>>(), [51, 38, 25]);
        let small = Share::on(&Config::defaults(Path::new("/")), 2, 0);
        assert_eq!((small.host.get(Pool::Render), small.host.get(Pool::Light)), (1, 2));
        assert_eq!(small.threads, 2);
    }

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(total_memory("MemTotal:       24000000 kB\n"), Some(24_576_000_000));
        assert_eq!(total_memory("MemTotal: much\n"), None);
        assert_eq!(parent_of("77 (a (b) c) S 42 77 77 0"), Some(42));
        assert_eq!(parent_of(""), None);
        assert!(is_ours(std::process::id()) && !is_ours(1));
    }
}
