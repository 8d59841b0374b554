//! One read of one source, from the request to the files.
//!
//! Architecture invariant: what a source gave is on the disk, with the validators that name it,
//! before anybody sees it; if it cannot be written, the old validators stay, so that the next start
//! asks for it again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::source::SourceKey;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Poll, Sighting, SourceRole};
use crate::ports::clock::Clock;
use crate::ports::source_store::{KeptSource, PollLog, SourceStore};
use crate::ports::trends::{FreshReading, Reading, SourceProblem, SourceReader};

/// How long one read may take, whatever its reader's own limits are.
const READ_LIMIT: Duration = Duration::from_secs(120);
/// A look that shows the same as the one before is noted again after this time, so that standing
/// still can be told from not looking.
const NOTE_UNCHANGED_AFTER: Duration = Duration::from_secs(3_600);

/// The last look that was noted.
#[derive(Debug, Clone)]
pub(super) struct NotedPoll {
    at: Timestamp,
    sightings: Arc<Vec<Sighting>>,
}

/// What is needed to read a source.
pub(super) struct ReadJob {
    pub(super) key: SourceKey,
    pub(super) place: String,
    pub(super) reader: Arc<dyn SourceReader>,
    pub(super) kept: Arc<KeptSource>,
    /// Whose polls it belongs to.
    pub(super) readers: Vec<(ChannelName, SourceRole)>,
    pub(super) noted: Option<NotedPoll>,
}

/// How a read ended.
pub struct ReadEnd {
    /// When it was read, or why it was not.
    pub(super) outcome: Result<Timestamp, Failure>,
    /// What is known of the source now, if that has changed.
    pub(super) kept: Option<KeptSource>,
    /// What was wrong with single items, if it was read anew.
    pub(super) problems: Option<Vec<SourceProblem>>,
    /// The look that was noted, if one was.
    pub(super) noted: Option<NotedPoll>,
}

impl fmt::Debug for ReadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadEnd({:?})", self.outcome)
    }
}

impl ReadEnd {
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.outcome.as_ref().err()
    }
}

/// Reads a source, keeps what it gave, and notes the look.
pub(super) async fn read_source(
    job: ReadJob,
    store: Arc<dyn SourceStore>,
    polls: Arc<dyn PollLog>,
    clock: Arc<dyn Clock>,
) -> ReadEnd {
    let reading = read_once(&job).await;
    let now = clock.now();
    let keeping = tokio::task::spawn_blocking(move || match reading {
        Ok(Reading::Fresh(fresh)) => take_fresh(&job, fresh, now, store.as_ref(), polls.as_ref()),
        Ok(Reading::NotModified) => {
            let noted = note(&job, &job.kept, now, polls.as_ref());
            ReadEnd { outcome: Ok(now), kept: None, problems: None, noted }
        }
        Err(failure) => take_failure(&job, failure, now, store.as_ref()),
    });
    keeping.await.unwrap_or_else(|_| ReadEnd {
        outcome: Err(Failure::transient(
            "source_not_kept",
            "a reading was lost: report this as a bug",
        )),
        kept: None,
        problems: None,
        noted: None,
    })
}

/// A reader that panics or hangs is one that failed.
async fn read_once(job: &ReadJob) -> Result<Reading, Failure> {
    let place = &job.place;
    let (reader, known) = (Arc::clone(&job.reader), job.kept.validators.clone());
    let mut reading = AbortOnDrop(tokio::spawn(async move { reader.read(&known).await }));
    match tokio::time::timeout(READ_LIMIT, &mut reading.0).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) => {
            let message =
                format!("{place}: reading it failed inside the program: report this as a bug");
            Err(Failure::permanent("source_reader_failed", message))
        }
        Err(_) => {
            let seconds = READ_LIMIT.as_secs();
            let message = format!("{place}: it was not read within {seconds} s; it is tried again");
            Err(Failure::transient("source_timed_out", message))
        }
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn take_fresh(
    job: &ReadJob,
    fresh: FreshReading,
    now: Timestamp,
    store: &dyn SourceStore,
    polls: &dyn PollLog,
) -> ReadEnd {
    let mut kept = KeptSource::clone(&job.kept);
    kept.window.take(fresh.stories, now);
    kept.validators = fresh.validators;
    kept.read_at = Some(now);
    kept.not_before = None;
    let outcome = match store.save(&job.key, &kept) {
        Ok(()) => Ok(now),
        Err(failure) => {
            // It is used all the same; the failure shows that it would not outlive the process.
            kept.validators = job.kept.validators.clone();
            Err(failure)
        }
    };
    let noted = note(job, &kept, now, polls);
    ReadEnd { outcome, kept: Some(kept), problems: Some(fresh.problems), noted }
}

fn take_failure(
    job: &ReadJob,
    failure: Failure,
    now: Timestamp,
    store: &dyn SourceStore,
) -> ReadEnd {
    let asked = failure.retry_after().filter(|asked| !asked.is_zero());
    let kept = asked.map(|asked| {
        let mut kept = KeptSource::clone(&job.kept);
        kept.not_before = Some(now.plus(asked));
        if let Err(failure) = store.save(&job.key, &kept) {
            tracing::warn!(%failure, "a server's wish for patience would not outlive a restart");
        }
        kept
    });
    ReadEnd { outcome: Err(failure), kept, problems: None, noted: None }
}

/// Notes the look for every channel, unless it shows what the last one showed not long ago.
fn note(
    job: &ReadJob,
    kept: &KeptSource,
    now: Timestamp,
    polls: &dyn PollLog,
) -> Option<NotedPoll> {
    let sightings = kept.window.sightings();
    let source = sightings.first()?.source.clone();
    let is_noted = job.noted.as_ref().is_some_and(|noted| {
        *noted.sightings == sightings && now.since(noted.at) < NOTE_UNCHANGED_AFTER
    });
    if is_noted {
        return None;
    }
    for (channel, role) in &job.readers {
        let (source, sightings) = (source.clone(), sightings.clone());
        let poll = Poll { at: now, source, role: *role, sightings };
        if let Err(failure) = polls.append(channel, &poll) {
            tracing::warn!(%failure, source = %job.place, "a look at a source was not noted");
        }
    }
    Some(NotedPoll { at: now, sightings: Arc::new(sightings) })
}
