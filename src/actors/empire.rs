//! The root of the tree: what is started, in which order, and what a failure means.
//!
//! `journal` is significant: its failure stops the process. `channels` parks what fails too often,
//! so that no other channel notices (S1).
//!
//! Architecture invariant: the adapters, and what stands at the rim (feed, and later http and
//! cluster), come from outside as parts and specs; the root knows none of them by name.

use std::sync::Arc;
use std::time::Duration;

use super::channel::{ChannelActor, ChannelParts};
use super::journal_keeper::{JournalKeeper, KeeperMsg};
use super::sources::Sources;
use super::upkeep::{Upkeep, UpkeepMsg, UpkeepParts};
use crate::domain::ids::ChannelName;
use crate::gpu::broker::{BrokerParts, broker_spec};
use crate::gpu::lease::Broker;
use crate::journal::queue::JournalHandle;
use crate::supervision::environment::Environment;
use crate::supervision::handle::Handle;
use crate::supervision::observe::Registry;
use crate::supervision::path::{ActorPath, ChildId};
use crate::supervision::shutdown::StopOutcome;
use crate::supervision::spec::{ChildSpec, Exhaustion, Order, Restart, SupervisorSpec};
use crate::supervision::tree::{SupervisorError, SupervisorHandle, supervisor_child};

/// How long a channel may take to stop its stages.
const CHANNEL_STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long all channels together may take to stop.
const CHANNELS_STOP_LIMIT: Duration = Duration::from_secs(15);

/// The addresses of the tree's fixed parts.
#[derive(Clone)]
pub struct Empire {
    /// The root supervisor.
    pub root: SupervisorHandle,
    /// The supervisor of the channels.
    pub channels: SupervisorHandle,
    /// The broker.
    pub broker: Broker,
    /// The upkeep.
    pub upkeep: Handle<UpkeepMsg>,
    keeper: Handle<KeeperMsg>,
    environment: Environment,
}

/// What the tree is made of.
#[derive(Clone)]
pub struct EmpireParts {
    /// The way to the journal.
    pub journal: JournalHandle,
    /// What the broker shares out.
    pub broker: BrokerParts,
    /// Children between journal and broker: the feed.
    pub feed: Arc<dyn Fn() -> ChildSpec + Send + Sync>,
    /// The last child, if there is one: the API.
    pub http: Option<Arc<dyn Fn() -> ChildSpec + Send + Sync>>,
    /// The live sources, before the channels that read them.
    pub sources: Option<Sources>,
    /// The channels.
    pub channels: Vec<ChannelParts>,
    /// What the upkeep works with; a tree without a data folder needs none.
    pub upkeep: Option<UpkeepParts>,
}

impl Empire {
    /// The addresses of a tree in `environment`.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        let registry = &environment.registry;
        let root = ActorPath::root();
        let path = |name: &str| root.child(&ChildId::from(name));
        Self {
            root: SupervisorHandle::new(registry, &root),
            channels: SupervisorHandle::new(registry, &path("channels")),
            broker: Broker::new(Handle::new(registry, &path("gpu"))),
            upkeep: Handle::new(registry, &path("upkeep")),
            keeper: Handle::new(registry, &path("journal")),
            environment: environment.clone(),
        }
    }

    /// Where the actor of channel `name` is in the tree.
    #[must_use]
    pub fn channel_path(&self, name: &ChannelName) -> ActorPath {
        self.channels.child_path(&ChildId::new(name.as_str()))
    }

    /// A child of the root called `name`, for parts that come from outside.
    #[must_use]
    pub fn child_path(name: &str) -> ActorPath {
        ActorPath::root().child(&ChildId::from(name))
    }

    /// The tree.
    #[must_use]
    pub fn spec(&self, parts: EmpireParts) -> SupervisorSpec {
        let empire = self.clone();
        SupervisorSpec::new(move || {
            let mut children = vec![
                empire.journal_spec(&parts.journal),
                (parts.feed)(),
                broker_spec(empire.broker.handle(), parts.broker.clone()),
            ];
            children.extend(parts.sources.as_ref().map(Sources::spec));
            children.push(empire.channels_spec(&parts.channels));
            children.extend(parts.upkeep.as_ref().map(|upkeep| empire.upkeep_spec(upkeep)));
            children.extend(parts.http.as_ref().map(|http| http()));
            children
        })
    }

    fn journal_spec(&self, journal: &JournalHandle) -> ChildSpec {
        let keeper = JournalKeeper { handle: self.keeper.clone(), journal: journal.clone() };
        ChildSpec::actor(&self.keeper, move |_| (keeper.clone(), ()))
            .restart(Restart::Temporary)
            .significant()
    }

    fn upkeep_spec(&self, parts: &UpkeepParts) -> ChildSpec {
        let (handle, parts) = (self.upkeep.clone(), parts.clone());
        ChildSpec::actor(&self.upkeep, move |context| {
            (Upkeep::new(parts.clone(), handle.clone(), context.incarnation), ())
        })
    }

    fn channels_spec(&self, channels: &[ChannelParts]) -> ChildSpec {
        let channels = channels.to_vec();
        let spec = SupervisorSpec::new(move || channels.iter().map(channel_spec).collect())
            .exhaustion(Exhaustion::Park)
            .order(Order::Together);
        supervisor_child(&self.environment, &self.channels, spec, CHANNELS_STOP_LIMIT)
    }

    /// Starts a channel that was not there, also while others work. It stays over a restart of the
    /// channels' supervisor.
    ///
    /// # Errors
    /// `duplicate_child`; `child_leaving` while one of that name is being removed;
    /// `supervisor_stopping`; or no answer.
    pub async fn add_channel(&self, parts: &ChannelParts) -> Result<(), SupervisorError> {
        self.channels.add(channel_spec(parts)).await
    }

    /// Stops a channel in order, its stages first, and forgets its actors; returns when it is down.
    /// What it has committed stays in the journal and is there when the channel comes back.
    ///
    /// # Errors
    /// `unknown_child`, or no answer.
    pub async fn remove_channel(&self, name: &ChannelName) -> Result<StopOutcome, SupervisorError> {
        self.channels.remove(&ChildId::new(name.as_str())).await
    }

    /// Who is in the tree.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.environment.registry
    }
}

fn channel_spec(parts: &ChannelParts) -> ChildSpec {
    let handle = parts.handle.clone();
    let parts = parts.clone();
    ChildSpec::actor(&handle, move |context| {
        (ChannelActor::new(parts.clone(), context.incarnation), ())
    })
    .shutdown(CHANNEL_STOP_LIMIT)
}
