//! The poller: reads the sources of all channels when they are due, and keeps what they gave.
//!
//! Why it exists: a trend stage must not wait for slow servers, and a feed that several channels
//! name is read once for all of them. When what is read is `domain/polling.rs`'s decision; here it
//! is carried out, and the results are put on the board, where the channels find them.
//!
//! Architecture invariant: the handler never waits for a source, a disk or a channel. What it knows
//! is on the board, which outlives it: a new life goes on where the old one was.

pub mod board;
pub mod harvest;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;

use self::board::{DeclaredSource, PostedRule, Schedule, SourceBoard};
use self::harvest::ChannelSources;
use self::reading::{ReadEnd, read_source};
use crate::domain::ids::ChannelName;
use crate::domain::retry::LONGEST_ASKED_WAIT;
use crate::domain::source::{SourceHealth, SourceKey};
use crate::domain::timestamp::Timestamp;
use crate::ports::clock::{Clock, Entropy};
use crate::ports::source_store::{KeptSource, PollLog, SourceStore};
use crate::ports::trends::TrendSource;
use crate::supervision::envelope::{Envelope, Kind, Mailbox, Trace};
use crate::supervision::handle::{Handle, StartContext};
use crate::supervision::spec::ChildSpec;
use crate::telemetry::tick::{Tick, TickSink};

/// Sources that are read at the same time, at the most.
const AT_ONCE: usize = 4;
/// How often old polls and caches are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
/// When they are looked for first: by then every channel has declared its sources.
const FIRST_SWEEP: Duration = Duration::from_secs(600);
/// How long what is kept of a source that no channel names any more stays.
const KEEP_UNWANTED: Duration = Duration::from_secs(30 * 24 * 3600);
/// The board is looked at again at least this often: a change may have come while no life of the
/// poller could be told.
const RECHECK: Duration = Duration::from_secs(30);
/// The alarm never rings sooner than this, whatever the policy says.
const SHORTEST_ALARM: Duration = Duration::from_millis(10);

/// What the poller is told.
#[derive(Debug)]
pub enum SourcesMsg {
    /// The sources on the board are others than before.
    Reload,
    /// What was kept of these sources; nothing for those that are new.
    Loaded(Vec<(SourceKey, KeptSource)>),
    /// Something may be due.
    Look,
    /// This channel needs its sources now, those that were never read.
    Needed(ChannelName),
    /// A read is over.
    Ended {
        /// Of which source.
        key: SourceKey,
        /// How.
        end: Box<ReadEnd>,
    },
    /// Old files may be there.
    Sweep,
}

impl Kind for SourcesMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Loaded(_) => "loaded",
            Self::Look => "look",
            Self::Needed(_) => "needed",
            Self::Ended { .. } => "ended",
            Self::Sweep => "sweep",
        }
    }
}

/// What the poller works with.
#[derive(Clone)]
pub struct SourcesParts {
    /// Its own handle, at `/sources`.
    pub handle: Handle<SourcesMsg>,
    /// Keeps sources over restarts.
    pub store: Arc<dyn SourceStore>,
    /// Keeps the looks at them.
    pub polls: Arc<dyn PollLog>,
    /// How long looks are kept.
    pub keep_polls: Duration,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Where news of problems goes.
    pub ticks: TickSink,
}

/// The live sources of a node: where channels declare theirs, and find what they gave. Cheap to
/// clone; all clones are one.
#[derive(Clone)]
pub struct Sources {
    parts: SourcesParts,
    board: Arc<SourceBoard>,
}

impl Sources {
    /// No sources yet.
    #[must_use]
    pub fn new(parts: SourcesParts) -> Self {
        Self { parts, board: Arc::new(SourceBoard::default()) }
    }

    /// The poller as a child of the root. It must start before the channels.
    #[must_use]
    pub fn spec(&self) -> ChildSpec {
        let sources = self.clone();
        ChildSpec::actor(&self.parts.handle, move |context| {
            let Sources { parts, board } = sources.clone();
            (SourcesActor { parts, board, context: context.clone() }, ())
        })
    }

    /// Sets the sources of `channel`, in place of those it had; known ones keep what they gave.
    pub fn declare(&self, channel: &ChannelName, sources: Vec<DeclaredSource>) {
        self.board.declare(channel, sources);
        // A poller that is not running reads the board when it starts.
        let _ = self.parts.handle.cast(Trace::default(), SourcesMsg::Reload);
    }

