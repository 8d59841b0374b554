//! Where a start puts its actor as soon as it lives, before the start is over.
//!
//! Why it exists: a start may be given up half-way, and a supervisor may be killed. What had begun
//! to live by then must still be found, so that nobody is left behind and no path has two lives.
//!
//! Architecture invariant: it holds the latest life only, and holds it over its end.

use std::sync::{Arc, Mutex, PoisonError};

use ractor::ActorCell;

/// The latest actor of one child, over all lives of its supervisor.
#[derive(Debug, Clone, Default)]
pub(super) struct Cradle(Arc<Mutex<Option<ActorCell>>>);

impl Cradle {
    /// Takes the actor that has just been spawned.
    pub(super) fn put(&self, cell: ActorCell) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cell);
    }

    /// Empties it, for whoever puts an end to the actor, or before a new start begins.
    pub(super) fn take(&self) -> Option<ActorCell> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
