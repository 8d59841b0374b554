//! Finished workflows that have left the live state for the history, as lists show them.
//!
//! Why it exists: sealed files never change, so each is read once and only what is shown of its
//! workflows is kept.
//!
//! Architecture invariant: read-only; a file that cannot be read is told in the log and leaves its
//! workflows out, never the list.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::videos::{VideoView, video};
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::view::{WhyView, WorkflowView, why_view, workflow_view};
use crate::journal::fold::Fold;
use crate::journal::history::HistoryFolder;
use crate::journal::segment::files::DiskFiles;

/// What is shown of an archived workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// Itself.
    pub view: WorkflowView,
    /// Why it is as it is.
    pub why: WhyView,
    /// Its video, if it has one.
    pub video: Option<VideoView>,
}

/// The workflows of one sealed file.
pub type ArchivedMonth = Arc<Vec<Archived>>;

type Months = BTreeMap<(ChannelId, Month), (HistoryFile, ArchivedMonth)>;

/// The history of a data folder.
pub struct Archive {
    folder: HistoryFolder,
    months: Mutex<Months>,
}

impl Archive {
    /// The history in `data_dir`.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        let folder = HistoryFolder::new(data_dir, Arc::new(DiskFiles));
        Self { folder, months: Mutex::default() }
    }

    /// The archived workflows of `channel`, month by month. Reads files that are new; blocks then.
    #[must_use]
    pub fn of_channel(&self, fold: &Fold, channel: ChannelId) -> Vec<ArchivedMonth> {
        let sealed: Vec<(Month, HistoryFile)> = fold.read(channel, |state| {
            state.history.iter().map(|(month, sealed)| (*month, sealed.file)).collect()
        });
        sealed
            .into_iter()
            .filter_map(|(month, file)| self.month(fold, channel, month, file))
            .collect()
    }

    /// The archived workflow `id`.
    #[must_use]
    pub fn find(&self, fold: &Fold, id: WorkflowId) -> Option<Archived> {
        fold.channels().into_iter().find_map(|channel| {
            let (month, file) = fold.read(channel, |state| {
                let month = state.archived_in(id)?;
                Some((month, state.history.get(&month)?.file))
            })?;
            let held = self.month(fold, channel, month, file)?;
            held.iter().find(|archived| archived.view.id == id).cloned()
        })
    }

    fn month(
        &self,
        fold: &Fold,
        channel: ChannelId,
        month: Month,
        file: HistoryFile,
    ) -> Option<ArchivedMonth> {
        let known = |months: &Months| {
            months.get(&(channel, month)).filter(|(known, _)| *known == file).cloned()
        };
        let lock = || self.months.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, held)) = known(&lock()) {
            return Some(held);
        }
        let workflows = match self.folder.read(channel, month, &file) {
            Ok(workflows) => workflows,
            Err(error) => {
                tracing::warn!(%error, "some finished videos are not listed");
                return None;
            }
        };
        let id = channel.to_string();
        let name = fold.read(channel, |state| state.name.clone());
        let name = name.as_ref().map_or(id.as_str(), |name| name.as_str());
        let held = workflows.iter().map(|workflow| Archived {
            view: workflow_view(channel, workflow),
            why: why_view(workflow),
            video: video(channel, name, workflow),
        });
        let held: ArchivedMonth = Arc::new(held.collect());
        lock().insert((channel, month), (file, Arc::clone(&held)));
        Some(held)
    }
}
