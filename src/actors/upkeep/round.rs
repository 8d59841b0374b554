//! One round of tidying up, from the first step to the measurement at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::archive::{archive_finished, drop_old_months};
use super::collect::{Pressure, collect_artifacts, collect_leftovers};
use super::{UpkeepParts, collect};
use crate::domain::artifact::Digest;
use crate::domain::disk::DiskLevel;
use crate::domain::retention::GRACE;
use crate::domain::timestamp::Timestamp;
use crate::journal::fold::Fold;

/// What is remembered from round to round; without it a round is slower and says things again.
#[derive(Debug, Default)]
pub struct Memory {
    /// What the workflows of a sealed file finished when, and which artifacts they name. A file
    /// never changes, so this is true for ever.
    pub(super) sealed: BTreeMap<Digest, Arc<[collect::Named]>>,
    /// Whether the sealed files were checked since the start.
    verified: bool,
    /// Problems that were told.
    told: BTreeSet<String>,
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Workflows that went into the history.
    pub archived: u64,
    /// Months of the history that went.
    pub months: u64,
    /// Content files that went.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Sealed files that went because a newer one holds what they held.
    pub sealed_files: u64,
    /// Caches, set-aside stores and half-made files that went.
    pub leftovers: u64,
    /// What could not be done; it is tried again in the next round.
    pub problems: Vec<String>,
}

impl Tidied {
    /// Notes what could not be done.
    pub(super) fn problem(&mut self, problem: impl fmt::Display) {
        self.problems.push(problem.to_string());
    }
}

/// Tidies everything up once. It can be cut off at any moment: what it has done stays done.
pub async fn tidy(parts: &UpkeepParts, memory: &mut Memory) -> Tidied {
    let mut tidied = Tidied::default();
    let now = parts.clock.now();
    if !memory.verified {
        memory.verified = true;
        verify_history(parts, &mut tidied).await;
    }
    for channel in parts.channels.channels() {
        if parts.fold.broken(channel).is_none() {
            archive_finished(parts, channel, now, &mut tidied).await;
            drop_old_months(parts, channel, now, &mut tidied).await;
        }
    }
    if is_trustworthy(&parts.fold) {
        collect_artifacts(parts, memory, now, &mut tidied).await;
        remove_unnamed_files(parts, now, &mut tidied).await;
    }
    collect_leftovers(parts, now, Pressure::Normal, &mut tidied).await;
    measure(parts, &mut tidied).await;
    if parts.disk.state().level != DiskLevel::Fine {
        let before = tidied.leftovers;
        collect_leftovers(parts, now, Pressure::High, &mut tidied).await;
        if tidied.leftovers > before {
            measure(parts, &mut tidied).await;
        }
    }
    tell(memory, &tidied);
    tidied
}

/// Whether what the journal does not name can be taken for needless: every channel's state could be
/// made, and there is one at all. A journal that was lost or moved away must not take the artifacts
/// with it.
fn is_trustworthy(fold: &Fold) -> bool {
    let knows_something = |channel| {
        fold.read(channel, |state| !state.workflows.is_empty() || !state.history.is_empty())
    };
    fold.broken_channels().is_empty() && fold.channels().into_iter().any(knows_something)
}

/// Checks the sealed files, once after a start.
async fn verify_history(parts: &UpkeepParts, tidied: &mut Tidied) {
    let (history, fold) = (parts.history.clone(), Arc::clone(&parts.fold));
    let Ok(problems) = tokio::task::spawn_blocking(move || history.verify(&fold)).await else {
        return;
    };
    for problem in problems {
        let (month, channel, lost) = (problem.month, problem.channel, problem.lost);
        let cause = problem.cause;
        tidied.problem(format!(
            "{lost} finished videos of {month} in channel {channel} cannot be shown: {cause}"
        ));
    }
}

async fn remove_unnamed_files(parts: &UpkeepParts, now: Timestamp, tidied: &mut Tidied) {
    let (history, fold) = (parts.history.clone(), Arc::clone(&parts.fold));
    let before = now.minus(GRACE);
    let set_aside_before = now.minus(parts.rules.borrow().artifacts.max(GRACE));
    let removing = tokio::task::spawn_blocking(move || {
        history.remove_unnamed(&fold, before, set_aside_before)
    })
    .await;
    match removing {
        Ok(Ok(removed)) => tidied.sealed_files += removed,
        Ok(Err(error)) => tidied.problem(error),
        // The node is stopping.
        Err(_) => {}
    }
}

async fn measure(parts: &UpkeepParts, tidied: &mut Tidied) {
    match parts.storage.usage().await {
        Ok(usage) => parts.measured(usage),
        Err(error) => tidied.problem(error),
    }
}

/// Says what is new.
fn tell(memory: &mut Memory, tidied: &Tidied) {
    let problems: BTreeSet<String> = tidied.problems.iter().cloned().collect();
    for problem in problems.difference(&memory.told) {
        tracing::warn!(problem, "something could not be tidied up");
    }
    memory.told = problems;
}
