//! Time and chance from the operating system.

use crate::domain::timestamp::Timestamp;
use crate::ports::clock::{Clock, Entropy};

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the Clock port")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn draw(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher, RandomState};
        // `RandomState` is keyed from the operating system's random source.
        RandomState::new().build_hasher().finish()
    }
}
