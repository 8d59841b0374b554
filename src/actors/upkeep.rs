//! The upkeep: archives what is finished, collects what nobody needs, and watches the disk.
//!
//! It is one owner for all of it: nothing else removes artifacts or history. It looks at the free
//! space every minute, and at everything else every ten minutes, at once after a start.
//!
//! What goes: months of the history past their time, artifacts that no unfinished workflow and no
//! young enough finished one names, caches and damaged stores past their time, and what killed
//! processes left. What never goes: the library, the ledger of topics and sentences, and whatever an
//! unfinished workflow may need.
//!
//! Architecture invariant: a failure here is told and tried again later; it stops nothing else. It
//! changes a channel only by asking the channel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::disk_watch::DiskWatch;
use super::messages::ChannelMsg;
use crate::domain::command::Command;
use crate::domain::disk::{DiskLevel, DiskUsage};
use crate::domain::ids::ChannelId;
use crate::domain::retention::RetentionRules;
use crate::journal::fold::Fold;
use crate::journal::history::HistoryFolder;
use crate::ports::clock::Clock;
use crate::ports::storage::Storage;
use crate::supervision::caught::caught;
use crate::supervision::envelope::{Envelope, Kind, Mailbox, Trace};
use crate::supervision::handle::Handle;
use crate::supervision::path::Incarnation;
use crate::telemetry::tick::{Tick, TickSink};

mod archive;
mod collect;
mod round;

pub use round::{Memory, Tidied, tidy};

/// How often everything is tidied up, unless somebody says otherwise.
pub const TIDY_EVERY: Duration = Duration::from_secs(600);
/// How often the free space is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long a channel may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The channels, as the upkeep asks them.
#[async_trait]
pub trait ChannelDoors: Send + Sync {
    /// Those that can be asked.
    fn channels(&self) -> Vec<ChannelId>;

    /// Asks `channel` and waits until what follows is durable.
    ///
    /// # Errors
    /// Why it is not done, in words.
    async fn ask(&self, channel: ChannelId, command: Command) -> Result<(), String>;
}

/// Lists the addresses of the channels that there are now.
pub type ChannelAddresses = Arc<dyn Fn() -> BTreeMap<ChannelId, Handle<ChannelMsg>> + Send + Sync>;

/// The channels of a running tree.
#[derive(Clone)]
pub struct TreeDoors(pub ChannelAddresses);

#[async_trait]
impl ChannelDoors for TreeDoors {
    fn channels(&self) -> Vec<ChannelId> {
        (self.0)().into_keys().collect()
    }

    async fn ask(&self, channel: ChannelId, command: Command) -> Result<(), String> {
        let Some(handle) = (self.0)().remove(&channel) else {
            return Err(format!("channel {channel} is not there any more"));
        };
        let question =
            |reply| ChannelMsg::Command { command, id: None, note: None, reply: Some(reply) };
        match handle.call(ANSWER_LIMIT, Trace::default(), question).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What the upkeep works with.
#[derive(Clone)]
pub struct UpkeepParts {
    /// What is true.
    pub fold: Arc<Fold>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// The data folder.
    pub storage: Arc<dyn Storage>,
    /// The sealed files.
    pub history: HistoryFolder,
    /// The channels.
    pub channels: Arc<dyn ChannelDoors>,
    /// What is kept for how long; it may change while the node runs.
    pub rules: watch::Receiver<RetentionRules>,
    /// Who is told how much room there is.
    pub disk: DiskWatch,
    /// Where news go.
    pub ticks: TickSink,
    /// How often everything is tidied up.
    pub every: Duration,
}

impl UpkeepParts {
    /// Tells `usage` to whoever asks, and says so where its meaning has changed.
    fn measured(&self, usage: DiskUsage) {
        let budget = self.rules.borrow().disk_budget;
        let Some(state) = self.disk.measured(usage, budget) else { return };
        match state.level {
            DiskLevel::Fine => tracing::info!(%state, "there is room on the disk again"),
            DiskLevel::Warn => tracing::warn!(%state, "the disk is getting full"),
            DiskLevel::Stop => tracing::error!(%state, "nothing new is begun until there is room"),
        }
        (self.ticks)(Tick::DiskLevel { state });
    }

    /// Looks at the free space; what the folder takes is as it was.
    async fn look(&self) {
        let usage = self.disk.state().usage;
        if usage.total == 0 {
            return;
        }
        match self.storage.room().await {
            Ok((free, total)) => self.measured(DiskUsage { free, total, ..usage }),
            Err(error) => tracing::warn!(%error, "the free space is unknown"),
        }
    }
}

/// What the upkeep is told.
#[derive(Debug)]
pub enum UpkeepMsg {
    /// Tidy up now, unless that is under way.
    Tidy,
    /// Tidying up is over.
    Done(Box<Memory>),
}

impl Kind for UpkeepMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Tidy => "tidy",
            Self::Done(_) => "done",
        }
    }
}

/// The actor.
pub struct Upkeep {
    parts: UpkeepParts,
    handle: Handle<UpkeepMsg>,
    incarnation: Incarnation,
}

impl Upkeep {
    /// Life `incarnation` of the actor behind `handle`.
    #[must_use]
    pub fn new(parts: UpkeepParts, handle: Handle<UpkeepMsg>, incarnation: Incarnation) -> Self {
        Self { parts, handle, incarnation }
    }

    /// Tidies up beside the actor, so that it always answers.
    fn begin(&self, life: &mut UpkeepLife) {
        let Some(memory) = life.memory.take() else { return };
        let (parts, me) = (self.parts.clone(), life.me.clone());
        let task = tokio::spawn(async move {
            let mut memory = *memory;
            let outcome = caught(tidy(&parts, &mut memory)).await;
            match outcome {
                Ok(tidied) => tracing::debug!(?tidied, "tidied up"),
                Err(error) => {
                    tracing::error!(%error, "tidying up failed; it is tried again later");
                    memory = Memory::default();
                }
            }
            // An actor that ended has a successor that begins anew.
            let _ = me.cast(Trace::default(), UpkeepMsg::Done(Box::new(memory)));
        });
        life.round = Some(task.abort_handle());
    }
}

/// One life of the actor.
pub struct UpkeepLife {
    me: Mailbox<UpkeepMsg>,
    /// What is remembered from round to round; away while one is under way.
    memory: Option<Box<Memory>>,
    round: Option<AbortHandle>,
    timers: [AbortHandle; 2],
}

impl Drop for UpkeepLife {
    fn drop(&mut self) {
        self.timers.iter().chain(&self.round).for_each(AbortHandle::abort);
    }
}

impl Actor for Upkeep {
    type Msg = Envelope<UpkeepMsg>;
    type State = UpkeepLife;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<UpkeepLife, ActorProcessingErr> {
        let stats = Arc::clone(self.handle.entry().stats());
        let me = Mailbox::new(myself, stats, self.incarnation);
        let (timer, every) = (me.clone(), self.parts.every);
        let tidying = tokio::spawn(async move {
            let mut rounds = tokio::time::interval(every);
            rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                rounds.tick().await;
                // An actor that ended takes its timers with it.
                let _ = timer.cast(Trace::default(), UpkeepMsg::Tidy);
            }
        });
        let parts = self.parts.clone();
        let looking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                parts.look().await;
            }
        });
        let timers = [tidying.abort_handle(), looking.abort_handle()];
        Ok(UpkeepLife { me, memory: Some(Box::default()), round: None, timers })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut UpkeepLife,
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, message) = envelope.open();
        match message {
            UpkeepMsg::Tidy => self.begin(life),
            UpkeepMsg::Done(memory) => life.memory = Some(memory),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
