//! Who is in the tree and how each is: for the picture of the tree, the feed and the tests.
//!
//! Why it exists: supervisors write here what they do, so that looking at the tree never needs the
//! mailbox of an actor, least of all of one that is stuck.
//!
//! Architecture invariant: a registry is an object that is handed around; there is no global one,
//! and nothing decides anything by what it reads here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::path::{ActorPath, Incarnation};
use super::stats::{Stats, StatsView, whole_millis};

/// Transitions a slow subscriber may fall behind before it loses the oldest.
const TRANSITIONS_KEPT: usize = 1_024;

/// How an actor is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Known, never started.
    Declared,
    /// Its start is under way.
    Starting,
    /// It runs.
    Running,
    /// It failed and will be started again.
    BackingOff {
        /// The whole wait, in milliseconds.
        delay_ms: u64,
        /// How it failed.
        reason: String,
    },
    /// It was asked to stop.
    Stopping,
    /// It ended, and is not started again by itself unless it waits for a sibling that it depends on.
    Stopped,
    /// It failed too often and waits for a person.
    Parked {
        /// Why, for a person to read.
        reason: String,
    },
}

/// A failure of one incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crash {
    /// Which life ended, or failed to begin.
    pub incarnation: Incarnation,
    /// The panic's text or the error.
    pub reason: String,
    /// When: milliseconds since the registry was made.
    pub at_ms: u64,
}

/// A change of status; a tick for the feed, which may be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// Whose.
    pub path: ActorPath,
    /// Of which life.
    pub incarnation: Incarnation,
    /// What it is now.
    #[serde(flatten)]
    pub status: Status,
}

/// One actor as a snapshot shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActorView {
    /// Where it is in the tree.
    pub path: ActorPath,
    /// Its latest life.
    pub incarnation: Incarnation,
    /// How it is.
    #[serde(flatten)]
    pub status: Status,
    /// Since how many milliseconds it is so.
    pub for_ms: u64,
    /// Failures since the registry was made.
    pub crashes: u64,
    /// The latest failure.
    pub last_crash: Option<Crash>,
    /// Its counters.
    pub stats: StatsView,
}

#[derive(Debug)]
struct EntryState {
    incarnation: Incarnation,
    status: Status,
    since: Instant,
    crashes: u64,
    last_crash: Option<Crash>,
}

/// What all entries of one registry report to.
#[derive(Debug)]
struct Announcer {
    epoch: Instant,
    revision: watch::Sender<u64>,
    transitions: broadcast::Sender<Transition>,
}

/// The record of one actor path. Whoever supervises the actor writes it.
#[derive(Debug)]
pub struct Entry {
    path: ActorPath,
    stats: Arc<Stats>,
    state: Mutex<EntryState>,
    announcer: Arc<Announcer>,
}

impl Entry {
    /// Where the actor is in the tree.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        &self.path
    }

    /// The counters of the path.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// The latest life.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.lock().incarnation
    }

    /// How the actor is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lock().status.clone()
    }

    /// Takes the number of the next life and notes that its start is under way.
    pub fn begin_start(&self) -> Incarnation {
        let incarnation = self.incarnation().next();
        self.begin_start_of(incarnation);
        incarnation
    }

    /// Notes that the start of life `incarnation` is under way.
    pub(super) fn begin_start_of(&self, incarnation: Incarnation) {
        self.lock().incarnation = incarnation;
        self.set_status(Status::Starting);
    }

    /// Notes how the actor is now; noting the same again changes nothing.
    pub fn set_status(&self, status: Status) {
        let incarnation = {
            let mut state = self.lock();
            if state.status == status {
                return;
            }
            state.status = status.clone();
            state.since = Instant::now();
            state.incarnation
        };
        self.announce(incarnation, status);
    }

    /// Notes that life `incarnation` went down with its supervisor, unless another has begun. A
    /// parked one stays parked, and one that never ran was never stopped.
    pub(super) fn note_forced_end(&self, incarnation: Incarnation) {
        {
            let mut state = self.lock();
            let is_at_rest =
                matches!(state.status, Status::Declared | Status::Stopped | Status::Parked { .. });
            if state.incarnation != incarnation || is_at_rest {
                return;
            }
            state.status = Status::Stopped;
            state.since = Instant::now();
        }
        self.announce(incarnation, Status::Stopped);
    }

    fn announce(&self, incarnation: Incarnation, status: Status) {
        // Nobody may be listening; then nobody is told.
        let _ = self.announcer.transitions.send(Transition {
            path: self.path.clone(),
            incarnation,
            status,
        });
        self.announcer.revision.send_modify(|revision| *revision += 1);
    }

    /// Notes a failure of life `incarnation`.
    pub fn record_crash(&self, incarnation: Incarnation, reason: &str) {
        let at_ms = whole_millis(Instant::now().saturating_duration_since(self.announcer.epoch));
        {
            let mut state = self.lock();
            state.crashes += 1;
            state.last_crash = Some(Crash { incarnation, reason: reason.to_owned(), at_ms });
        }
        self.announcer.revision.send_modify(|revision| *revision += 1);
    }

    /// The actor at this moment.
    #[must_use]
    pub fn view(&self) -> ActorView {
        let now = Instant::now();
        let stats = self.stats.view(now);
        let state = self.lock();
        ActorView {
            path: self.path.clone(),
            incarnation: state.incarnation,
            status: state.status.clone(),
            for_ms: whole_millis(now.saturating_duration_since(state.since)),
            crashes: state.crashes,
            last_crash: state.last_crash.clone(),
            stats,
        }
    }

    fn lock(&self) -> MutexGuard<'_, EntryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is known, and which lives those had who are not known any more.
