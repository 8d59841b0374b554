//! When each source is read: the rules of politeness as a pure state machine.
//!
//! Why it exists: a node that runs for months must never become a nuisance to the servers it reads
//! from, and must never forget a source. Times here are milliseconds on a clock that only goes
//! forward, so that a wall clock that is set back delays nothing.
//!
//! - A source is read every `every` ± 10 %, so that many nodes do not ask in step.
//! - A failed read waits with exponential back-off and full jitter ("Exponential Backoff And
//!   Jitter", AWS Architecture Blog, 2015): uniform in [0, min(every, 1 min)·2^(k−1)], k counting
//!   failures in a row, at least 1 s and at most 6 h. A permanent failure (gone, not a feed) waits
//!   about its usual time at first, doubling to 6 h: its owner may mend it.
//! - A `Retry-After` (RFC 9110, section 10.2.3) holds for the whole host, up to a week.
//! - One request at a time for each host, and 1 s between the end of one and the start of the next.
//!
//! Architecture invariant: nothing here knows what a request is; whoever begins a read must end it
//! with [`Polling::finish`], whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::failure::{Failure, FailureClass};
use super::retry::LONGEST_ASKED_WAIT;
use super::source::SourceKey;

/// The longest wait of the back-off, and of a source that failed permanently unless its own
/// interval is longer.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(6 * 3600);
/// The time between two requests to one host.
pub const HOST_GAP: Duration = Duration::from_secs(1);
/// The first span of the back-off, unless the source is read more often than that.
const FIRST_SPAN: Duration = Duration::from_secs(60);
/// The shortest wait after a failure.
const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);

/// How a source is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollRule {
    /// How often.
    pub every: Duration,
    /// The host that must be spared; none for what lies on this machine.
    pub host: Option<String>,
}

#[derive(Debug)]
struct Source {
    rule: PollRule,
    due_ms: u64,
    /// The server asked not to be read before.
    not_before_ms: u64,
    failures: u32,
    is_running: bool,
    /// It was removed while it is being read, and goes when that ends.
    is_leaving: bool,
}

#[derive(Debug, Default)]
struct Host {
    /// How many sources it has.
    sources: usize,
    is_busy: bool,
    free_from_ms: u64,
    /// Its sources that wait, by when they are due.
    waiting: BTreeSet<(u64, SourceKey)>,
    /// Under which time it stands in the agenda.
    listed_ms: Option<u64>,
}

impl Host {
    /// When the next of its sources may be read; `None` while one is being read, or none waits.
    fn ready_ms(&self) -> Option<u64> {
        let (due_ms, _) = self.waiting.first().filter(|_| !self.is_busy)?;
        Some(self.free_from_ms.max(*due_ms))
    }
}

/// What can be ready.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// A source on this machine.
    Source(SourceKey),
    /// The next source of a host.
    Host(String),
}

/// When each source is read.
#[derive(Debug)]
pub struct Polling {
    sources: BTreeMap<SourceKey, Source>,
    hosts: BTreeMap<String, Host>,
    /// What may be read when, so that the next is found among many at once.
    agenda: BTreeSet<(u64, Turn)>,
    /// Hosts that had no source any more, and until when they are to be spared.
    deserted: BTreeSet<(u64, String)>,
    at_once: usize,
    running: usize,
}

