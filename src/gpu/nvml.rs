//! What NVIDIA's management library says of a device: how full, how busy and how warm it is, and who
//! else is on it.
//!
//! Architecture invariant: each question may fail by itself, on some machines always; then the answer
//! is missing and the reading says why. Nothing is guessed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use nvml_wrapper::{Device, Nvml};

use super::driver::Reading;

/// The library, loaded.
#[derive(Debug)]
pub struct Monitor {
    nvml: Nvml,
}

impl Monitor {
    /// Loads the library.
    ///
    /// # Errors
    /// Why it cannot be used, in words; on a machine without an NVIDIA driver it is not there.
    pub fn open() -> Result<Self, String> {
        match catch_unwind(Nvml::init) {
            Ok(Ok(nvml)) => Ok(Self { nvml }),
            Ok(Err(error)) => Err(format!("NVML cannot be used: {error}")),
            Err(_) => Err("NVML cannot be used: its binding panicked".to_owned()),
        }
    }

    /// How the device of this UUID is. `is_ours` says whether a process is this node or its child.
    pub fn read(&self, uuid: &str, is_ours: &dyn Fn(u32) -> bool) -> Reading {
        let mut reading = Reading::default();
        let looked = catch_unwind(AssertUnwindSafe(|| match self.nvml.device_by_uuid(uuid) {
            Ok(device) => read_device(&device, is_ours, &mut reading),
            Err(error) => reading.problems.push(format!("NVML does not know the device: {error}")),
        }));
        if looked.is_err() {
            reading.problems.push("NVML's binding panicked".to_owned());
        }
        reading
    }
}

fn read_device(device: &Device<'_>, is_ours: &dyn Fn(u32) -> bool, reading: &mut Reading) {
    let mut problems = Vec::new();
    let mut noted = |what: &str, error: NvmlError| problems.push(format!("{what}: {error}"));
    match device.memory_info() {
        Ok(memory) => reading.used_bytes = Some(memory.used),
        Err(error) => noted("memory", error),
    }
    match device.utilization_rates() {
        Ok(rates) => reading.utilisation_percent = Some(rates.gpu),
        Err(error) => noted("utilisation", error),
    }
    match device.encoder_utilization() {
        Ok(encoder) => reading.encoder_percent = Some(encoder.utilization),
        Err(error) => noted("encoder", error),
    }
    match device.temperature(TemperatureSensor::Gpu) {
        Ok(degrees) => reading.temperature_c = Some(degrees),
        Err(error) => noted("temperature", error),
    }
    match processes(device) {
        Ok(processes) => reading.foreign_bytes = foreign(&processes, reading.used_bytes, is_ours),
        Err(error) => noted("processes", error),
    }
    reading.problems = problems;
}

fn processes(device: &Device<'_>) -> Result<Vec<ProcessInfo>, NvmlError> {
    let mut all = device.running_compute_processes()?;
    all.extend(device.running_graphics_processes()?);
    // One that computes and draws is in both lists.
    all.sort_by_key(|process| process.pid);
    all.dedup_by_key(|process| process.pid);
    Ok(all)
}

/// What is in use and not ours: all that is in use less what our own processes use, for the desktop
/// and the driver use memory without a process. None where the memory of a process is not told.
fn foreign(
    processes: &[ProcessInfo],
    used: Option<u64>,
    is_ours: &dyn Fn(u32) -> bool,
) -> Option<u64> {
    let ours = processes.iter().filter(|process| is_ours(process.pid));
    let bytes = ours.map(|process| match process.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => Some(bytes),
        UsedGpuMemory::Unavailable => None,
    });
    let ours: u64 = bytes.collect::<Option<Vec<u64>>>()?.into_iter().sum();
    Some(used?.saturating_sub(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, used_gpu_memory: UsedGpuMemory) -> ProcessInfo {
        let (gpu_instance_id, compute_instance_id) = (None, None);
        ProcessInfo { pid, used_gpu_memory, gpu_instance_id, compute_instance_id }
    }

    #[test]
    fn what_is_not_ours_is_others() {
        let all = [process(1, UsedGpuMemory::Used(300)), process(2, UsedGpuMemory::Used(200))];
        let ours = |pid| pid == 2;
        assert_eq!(foreign(&all, Some(600), &ours), Some(400));
        assert_eq!(foreign(&all, Some(100), &ours), Some(0), "a driver that contradicts itself");
        assert_eq!(foreign(&all, None, &ours), None);
        let unknown = [process(2, UsedGpuMemory::Unavailable)];
        assert_eq!(foreign(&unknown, Some(600), &ours), None);
        assert_eq!(foreign(&unknown, Some(600), &|_| false), Some(600));
    }

    #[test]
    fn a_machine_without_the_library_is_told_as_such() {
        if let Err(reason) = Monitor::open() {
            assert!(reason.starts_with("NVML cannot be used"), "{reason}");
        }
    }
}
