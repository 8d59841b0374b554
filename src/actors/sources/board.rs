//! The board: which sources there are, what they gave last, and how they are.
//!
//! Why it exists: channels, the API and `doctor` look at the sources without asking the poller, and
//! what was read outlives a crash of the poller.
//!
//! Architecture invariant: the lock is held for looking and noting only, never across an await or a
//! file, and taken before that of the schedule, never after; only the poller writes what was read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::reading::{NotedPoll, ReadEnd, ReadJob};
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::polling::{PollRule, Polling};
use crate::domain::source::{SourceFault, SourceHealth, SourceKey, SourceKind, SourceState};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::SourceRole;
use crate::ports::source_store::KeptSource;
use crate::ports::trends::{SourceProblem, SourceReader};

/// Problems with single items that are kept of a reading.
const MAX_ITEM_PROBLEMS: usize = 20;
/// Problems with single items that are told at once.
const TOLD_AT_ONCE: usize = 5;

/// A source as a channel declares it.
#[derive(Clone)]
pub struct DeclaredSource {
    /// Names the source.
    pub key: SourceKey,
    /// What kind of source it is.
    pub kind: SourceKind,
    /// What messages call it: its path, or its address without secrets.
    pub place: String,
    /// The host that must be spared; none for what lies on this machine.
    pub host: Option<String>,
    /// How often it is read; the most frequent of several channels counts.
    pub every: Duration,
    /// What its stories are to the channel.
    pub role: SourceRole,
    /// Reads it.
    pub reader: Arc<dyn SourceReader>,
}

impl fmt::Debug for DeclaredSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeclaredSource({}, {}, {:?})", self.kind, self.place, self.role)
    }
}

/// What is known of one source.
struct Posted {
    source: DeclaredSource,
    /// Who reads it: as what, and how often.
    readers: BTreeMap<ChannelName, Vec<(SourceRole, Duration)>>,
    /// `None` until it was looked for on the disk.
    kept: Option<Arc<KeptSource>>,
    was_read: bool,
    fault: Option<Failure>,
    failures: u32,
    last_ok: Option<Timestamp>,
    item_problems: Vec<SourceFault>,
    noted: Option<NotedPoll>,
}

/// How a source is to be read.
pub(super) struct PostedRule {
    pub(super) rule: PollRule,
    /// `None` until it was looked for on the disk.
    pub(super) past: Option<Past>,
}

/// What earlier reads say about the next.
pub(super) struct Past {
    pub(super) read_at: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
}

#[derive(Default)]
struct Posts {
    channels: BTreeMap<ChannelName, Vec<DeclaredSource>>,
    sources: BTreeMap<SourceKey, Posted>,
    /// Sources of which the poller has not seen how they are to be read now.
    changed: BTreeSet<SourceKey>,
    schedule: Option<Schedule>,
}

/// When a life of the poller reads what.
#[derive(Clone)]
pub(super) struct Schedule {
    /// The policy.
    pub(super) polling: Arc<Mutex<Polling>>,
    /// When its time began.
    pub(super) began: Instant,
}

impl Schedule {
    pub(super) fn new(at_once: usize) -> Self {
        let polling = Arc::new(Mutex::new(Polling::new(at_once)));
        Self { polling, began: Instant::now() }
    }