impl Polling {
    /// Nothing to read yet; at most `at_once` (at least 1) sources are read at the same time.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self {
            sources: BTreeMap::new(),
            hosts: BTreeMap::new(),
            agenda: BTreeSet::new(),
            deserted: BTreeSet::new(),
            at_once: at_once.max(1),
            running: 0,
        }
    }

    /// Takes a source in, to be read first at `first_ms`; one that is known is read as often as the
    /// new rule says from now on. Its host is part of what its key names and does not change.
    pub fn declare(&mut self, key: &SourceKey, rule: PollRule, now_ms: u64, first_ms: u64) {
        self.unlist(key);
        if let Some(known) = self.sources.get_mut(key) {
            known.is_leaving = false;
            if known.failures == 0 {
                let usual_ms = now_ms.saturating_add(millis(rule.every));
                known.due_ms = known.due_ms.min(usual_ms.max(known.not_before_ms));
            }
            known.rule.every = rule.every;
        } else {
            if let Some(host) = &rule.host {
                self.hosts.entry(host.clone()).or_default().sources += 1;
            }
            let source = Source {
                rule,
                due_ms: first_ms,
                not_before_ms: 0,
                failures: 0,
                is_running: false,
                is_leaving: false,
            };
            self.sources.insert(key.clone(), source);
        }
        self.list(key);
    }

    /// A server asked earlier, before anything here was known, not to be asked before `until_ms`: that
    /// holds for its whole host.
    pub fn spare(&mut self, key: &SourceKey, until_ms: u64) {
        self.unlist(key);
        let Some(source) = self.sources.get_mut(key) else { return };
        source.not_before_ms = source.not_before_ms.max(until_ms);
        source.due_ms = source.due_ms.max(until_ms);
        let name = source.rule.host.clone();
        if let Some(host) = name.as_ref().and_then(|name| self.hosts.get_mut(name)) {
            host.free_from_ms = host.free_from_ms.max(until_ms);
        }
        self.list(key);
        if let Some(name) = name {
            self.list_host(&name);
        }
    }

    /// Lets a source go; a read of it that is under way still spares its host until it ends.
    pub fn remove(&mut self, key: &SourceKey, now_ms: u64) {
        self.unlist(key);
        let Some(source) = self.sources.get_mut(key) else { return };
        source.is_leaving = true;
        if !source.is_running {
            self.forget(key, now_ms);
        }
    }

    /// Somebody needs a source now: it becomes due, unless it is being read, waits after a failure or
    /// is to be spared. Its host is spared all the same.
    pub fn ask(&mut self, key: &SourceKey, now_ms: u64) {
        self.unlist(key);
        if let Some(source) = self.sources.get_mut(key)
            && source.failures == 0
        {
            source.due_ms = source.due_ms.min(now_ms.max(source.not_before_ms));
        }
        self.list(key);
    }

    /// The sources to read now, those that could have been read for longest first. Each counts as
    /// being read until [`Self::finish`].
    #[must_use = "what is begun must be read"]
    pub fn begin(&mut self, now_ms: u64) -> Vec<SourceKey> {
        let mut begun = Vec::new();
        while self.running < self.at_once
            && self.agenda.first().is_some_and(|(ready_ms, _)| *ready_ms <= now_ms)
        {
            let Some((_, turn)) = self.agenda.pop_first() else { break };
            let key = match turn {
                Turn::Source(key) => Some(key),
                Turn::Host(name) => self.hosts.get_mut(&name).and_then(|host| {
                    host.listed_ms = None;
                    let (_, key) = host.waiting.pop_first()?;
                    host.is_busy = true;
                    Some(key)
                }),
            };
            let Some(key) = key else { continue };
            if let Some(source) = self.sources.get_mut(&key) {
                source.is_running = true;
                self.running += 1;
                begun.push(key);
            }
        }
        begun
    }

    /// A read has ended: well (`None`), or with a failure. `draw` is uniform over all of `u64` and
    /// makes the jitter.
    pub fn finish(&mut self, key: &SourceKey, now_ms: u64, failure: Option<&Failure>, draw: u64) {
        let Some(source) = self.sources.get_mut(key) else { return };
        if !source.is_running {
            return;
        }
        source.is_running = false;
        self.running = self.running.saturating_sub(1);
        let asked_ms = failure
            .and_then(Failure::retry_after)
            .map_or(0, |asked| millis(asked.min(LONGEST_ASKED_WAIT)));
        match failure {
            None => {
                source.failures = 0;
                source.due_ms = now_ms.saturating_add(usual_wait_ms(source.rule.every, draw));
            }
            Some(failure) => {
                source.failures = source.failures.saturating_add(1);
                let wait_ms =
                    failed_wait_ms(source.rule.every, source.failures, failure.class, draw);
                source.due_ms = now_ms.saturating_add(wait_ms.max(asked_ms));
            }
        }
        let is_leaving = source.is_leaving;
        let name = source.rule.host.clone();
        if let Some(host) = name.as_ref().and_then(|name| self.hosts.get_mut(name)) {
            host.is_busy = false;
            let free_from_ms = now_ms.saturating_add(asked_ms.max(millis(HOST_GAP)));
            host.free_from_ms = host.free_from_ms.max(free_from_ms);
        }
        if is_leaving {
            self.forget(key, now_ms);
        } else {
            self.list(key);
        }
        if let Some(name) = name {
            self.list_host(&name);
        }
        self.forget_deserted(now_ms);
    }

    /// When [`Self::begin`] will next have something that it has not now; `None` when that waits for
    /// a read to end, or for a source to be declared.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        if self.running >= self.at_once {
            return None;
        }
        self.agenda.first().map(|(ready_ms, _)| *ready_ms)
    }

    /// When `key` is read next, as things stand; `None` while it is being read, or unknown.
    #[must_use]
    pub fn due_ms(&self, key: &SourceKey) -> Option<u64> {
        let source = self.sources.get(key).filter(|source| !source.is_running)?;
        let host = source.rule.host.as_ref().and_then(|host| self.hosts.get(host));
        Some(source.due_ms.max(host.map_or(0, |host| host.free_from_ms)))
    }

    /// Failures of `key` since its last good read.
    #[must_use]
    pub fn failures(&self, key: &SourceKey) -> u32 {
        self.sources.get(key).map_or(0, |source| source.failures)
    }

    /// Puts a source that is not being read where it waits for its turn.
    fn list(&mut self, key: &SourceKey) {
        let Some(source) = self.sources.get(key) else { return };
        if source.is_running || source.is_leaving {
            return;
        }
        let due_ms = source.due_ms;
        let Some(name) = source.rule.host.clone() else {
            self.agenda.insert((due_ms, Turn::Source(key.clone())));
            return;
        };
        if let Some(host) = self.hosts.get_mut(&name) {
            host.waiting.insert((due_ms, key.clone()));
        }
        self.list_host(&name);
    }

    /// Takes a source from where it waits, if it does.
    fn unlist(&mut self, key: &SourceKey) {
        let Some(source) = self.sources.get(key) else { return };
        let due_ms = source.due_ms;
        let Some(name) = source.rule.host.clone() else {
            self.agenda.remove(&(due_ms, Turn::Source(key.clone())));
            return;
        };
        if let Some(host) = self.hosts.get_mut(&name) {
            host.waiting.remove(&(due_ms, key.clone()));
        }
        self.list_host(&name);
    }

    /// Puts a host into the agenda under the time at which its next source may be read.
    fn list_host(&mut self, name: &str) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        let ready_ms = host.ready_ms();
        let listed_ms = std::mem::replace(&mut host.listed_ms, ready_ms);
        if listed_ms == ready_ms {
            return;
        }
        let turn = |at: u64| (at, Turn::Host(name.to_owned()));
        if let Some(at) = listed_ms {
            self.agenda.remove(&turn(at));
        }
        self.agenda.extend(ready_ms.map(turn));
    }

    /// Forgets a source that is not listed.
    fn forget(&mut self, key: &SourceKey, now_ms: u64) {
        let Some(name) = self.sources.remove(key).and_then(|source| source.rule.host) else {
            return;
        };
        let Some(host) = self.hosts.get_mut(&name) else { return };
        host.sources -= 1;
        if host.sources == 0 {
            self.deserted.insert((host.free_from_ms, name));
            self.forget_deserted(now_ms);
        }
    }

    /// Hosts that nobody reads from any more and that are free are forgotten.
    fn forget_deserted(&mut self, now_ms: u64) {
        while self.deserted.first().is_some_and(|(until_ms, _)| *until_ms <= now_ms) {
            let Some((_, name)) = self.deserted.pop_first() else { return };
            let is_free = |host: &Host| host.sources == 0 && host.free_from_ms <= now_ms;
            if self.hosts.get(&name).is_some_and(is_free) {
                self.hosts.remove(&name);
            }
        }
    }
}

