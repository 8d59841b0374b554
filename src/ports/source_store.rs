//! What is kept of the sources over restarts.

use serde::{Deserialize, Serialize};

use super::trends::Validators;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::source::SourceKey;
use crate::domain::story_window::StoryWindow;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Poll;

/// What is known of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSource {
    /// What names the state of the window to the source.
    pub validators: Validators,
    /// Its stories.
    pub window: StoryWindow,
    /// When it was last read without an error, as far as that was written.
    pub read_at: Option<Timestamp>,
    /// It asked not to be read before this.
    pub not_before: Option<Timestamp>,
}

/// Keeps what is known of each source. All of it can be read anew from the sources: what is damaged
/// counts as missing. Blocking.
pub trait SourceStore: Send + Sync {
    /// What is kept of `key`; `None` when nothing is, or it is damaged.
    ///
    /// # Errors
    /// [`Failure`] when it is there and cannot be read.
    fn load(&self, key: &SourceKey) -> Result<Option<KeptSource>, Failure>;

    /// Keeps `source`, so that a crash leaves the old state or the new one.
    ///
    /// # Errors
    /// [`Failure`], permanent `disk_full` when there is no room.
    fn save(&self, key: &SourceKey, source: &KeptSource) -> Result<(), Failure>;

    /// Removes what is kept of sources that are not in `wanted` and were not written since `before`.
    /// Gives how many were removed.
    ///
    /// # Errors
    /// [`Failure`] when the folder cannot be read or a file not removed.
    fn sweep(&self, wanted: &[SourceKey], before: Timestamp) -> Result<usize, Failure>;
}

/// Keeps the looks at the sources of each channel, so that growth can be told over restarts.
/// Blocking.
pub trait PollLog: Send + Sync {
    /// Adds a look.
    ///
    /// # Errors
    /// [`Failure`], permanent `disk_full` when there is no room.
    fn append(&self, channel: &ChannelName, poll: &Poll) -> Result<(), Failure>;

    /// The looks of `channel` from `from` (included) to `until` (not included), the earliest first.
    /// Lines that are damaged are passed over.
    ///
    /// # Errors
    /// [`Failure`] when a file is there and cannot be read.
    fn read(
        &self,
        channel: &ChannelName,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Poll>, Failure>;

    /// Removes whole days that ended before `before`, of all channels. Gives how many.
    ///
    /// # Errors
    /// [`Failure`] when a folder cannot be read or a file not removed.
    fn sweep(&self, before: Timestamp) -> Result<usize, Failure>;
}
