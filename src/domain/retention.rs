//! What is kept for how long: which finished workflows are due to be archived, which months of the
//! history are over, and which artifacts somebody may still need.
//!
//! Architecture invariant: nothing that an unfinished workflow names is ever found to be needless,
//! whatever the clock says.

use std::collections::BTreeMap;
use std::time::Duration;

use super::artifact::{Body, Digest};
use super::channel::ChannelState;
use super::history::Month;
use super::timestamp::Timestamp;
use super::workflow::Workflow;

/// A workflow that has been finished for so long leaves the state for the history.
pub const ARCHIVE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What nobody names any more is kept for so long after it was last written: it may belong to a
/// decision under way, or to an older copy of the journal that somebody brings back.
pub const GRACE: Duration = Duration::from_secs(48 * 3600);

/// How long and how much a node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionRules {
    /// How long the artifacts of a finished workflow are kept.
    pub artifacts: Duration,
    /// How long a month of the history is kept after its end.
    pub history: Duration,
    /// The most bytes in the data folder.
    pub disk_budget: u64,
}

/// The finished workflows that are due to be archived at `now`, by the month they finished in.
#[must_use]
pub fn due_to_archive(state: &ChannelState, now: Timestamp) -> BTreeMap<Month, Vec<&Workflow>> {
    let mut due: BTreeMap<Month, Vec<&Workflow>> = BTreeMap::new();
    for workflow in state.workflows.values() {
        if let Some(at) = workflow.finished_at().filter(|at| may_be_archived(*at, now)) {
            due.entry(Month::of(at)).or_default().push(workflow);
        }
    }
    due
}

/// Whether what finished at `at` has rested for [`ARCHIVE_AFTER`].
#[must_use]
pub fn may_be_archived(at: Timestamp, now: Timestamp) -> bool {
    at.plus(ARCHIVE_AFTER) <= now
}

/// The months of the history that ended more than `keep` ago.
#[must_use]
pub fn months_to_drop(state: &ChannelState, now: Timestamp, keep: Duration) -> Vec<Month> {
    let is_over = |month: &&Month| month.end().plus(keep) <= now;
    state.history.keys().filter(is_over).copied().collect()
}

/// Whether the artifacts of `workflow` stay: it is not finished, or has not been for `keep`.
#[must_use]
pub fn keeps_artifacts(workflow: &Workflow, now: Timestamp, keep: Duration) -> bool {
    workflow.finished_at().is_none_or(|at| at.plus(keep) > now)
}

/// The artifacts of `workflow` that are files in the store.
pub fn stored_artifacts(workflow: &Workflow) -> impl Iterator<Item = Digest> + '_ {
    let artifacts = workflow.done.iter().flat_map(|done| &done.output.artifacts);
    artifacts.filter(|artifact| artifact.body == Body::Stored).map(|artifact| artifact.digest)
}
