//! The wiring: the one place that knows both the ports and their adapters, and makes a node of them.

mod roster;
mod store_thread;
mod workshop;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use roster::Roster;
use store_thread::{StoreThread, follow};
use workshop::{Ground, Workshop};
pub use workshop::{Works, WorksMaker};

use super::data_folder::DataFolder;
use super::desk::{ConfigFile, NodeDesk};
use super::output::{CliError, Exit};
use super::runtime::Vigil;
use super::settings::{NodeSettings, open_error};
use super::source_list::live_sources;
use crate::actors::admission::Admission;
use crate::actors::disk_watch::DiskWatch;
use crate::actors::empire::{Empire, EmpireParts};
use crate::actors::messages::ChannelMsg;
use crate::actors::parking::note_parked_channels;
use crate::actors::sources::Sources;
use crate::actors::upkeep::{TIDY_EVERY, TreeDoors, UpkeepParts};
use crate::adapters::offline::artifacts::LocalArtifacts;
use crate::adapters::offline::storage::LocalStorage;
use crate::config::trend::TrendConfig;
use crate::domain::channel::{ChannelProfile, ChannelRules};
use crate::feed::actor::FeedActor;
use crate::feed::hub::FeedHub;
use crate::http::archive::Archive;
use crate::http::orchestrator::Orchestrator;
use crate::http::replay::ReplayBook;
use crate::http::server::{Door, HttpServer};
use crate::journal::checkpointer::{CHECKPOINT_EVERY, Checkpointer};
use crate::journal::fold::Fold;
use crate::journal::history::HistoryFolder;
use crate::journal::open::{OpenJournal, journal_folder, open};
use crate::journal::queue::JournalHandle;
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::files::{DiskFiles, survive_file_size_limit};
use crate::ports::artifacts::ArtifactStore;
use crate::ports::clock::{Clock, Entropy};
use crate::ports::trends::TrendSource;
use crate::supervision::environment::Environment;
use crate::supervision::handle::Handle;
use crate::supervision::observe::Registry;
use crate::supervision::spec::ChildSpec;
use crate::supervision::start_error::StartError;
use crate::supervision::tree::{Tree, TreeFailure};
use crate::telemetry::metrics::Metrics;

/// The folder of the artifacts inside a data folder.
pub(super) const ARTIFACTS: &str = "artifacts";
/// Respawns that may run at once.
const RESPAWNS_AT_ONCE: usize = 8;
/// How long the whole tree may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A channel and where its topics come from.
#[derive(Clone)]
pub struct ChannelSetup {
    /// What it is.
    pub profile: ChannelProfile,
    /// What its owner wants of its decisions.
    pub rules: ChannelRules,
    /// Its sources.
    pub source: Arc<dyn TrendSource>,
    /// How the config says where its topics come from; changes of it count, `source` is made of it.
    pub trends: Vec<TrendConfig>,
}

impl ChannelSetup {
    /// Whether the config says the same of both.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.profile == other.profile && self.rules == other.rules && self.trends == other.trends
    }
}

/// A channel of a running node.
#[derive(Clone)]
pub struct RunningChannel {
    /// What it is and where its topics come from.
    pub setup: ChannelSetup,
    /// Its actor.
    pub handle: Handle<ChannelMsg>,
}

/// What a node is made of beside its settings.
pub struct NodeParts {
    /// Makes the channels, once the node's own sources are there.
    pub channels: ChannelMaker,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The config file, which the API may change and reload; `None` where there is none.
    pub config_file: Option<ConfigFile>,
    /// Who does the work of the stages, instead of those who make videos.
    pub works: Option<WorksMaker>,
    /// Of the runtime that the node runs on.
    pub vigil: Vigil,
}

/// Makes the channels of a node whose live sources are the given ones.
pub type ChannelMaker = Box<dyn FnOnce(&Sources) -> Result<Vec<ChannelSetup>, CliError> + Send>;

/// A running node.
pub struct Node {
    /// The fold of everything that was committed.
    pub fold: Arc<Fold>,
    /// Where to follow what happens.
    pub hub: FeedHub,
    /// The channels.
    pub channels: Roster,
    /// Who is in the tree.
    pub registry: Arc<Registry>,
    /// Whether there is room for more.
    pub admission: Admission,
    /// The live sources.
    pub sources: Sources,
    /// Changes the config and takes it up.
    pub desk: Arc<NodeDesk>,
    /// Where the node answers over HTTP.
    pub url: String,
    /// Stages that were running when the process before this one ended: they are done again, or found
    /// finished.
    pub interrupted: usize,
    tree: Tree,
    journal: JournalHandle,
    checkpointer: Arc<Checkpointer>,
    checkpoints: tokio::task::AbortHandle,
    store: StoreThread,
    parking: tokio::task::AbortHandle,
    _folder: DataFolder,
}