    pub(super) fn polling(&self) -> MutexGuard<'_, Polling> {
        self.polling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since its time began.
    pub(super) fn now_ms(&self) -> u64 {
        let lived = Instant::now().saturating_duration_since(self.began);
        u64::try_from(lived.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Posts {
    fn of_channel(
        &self,
        channel: &ChannelName,
    ) -> impl Iterator<Item = (&DeclaredSource, &Posted)> {
        let declared = self.channels.get(channel).into_iter().flatten();
        declared.filter_map(|source| Some((source, self.sources.get(&source.key)?)))
    }

    /// `channel` reads none of `declared` any more; what nobody reads is forgotten.
    fn leave(&mut self, channel: &ChannelName, declared: &[DeclaredSource]) {
        for DeclaredSource { key, .. } in declared {
            let Some(posted) = self.sources.get_mut(key) else { continue };
            posted.readers.remove(channel);
            if posted.readers.is_empty() {
                self.sources.remove(key);
            }
            self.changed.insert(key.clone());
        }
    }

    fn rule(&self, key: &SourceKey) -> Option<PostedRule> {
        let posted = self.sources.get(key)?;
        let every = posted.readers.values().flatten().map(|(_, every)| *every).min();
        let every = every.unwrap_or(posted.source.every);
        let rule = PollRule { every, host: posted.source.host.clone() };
        let past = posted.kept.as_ref().map(|kept| Past {
            read_at: posted.last_ok.max(kept.read_at),
            not_before: kept.not_before,
        });
        Some(PostedRule { rule, past })
    }
}

/// The board.
#[derive(Default)]
pub struct SourceBoard {
    posts: Mutex<Posts>,
    changed: Notify,
}

/// One source of a channel, as a harvest takes it.
pub(super) struct Gathered {
    pub(super) role: SourceRole,
    pub(super) kept: Arc<KeptSource>,
    pub(super) fault: Option<Failure>,
}

impl SourceBoard {
    fn lock(&self) -> MutexGuard<'_, Posts> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the sources of `channel`; sources that no channel names any more are forgotten.
    pub(super) fn declare(&self, channel: &ChannelName, declared: Vec<DeclaredSource>) {
        let mut posts = self.lock();
        let before = posts.channels.remove(channel).unwrap_or_default();
        let named: BTreeSet<&SourceKey> = declared.iter().map(|source| &source.key).collect();
        let (stay, go): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|source| named.contains(&source.key));
        posts.leave(channel, &go);
        for source in &stay {
            if let Some(posted) = posts.sources.get_mut(&source.key) {
                posted.readers.remove(channel);
            }
        }
        for source in &declared {
            let posted = posts.sources.entry(source.key.clone()).or_insert_with(|| Posted {
                source: source.clone(),
                readers: BTreeMap::new(),
                kept: None,
                was_read: false,
                fault: None,
                failures: 0,
                last_ok: None,
                item_problems: Vec::new(),
                noted: None,
            });
            posted.source = source.clone();
            let reader = (source.role, source.every);
            posted.readers.entry(channel.clone()).or_default().push(reader);
            posts.changed.insert(source.key.clone());
        }
        if !declared.is_empty() {
            posts.channels.insert(channel.clone(), declared);
        }
        drop(posts);
        self.changed.notify_waiters();
    }

    /// A life of the poller begins: it will be told of every source.
    pub(super) fn attach(&self, schedule: Schedule) {
        let mut posts = self.lock();
        posts.changed = posts.sources.keys().cloned().collect();
        posts.schedule = Some(schedule);
    }

    /// The sources that changed since this was last asked, with how they are to be read; `None` for
    /// those that are gone. A life of the poller that is not the newest gets nothing: what it took
    /// would be lost.
    pub(super) fn take_changed(&self, whose: &Schedule) -> Vec<(SourceKey, Option<PostedRule>)> {
        let mut posts = self.lock();
        let is_newest = |newest: &Schedule| Arc::ptr_eq(&newest.polling, &whose.polling);
        if !posts.schedule.as_ref().is_some_and(is_newest) {
            return Vec::new();
        }
        let changed = std::mem::take(&mut posts.changed);
        let rules = changed.into_iter().map(|key| {
            let rule = posts.rule(&key);
            (key, rule)
        });
        rules.collect()
    }

    /// Every source.
    pub(super) fn keys(&self) -> Vec<SourceKey> {
        self.lock().sources.keys().cloned().collect()
    }

    /// What was kept of `key` on the disk.
    pub(super) fn loaded(&self, key: &SourceKey, kept: KeptSource) {
        let mut posts = self.lock();
        if let Some(posted) = posts.sources.get_mut(key) {
            posted.last_ok = posted.last_ok.or(kept.read_at);
            posted.kept.get_or_insert_with(|| Arc::new(kept));
            posts.changed.insert(key.clone());
        }
        drop(posts);
        self.changed.notify_waiters();
    }

    /// What is needed to read `key`; `None` when it is not on the board.
    pub(super) fn job(&self, key: &SourceKey) -> Option<ReadJob> {
        let posts = self.lock();
        let posted = posts.sources.get(key)?;
        let mut readers = Vec::new();
        for (channel, roles) in &posted.readers {
            readers.extend(roles.iter().map(|(role, _)| (channel.clone(), *role)));
        }
        Some(ReadJob {
            key: key.clone(),
            place: posted.source.place.clone(),
            reader: Arc::clone(&posted.source.reader),
            kept: posted.kept.clone().unwrap_or_default(),
            readers,
            noted: posted.noted.clone(),
        })
    }

    /// Notes how a read of `key` ended; `failures` in a row. Gives what is news, for each channel.
    pub(super) fn ended(
        &self,
        key: &SourceKey,
        end: ReadEnd,
        failures: u32,
    ) -> Vec<(ChannelName, String)> {
        let mut posts = self.lock();
        let Some(posted) = posts.sources.get_mut(key) else { return Vec::new() };
        let news = posted.take(end, failures);
        let reading = posted.readers.keys();
        let told = reading
            .flat_map(|channel| news.iter().map(|message| (channel.clone(), message.clone())))
            .collect();
        drop(posts);
        self.changed.notify_waiters();
        told
    }

    /// The sources of `channel` of which nothing is known yet.
    pub(super) fn never_read(&self, channel: &ChannelName) -> Vec<SourceKey> {
        let posts = self.lock();
        let unread = posts.of_channel(channel).filter(|(_, posted)| !posted.is_settled());
        unread.map(|(source, _)| source.key.clone()).collect()
    }

    /// Waits until something is known of each source of `channel`: stories, or why there are none.
    pub(super) async fn settled(&self, channel: &ChannelName) {
        loop {
            let mut change = pin!(self.changed.notified());
            // From here on no change is missed, also one between the look and the wait.
            change.as_mut().enable();
            if self.never_read(channel).is_empty() {
                return;
            }
            change.await;
        }
    }

    /// What the sources of `channel` gave last, in the order of the config.
    pub(super) fn gather(&self, channel: &ChannelName) -> Vec<Gathered> {
        let posts = self.lock();
        let gathered = posts.of_channel(channel).map(|(source, posted)| Gathered {
            role: source.role,
            kept: posted.kept.clone().unwrap_or_default(),
            fault: posted.fault.clone(),
        });
        gathered.collect()
    }

    /// How every source of every channel is.
    pub(super) fn health(&self, now: Timestamp) -> Vec<SourceHealth> {
        let posts = self.lock();
        let polling = posts.schedule.as_ref().map(|of| (of.polling(), of.now_ms()));
        let next_poll = |key: &SourceKey| {
            let (polling, now_ms) = polling.as_ref()?;
            let wait_ms = polling.due_ms(key)?.saturating_sub(*now_ms);
            Some(now.plus(Duration::from_millis(wait_ms)))
        };
        let mut rows = Vec::new();
        for channel in posts.channels.keys() {
            for (source, posted) in posts.of_channel(channel) {
                rows.push(SourceHealth {
                    channel: channel.clone(),
                    source: source.place.clone(),
                    kind: source.kind,
                    role: source.role,
                    state: posted.state(),
                    last_ok: posted.last_ok,
                    last_error: posted.fault.as_ref().map(fault_of),
                    consecutive_failures: posted.failures,
                    next_poll: next_poll(&source.key),
                    items: posted.kept.as_ref().map_or(0, |kept| kept.window.stories(now).count()),
                    item_problems: posted.item_problems.clone(),
                });
            }
        }
        rows
    }
}

impl Posted {
    fn is_settled(&self) -> bool {
        let was_read_before = self.kept.as_ref().is_some_and(|kept| kept.read_at.is_some());
        self.was_read || was_read_before
    }

    fn state(&self) -> SourceState {
        match (&self.fault, self.last_ok) {
            (Some(_), _) => SourceState::Failing,
            (None, Some(_)) => SourceState::Ok,
            (None, None) => SourceState::Waiting,
        }
    }

    /// Takes the end of a read in, and gives what is news: only changes are.
    fn take(&mut self, end: ReadEnd, failures: u32) -> Vec<String> {
        self.was_read = true;
        self.failures = failures;
        if let Some(kept) = end.kept {
            self.kept = Some(Arc::new(kept));
        }
        self.noted = end.noted.or(self.noted.take());
        let place = &self.source.place;
        let mut news = Vec::new();
        match end.outcome {
            Err(failure) => {
                let is_known = self.fault.as_ref().is_some_and(|known| known.code == failure.code);
                if !is_known {
                    tracing::warn!(source = %place, code = failure.code, "{}", failure.message);
                    news.push(failure.message.clone());
                }
                self.fault = Some(failure);
            }
            Ok(read_at) => {
                if self.fault.take().is_some() {
                    tracing::info!(source = %place, "the source can be read again");
                }
                self.last_ok = Some(read_at);
            }
        }
        if let Some(problems) = end.problems {
            let problems = problems.iter().take(MAX_ITEM_PROBLEMS).map(item_fault);
            let problems: Vec<SourceFault> = problems.collect();
            let new = problems.iter().filter(|problem| !self.item_problems.contains(problem));
            news.extend(new.take(TOLD_AT_ONCE).map(|problem| problem.message.clone()));
            self.item_problems = problems;
        }
        news
    }
}

fn fault_of(failure: &Failure) -> SourceFault {
    SourceFault { code: failure.code.clone(), message: failure.message.clone() }
}

fn item_fault(problem: &SourceProblem) -> SourceFault {
    SourceFault { code: problem.code.clone(), message: problem.message.clone() }
}
