//! `/api/v1/events`: everything that happened, in order, page by page.
//!
//! The latest events are in memory; older ones are read from the journal's segments.
//!
//! Architecture invariant: a reader that goes on from where a page ended sees every event once, in
//! order, or is told that some are gone (410); an event that was durable when a page was asked for
//! is not missing at its end.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::answer::Answer;
use super::orchestrator::Orchestrator;
use super::page;
use super::problem::Problem;
use super::query::Query;
use crate::domain::ids::Seq;
use crate::feed::actor::channel_name;
use crate::feed::older::{Older, OlderError, read_older};
use crate::feed::view::EventView;
use crate::journal::log::LogError;

/// How long the feed may take to bring what is durable.
const FEED_PATIENCE: Duration = Duration::from_secs(1);

/// A page of events, oldest first.
#[derive(Debug, Serialize)]
struct EventPage {
    items: Vec<EventView>,
    /// The `after` of the next page; `None` when there is nothing more yet.
    next: Option<Seq>,
}

impl EventPage {
    fn cut(mut items: Vec<EventView>, limit: usize) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|event| event.seq());
        Self { items, next }
    }
}

/// GET: the page of events after `after`, or from the oldest one.
pub(super) async fn page(node: &Orchestrator, query: &Query) -> Result<Answer, Problem> {
    query.only(&["limit", "after"])?;
    let limit = page::limit(query)?;
    let asked = query.number("after", 0, u64::MAX)?.map(Seq);
    let durable = node.fold.applied();
    // A feed that is being restarted is not waited for: the journal has everything.
    let _ = tokio::time::timeout(FEED_PATIENCE, node.hub.ring().reached(durable)).await;
    let after = asked.unwrap_or(Seq(0));
    let name_of = |channel| channel_name(&node.fold, channel);
    let items = match node.hub.ring().after(after, limit + 1, name_of) {
        Some(events) => events,
        None => older(node, after, asked.is_none(), durable, limit + 1).await?,
    };
    Answer::json(200, &EventPage::cut(items, limit))
}

/// Events that are not in memory any more. A reader that `takes_oldest` begins wherever the journal
/// begins.
async fn older(
    node: &Orchestrator,
    after: Seq,
    takes_oldest: bool,
    until: Seq,
    most: usize,
) -> Result<Vec<EventView>, Problem> {
    let _one_reader = node.old_events.acquire().await;
    let first = match read_again_if_pruned(node, after, until, most).await? {
        Older::Expired { oldest } if takes_oldest => {
            let before = Seq(oldest.0.saturating_sub(1));
            read_again_if_pruned(node, before, until, most).await?
        }
        found => found,
    };
    match first {
        Older::Events(events) => Ok(events),
        Older::Expired { oldest } => Err(expired(after, oldest)),
    }
}

fn expired(after: Seq, oldest: Seq) -> Problem {
    let detail = format!("the event after {after} is not kept any more; the oldest is {oldest}");
    Problem::new(410, "cursor_expired", detail)
        .field("after")
        .remedy("begin anew without `after`, and read what is now from the lists")
        .with("oldest", oldest.0)
}

/// A segment may be removed between listing the folder and reading it: then what is kept is looked
/// at once more.
async fn read_again_if_pruned(
    node: &Orchestrator,
    after: Seq,
    until: Seq,
    most: usize,
) -> Result<Older, Problem> {
    match read_blocking(node, after, until, most).await {
        Err(OlderError::Log(LogError::Io { .. })) => read_blocking(node, after, until, most).await,
        outcome => outcome,
    }
    .map_err(|error| Problem::new(500, error.code(), error))
}

async fn read_blocking(
    node: &Orchestrator,
    after: Seq,
    until: Seq,
    most: usize,
) -> Result<Older, OlderError> {
    let (journal, fold) = (node.journal_folder.clone(), Arc::clone(&node.fold));
    let reading = tokio::task::spawn_blocking(move || {
        read_older(&journal, after, until, most, &|channel| channel_name(&fold, channel))
    });
    match reading.await {
        Ok(outcome) => outcome,
        // The node is stopping: the page ends here.
        Err(_) => Ok(Older::Events(Vec::new())),
    }
}