impl Node {
    /// Starts a node in `folder`, and waits until its tree is up.
    ///
    /// # Errors
    /// [`CliError`] when the journal is damaged or newer (exit 5), or the tree does not start.
    pub async fn start(
        folder: DataFolder,
        settings: NodeSettings,
        parts: NodeParts,
    ) -> Result<Self, CliError> {
        let NodeParts { channels, clock, entropy, config_file, works, vigil } = parts;
        // Without it a file-size limit would kill the process instead of failing the write.
        let survived = survive_file_size_limit();
        survived.map_err(|error| CliError::new(Exit::Failed, "signals_unavailable", error))?;
        let journal_folder = journal_folder(folder.root());
        let opened = open_journal(journal_folder.clone()).await?;
        let OpenJournal {
            fold,
            handle: journal,
            writer,
            checkpoint,
            torn_tail,
            damaged_checkpoints,
        } = opened;
        if let Some(problem) = torn_tail {
            tracing::warn!(%problem, "an unfinished write at the end of the journal was cut off");
        }
        for name in damaged_checkpoints {
            tracing::warn!(name, "a damaged checkpoint was passed over");
        }
        let interrupted = fold.running_stages();
        if interrupted > 0 {
            tracing::info!(interrupted, "stages go on that were running when the node ended");
        }
        let door = open_door(settings.listen).await?;
        let thread = writer.spawn_thread();
        thread.map_err(|error| CliError::new(Exit::Failed, "thread_unavailable", error))?;
        vigil.keep(journal.under_way());
        let store = follow(&folder, &fold, clock.as_ref());
        let checkpointer = Checkpointer::new(journal_folder, Arc::clone(&fold), checkpoint);
        let checkpointer = Arc::new(checkpointer);
        let checkpoints = tokio::spawn(Arc::clone(&checkpointer).keep_up(CHECKPOINT_EVERY));
        let artifacts = LocalArtifacts::new(folder.root().join(ARTIFACTS));
        sweep_workbenches(&artifacts, &fold).await;
        let registry = Arc::new(Registry::new());
        let jitter = Arc::clone(&entropy);
        let draw = Arc::new(move || jitter.draw());
        let environment = Environment::new(Arc::clone(&registry), draw, RESPAWNS_AT_ONCE);
        let hub = FeedHub::default();
        let metrics = Metrics::default();
        let empire = Empire::new(&environment);
        let disk = DiskWatch::default();
        let admission = Admission::new(Arc::clone(&fold), settings.live_workflows, disk.clone());
        let sources = live_sources(folder.root(), &registry, &clock, &entropy, hub.tick_sink());
        let setups = channels(&sources)?;
        let ground = Ground {
            empire: empire.clone(),
            journal: journal.clone(),
            fold: Arc::clone(&fold),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            ticks: hub.tick_sink(),
            admission: admission.clone(),
        };
        let workshop = Workshop::new(ground, folder.root(), &settings, artifacts.clone(), works)?;
        let (roster, parts) = Roster::new(Arc::new(workshop), setups);
        let upkeep = UpkeepParts {
            fold: Arc::clone(&fold),
            clock: Arc::clone(&clock),
            storage: Arc::new(LocalStorage::new(folder.root().to_owned(), artifacts)),
            history: HistoryFolder::new(folder.root(), Arc::new(DiskFiles)),
            channels: Arc::new(TreeDoors(roster.addresses())),
            rules: watch::channel(settings.retention).1,
            disk,
            ticks: hub.tick_sink(),
            every: TIDY_EVERY,
        };
        let desk = Arc::new(NodeDesk {
            channels: roster.clone(),
            fold: Arc::clone(&fold),
            admission: admission.clone(),
            sources: sources.clone(),
            clock: Arc::clone(&clock),
            config: config_file,
        });
        let orchestrator = Orchestrator {
            fold: Arc::clone(&fold),
            hub: hub.clone(),
            metrics: metrics.clone(),
            journal: journal.clone(),
            journal_folder: self::journal_folder(folder.root()),
            broker: empire.broker.clone(),
            registry: Arc::clone(&registry),
            channels: roster.directory.clone(),
            archive: Archive::new(folder.root()),
            desk: Arc::clone(&desk) as _,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            replays: ReplayBook::default(),
            old_events: tokio::sync::Semaphore::new(1),
        };
        let url = door.url();
        let server =
            HttpServer { door, token: settings.token.clone(), node: Arc::new(orchestrator) };
        let http_entry = registry.entry(&Empire::child_path("http"));
        let parking = tokio::spawn(note_parked_channels(
            Arc::clone(&registry),
            roster.paths(),
            Arc::clone(&fold),
            journal.clone(),
            clock,
        ));
        let spec = empire.spec(EmpireParts {
            journal: journal.clone(),
            broker: settings.share.broker(hub.tick_sink()),
            feed: feed_spec(&registry, &fold, &hub, &metrics),
            sources: Some(sources.clone()),
            http: Some(Arc::new(move || server.spec(&http_entry))),
            channels: parts,
            upkeep: Some(upkeep),
        });
        let tree = Tree::start(&environment, &empire.root, spec).await;
        let tree = tree.map_err(|error| tree_error(&journal, Err(error)))?;
        let booted = tree.booted().await;
        booted.map_err(|error| tree_error(&journal, Err(error)))?;
        // From here on commands come over HTTP: the channels are there to take them.
        folder.announce(&url)?;
        Ok(Self {
            fold,
            hub,
            channels: roster,
            registry,
            admission,
            sources,
            desk,
            url,
            interrupted,
            tree,
            journal: journal.clone(),
            checkpointer,
            checkpoints: checkpoints.abort_handle(),
            store,
            parking: parking.abort_handle(),
            _folder: folder,
        })
    }

