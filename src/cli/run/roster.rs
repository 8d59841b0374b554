//! The channels of a running node: who is there, and how they come and go with the config.
//!
//! Architecture invariant: one change at a time; a channel whose section of the config did not change
//! is not touched.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::workshop::Workshop;
use super::{ChannelSetup, RunningChannel};
use crate::actors::channel::ChannelParts;
use crate::actors::messages::ChannelMsg;
use crate::actors::parking::ChannelPaths;
use crate::actors::upkeep::ChannelAddresses;
use crate::domain::ids::ChannelName;
use crate::http::directory::{ChannelDirectory, ChannelEntry};
use crate::supervision::handle::Handle;
use crate::supervision::tree::SupervisorError;

type Channels = BTreeMap<ChannelName, RunningChannel>;

/// The channels of a running node. All clones are one roster.
#[derive(Clone)]
pub struct Roster {
    workshop: Arc<Workshop>,
    running: Arc<RwLock<Channels>>,
    /// The same channels, for the API.
    pub(super) directory: ChannelDirectory,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Roster {
    /// A roster with these channels, and their parts for the tree.
    pub(super) fn new(
        workshop: Arc<Workshop>,
        setups: Vec<ChannelSetup>,
    ) -> (Self, Vec<ChannelParts>) {
        let roster = Self {
            workshop,
            running: Arc::default(),
            directory: ChannelDirectory::default(),
            turn: Arc::default(),
        };
        let parts = setups.into_iter().map(|setup| roster.enlist(setup)).collect();
        roster.tell_directory();
        (roster, parts)
    }

    /// All channels, by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<ChannelName, RunningChannel> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The channel `name`.
    #[must_use]
    pub fn get(&self, name: &ChannelName) -> Option<RunningChannel> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// What each channel is and where its topics come from.
    #[must_use]
    pub fn setups(&self) -> BTreeMap<ChannelName, ChannelSetup> {
        self.all().into_iter().map(|(name, channel)| (name, channel.setup)).collect()
    }

    /// Where the upkeep finds the channels' actors.
    pub(super) fn addresses(&self) -> ChannelAddresses {
        let roster = self.clone();
        Arc::new(move || {
            let channels = roster.all().into_values();
            channels.map(|channel| (channel.setup.profile.id, channel.handle)).collect()
        })
    }

    /// Which channel has its actor at a path of the tree.
    pub(super) fn paths(&self) -> ChannelPaths {
        let roster = self.clone();
        Arc::new(move || {
            let channels = roster.all().into_values();
            channels
                .map(|channel| (channel.handle.path().clone(), channel.setup.profile.id))
                .collect()
        })
    }

    /// Makes these the channels: new ones start, others stop, and those that changed start anew;
    /// what they were doing is done again. Returns what was done, for the log.
    ///
    /// # Errors
    /// [`SupervisorError`] when the tree does not take a change; the changes before it stay.
    pub async fn take_up(&self, setups: Vec<ChannelSetup>) -> Result<Vec<String>, SupervisorError> {
        let _turn = self.turn.lock().await;
        let wanted: BTreeMap<ChannelName, ChannelSetup> =
            setups.into_iter().map(|setup| (setup.profile.name.clone(), setup)).collect();
        let empire = &self.workshop.ground.empire;
        let mut done = Vec::new();
        for (name, channel) in self.all() {
            let stays = wanted.get(&name).is_some_and(|setup| setup.is_like(&channel.setup));
            if stays {
                continue;
            }
            empire.remove_channel(&name).await?;
            self.forget(&name);
            done.push(format!("{name} stopped"));
        }
        for (name, setup) in wanted {
            if self.get(&name).is_some() {
                continue;
            }
            let parts = self.enlist(setup);
            self.tell_directory();
            empire.add_channel(&parts).await?;
            done.push(format!("{name} started"));
        }
        Ok(done)
    }

    fn enlist(&self, setup: ChannelSetup) -> ChannelParts {
        let parts = self.workshop.parts(&setup);
        let name = setup.profile.name.clone();
        let handle: Handle<ChannelMsg> = parts.handle.clone();
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        running.insert(name, RunningChannel { setup, handle });
        parts
    }

    fn forget(&self, name: &ChannelName) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.tell_directory();
    }

    fn tell_directory(&self) {
        self.directory.replace(self.all().into_values().map(|channel| ChannelEntry {
            profile: channel.setup.profile,
            handle: channel.handle,
        }));
    }
}