#[derive(Debug, Default)]
struct Known {
    entries: BTreeMap<ActorPath, Arc<Entry>>,
    /// The latest life of every path that was forgotten: incarnations only rise, whoever comes back.
    departed: BTreeMap<ActorPath, Incarnation>,
}

/// All actors of one engine by path.
#[derive(Debug)]
pub struct Registry {
    known: Mutex<Known>,
    announcer: Arc<Announcer>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry; its times count from now.
    #[must_use]
    pub fn new() -> Self {
        let announcer = Announcer {
            epoch: Instant::now(),
            revision: watch::Sender::new(0),
            transitions: broadcast::Sender::new(TRANSITIONS_KEPT),
        };
        Self { known: Mutex::default(), announcer: Arc::new(announcer) }
    }

    /// The record of `path`, made when it is new. An actor that comes back under its old path goes
    /// on counting its incarnations.
    #[must_use]
    pub fn entry(&self, path: &ActorPath) -> Arc<Entry> {
        let mut known = self.lock();
        if let Some(entry) = known.entries.get(path) {
            return Arc::clone(entry);
        }
        let entry = Arc::new(Entry {
            path: path.clone(),
            stats: Arc::new(Stats::default()),
            state: Mutex::new(EntryState {
                incarnation: known.departed.remove(path).unwrap_or_default(),
                status: Status::Declared,
                since: Instant::now(),
                crashes: 0,
                last_crash: None,
            }),
            announcer: Arc::clone(&self.announcer),
        });
        known.entries.insert(path.clone(), Arc::clone(&entry));
        entry
    }

    /// Lists the record of an actor that comes back after it was forgotten.
    pub(super) fn list(&self, entry: &Arc<Entry>) {
        let mut known = self.lock();
        known.departed.remove(entry.path());
        known.entries.insert(entry.path().clone(), Arc::clone(entry));
    }

    /// Forgets the actor at `path` and everyone below: they are gone for good. Only how many lives
    /// they had is kept.
    pub(super) fn forget(&self, path: &ActorPath) {
        {
            let mut known = self.lock();
            let (gone, rest) = std::mem::take(&mut known.entries)
                .into_iter()
                .partition(|(candidate, _)| candidate == path || candidate.is_below(path));
            known.entries = rest;
            let gone: BTreeMap<ActorPath, Arc<Entry>> = gone;
            for (path, entry) in gone {
                known.departed.insert(path, entry.incarnation());
            }
        }
        self.announcer.revision.send_modify(|revision| *revision += 1);
    }

    /// One actor at this moment; `None` when nobody of that path was ever declared.
    #[must_use]
    pub fn view(&self, path: &ActorPath) -> Option<ActorView> {
        let entry = self.lock().entries.get(path).cloned();
        entry.map(|entry| entry.view())
    }

    /// All actors at this moment, ordered by path.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ActorView> {
        let entries: Vec<Arc<Entry>> = self.lock().entries.values().cloned().collect();
        entries.iter().map(|entry| entry.view()).collect()
    }

    /// Every change of status from now on. A subscriber that falls more than 1,024 behind is told
    /// how many it lost.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Transition> {
        self.announcer.transitions.subscribe()
    }

    /// Waits until the actor at `path` is as `wanted` says, and returns it. Callers bound the wait.
    pub async fn wait_until(
        &self,
        path: &ActorPath,
        wanted: impl Fn(&ActorView) -> bool,
    ) -> ActorView {
        let mut revision = self.announcer.revision.subscribe();
        loop {
            revision.mark_unchanged();
            if let Some(view) = self.view(path)
                && wanted(&view)
            {
                return view;
            }
            // The sender lives in `self`, so it cannot be closed while we wait.
            let _ = revision.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_is_json_ordered_by_path() {
        let registry = Registry::new();
        let gpu = registry.entry(&ActorPath::root().child(&"gpu".into()));
        let feed = registry.entry(&ActorPath::root().child(&"feed".into()));
        gpu.begin_start();
        gpu.record_crash(Incarnation(1), "no device");
        gpu.set_status(Status::Parked { reason: "no device".to_owned() });
        feed.begin_start();
        feed.set_status(Status::Running);

        let snapshot = serde_json::to_value(registry.snapshot()).unwrap();
        assert_eq!(snapshot[0]["path"], "/feed");
        assert_eq!(snapshot[0]["status"], "running");
        assert_eq!(snapshot[1]["path"], "/gpu");
        assert_eq!(snapshot[1]["status"], "parked");
        assert_eq!(snapshot[1]["reason"], "no device");
        assert_eq!(snapshot[1]["last_crash"]["incarnation"], 1);
        assert_eq!(snapshot[1]["stats"]["depth"], 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscriber_sees_each_change_once() {
        let registry = Registry::new();
        let mut transitions = registry.subscribe();
        let entry = registry.entry(&ActorPath::root());
        entry.begin_start();
        entry.set_status(Status::Running);
        entry.set_status(Status::Running);
        assert_eq!(transitions.recv().await.unwrap().status, Status::Starting);
        assert_eq!(transitions.recv().await.unwrap().status, Status::Running);
        assert!(transitions.try_recv().is_err());
    }
}