/// The wait after a good read: `every` ± 10 %.
fn usual_wait_ms(every: Duration, draw: u64) -> u64 {
    let every_ms = millis(every);
    let spread_ms = every_ms / 10;
    (every_ms - spread_ms).saturating_add(scaled(draw, spread_ms.saturating_mul(2)))
}

/// The wait after failure number `failures` in a row.
fn failed_wait_ms(every: Duration, failures: u32, class: FailureClass, draw: u64) -> u64 {
    let doublings = failures.saturating_sub(1).min(20);
    let grown_ms =
        |base: Duration| millis(base).saturating_mul(1 << doublings).min(millis(LONGEST_BACKOFF));
    if class == FailureClass::Permanent {
        let span_ms = grown_ms(every).max(millis(every)).max(millis(SHORTEST_BACKOFF));
        return span_ms / 2 + scaled(draw, span_ms.div_ceil(2));
    }
    let span_ms = grown_ms(every.min(FIRST_SPAN));
    scaled(draw, span_ms).max(millis(SHORTEST_BACKOFF))
}

/// A number in [0, span], as far along as `draw` is in all of `u64`.
fn scaled(draw: u64, span: u64) -> u64 {
    let product = u128::from(draw) * (u128::from(span) + 1);
    u64::try_from(product >> 64).unwrap_or(span)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
