//! Time and chance, handed in so that a test can make both.

use crate::domain::timestamp::Timestamp;

/// Wall-clock time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// A source of random numbers.
pub trait Entropy: Send + Sync {
    /// A number uniform over all of `u64`.
    fn draw(&self) -> u64;
}
