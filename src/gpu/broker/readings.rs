//! What the driver says of the devices, and what the books make of it.
//!
//! Architecture invariant: a reading never changes what is leased, only what may be.

use std::sync::Arc;

use super::super::arbiter::DeviceId;
use super::super::driver::{GpuDriver, Reading};
use super::super::view::DeviceReading;
use super::Books;

impl Books {
    /// What a device's driver says becomes the books' knowledge of others' use. A reading that cannot
    /// be is kept as a problem, and the books stay as they were.
    pub(super) fn take_reading(&mut self, now_ms: u64, device: DeviceId, mut reading: Reading) {
        let ours = self.arbiter.used_bytes(device);
        // What is in use and neither in the books nor said to be others' is somebody's all the same: a
        // holder of an earlier life, or one that takes more than it leased. Contexts of our children
        // are allowed for by the headroom.
        let headroom = self.arbiter.headroom_bytes(device);
        let foreign = match (reading.used_bytes, reading.foreign_bytes) {
            (Some(used), Some(foreign)) => {
                Some(foreign.max(used.saturating_sub(ours.saturating_add(headroom))))
            }
            (Some(used), None) => Some(used.saturating_sub(ours)),
            (None, foreign) => foreign,
        };
        if let Some(foreign) = foreign
            && let Err(refusal) = self.arbiter.set_foreign_use(now_ms, device, foreign)
        {
            reading.problems.push(refusal.to_string());
        }
        let by_driver = reading.used_bytes.zip(reading.foreign_bytes);
        let by_driver = by_driver.map(|(used, foreign)| i128::from(used) - i128::from(foreign));
        let drift = by_driver.map(|driver| driver - i128::from(ours));
        let drift_bytes = drift.and_then(|drift| i64::try_from(drift).ok());
        if let Some(kept) = self.readings.get_mut(usize::from(device.0)) {
            *kept = DeviceReading { reading, drift_bytes };
        }
    }
}

/// Reads every device on a thread that may block.
pub(super) async fn read_all(
    driver: &Arc<dyn GpuDriver>,
    devices: usize,
) -> Vec<(DeviceId, Reading)> {
    let driver = Arc::clone(driver);
    let all = tokio::task::spawn_blocking(move || {
        let count = u16::try_from(devices).unwrap_or(u16::MAX);
        (0..count).map(|device| (DeviceId(device), driver.read(DeviceId(device)))).collect()
    });
    // Without an answer nothing is known anew.
    all.await.unwrap_or_default()
}
