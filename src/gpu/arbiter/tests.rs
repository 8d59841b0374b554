//! The promises of the arbiter, over random histories and by example.

mod chaos;
pub(in crate::gpu) mod commands;
mod deaths;
mod examples;
mod found;
mod obedient;
mod properties;
mod refusals;

use proptest::test_runner::Config;
use uuid::Uuid;

use super::{
    Arbiter, DeviceSpec, HostAmounts, Limits, ModelSpec, OwnerId, Pool, Request, RequestId, Setup,
};
use crate::domain::ids::ChannelId;

pub(super) const GIB: u64 = 1 << 30;

/// Half of proptest's own number for each of the sixteen properties: more than 2,000 together, and
/// as many as `PROPTEST_CASES` says.
fn config() -> Config {
    let standard = Config::default();
    let cases = (standard.cases / 2).max(1);
    Config { cases, failure_persistence: None, ..standard }
}

fn channel(number: u128) -> ChannelId {
    ChannelId(Uuid::from_u128(number))
}

/// The models of the design: language, pictures, speech, video, and one that nothing is loaded for.
fn models() -> Vec<ModelSpec> {
    vec![
        ModelSpec::new("llama_70b", 16 * GIB, 20_000),
        ModelSpec::new("stable_diffusion", 8 * GIB, 10_000),
        ModelSpec::new("tts", 2 * GIB, 5_000),
        ModelSpec::new("video_processing", 4 * GIB, 0),
        ModelSpec::new("small", 0, 0),
    ]
}

fn setup(devices: usize) -> Setup {
    let device = |index: usize| DeviceSpec::new(format!("gpu{index}"), 32_607 << 20);
    Setup {
        devices: (0..devices).map(device).collect(),
        models: models(),
        host: HostAmounts::of(Pool::Render, 3).and(Pool::Light, 4).and(Pool::VideoMemory, 8 * GIB),
        limits: Limits { max_waiting: 1_000, ..Limits::default() },
    }
}

fn arbiter(devices: usize) -> Arbiter {
    Arbiter::new(setup(devices), 1)
}

/// A request of owner `id` in one channel, held 60 s as expected and 600 s at the most.
fn ask(id: u64) -> Request {
    Request::new(RequestId(id), OwnerId(id), channel(1), 600_000).with_estimate(60_000)
}

impl Arbiter {
    /// Looks at everyone again, although nothing changed.
    fn look_again(&mut self) {
        self.unsettled = true;
        self.settle();
    }

    /// Whether a request waits or is held.
    fn knows(&self, id: RequestId) -> bool {
        self.queue.contains(id) || self.held.contains_key(&id)
    }
}
