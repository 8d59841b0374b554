//! What the broker needs of the machine's devices, and the drivers that need no device: none at all,
//! and a simulated one.
//!
//! Architecture invariant: a driver decides nothing. What it says of a device may be wrong or
//! missing; the broker's books hold all the same.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::arbiter::DeviceId;
use super::cuda::{CardStream, CudaFault};
use crate::domain::workflow::Priority;

/// A device as its driver names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverDevice {
    /// Its name.
    pub name: String,
    /// All of its memory, in bytes.
    pub memory_bytes: u64,
}

/// How a device is, as far as that can be known now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Bytes of its memory that anybody uses.
    pub used_bytes: Option<u64>,
    /// Of these, bytes that others than this node and its children use.
    pub foreign_bytes: Option<u64>,
    /// How much of the last moment it worked, in percent.
    pub utilisation_percent: Option<u32>,
    /// The same for its encoder.
    pub encoder_percent: Option<u32>,
    /// Degrees Celsius.
    pub temperature_c: Option<u32>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
}

/// The devices of a machine.
#[async_trait]
pub trait GpuDriver: Send + Sync + Debug {
    /// `none`, `simulated` or `cuda`.
    fn name(&self) -> &'static str;

    /// The devices, in the order in which they are counted.
    fn devices(&self) -> Vec<DriverDevice>;

    /// A new stream on a device; `None` where there are no real ones.
    ///
    /// # Errors
    /// [`CudaFault`].
    fn stream(&self, device: DeviceId, priority: Priority)
    -> Result<Option<CardStream>, CudaFault>;

    /// How a device is. May take a moment.
    fn read(&self, device: DeviceId) -> Reading;

    /// Loads a model, for all who will use it.
    ///
    /// # Errors
    /// Why it could not be loaded, in words.
    async fn load(&self, device: DeviceId, kind: &str) -> Result<(), String>;

    /// Removes a model that nobody uses.
    async fn evict(&self, device: DeviceId, kind: &str);
}

/// A machine without a GPU: the host's slots and memory are all there is to lease.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGpu;

#[async_trait]
impl GpuDriver for NoGpu {
    fn name(&self) -> &'static str {
        "none"
    }

    fn devices(&self) -> Vec<DriverDevice> {
        Vec::new()
    }

    fn stream(&self, _: DeviceId, _: Priority) -> Result<Option<CardStream>, CudaFault> {
        Ok(None)
    }

    fn read(&self, _: DeviceId) -> Reading {
        Reading::default()
    }

    async fn load(&self, _: DeviceId, _: &str) -> Result<(), String> {
        Err("there is no gpu".to_owned())
    }

    async fn evict(&self, _: DeviceId, _: &str) {}
}

/// Devices that do nothing but take their time, for simulations and tests.
#[derive(Debug)]
pub struct Simulated {
    devices: Vec<DriverDevice>,
    load: Duration,
    state: Mutex<SimulatedState>,
}

#[derive(Debug, Default)]
struct SimulatedState {
    readings: Vec<Reading>,
    failing_loads: u32,
}

impl Simulated {
    /// `devices`, on which each model takes `load` to load.
    #[must_use]
    pub fn new(devices: Vec<DriverDevice>, load: Duration) -> Self {
        let readings = vec![Reading::default(); devices.len()];
        let state = Mutex::new(SimulatedState { readings, failing_loads: 0 });
        Self { devices, load, state }
    }

    /// What `device` is said to be from now on.
    pub fn set_reading(&self, device: DeviceId, reading: Reading) {
        if let Some(kept) = self.state().readings.get_mut(usize::from(device.0)) {
            *kept = reading;
        }
    }

    /// Lets the next `count` loads fail.
    pub fn fail_loads(&self, count: u32) {
        self.state().failing_loads = count;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, SimulatedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl GpuDriver for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn devices(&self) -> Vec<DriverDevice> {
        self.devices.clone()
    }

    fn stream(&self, _: DeviceId, _: Priority) -> Result<Option<CardStream>, CudaFault> {
        Ok(None)
    }

    fn read(&self, device: DeviceId) -> Reading {
        self.state().readings.get(usize::from(device.0)).cloned().unwrap_or_default()
    }

    async fn load(&self, _: DeviceId, kind: &str) -> Result<(), String> {
        tokio::time::sleep(self.load).await;
        let mut state = self.state();
        if state.failing_loads > 0 {
            state.failing_loads -= 1;
            return Err(format!("the simulated load of {kind} failed"));
        }
        Ok(())
    }

    async fn evict(&self, _: DeviceId, _: &str) {}
}
