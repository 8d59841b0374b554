//! Whether the machine has CUDA devices, asked so that a machine without them answers no.
//!
//! Architecture invariant: nothing here allocates on a device or creates a context.

use cudarc::driver::{DriverError, result};

use super::cuda::{CudaFault, touch};

/// A CUDA device as its driver names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuDevice {
    /// The driver's ordinal, from 0.
    pub ordinal: i32,
    /// The product's name.
    pub name: String,
    /// All of its memory, in bytes.
    pub memory_bytes: u64,
    /// Its UUID, as the management library writes it: `GPU-` and 32 digits in five groups.
    pub uuid: String,
}

/// What a look for CUDA devices found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuPresence {
    /// No driver library: a machine without an NVIDIA driver. Not a fault.
    NoDriver,
    /// A driver without a device it may use. Not a fault.
    NoDevice,
    /// A driver that does not work, with what it said.
    Broken(String),
    /// At least one device.
    Devices(Vec<GpuDevice>),
}

/// Looks for CUDA devices. Never panics, whatever library answers to the driver's name.
#[must_use]
pub fn probe() -> GpuPresence {
    match touch(list_devices) {
        Ok(devices) if devices.is_empty() => GpuPresence::NoDevice,
        Ok(devices) => GpuPresence::Devices(devices),
        Err(CudaFault::NoDriver) => GpuPresence::NoDriver,
        Err(CudaFault::NoDevice) => GpuPresence::NoDevice,
        Err(fault) => GpuPresence::Broken(fault.to_string()),
    }
}

fn list_devices() -> Result<Vec<GpuDevice>, DriverError> {
    result::init()?;
    (0..result::device::get_count()?).map(describe).collect()
}

#[allow(unsafe_code, reason = "the binding marks the question for the memory unsafe")]
fn describe(ordinal: i32) -> Result<GpuDevice, DriverError> {
    let device = result::device::get(ordinal)?;
    // SAFETY: `device` was returned by `device::get`, which is all that is required.
    let memory = unsafe { result::device::total_mem(device) }?;
    let name = result::device::get_name(device)?;
    let uuid = result::device::get_uuid(device)?.bytes.map(|byte| byte.cast_unsigned());
    let uuid = format!("GPU-{}", uuid::Uuid::from_bytes(uuid));
    Ok(GpuDevice { ordinal, name, memory_bytes: memory as u64, uuid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_for_devices_never_panics_and_repeats() {
        let first = probe();
        assert_eq!(first, probe());
        if let GpuPresence::Devices(devices) = first {
            assert!(devices.iter().all(|device| device.memory_bytes > 0));
        }
    }
}
