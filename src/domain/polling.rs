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

use std::collections::BTreeMap;
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
    failures: u32,
    is_running: bool,
    /// It was removed while it is being read, and goes when that ends.
    is_leaving: bool,
}

#[derive(Debug, Default)]
struct Host {
    is_busy: bool,
    free_from_ms: u64,
}

/// When each source is read.
#[derive(Debug)]
pub struct Polling {
    sources: BTreeMap<SourceKey, Source>,
    hosts: BTreeMap<String, Host>,
    at_once: usize,
    running: usize,
}

impl Polling {
    /// Nothing to read yet; at most `at_once` (at least 1) sources are read at the same time.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.max(1);
        Self { sources: BTreeMap::new(), hosts: BTreeMap::new(), at_once, running: 0 }
    }

    /// Takes a source in, to be read first at `first_ms`; one that is known takes the new rule,
    /// and is read by it from now on.
    pub fn declare(&mut self, key: SourceKey, rule: PollRule, now_ms: u64, first_ms: u64) {
        if let Some(known) = self.sources.get_mut(&key) {
            known.is_leaving = false;
            if known.failures == 0 {
                known.due_ms = known.due_ms.min(now_ms.saturating_add(millis(rule.every)));
            }
            known.rule = rule;
            return;
        }
        let source =
            Source { rule, due_ms: first_ms, failures: 0, is_running: false, is_leaving: false };
        self.sources.insert(key, source);
    }

    /// Lets a source go; a read of it that is under way still spares its host until it ends.
    pub fn remove(&mut self, key: &SourceKey) {
        let Some(source) = self.sources.get_mut(key) else { return };
        source.is_leaving = true;
        if !source.is_running {
            self.sources.remove(key);
        }
    }

    /// Somebody needs a source now: it becomes due, unless it is being read or waits after a
    /// failure. Its host is spared all the same.
    pub fn ask(&mut self, key: &SourceKey, now_ms: u64) {
        if let Some(source) = self.sources.get_mut(key)
            && source.failures == 0
        {
            source.due_ms = source.due_ms.min(now_ms);
        }
    }

    /// The sources to read now, the longest due first. Each counts as being read until
    /// [`Self::finish`].
    #[must_use = "what is begun must be read"]
    pub fn begin(&mut self, now_ms: u64) -> Vec<SourceKey> {
        let is_ready = |source: &Source| self.ready_ms(source).is_some_and(|at| at <= now_ms);
        let mut due: Vec<(u64, SourceKey)> = self
            .sources
            .iter()
            .filter(|(_, source)| !source.is_running && !source.is_leaving && is_ready(source))
            .map(|(key, source)| (source.due_ms, key.clone()))
            .collect();
        due.sort();
        let mut begun = Vec::new();
        for (_, key) in due {
            if self.running >= self.at_once {
                break;
            }
            let Some(source) = self.sources.get_mut(&key) else { continue };
            if let Some(host) = &source.rule.host {
                let host = self.hosts.entry(host.clone()).or_default();
                if host.is_busy {
                    continue;
                }
                host.is_busy = true;
            }
            source.is_running = true;
            self.running += 1;
            begun.push(key);
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
        if let Some(host) = source.rule.host.as_ref().and_then(|host| self.hosts.get_mut(host)) {
            host.is_busy = false;
            let free_from_ms = now_ms.saturating_add(asked_ms.max(millis(HOST_GAP)));
            host.free_from_ms = host.free_from_ms.max(free_from_ms);
        }
        if source.is_leaving {
            self.sources.remove(key);
        }
        // Hosts that nobody reads from any more and that are free are forgotten.
        let sources = &self.sources;
        self.hosts.retain(|name, host| {
            let is_used = sources.values().any(|one| one.rule.host.as_deref() == Some(name));
            is_used || host.is_busy || host.free_from_ms > now_ms
        });
    }

    /// When [`Self::begin`] will next have something that it has not now; `None` when that waits for
    /// a read to end, or for a source to be declared.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        if self.running >= self.at_once {
            return None;
        }
        let idle = self.sources.values().filter(|source| !source.is_running && !source.is_leaving);
        idle.filter_map(|source| self.ready_ms(source)).min()
    }

    /// Every source that was taken in and not let go.
    #[must_use]
    pub fn keys(&self) -> Vec<SourceKey> {
        let known = self.sources.iter().filter(|(_, source)| !source.is_leaving);
        known.map(|(key, _)| key.clone()).collect()
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

    /// When a source may be read; `None` while its host is busy.
    fn ready_ms(&self, source: &Source) -> Option<u64> {
        let host = source.rule.host.as_ref().and_then(|host| self.hosts.get(host));
        match host {
            Some(host) if host.is_busy => None,
            Some(host) => Some(source.due_ms.max(host.free_from_ms)),
            None => Some(source.due_ms),
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
