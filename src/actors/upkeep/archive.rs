//! Finished workflows leave the state for sealed files, and old months leave altogether.
//!
//! Architecture invariant: the file is durable before the channel is asked to name it; until it has,
//! the workflows stay in the state.

use std::collections::BTreeMap;

use super::UpkeepParts;
use super::round::Tidied;
use crate::domain::command::Command;
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::retention::{due_to_archive, months_to_drop};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::Workflow;
use crate::journal::history::{HistoryError, HistoryFolder};

/// Workflows of one month that are archived in one round; what is more waits for the next.
const AT_ONCE: usize = 500;

/// Archives what has been finished in `channel` for a day.
pub(super) async fn archive_finished(
    parts: &UpkeepParts,
    channel: ChannelId,
    now: Timestamp,
    tidied: &mut Tidied,
) {
    let due: BTreeMap<Month, Vec<Workflow>> = parts.fold.read(channel, |state| {
        let due = due_to_archive(state, now).into_iter();
        due.map(|(month, workflows)| {
            (month, workflows.into_iter().take(AT_ONCE).cloned().collect())
        })
        .collect()
    });
    for (month, workflows) in due {
        let ids: Vec<WorkflowId> = workflows.iter().map(|workflow| workflow.id).collect();
        let old =
            parts.fold.read(channel, |state| state.history.get(&month).map(|sealed| sealed.file));
        let history = parts.history.clone();
        let sealing = tokio::task::spawn_blocking(move || {
            seal(&history, channel, month, old, workflows, now)
        });
        // The node is stopping.
        let Ok(sealed) = sealing.await else { return };
        let file = match sealed {
            Ok(Sealed { file, lost }) => {
                if let Some(lost) = lost {
                    tidied.problem(format!("{lost}; the rest of {month} goes into a new file"));
                }
                file
            }
            Err(error) => {
                tidied.problem(error);
                continue;
            }
        };
        let count = ids.len() as u64;
        let replaces = old.map(|old| old.digest);
        let command = Command::Archive { month, replaces, file, workflows: ids };
        match parts.channels.ask(channel, command).await {
            Ok(()) => tidied.archived += count,
            Err(error) => tidied.problem(format!("channel {channel} archived nothing: {error}")),
        }
    }
}

/// A new file of a month.
struct Sealed {
    file: HistoryFile,
    /// Why what the old file held is not in it, if that is so.
    lost: Option<HistoryError>,
}

/// Seals `workflows` together with what the month's file held before. An old file that is damaged
/// is set aside: what is not lost must not wait for what is.
fn seal(
    history: &HistoryFolder,
    channel: ChannelId,
    month: Month,
    old: Option<HistoryFile>,
    mut workflows: Vec<Workflow>,
    now: Timestamp,
) -> Result<Sealed, HistoryError> {
    let mut lost = None;
    if let Some(old) = old {
        match history.read(channel, month, &old) {
            Ok(held) => workflows.extend(held),
            Err(error) if error.is_loss() => {
                history.set_aside(channel, month, &old, now)?;
                lost = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    let file = history.write(channel, month, &workflows)?;
    Ok(Sealed { file, lost })
}

/// Lets the months go whose time is over.
pub(super) async fn drop_old_months(
    parts: &UpkeepParts,
    channel: ChannelId,
    now: Timestamp,
    tidied: &mut Tidied,
) {
    let keep = parts.rules.borrow().history;
    let months = parts.fold.read(channel, |state| months_to_drop(state, now, keep));
    for month in months {
        match parts.channels.ask(channel, Command::DropHistory { month }).await {
            Ok(()) => tidied.months += 1,
            Err(error) => tidied.problem(format!("channel {channel} keeps {month}: {error}")),
        }
    }
}
