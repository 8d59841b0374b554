//! What outlives a node: the disk, the outside, time, and the watch over all promises.
//!
//! Architecture invariant: whatever is drawn about a piece of work depends on the seed and on what
//! the work is, never on when somebody asked; so the order of equal moments changes nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::deeds::Plan;
use super::platform::Ledger;
use super::store::MemoryStore;
use super::watcher::Watcher;
use crate::adapters::offline::fonts::load_faces;
use crate::adapters::remembering_embedder::EmbeddingMemory;
use crate::craft::typeset::Faces;
use crate::domain::artifact::Digest;
use crate::domain::channel::{ChannelRules, ChannelState};
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::invariants::Violation;
use crate::domain::retry::Policies;
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{Publication, Workflow};
use crate::journal::memory::MemoryDisk;
use crate::simulate::coverage::Coverage;
use crate::simulate::rng::Rng;

/// 2026-01-01T00:00:00Z: where the virtual wall clock begins, unless a setting says otherwise.
pub const WALL_ORIGIN: Timestamp = Timestamp(1_767_225_600_000);
/// So many lines of the log are kept.
const LOG_LINES: usize = 80;

/// Locks, and does not mind that a simulated panic passed by.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The generator for everything about one thing.
pub(in crate::simulate) fn rng_about(seed: u64, thing: &str) -> Rng {
    let Digest([a, b, c, d, e, f, g, h, ..]) = Digest::of(format!("{seed} {thing}").as_bytes());
    Rng::new(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// Virtual time that goes on over the lives of the node.
#[derive(Debug)]
pub struct VirtualTime {
    base_ms: AtomicU64,
    began: Mutex<Option<Instant>>,
    wall_offset_ms: AtomicI64,
}

impl VirtualTime {
    fn new(origin: Timestamp) -> Self {
        Self {
            base_ms: AtomicU64::new(0),
            began: Mutex::new(None),
            wall_offset_ms: AtomicI64::new(origin.0),
        }
    }

    /// Milliseconds since the universe began.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let base = self.base_ms.load(Ordering::Relaxed);
        let Some(began) = *locked(&self.began) else { return base };
        let lived = Instant::now().saturating_duration_since(began).as_millis();
        base.saturating_add(u64::try_from(lived).unwrap_or(u64::MAX))
    }

    /// The wall clock.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        let offset = self.wall_offset_ms.load(Ordering::Relaxed);
        Timestamp(offset.saturating_add_unsigned(self.now_ms()))
    }

    /// The wall clock jumps.
    pub fn jump(&self, by_ms: i64) {
        self.wall_offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// A runtime with its own paused clock begins.
    pub(super) fn begin_life(&self) {
        *locked(&self.began) = Some(Instant::now());
    }

    /// That runtime is about to go; the next one begins `gap_ms` later.
    pub(super) fn end_life(&self, gap_ms: u64) {
        let now = self.now_ms();
        *locked(&self.began) = None;
        self.base_ms.store(now.saturating_add(gap_ms), Ordering::Relaxed);
    }
}

/// What a node has around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// Slots of the host for rendering and for light work.
    pub slots: (u32, u32),
    /// How many stories the sources of the channels have; 48 where it is not said.
    pub stories: Vec<u32>,
    /// The longest that the platform takes to take a video in, and again to answer, in milliseconds.
    pub platform_ms: u64,
}

impl Default for Surroundings {
    /// Scarce slots, stories enough for every seed, and a slow platform.
    fn default() -> Self {
        Self { slots: (1, 2), stories: Vec::new(), platform_ms: 20_000 }
    }
}

/// What a universe is like.
pub struct Setting {
    /// The seed.
    pub seed: u64,
    /// What the owner of each channel wants; as many as there are channels.
    pub rules: Vec<ChannelRules>,
    /// The limits of the stages.
    pub policies: Policies,
    /// Where the virtual wall clock begins.
    pub origin: Timestamp,
    /// What the work of each attempt is like.
    pub plan: Arc<dyn Plan>,
    /// What the node has around it.
    pub around: Surroundings,
    /// Whether the last lines of what happened are kept.
    pub logged: bool,
}

