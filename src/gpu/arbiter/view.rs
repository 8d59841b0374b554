//! The books as they stand, for inspection, and their audit.

use serde::Serialize;

use super::Arbiter;
use super::device::ModelState;
use super::outcome::PoolUse;
use super::request::{DeviceId, GpuMemory, HostAmounts, LeaseId, Pool, RequestId};
use crate::domain::ids::ChannelId;

/// A model on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelView {
    /// Its name.
    pub name: String,
    /// `cold`, `loading`, `warm`, `in_use`, `draining` or `failed`.
    pub state: &'static str,
    /// Leases that use it or wait for it to be loaded.
    pub users: u32,
    /// Bytes of its weights.
    pub weights_bytes: u64,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// Its name.
    pub name: String,
    /// All of its memory.
    pub total_bytes: u64,
    /// What may be used now.
    pub budget_bytes: u64,
    /// What is in use, idle and leaving models included.
    pub used_bytes: u64,
    /// What is given away: without models on their way out, with what waits for their place.
    pub given_bytes: u64,
    /// Bytes of leases, without shared weights.
    pub lease_bytes: u64,
    /// Bytes of models that nobody uses.
    pub idle_bytes: u64,
    /// What others use, as the driver last said.
    pub foreign_bytes: u64,
    /// Taken off the budget because memory ran out.
    pub lowered_bytes: u64,
    /// Leases on it.
    pub leases: usize,
    /// The model kinds.
    pub models: Vec<ModelView>,
}

/// A lease that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HolderView {
    /// Which.
    pub lease: LeaseId,
    /// For which channel.
    pub channel: ChannelId,
    /// On which device, if it needs one.
    pub device: Option<DeviceId>,
    /// Bytes of it for this lease alone.
    pub bytes: u64,
    /// What it holds of the host.
    pub host: HostAmounts,
    /// Since when.
    pub granted_ms: u64,
    /// When it is taken away.
    pub expires_ms: u64,
}

/// Room that is kept for a waiting request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReservationView {
    /// For which.
    pub request: RequestId,
    /// On which device, if it needs one.
    pub device: Option<DeviceId>,
    /// From when; none while nobody can say.
    pub start_ms: Option<u64>,
    /// Whether it is a promise to meet a deadline.
    pub promised: bool,
}

/// The whole state, typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// The devices.
    pub devices: Vec<DeviceView>,
    /// The host's pools.
    pub pools: Vec<PoolUse>,
    /// Requests that wait.
    pub waiting: usize,
    /// Leases that are held, loading or leaving.
    pub leases: usize,
    /// Room that is kept.
    pub reservations: Vec<ReservationView>,
}

