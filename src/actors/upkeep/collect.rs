//! What nobody needs any more: marked by what the journal and the workbenches name, then removed.
//!
//! Architecture invariant: what cannot be read counts as naming everything: then only what is older
//! than artifacts are kept at all is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::UpkeepParts;
use super::round::{Memory, Tidied};
use crate::domain::artifact::{Body, Digest};
use crate::domain::command::StageSuccess;
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::retention::{GRACE, RetentionRules, keeps_artifacts, stored_artifacts};
use crate::domain::timestamp::Timestamp;
use crate::ports::storage::{LeftoverKind, StoredContent};

/// When a sealed workflow finished, and the artifacts that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    finished_at: Timestamp,
    artifacts: Vec<Digest>,
}

/// How urgently room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Things go when their time is over.
    Normal,
    /// What is only kept for convenience goes as soon as nobody can be using it.
    High,
}

/// What must stay.
#[derive(Debug, Default)]
struct Marks {
    named: BTreeSet<Digest>,
    /// Whether something could not be read that may name more.
    incomplete: bool,
}

/// Removes the content files that nobody names.
pub(super) async fn collect_artifacts(
    parts: &UpkeepParts,
    memory: &mut Memory,
    now: Timestamp,
    tidied: &mut Tidied,
) {
    let rules = *parts.rules.borrow();
    // The files first: what is kept while the marks are made is not among them.
    let contents = match parts.storage.contents().await {
        Ok(contents) => contents,
        Err(error) => return tidied.problem(error),
    };
    let marks = marks(parts, memory, now, rules, tidied).await;
    let before = oldest_that_stays(now, rules, marks.incomplete);
    for content in needless(contents, &marks.named, before) {
        match parts.storage.remove_content(content.digest, before).await {
            Ok(true) => {
                tidied.contents += 1;
                tidied.bytes += content.bytes;
            }
            Ok(false) => {}
            Err(error) => tidied.problem(error),
        }
    }
}

/// What was written at or after this stays in any case.
fn oldest_that_stays(now: Timestamp, rules: RetentionRules, incomplete: bool) -> Timestamp {
    now.minus(if incomplete { rules.artifacts.max(GRACE) } else { GRACE })
}

/// Those of `contents` that nothing names and that are older than `before`, the oldest first.
fn needless(
    mut contents: Vec<StoredContent>,
    named: &BTreeSet<Digest>,
    before: Timestamp,
) -> Vec<StoredContent> {
    contents.retain(|content| content.written < before && !named.contains(&content.digest));
    contents.sort_by_key(|content| (content.written, content.digest));
    contents
}

/// What a channel's state says must stay.
#[derive(Debug, Default)]
struct Wanted {
    named: BTreeSet<Digest>,
    unfinished: Vec<WorkflowId>,
    /// Sealed files that may hold workflows whose artifacts stay.
    sealed: Vec<(ChannelId, Month, HistoryFile)>,
}

fn wanted(parts: &UpkeepParts, now: Timestamp, rules: RetentionRules) -> Wanted {
    let mut wanted = Wanted::default();
    for channel in parts.fold.channels() {
        parts.fold.read(channel, |state| {
            for workflow in state.workflows.values() {
                if keeps_artifacts(workflow, now, rules.artifacts) {
                    wanted.named.extend(stored_artifacts(workflow));
                }
                if workflow.ending().is_none() {
                    wanted.unfinished.push(workflow.id);
                }
            }
            let young = state.history.iter().filter(|(month, _)| {
                // A month can hold what finished in its last moment.
                month.end().plus(rules.artifacts) > now
            });
            wanted.sealed.extend(young.map(|(month, sealed)| (channel, *month, sealed.file)));
        });
    }
    wanted
}

async fn marks(
    parts: &UpkeepParts,
    memory: &mut Memory,
    now: Timestamp,
    rules: RetentionRules,
    tidied: &mut Tidied,
) -> Marks {
    let Wanted { named, unfinished, sealed } = wanted(parts, now, rules);
    let mut marks = Marks { named, incomplete: false };
    let mut remembered = BTreeMap::new();
    for (channel, month, file) in sealed {
        let known = memory.sealed.remove(&file.digest);
        let read = match known {
            Some(known) => Some(known),
            None => read_sealed(parts, channel, month, file, tidied).await,
        };
        let Some(read) = read else {
            marks.incomplete = true;
            continue;
        };
        let young = read.iter().filter(|one| one.finished_at.plus(rules.artifacts) > now);
        marks.named.extend(young.flat_map(|one| &one.artifacts));
        remembered.insert(file.digest, read);
    }
    memory.sealed = remembered;
    for workflow in unfinished {
        match parts.storage.records(workflow).await {
            Ok(records) => marks.named.extend(records.iter().flat_map(|record| named_in(record))),
            Err(error) => {
                marks.incomplete = true;
                tidied.problem(error);
            }
        }
    }
    marks
}

async fn read_sealed(
    parts: &UpkeepParts,
    channel: ChannelId,
    month: Month,
    file: HistoryFile,
    tidied: &mut Tidied,
) -> Option<Arc<[Named]>> {
    let history = parts.history.clone();
    let reading = tokio::task::spawn_blocking(move || history.read(channel, month, &file)).await;
    match reading {
        Ok(Ok(workflows)) => {
            let named = workflows.iter().filter_map(|workflow| {
                let artifacts = stored_artifacts(workflow).collect();
                Some(Named { finished_at: workflow.finished_at()?, artifacts })
            });
            Some(named.collect())
        }
        Ok(Err(error)) => {
            tidied.problem(error);
            None
        }
        // The node is stopping.
        Err(_) => None,
    }
}

/// The content that a record of finished work names. One that cannot be read names nothing to
/// whoever finds it either: the work is done again.
fn named_in(record: &[u8]) -> Vec<Digest> {
    let Ok(success) = serde_json::from_slice::<StageSuccess>(record) else { return Vec::new() };
    let artifacts = success.output.artifacts.into_iter();
    artifacts.filter(|one| one.body == Body::Stored).map(|one| one.digest).collect()
}

/// Removes caches, set-aside stores and half-made files whose time is over.
pub(super) async fn collect_leftovers(
    parts: &UpkeepParts,
    now: Timestamp,
    pressure: Pressure,
    tidied: &mut Tidied,
) {
    let keep = parts.rules.borrow().artifacts.max(GRACE);
    let leftovers = match parts.storage.leftovers().await {
        Ok(leftovers) => leftovers,
        Err(error) => return tidied.problem(error),
    };
    for leftover in leftovers {
        let keep = match (leftover.kind, pressure) {
            (LeftoverKind::HalfMade, _) | (_, Pressure::High) => GRACE,
            (LeftoverKind::Cache | LeftoverKind::SetAside, Pressure::Normal) => keep,
        };
        if leftover.written.plus(keep) > now {
            continue;
        }
        match parts.storage.remove_leftover(&leftover).await {
            Ok(()) => tidied.leftovers += 1,
            Err(error) => tidied.problem(error),
        }
    }
}
