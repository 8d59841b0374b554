//! Decisions about the history: what may be archived, and what may go.
//!
//! Architecture invariant: only what is finished leaves the state, and only into a file that holds
//! everything the month's file held before.

use std::collections::BTreeSet;

use super::artifact::Digest;
use super::channel::ChannelState;
use super::command::Rejection;
use super::event::Event;
use super::history::{HistoryFile, Month, SealedMonth};
use super::ids::WorkflowId;
use super::retention::may_be_archived;
use super::timestamp::Timestamp;

/// Moves `workflows` into the history: they are in `file`, with what the file `replaces` held.
pub(super) fn archive(
    state: &ChannelState,
    month: Month,
    replaces: Option<Digest>,
    file: HistoryFile,
    workflows: &[WorkflowId],
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    if workflows.is_empty() {
        return Err(Rejection::NotApplicable("there is nothing to archive"));
    }
    if workflows.iter().collect::<BTreeSet<_>>().len() != workflows.len() {
        return Err(Rejection::NotApplicable("a workflow is to be archived twice"));
    }
    if state.history.get(&month).map(|sealed| sealed.file.digest) != replaces {
        return Err(Rejection::NotApplicable("more of the month was archived in the meantime"));
    }
    for id in workflows {
        let workflow = state.workflows.get(id).ok_or(Rejection::NotFound(*id))?;
        let Some(finished_at) = workflow.finished_at() else {
            return Err(Rejection::NotApplicable("only a finished workflow can be archived"));
        };
        if Month::of(finished_at) != month {
            return Err(Rejection::NotApplicable("a workflow finished in another month"));
        }
        if !may_be_archived(finished_at, now) {
            return Err(Rejection::NotApplicable("a workflow has not been finished for 24 hours"));
        }
    }
    Ok(vec![Event::WorkflowsArchived { month, file, workflows: workflows.to_vec() }])
}

/// Lets a month of the history go.
pub(super) fn drop_history(
    state: &ChannelState,
    month: Month,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    if !state.history.contains_key(&month) {
        return Err(Rejection::NotApplicable("the channel has no history of this month"));
    }
    if month.end() > now {
        return Err(Rejection::NotApplicable("the month is not over"));
    }
    Ok(vec![Event::HistoryDropped { month }])
}

/// Books that workflows are in the month's file now.
pub(super) fn archived(
    state: &mut ChannelState,
    month: Month,
    file: HistoryFile,
    workflows: &[WorkflowId],
) {
    let moved: Vec<WorkflowId> =
        workflows.iter().filter(|id| state.workflows.remove(id).is_some()).copied().collect();
    let nothing = || SealedMonth { file, workflows: BTreeSet::new() };
    let sealed = state.history.entry(month).or_insert_with(nothing);
    sealed.file = file;
    sealed.workflows.extend(moved);
}

/// Books that a month of the history is gone.
pub(super) fn history_dropped(state: &mut ChannelState, month: Month) {
    if let Some(sealed) = state.history.remove(&month) {
        state.forgotten = state.forgotten.saturating_add(sealed.workflows.len() as u64);
    }
}
