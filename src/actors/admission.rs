//! How much a node takes on: one gate for all channels, asked before anything new is started.
//!
//! Why it exists: channels decide each for themselves; a limit over all of them needs one place
//! that counts what was decided but is not committed yet.
//!
//! Architecture invariant: asking changes nothing; a place is taken only with the events that use
//! it, and comes back when they are committed, because then the fold counts them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk_watch::DiskWatch;
use crate::domain::admission::{Refusal, Room};
use crate::domain::event::Event;
use crate::journal::fold::Fold;

/// The gate of a node. Clones share it.
#[derive(Debug, Clone)]
pub struct Admission {
    books: Arc<Mutex<Books>>,
    fold: Arc<Fold>,
    disk: DiskWatch,
}

#[derive(Debug)]
struct Books {
    limit: u32,
    /// Starts that were decided and are not committed yet.
    under_way: u32,
    stopping: bool,
}

/// The gate while a decision is made: no other channel starts anything meanwhile.
pub(super) struct Gate<'a> {
    books: MutexGuard<'a, Books>,
    admission: &'a Admission,
    /// How much can be taken on.
    pub(super) room: Room,
}

/// Places that are taken by starts that are not committed yet.
#[derive(Debug)]
pub(super) struct Places {
    admission: Admission,
    count: u32,
}

impl Drop for Places {
    fn drop(&mut self) {
        let mut books = self.admission.books();
        books.under_way = books.under_way.saturating_sub(self.count);
    }
}

impl Admission {
    /// A gate that lets at most `limit` workflows be live at once, and none begin while the disk
    /// is full.
    #[must_use]
    pub fn new(fold: Arc<Fold>, limit: u32, disk: DiskWatch) -> Self {
        let books = Books { limit, under_way: 0, stopping: false };
        Self { books: Arc::new(Mutex::new(books)), fold, disk }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing starts: the node is about to stop.
    pub fn stop(&self) {
        self.books().stopping = true;
    }

    /// Changes how many workflows may be live at once.
    pub fn set_limit(&self, limit: u32) {
        self.books().limit = limit;
    }

    /// Why nothing new can start now, if so.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.enter().room.refusal(0)
    }

    pub(super) fn enter(&self) -> Gate<'_> {
        let books = self.books();
        let refusal = if books.stopping {
            Some(Refusal::Stopping)
        } else {
            self.disk.refusal().map(Refusal::Disk)
        };
        let live = self.fold.live_workflows().saturating_add(books.under_way);
        let room = Room { refusal, limit: books.limit, places: books.limit.saturating_sub(live) };
        Gate { books, admission: self, room }
    }
}

impl Gate<'_> {
    /// Takes the places of the workflows that `events` start.
    pub(super) fn take(mut self, events: &[Event]) -> Option<Places> {
        let starts = events.iter().filter(|event| matches!(event, Event::WorkflowStarted { .. }));
        let count = u32::try_from(starts.count()).unwrap_or(u32::MAX);
        if count == 0 {
            return None;
        }
        self.books.under_way = self.books.under_way.saturating_add(count);
        Some(Places { admission: self.admission.clone(), count })
    }
}