    /// Forgets the sources of `channel`.
    pub fn remove(&self, channel: &ChannelName) {
        self.declare(channel, Vec::new());
    }

    /// How every source of every channel is, sorted by channel, in the order of the config.
    #[must_use]
    pub fn health(&self) -> Vec<SourceHealth> {
        self.board.health(self.parts.clock.now())
    }

    /// What the trend stage of `channel` asks. Freshness counts against `as_of`, or the clock.
    #[must_use]
    pub fn of_channel(
        &self,
        channel: &ChannelName,
        as_of: Option<Timestamp>,
    ) -> Arc<dyn TrendSource> {
        Arc::new(ChannelSources {
            channel: channel.clone(),
            as_of,
            board: Arc::clone(&self.board),
            handle: self.parts.handle.clone(),
            polls: Arc::clone(&self.parts.polls),
            clock: Arc::clone(&self.parts.clock),
        })
    }
}

/// One life of the poller.
pub struct SourcesActor {
    parts: SourcesParts,
    board: Arc<SourceBoard>,
    context: StartContext,
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the poller holds while it lives.
pub struct Desk {
    own: Mailbox<SourcesMsg>,
    schedule: Schedule,
    reading: BTreeMap<SourceKey, Task>,
    /// Sources to be looked for on the disk.
    unloaded: BTreeSet<SourceKey>,
    loading: Option<Task>,
    alarm: Option<Task>,
    sweeping: Option<Task>,
}

impl Actor for SourcesActor {
    type Msg = Envelope<SourcesMsg>;
    type State = Desk;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Desk, ActorProcessingErr> {
        let own = self.context.own_mailbox(myself);
        own.cast(Trace::default(), SourcesMsg::Reload).map_err(|error| error.to_string())?;
        let sweeping = Some(later(&own, FIRST_SWEEP, SourcesMsg::Sweep));
        let schedule = Schedule::new(AT_ONCE);
        self.board.attach(schedule.clone());
        Ok(Desk {
            own,
            schedule,
            reading: BTreeMap::new(),
            unloaded: BTreeSet::new(),
            loading: None,
            alarm: None,
            sweeping,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        desk: &mut Desk,
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, message) = envelope.open();
        match message {
            // What there is to do is done after every message.
            SourcesMsg::Reload | SourcesMsg::Look => {}
            SourcesMsg::Loaded(found) => {
                desk.loading = None;
                for (key, kept) in found {
                    desk.unloaded.remove(&key);
                    self.board.loaded(&key, kept);
                }
            }
            SourcesMsg::Needed(channel) => {
                let now_ms = desk.schedule.now_ms();
                for key in self.board.never_read(&channel) {
                    desk.schedule.polling().ask(&key, now_ms);
                }
            }
            SourcesMsg::Ended { key, end } => self.ended(desk, &key, *end),
            SourcesMsg::Sweep => self.sweep(desk),
        }
        self.reload(desk);
        self.go_on(desk);
        Ok(())
    }
}

impl SourcesActor {
    /// Brings the policy in line with the board. What is not loaded yet is loaded first.
    fn reload(&self, desk: &mut Desk) {
        let now = self.parts.clock.now();
        let now_ms = desk.schedule.now_ms();
        let changed = self.board.take_changed(&desk.schedule);
        let mut polling = desk.schedule.polling();
        for (key, posted) in changed {
            match posted {
                None => polling.remove(&key, now_ms),
                Some(PostedRule { past: None, .. }) => {
                    // One that went and came again at once is not read by what was known before.
                    polling.remove(&key, now_ms);
                    desk.unloaded.insert(key);
                }
                Some(PostedRule { rule, past: Some(past) }) => {
                    let since_read = past.read_at.map_or(rule.every, |at| now.since(at));
                    let first = rule.every.saturating_sub(since_read);
                    polling.declare(&key, rule, now_ms, after(now_ms, first));
                    if let Some(until) = past.not_before {
                        let wait = until.since(now).min(LONGEST_ASKED_WAIT);
                        polling.spare(&key, after(now_ms, wait));
                    }
                }
            }
        }
        drop(polling);
        if !desk.unloaded.is_empty() && desk.loading.is_none() {
            let keys = std::mem::take(&mut desk.unloaded);
            desk.loading = Some(self.load(desk, keys.into_iter().collect()));
        }
    }