/// Everything that outlives a node.
pub struct Universe {
    /// The seed.
    pub seed: u64,
    /// What the owner of each channel wants; as many as there are channels.
    pub rules: Vec<ChannelRules>,
    /// The limits of the stages.
    pub policies: Policies,
    /// What the node has around it.
    pub around: Surroundings,
    /// The simulated disk under the journal.
    pub disk: MemoryDisk,
    /// Time.
    pub time: Arc<VirtualTime>,
    /// The outputs of stages.
    pub(super) store: Arc<MemoryStore>,
    /// What was published.
    pub(super) ledger: Arc<Ledger>,
    /// The watch over the committed events.
    pub(super) watcher: Mutex<Watcher>,
    /// What the work of each attempt is like.
    plan: Arc<dyn Plan>,
    faces: Mutex<Option<Arc<Faces>>>,
    /// What the stories mean is the same in every life.
    pub(super) embeddings: EmbeddingMemory,
    calm: AtomicBool,
    live: Mutex<BTreeMap<(WorkflowId, StageName), u32>>,
    begun: Mutex<BTreeMap<Ticket, u32>>,
    broken: Mutex<Option<Violation>>,
    faults: AtomicU64,
    coverage: Mutex<Coverage>,
    log: Option<Mutex<VecDeque<String>>>,
}

impl Universe {
    /// A universe of `channels` channels without schedules, in which the work of attempts is as
    /// `plan` says; `logged` keeps the last lines of what happened.
    #[must_use]
    pub fn new(seed: u64, channels: usize, plan: Arc<dyn Plan>, logged: bool) -> Arc<Self> {
        Self::of(Setting {
            seed,
            rules: vec![ChannelRules::default(); channels],
            policies: Policies::default(),
            origin: WALL_ORIGIN,
            plan,
            around: Surroundings::default(),
            logged,
        })
    }

    /// The universe of `setting`, in which nothing has happened yet.
    #[must_use]
    pub fn of(setting: Setting) -> Arc<Self> {
        Arc::new(Self {
            seed: setting.seed,
            rules: setting.rules,
            disk: MemoryDisk::default(),
            time: Arc::new(VirtualTime::new(setting.origin)),
            store: Arc::new(MemoryStore::default()),
            ledger: Arc::new(Ledger::default()),
            watcher: Mutex::new(Watcher::new(setting.policies.clone())),
            policies: setting.policies,
            around: setting.around,
            plan: setting.plan,
            faces: Mutex::default(),
            embeddings: EmbeddingMemory::default(),
            calm: AtomicBool::new(false),
            live: Mutex::default(),
            begun: Mutex::default(),
            broken: Mutex::default(),
            faults: AtomicU64::new(0),
            coverage: Mutex::default(),
            log: setting.logged.then(Mutex::default),
        })
    }

    /// From now on nothing fails any more.
    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Whether nothing fails any more.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// The faces that captions are measured with, loaded once.
    pub(super) fn faces(&self) -> Result<Arc<Faces>, Violation> {
        let mut faces = locked(&self.faces);
        if let Some(faces) = &*faces {
            return Ok(Arc::clone(faces));
        }
        let loaded = Arc::new(
            load_faces()
                .map_err(|error| Violation { invariant: "model", found: error.to_string() })?,
        );
        *faces = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    pub(super) fn plan(&self) -> &dyn Plan {
        self.plan.as_ref()
    }

    /// Counts and notes a fault.
    pub(super) fn fault(&self, name: &'static str) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.hit("fault", name);
        self.log(|| format!("FAULT {name}"));
    }

    /// How many faults there were.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    pub(super) fn hit(&self, kind: &'static str, name: &'static str) {
        locked(&self.coverage).hit(kind, name);
    }

