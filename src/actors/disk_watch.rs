//! Whether anything new may be begun: asked by whoever decides about starts, answered by the upkeep.
//!
//! Architecture invariant: it only ever holds back what has not begun; what is under way goes on.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::disk::{DiskState, DiskUsage};

/// How much room there is. Clones are one; before the first measurement there is room.
#[derive(Debug, Clone)]
pub struct DiskWatch {
    state: Arc<watch::Sender<DiskState>>,
}

impl Default for DiskWatch {
    fn default() -> Self {
        Self { state: Arc::new(watch::channel(DiskState::default()).0) }
    }
}

impl DiskWatch {
    /// Why nothing new may be begun, and what to do; `None` while there is room.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.state.borrow().refusal()
    }

    /// What was measured last.
    #[must_use]
    pub fn state(&self) -> DiskState {
        *self.state.borrow()
    }

    /// Changes with every measurement.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<DiskState> {
        self.state.subscribe()
    }

    /// Takes a measurement in; returns what it means when that has changed.
    pub fn measured(&self, usage: DiskUsage, budget: u64) -> Option<DiskState> {
        let before = self.state().level;
        let state = DiskState::judge(before, usage, budget);
        self.state.send_replace(state);
        (state.level != before).then_some(state)
    }
}