    fn load(&self, desk: &Desk, keys: Vec<SourceKey>) -> Task {
        let (store, own) = (Arc::clone(&self.parts.store), desk.own.clone());
        Task(tokio::spawn(async move {
            let fallback = keys.clone();
            let load_all = move || {
                let load = |key: SourceKey| {
                    let kept = store.load(&key).unwrap_or_else(|failure| {
                        tracing::warn!(%failure, "a source is read anew");
                        None
                    });
                    (key, kept.unwrap_or_default())
                };
                keys.into_iter().map(load).collect::<Vec<_>>()
            };
            let loading = tokio::task::spawn_blocking(load_all).await;
            let nothing = || fallback.into_iter().map(|key| (key, KeptSource::default())).collect();
            let loaded = loading.unwrap_or_else(|_| nothing());
            // A poller that is stopping loads nothing any more.
            let _ = own.cast(Trace::default(), SourcesMsg::Loaded(loaded));
        }))
    }

    fn ended(&self, desk: &mut Desk, key: &SourceKey, end: ReadEnd) {
        desk.reading.remove(key);
        let now_ms = desk.schedule.now_ms();
        let failures = {
            let mut polling = desk.schedule.polling();
            polling.finish(key, now_ms, end.failure(), self.parts.entropy.draw());
            polling.failures(key)
        };
        for (channel, message) in self.board.ended(key, end, failures) {
            (self.parts.ticks)(Tick::SourceProblem { channel, message });
        }
    }

    /// Begins what is due, and sets the alarm for the next.
    fn go_on(&self, desk: &mut Desk) {
        let now_ms = desk.schedule.now_ms();
        let due = desk.schedule.polling().begin(now_ms);
        for key in due {
            let Some(job) = self.board.job(&key) else {
                // Gone since: the policy hears of it with the reload that is on its way.
                desk.schedule.polling().finish(&key, now_ms, None, 0);
                continue;
            };
            let own = desk.own.clone();
            let (store, polls) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.polls));
            let clock = Arc::clone(&self.parts.clock);
            let named = key.clone();
            let task = tokio::spawn(async move {
                let end = Box::new(read_source(job, store, polls, clock).await);
                // A poller that is stopping is told nothing any more; what was read is kept.
                let _ = own.cast(Trace::default(), SourcesMsg::Ended { key: named, end });
            });
            desk.reading.insert(key, Task(task));
        }
        let next_ms = desk.schedule.polling().next_ms().unwrap_or(u64::MAX);
        let wait = Duration::from_millis(next_ms.saturating_sub(now_ms));
        let wait = wait.clamp(SHORTEST_ALARM, RECHECK);
        desk.alarm = Some(later(&desk.own, wait, SourcesMsg::Look));
    }

    /// Removes old polls and caches, now and again in a day.
    fn sweep(&self, desk: &mut Desk) {
        let now = self.parts.clock.now();
        let wanted: Vec<SourceKey> = self.board.keys();
        let (store, polls) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.polls));
        let polls_before = now.minus(self.parts.keep_polls);
        let own = desk.own.clone();
        desk.sweeping = Some(Task(tokio::spawn(async move {
            let sweep_all = move || {
                let swept =
                    [polls.sweep(polls_before), store.sweep(&wanted, now.minus(KEEP_UNWANTED))];
                for failure in swept.into_iter().filter_map(Result::err) {
                    tracing::warn!(%failure, "old files of the sources stay behind");
                }
            };
            // Only a stopping node ends it early; the next start sweeps again.
            let _ = tokio::task::spawn_blocking(sweep_all).await;
            tokio::time::sleep(SWEEP_EVERY).await;
            let _ = own.cast(Trace::default(), SourcesMsg::Sweep);
        })));
    }
}

/// Sends `message` to the life behind `own` after `wait`; one that has ended gets nothing.
fn later(own: &Mailbox<SourcesMsg>, wait: Duration, message: SourcesMsg) -> Task {
    let own = own.clone();
    Task(tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        let _ = own.cast(Trace::default(), message);
    }))
}

/// Milliseconds of the schedule, `wait` after `now_ms`.
fn after(now_ms: u64, wait: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
