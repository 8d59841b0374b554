//! What all supervisors of one engine share, handed in from outside.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::observe::Registry;
use super::shutdown::ShutdownLog;
use super::stats::whole_millis;

/// A source of numbers uniform over `u64`, for jitter.
pub type Entropy = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What all supervisors of one engine share.
#[derive(Clone)]
pub struct Environment {
    /// Where everything that happens is noted.
    pub registry: Arc<Registry>,
    /// Chance for jitter.
    pub entropy: Entropy,
    /// Places for respawns that run at once; first starts need none.
    pub respawns: Arc<Semaphore>,
    /// Who was stopped in the ordered shutdowns, and how.
    pub shutdowns: Arc<ShutdownLog>,
    epoch: Instant,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} places for respawns)", self.respawns.available_permits())
    }
}

impl Environment {
    /// An environment in which at most `respawns_at_once` (at least 1) restarts run at once.
    #[must_use]
    pub fn new(registry: Arc<Registry>, entropy: Entropy, respawns_at_once: usize) -> Self {
        Self {
            registry,
            entropy,
            respawns: Arc::new(Semaphore::new(respawns_at_once.max(1))),
            shutdowns: Arc::new(ShutdownLog::default()),
            epoch: Instant::now(),
        }
    }

    /// Milliseconds since the environment was made, on the clock that tests can pause.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        whole_millis(Instant::now().saturating_duration_since(self.epoch))
    }
}
