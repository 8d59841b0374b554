//! The channels of a running node, by name and by id; they come and go with the config.
//!
//! Architecture invariant: the lock is held for a look or a replacement, never across an await.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::actors::messages::ChannelMsg;
use crate::domain::channel::ChannelProfile;
use crate::domain::ids::{ChannelId, ChannelName};
use crate::supervision::handle::Handle;

/// A channel of a running node.
#[derive(Debug, Clone)]
pub struct ChannelEntry {
    /// What it is.
    pub profile: ChannelProfile,
    /// Its actor.
    pub handle: Handle<ChannelMsg>,
}

/// The channels of a running node. Cheap to clone; all clones are one directory.
#[derive(Clone, Default)]
pub struct ChannelDirectory(Arc<RwLock<BTreeMap<ChannelName, ChannelEntry>>>);

impl fmt::Debug for ChannelDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<ChannelName> =
            self.all().into_iter().map(|entry| entry.profile.name).collect();
        write!(f, "ChannelDirectory({names:?})")
    }
}

impl ChannelDirectory {
    /// A directory of these channels.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = ChannelEntry>) -> Self {
        let directory = Self::default();
        directory.replace(entries);
        directory
    }

    /// Makes these the channels.
    pub fn replace(&self, entries: impl IntoIterator<Item = ChannelEntry>) {
        let named = entries.into_iter().map(|entry| (entry.profile.name.clone(), entry));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = named.collect();
    }

    /// All channels, ordered by name.
    #[must_use]
    pub fn all(&self) -> Vec<ChannelEntry> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The channel with this id or of this name; an id counts first.
    #[must_use]
    pub fn find(&self, id_or_name: &str) -> Option<ChannelEntry> {
        let channels = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let by_id = channels.values().find(|entry| is_id(entry.profile.id, id_or_name));
        let by_name = || channels.values().find(|entry| entry.profile.name.as_str() == id_or_name);
        by_id.or_else(by_name).cloned()
    }

    /// The channel with this id.
    #[must_use]
    pub fn of_id(&self, id: ChannelId) -> Option<ChannelEntry> {
        let channels = self.0.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().find(|entry| entry.profile.id == id).cloned()
    }
}

/// Whether `text` writes `id`, in whichever form UUIDs have.
fn is_id(id: ChannelId, text: &str) -> bool {
    uuid::Uuid::parse_str(text).is_ok_and(|parsed| parsed == id.0)
}