    /// What was reached so far.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut coverage = locked(&self.coverage).clone();
        coverage.merge(&locked(&self.watcher).coverage);
        coverage
    }

    /// Writes a line, where somebody will read it.
    pub(super) fn log(&self, line: impl FnOnce() -> String) {
        let Some(log) = &self.log else { return };
        let mut log = locked(log);
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(format!("{:>9} ms  {}", self.time.now_ms(), line()));
    }

    /// The last lines of the log, oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<String> {
        self.log.as_ref().map(|log| locked(log).iter().cloned().collect()).unwrap_or_default()
    }

    /// Notes that a promise was broken; the first time counts.
    pub(super) fn break_promise(&self, violation: Violation) {
        locked(&self.broken).get_or_insert(violation);
    }

    /// Takes in what was committed since the last call.
    ///
    /// # Errors
    /// The first promise that was broken, by whomever.
    pub fn check(&self) -> Result<(), Violation> {
        let caught_up = locked(&self.watcher).catch_up(|line| self.log(|| line));
        if let Err(violation) = caught_up {
            self.break_promise(violation);
        }
        match locked(&self.broken).clone() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    /// An attempt's work begins: its start must be durable (D2), and no other attempt of the same
    /// stage may be at work (D4). The work lasts until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>, ticket: Ticket) -> AtWork {
        // A violation found here is told by the next `check` of the driver.
        let _ = self.check();
        if !locked(&self.watcher).started.contains(&ticket) {
            let found = format!("{ticket:?} is carried out before its start is durable");
            self.break_promise(Violation { invariant: "D2", found });
        }
        let key = (ticket.workflow, ticket.stage);
        let at_work = {
            let mut live = locked(&self.live);
            let count = live.entry(key).or_insert(0);
            *count += 1;
            *count
        };
        if at_work > 1 {
            let found = format!("{at_work} attempts are at work beside {ticket:?}");
            self.break_promise(Violation { invariant: "D4", found });
        }
        let begun = {
            let mut begun = locked(&self.begun);
            let count = begun.entry(ticket).or_insert(0);
            *count += 1;
            *count
        };
        if begun > 1 {
            self.hit("work", "begun_again");
        }
        self.log(|| format!("begins {} {:?} of {}", ticket.stage, ticket.attempt, ticket.workflow));
        AtWork { universe: Arc::clone(self), key }
    }

    /// The state of a channel as the watch knows it: the fold of what is durable.
    #[must_use]
    pub fn state(&self, channel: ChannelId) -> ChannelState {
        locked(&self.watcher).states.get(&channel).cloned().unwrap_or_default()
    }

    /// What `look` sees of a workflow, as the watch knows it; none when there is no such workflow.
    pub fn workflow<T>(
        &self,
        channel: ChannelId,
        workflow: WorkflowId,
        look: impl FnOnce(&Workflow) -> T,
    ) -> Option<T> {
        let watcher = locked(&self.watcher);
        watcher.states.get(&channel)?.workflows.get(&workflow).map(look)
    }

    /// The fingerprint of every committed event so far, in order and with its time, and their number.
    #[must_use]
    pub fn history(&self) -> (Digest, u64) {
        let watcher = locked(&self.watcher);
        (watcher.trace.digest(), watcher.events)
    }

    /// The failures of attempts so far, oldest first.
    #[must_use]
    pub fn failures(&self) -> Vec<(Ticket, Failure)> {
        locked(&self.watcher).failures.clone()
    }

    /// The videos of a workflow on the platform.
    #[must_use]
    pub fn videos(&self, workflow: WorkflowId) -> Vec<Publication> {
        self.ledger.videos(workflow)
    }

    /// When the videos of a workflow came onto the platform, on the wall clock.
    #[must_use]
    pub fn published_at(&self, workflow: WorkflowId) -> Vec<Timestamp> {
        self.ledger.times(workflow)
    }

    /// Fingerprint of every committed event, in order and with its time.
    #[must_use]
    pub fn trace_hash(&self) -> Digest {
        locked(&self.watcher).trace.digest()
    }

    /// How many pieces of work go on at this moment.
    #[must_use]
    pub fn at_work(&self) -> u32 {
        locked(&self.live).values().sum()
    }

    /// How often the work of an attempt was begun.
    #[must_use]
    pub fn begun(&self, ticket: &Ticket) -> u32 {
        locked(&self.begun).get(ticket).copied().unwrap_or(0)
    }
}

/// An attempt at work.
pub(super) struct AtWork {
    universe: Arc<Universe>,
    key: (WorkflowId, StageName),
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(count) = locked(&self.universe.live).get_mut(&self.key) {
            *count = count.saturating_sub(1);
        }
    }
}