impl Arbiter {
    /// How a pool of the host stands.
    #[must_use]
    pub fn pool_use(&self, pool: Pool) -> PoolUse {
        PoolUse {
            pool,
            capacity: self.host_capacity.get(pool),
            used: self.host_used.get(pool),
            waiting: self.queue.waiting_for(pool),
        }
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether a request waits for room: neither ended nor started.
    #[must_use]
    pub fn is_waiting(&self, request: RequestId) -> bool {
        self.queue.contains(request)
    }

    /// Bytes of a device that are leased, with the models that are used or being loaded.
    #[must_use]
    pub fn busy_bytes(&self, device: DeviceId) -> u64 {
        let book = self.devices.get(usize::from(device.0));
        book.map_or(0, |book| book.given() - book.idle_bytes)
    }

    /// All bytes of a device that are in use by the books, idle and leaving models included.
    #[must_use]
    pub fn used_bytes(&self, device: DeviceId) -> u64 {
        let book = self.devices.get(usize::from(device.0));
        book.map_or(0, super::device::DeviceBook::used)
    }

    /// Bytes of a device that are kept free beside the use of others.
    #[must_use]
    pub fn headroom_bytes(&self, device: DeviceId) -> u64 {
        self.devices.get(usize::from(device.0)).map_or(0, |book| book.spec.headroom_bytes)
    }

    /// Who holds a lease, oldest first.
    pub fn holders(&self) -> impl Iterator<Item = HolderView> {
        let held = self.leases.iter().filter(|(_, lease)| lease.is_held());
        held.map(|(id, lease)| HolderView {
            lease: *id,
            channel: lease.request.channel,
            device: lease.device,
            bytes: lease.bytes,
            host: lease.request.host,
            granted_ms: lease.granted_ms,
            expires_ms: lease.expires_ms,
        })
    }

    /// Everything there is to see.
    #[must_use]
    pub fn view(&self) -> View {
        let view_of = |request: &RequestId, booking: &super::promise::Booking, promised| {
            let start_ms = (booking.start_ms < u64::MAX).then_some(booking.start_ms);
            ReservationView { request: *request, device: booking.device, start_ms, promised }
        };
        let kept =
            self.reservations.iter().map(|kept| view_of(&kept.request, &kept.booking, false));
        let promised = self.promises.iter().filter_map(|(request, promise)| {
            promise.booking.as_ref().map(|booking| view_of(request, booking, true))
        });
        View {
            devices: self.devices.iter().map(|book| self.device_view(book)).collect(),
            pools: Pool::ALL.map(|pool| self.pool_use(pool)).to_vec(),
            waiting: self.queue.len(),
            leases: self.leases.len(),
            reservations: kept.chain(promised).collect(),
        }
    }

    fn device_view(&self, book: &super::device::DeviceBook) -> DeviceView {
        let models = self.models.iter().zip(&book.residents).map(|(model, resident)| ModelView {
            name: model.name.clone(),
            state: state_name(resident.state),
            users: resident.users,
            weights_bytes: resident.weights,
        });
        DeviceView {
            name: book.spec.name.clone(),
            total_bytes: book.spec.total_bytes,
            budget_bytes: book.budget(),
            used_bytes: book.used(),
            given_bytes: book.given(),
            lease_bytes: book.lease_bytes,
            idle_bytes: book.idle_bytes,
            foreign_bytes: book.foreign,
            lowered_bytes: book.lowered,
            leases: book.ends.len(),
            models: models.collect(),
        }
    }

    /// Adds everything up anew and compares it with the books.
    ///
    /// # Errors
    /// What does not balance, in words.
    pub fn audit(&self) -> Result<(), String> {
        let mut host = HostAmounts::NONE;
        for lease in self.leases.values() {
            host = host.plus(&lease.request.host);
        }
        if host != self.host_used {
            return Err(format!("host: {host:?} is held, {:?} is booked", self.host_used));
        }
        if !self.host_used.is_within(&self.host_capacity) {
            return Err(format!("host: {:?} is more than there is", self.host_used));
        }
        for (index, book) in (0_u16..).zip(&self.devices) {
            self.audit_device(DeviceId(index), book)?;
        }
        let held = self.leases.values().filter(|lease| lease.is_held() || lease.is_loading());
        let open = held.count();
        if open != self.held.len() || open + self.queue.len() != self.owned.len() {
            let (held, owned) = (self.held.len(), self.owned.len());
            return Err(format!("{open} leases are open, {held} are named, {owned} owned"));
        }
        Ok(())
    }

    fn audit_device(
        &self,
        device: DeviceId,
        book: &super::device::DeviceBook,
    ) -> Result<(), String> {
        let here = self.leases.values().filter(|lease| lease.device == Some(device));
        let bytes: u64 = here.clone().map(|lease| lease.bytes).sum();
        if bytes != book.lease_bytes || here.clone().count() != book.ends.len() {
            return Err(format!("{device:?}: {bytes} are leased, {} booked", book.lease_bytes));
        }
        let mut weights = 0;
        let mut loading = 0;
        for (kind, resident) in (0_u16..).zip(&book.residents) {
            let shares = |lease: &&super::Lease| {
                lease.memory().and_then(GpuMemory::shared).is_some_and(|found| found.0 == kind)
            };
            let users = here.clone().filter(shares).count();
            if usize::try_from(resident.users) != Ok(users) {
                return Err(format!("{device:?}: kind {kind} has {users} users: {resident:?}"));
            }
            let is_settled = match resident.state {
                ModelState::InUse => users > 0,
                ModelState::Loading { .. } => {
                    loading += 1;
                    true
                }
                _ => users == 0,
            };
            if !is_settled {
                return Err(format!("{device:?}: kind {kind} with {users} users is {resident:?}"));
            }
            weights += if resident.is_there() { resident.weights } else { 0 };
        }
        if weights != book.weight_bytes || loading != usize::from(book.loading.is_some()) {
            return Err(format!("{device:?}: weights {weights}, booked {}", book.weight_bytes));
        }
        Ok(())
    }
}

const fn state_name(state: ModelState) -> &'static str {
    match state {
        ModelState::Cold => "cold",
        ModelState::Loading { .. } => "loading",
        ModelState::Warm { .. } => "warm",
        ModelState::InUse => "in_use",
        ModelState::Draining { .. } => "draining",
        ModelState::Failed { .. } => "failed",
    }
}
