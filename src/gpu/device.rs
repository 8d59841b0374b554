//! Whether the machine has CUDA devices, asked so that a machine without them answers no.
//!
//! Why it exists: the driver's library is loaded at run time, and the binding panics where the
//! library or a symbol is missing. Every first touch of the driver goes through here.
//!
//! Architecture invariant: the driver is touched only after its library was found, and inside
//! `catch_unwind`; nothing here allocates on a device or creates a context.

use std::panic::catch_unwind;

use cudarc::driver::{DriverError, result, sys};

/// A CUDA device as its driver names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuDevice {
    /// The driver's ordinal, from 0.
    pub ordinal: i32,
    /// The product's name.
    pub name: String,
    /// All of its memory, in bytes.
    pub memory_bytes: u64,
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
    catch_unwind(probe_driver).unwrap_or_else(|_| {
        GpuPresence::Broken("the driver's library lacks functions that are needed".to_owned())
    })
}

fn probe_driver() -> GpuPresence {
    if !driver_library_is_present() {
        return GpuPresence::NoDriver;
    }
    match list_devices() {
        Ok(devices) if devices.is_empty() => GpuPresence::NoDevice,
        Ok(devices) => GpuPresence::Devices(devices),
        Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => GpuPresence::NoDevice,
        Err(error) => GpuPresence::Broken(error.to_string()),
    }
}

#[allow(unsafe_code, reason = "the binding marks the look for its library unsafe")]
fn driver_library_is_present() -> bool {
    // SAFETY: it loads the driver's library and runs its initialisers, which any program that uses
    // CUDA does; no memory of ours is involved.
    unsafe { sys::is_culib_present() }
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
    Ok(GpuDevice { ordinal, name, memory_bytes: memory as u64 })
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
