//! The driver of real devices, for the broker.
//!
//! A context on a device costs some hundred megabytes of it, so one is made only when a stream is
//! first asked for. Models are brought along by the processes that use them: nothing is loaded here.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::super::arbiter::DeviceId;
use super::super::device::{GpuDevice, GpuPresence, probe};
use super::super::driver::{DriverDevice, GpuDriver, Reading};
use super::super::nvml::Monitor;
use super::card::{Card, CardStream};
use super::door::CudaFault;
use crate::domain::workflow::Priority;

/// Says whether a process is this node or one of its children.
pub type IsOurs = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// The CUDA devices of this machine.
pub struct CudaDriver {
    devices: Vec<GpuDevice>,
    /// Those that were opened.
    cards: Mutex<Vec<Option<Card>>>,
    monitor: Result<Monitor, String>,
    is_ours: IsOurs,
}

impl fmt::Debug for CudaDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaDriver").field("devices", &self.devices).finish_non_exhaustive()
    }
}

impl CudaDriver {
    /// The driver, if there is a device.
    #[must_use]
    pub fn find(is_ours: IsOurs) -> Option<Self> {
        let GpuPresence::Devices(devices) = probe() else { return None };
        let cards = Mutex::new(vec![None; devices.len()]);
        Some(Self { devices, cards, monitor: Monitor::open(), is_ours })
    }

    fn card(&self, device: DeviceId) -> Result<Card, CudaFault> {
        let place = usize::from(device.0);
        let mut cards = self.cards();
        let (Some(card), Some(known)) = (cards.get_mut(place), self.devices.get(place)) else {
            return Err(CudaFault::NoDevice);
        };
        if let Some(card) = card {
            return Ok(card.clone());
        }
        // One that cannot be opened now is tried again by the next who asks.
        let opened = Card::open(usize::try_from(known.ordinal).unwrap_or(0))?;
        Ok(card.insert(opened).clone())
    }

    fn cards(&self) -> MutexGuard<'_, Vec<Option<Card>>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl GpuDriver for CudaDriver {
    fn name(&self) -> &'static str {
        "cuda"
    }

    fn devices(&self) -> Vec<DriverDevice> {
        let of = |device: &GpuDevice| DriverDevice {
            name: device.name.clone(),
            memory_bytes: device.memory_bytes,
        };
        self.devices.iter().map(of).collect()
    }

    fn stream(
        &self,
        device: DeviceId,
        priority: Priority,
    ) -> Result<Option<CardStream>, CudaFault> {
        self.card(device)?.stream(priority).map(Some)
    }

    fn read(&self, device: DeviceId) -> Reading {
        let place = usize::from(device.0);
        let Some(known) = self.devices.get(place) else { return Reading::default() };
        let monitor = match &self.monitor {
            Ok(monitor) => monitor,
            Err(reason) => return self.read_without_monitor(place, reason),
        };
        monitor.read(&known.uuid, self.is_ours.as_ref())
    }

    async fn load(&self, _: DeviceId, _: &str) -> Result<(), String> {
        Ok(())
    }

    async fn evict(&self, _: DeviceId, _: &str) {}
}

impl CudaDriver {
    /// Without NVML the driver itself says how full a device is, once there is a context on it.
    fn read_without_monitor(&self, place: usize, reason: &str) -> Reading {
        let card = self.cards().get(place).cloned().flatten();
        let memory = card.map(|card| card.memory());
        let mut reading = Reading { problems: vec![reason.to_owned()], ..Reading::default() };
        match memory {
            Some(Ok(memory)) => {
                reading.used_bytes = Some(memory.total.saturating_sub(memory.free));
            }
            Some(Err(fault)) => reading.problems.push(fault.to_string()),
            None => {}
        }
        reading
    }
}