    /// Waits until the tree has failed, and says why.
    pub async fn failed(&self) -> CliError {
        tree_error(&self.journal, self.tree.ended().await)
    }

    /// Waits until the store holds everything that is committed now, or has failed.
    pub async fn store_caught_up(&self) {
        self.store.caught_up(self.fold.applied()).await;
    }

    /// Starts nothing new any more, and gives what is running up to `limit` to come to its end.
    pub async fn drain(&self, limit: Duration) {
        self.admission.stop();
        let mut applied = self.fold.watch_applied();
        let idle = async {
            while self.fold.running_stages() > 0 {
                if applied.changed().await.is_err() {
                    return;
                }
            }
        };
        // What is not over by then is interrupted, and done again at the next start.
        let _ = tokio::time::timeout(limit, idle).await;
    }

    /// Stops everything in order: the tree, the store, and a checkpoint of what was committed.
    pub async fn stop(self) {
        let report = self.tree.shutdown(STOP_LIMIT).await;
        for forced in report.forced() {
            tracing::warn!(actor = %forced.path, "did not stop in time and was killed");
        }
        self.parking.abort();
        self.store.stop().await;
        self.checkpoints.abort();
        let checkpointer = self.checkpointer;
        let checkpoint = tokio::task::spawn_blocking(move || checkpointer.write()).await;
        if let Ok(Err(error)) = checkpoint {
            tracing::warn!(%error, "no checkpoint was written; the next start reads the journal");
        }
    }
}

/// Binds the address at which the node is to answer.
async fn open_door(listen: SocketAddr) -> Result<Door, CliError> {
    Door::open(listen).await.map_err(|error| {
        let message = format!("cannot listen: {error}");
        CliError::new(Exit::Failed, "address_unavailable", message)
            .at(listen)
            .remedy("stop what listens there, or set another address as listen of [http]")
    })
}

/// Why the tree has ended: what the journal failed with comes first, for everything follows from it.
fn tree_error(journal: &JournalHandle, ended: Result<(), TreeFailure>) -> CliError {
    let remedy = "mend the cause, then run the same command again: nothing is lost";
    if let Some(cause) = journal.failure().borrow().as_ref() {
        return CliError::new(Exit::Failed, cause.code(), cause).remedy(remedy);
    }
    match ended {
        Ok(()) => CliError::new(Exit::Failed, "node_stopped", "the node has stopped"),
        Err(error) => CliError::new(Exit::Failed, error.code(), error).remedy(remedy),
    }
}

async fn open_journal(folder: PathBuf) -> Result<OpenJournal, CliError> {
    let shown = folder.clone();
    let opening =
        tokio::task::spawn_blocking(move || open(&folder, SegmentOptions::default())).await;
    match opening {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Err(open_error(&shown, &error)),
        Err(error) => Err(CliError::new(Exit::Failed, "journal_unopened", error)),
    }
}

/// Removes the workbenches of workflows that are finished: a crash may have come in between.
async fn sweep_workbenches(artifacts: &LocalArtifacts, fold: &Fold) {
    let Ok(workflows) = artifacts.workbenches().await else { return };
    for workflow in workflows {
        let is_live = fold.channels().into_iter().any(|channel| {
            fold.read(channel, |state| {
                state.workflows.get(&workflow).is_some_and(|found| found.ending().is_none())
            })
        });
        if !is_live && let Err(error) = artifacts.clear_workbenches(workflow).await {
            tracing::warn!(%error, "files of a finished video stay behind");
        }
    }
}

fn feed_spec(
    registry: &Arc<Registry>,
    fold: &Arc<Fold>,
    hub: &FeedHub,
    metrics: &Metrics,
) -> Arc<dyn Fn() -> ChildSpec + Send + Sync> {
    let entry = registry.entry(&Empire::child_path("feed"));
    let feed = FeedActor { fold: Arc::clone(fold), hub: hub.clone(), metrics: metrics.clone() };
    Arc::new(move || {
        let feed = feed.clone();
        ChildSpec::new(
            Arc::clone(&entry),
            Arc::new(move |context| {
                let feed = feed.clone();
                Box::pin(async move {
                    use ractor::Actor;
                    let spawned = FeedActor::spawn_linked(None, feed, (), context.supervisor).await;
                    let (actor, _) = spawned.map_err(StartError::from)?;
                    Ok(actor.get_cell())
                })
            }),
        )
    })
}
