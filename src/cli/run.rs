//! The wiring: the one place that knows both the ports and their adapters, and makes a node of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::data_folder::DataFolder;
use super::desk::NodeDesk;
use super::output::{CliError, Exit};
use super::settings::{NodeSettings, open_error};
use crate::actors::admission::Admission;
use crate::actors::channel::ChannelParts;
use crate::actors::disk_watch::DiskWatch;
use crate::actors::empire::{Empire, EmpireParts};
use crate::actors::messages::ChannelMsg;
use crate::actors::narrator::Narrator;
use crate::actors::parking::note_parked_channels;
use crate::actors::renderer::Renderer;
use crate::actors::scriptwriter::Scriptwriter;
use crate::actors::stage_work::{StageTools, StageWork};
use crate::actors::trend_scout::TrendScout;
use crate::actors::upkeep::{ChannelAddresses, TIDY_EVERY, TreeDoors, UpkeepParts};
use crate::actors::uploader::Uploader;
use crate::adapters::execution_log::ExecutionLogFile;
use crate::adapters::offline::artifacts::LocalArtifacts;
use crate::adapters::offline::child::ChildRunner;
use crate::adapters::offline::embedder::HashedEmbedder;
use crate::adapters::offline::fonts::load_faces;
use crate::adapters::offline::images::DesignedCards;
use crate::adapters::offline::library::LocalLibrary;
use crate::adapters::offline::renderer::ChildRenderer;
use crate::adapters::offline::storage::LocalStorage;
use crate::adapters::offline::voice::FliteVoice;
use crate::adapters::offline::writer::ExtractiveWriter;
use crate::domain::channel::{ChannelProfile, ChannelRules};
use crate::domain::ids::ChannelName;
use crate::domain::stage::StageName;
use crate::feed::actor::FeedActor;
use crate::feed::hub::FeedHub;
use crate::http::archive::Archive;
use crate::http::directory::{ChannelDirectory, ChannelEntry};
use crate::http::orchestrator::Orchestrator;
use crate::http::replay::ReplayBook;
use crate::http::server::{Door, HttpServer};
use crate::journal::checkpointer::{CHECKPOINT_EVERY, Checkpointer};
use crate::journal::fold::Fold;
use crate::journal::follower::Follower;
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
use crate::supervision::intensity::RestartPolicy;
use crate::supervision::observe::Registry;
use crate::supervision::spec::ChildSpec;
use crate::supervision::start_error::StartError;
use crate::supervision::tree::{Tree, TreeFailure};

/// The folder of the artifacts inside a data folder.
const ARTIFACTS: &str = "artifacts";
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
}

/// A channel of a running node.
#[derive(Clone)]
pub struct RunningChannel {
    /// What it is and where its topics come from.
    pub setup: ChannelSetup,
    /// Its actor.
    pub handle: Handle<ChannelMsg>,
}

/// A running node.
pub struct Node {
    /// The fold of everything that was committed.
    pub fold: Arc<Fold>,
    /// Where to follow what happens.
    pub hub: FeedHub,
    /// The channels.
    pub channels: BTreeMap<ChannelName, RunningChannel>,
    /// Who is in the tree.
    pub registry: Arc<Registry>,
    /// Whether there is room for more.
    pub admission: Admission,
    /// Where the node answers over HTTP.
    pub url: String,
    tree: Tree,
    journal: JournalHandle,
    checkpointer: Arc<Checkpointer>,
    checkpoints: tokio::task::AbortHandle,
    store: StoreThread,
    parking: tokio::task::AbortHandle,
    _folder: DataFolder,
}

struct StoreThread {
    stop: watch::Sender<bool>,
    thread: tokio::task::JoinHandle<()>,
}

impl Node {
    /// Starts a node in `folder`, and waits until its tree is up.
    ///
    /// # Errors
    /// [`CliError`] when the journal is damaged or newer (exit 5), or the tree does not start.
    pub async fn start(
        folder: DataFolder,
        settings: NodeSettings,
        channels: Vec<ChannelSetup>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, CliError> {
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
        let door = open_door(settings.listen).await?;
        let thread = writer.spawn_thread();
        thread.map_err(|error| CliError::new(Exit::Failed, "thread_unavailable", error))?;
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
        let empire = Empire::new(&environment);
        let disk = DiskWatch::default();
        let admission = Admission::new(Arc::clone(&fold), settings.live_workflows, disk.clone());
        let parts = channel_parts(
            &empire, &folder, &settings, &channels, &journal, &fold, &hub, &clock, &entropy,
            &artifacts, &admission,
        )?;
        let running = channels.into_iter().zip(&parts).map(|(setup, parts)| {
            let name = setup.profile.name.clone();
            (name, RunningChannel { setup, handle: parts.handle.clone() })
        });
        let running: BTreeMap<_, _> = running.collect();
        let addresses: BTreeMap<_, _> =
            parts.iter().map(|parts| (parts.tools.profile.id, parts.handle.clone())).collect();
        let upkeep = UpkeepParts {
            fold: Arc::clone(&fold),
            clock: Arc::clone(&clock),
            storage: Arc::new(LocalStorage::new(folder.root().to_owned(), artifacts)),
            history: HistoryFolder::new(folder.root(), Arc::new(DiskFiles)),
            channels: Arc::new(TreeDoors(Arc::new(move || addresses.clone()) as ChannelAddresses)),
            rules: watch::channel(settings.retention).1,
            disk,
            ticks: hub.tick_sink(),
            every: TIDY_EVERY,
        };
        let entries = running.values().map(|channel| ChannelEntry {
            profile: channel.setup.profile.clone(),
            handle: channel.handle.clone(),
        });
        let setups = running.iter().map(|(name, channel)| (name.clone(), channel.setup.clone()));
        let desk = NodeDesk {
            channels: setups.collect(),
            fold: Arc::clone(&fold),
            admission: admission.clone(),
            clock: Arc::clone(&clock),
            config: None,
        };
        let orchestrator = Orchestrator {
            fold: Arc::clone(&fold),
            hub: hub.clone(),
            journal: journal.clone(),
            journal_folder: self::journal_folder(folder.root()),
            registry: Arc::clone(&registry),
            channels: ChannelDirectory::of(entries),
            archive: Archive::new(folder.root()),
            desk: Arc::new(desk),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            replays: ReplayBook::default(),
            old_events: tokio::sync::Semaphore::new(1),
        };
        let url = door.url();
        let server =
            HttpServer { door, token: settings.token.clone(), node: Arc::new(orchestrator) };
        let http_entry = registry.entry(&Empire::child_path("http"));
        let paths = parts.iter().map(|parts| (parts.handle.path().clone(), parts.tools.profile.id));
        let parking = tokio::spawn(note_parked_channels(
            Arc::clone(&registry),
            paths.collect(),
            Arc::clone(&fold),
            journal.clone(),
            clock,
        ));
        let spec = empire.spec(EmpireParts {
            journal: journal.clone(),
            slots: settings.slots,
            feed: feed_spec(&registry, &fold, &hub),
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
            channels: running,
            registry,
            admission,
            url,
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

    /// Stops everything in order: the tree, the store, and a checkpoint of what was committed.
    pub async fn stop(self) {
        let report = self.tree.shutdown(STOP_LIMIT).await;
        for forced in report.forced() {
            tracing::warn!(actor = %forced.path, "did not stop in time and was killed");
        }
        self.parking.abort();
        self.store.stop.send_replace(true);
        // A store that failed has said so; it is rebuilt at the next start.
        let _ = self.store.thread.await;
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

/// Puts the store on a thread of its own, opening included: a damaged or old one that must be made
/// anew holds nothing up. Whatever is wrong with it, the node goes on without.
fn follow(folder: &DataFolder, fold: &Arc<Fold>, clock: &dyn Clock) -> StoreThread {
    let path = folder.root().join("store");
    let (now, fold) = (clock.now(), Arc::clone(fold));
    let (stop, stopping) = watch::channel(false);
    let runtime = tokio::runtime::Handle::current();
    let thread = tokio::task::spawn_blocking(move || {
        let (follower, set_aside) = match Follower::open(&path, now, fold) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(%error, "the store is not kept up in this run");
                return;
            }
        };
        if let Some(aside) = set_aside {
            let (cause, path) = (aside.cause, aside.path.display());
            tracing::warn!(%cause, %path, "the store was damaged: set aside and rebuilt");
        }
        if let Err(error) = follower.follow(&runtime, stopping) {
            tracing::warn!(%error, "the store fell behind; it is rebuilt at the next start");
        }
    });
    StoreThread { stop, thread }
}

fn feed_spec(
    registry: &Arc<Registry>,
    fold: &Arc<Fold>,
    hub: &FeedHub,
) -> Arc<dyn Fn() -> ChildSpec + Send + Sync> {
    let entry = registry.entry(&Empire::child_path("feed"));
    let (fold, hub) = (Arc::clone(fold), hub.clone());
    Arc::new(move || {
        let (fold, hub) = (Arc::clone(&fold), hub.clone());
        ChildSpec::new(
            Arc::clone(&entry),
            Arc::new(move |context| {
                let feed = FeedActor { fold: Arc::clone(&fold), hub: hub.clone() };
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

#[expect(clippy::too_many_arguments, reason = "the wiring is where everything meets, once")]
fn channel_parts(
    empire: &Empire,
    folder: &DataFolder,
    settings: &NodeSettings,
    channels: &[ChannelSetup],
    journal: &JournalHandle,
    fold: &Arc<Fold>,
    hub: &FeedHub,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    artifacts: &LocalArtifacts,
    admission: &Admission,
) -> Result<Vec<ChannelParts>, CliError> {
    let faces = Arc::new(load_faces().map_err(|error| {
        CliError::new(Exit::Failed, error.code(), &error).remedy("apt-get install fonts-inter")
    })?);
    let program = std::env::current_exe()
        .map_err(|error| CliError::new(Exit::Failed, "program_unknown", error))?;
    let children = ChildRunner::new(program, settings.execution_log.clone());
    let voice = Arc::new(FliteVoice::new(children.clone(), artifacts.voice_cache()));
    let renderer = Arc::new(ChildRenderer::new(children, settings.encoding.clone()));
    let images = Arc::new(DesignedCards::new(Arc::clone(&faces)));
    let library = LocalLibrary::new(folder.root().join("library"), Arc::clone(clock));
    let library = Arc::new(library);
    let writer = Arc::new(ExtractiveWriter);
    let store = Arc::new(artifacts.clone());
    let log = settings.execution_log.clone().map(|path| Arc::new(ExecutionLogFile::new(path)) as _);
    let parts = channels.iter().map(|setup| {
        let scout: Arc<dyn StageWork> =
            Arc::new(TrendScout::new(Arc::clone(&setup.source), Arc::new(HashedEmbedder)));
        let render = Renderer::new(
            Arc::clone(&images) as _,
            Arc::clone(&renderer) as _,
            Arc::clone(&faces),
            settings.video,
        );
        let works: BTreeMap<StageName, Arc<dyn StageWork>> = BTreeMap::from([
            (StageName::Trend, scout),
            (StageName::Script, Arc::new(Scriptwriter::new(Arc::clone(&writer) as _)) as _),
            (StageName::Narration, Arc::new(Narrator::new(Arc::clone(&voice) as _)) as _),
            (StageName::Render, Arc::new(render) as _),
            (StageName::Upload, Arc::new(Uploader::new(Arc::clone(&library) as _)) as _),
        ]);
        let path = empire.channel_path(&setup.profile.name);
        ChannelParts {
            handle: Handle::new(empire.registry(), &path),
            journal: journal.clone(),
            fold: Arc::clone(fold),
            policies: Arc::new(settings.policies.clone()),
            rules: setup.rules.clone(),
            admission: admission.clone(),
            entropy: Arc::clone(entropy),
            tools: StageTools {
                profile: Arc::new(setup.profile.clone()),
                clock: Arc::clone(clock),
                artifacts: Arc::clone(&store) as _,
                broker: empire.broker.clone(),
                ticks: hub.tick_sink(),
                execution_log: log.clone(),
            },
            works,
            registry: Arc::clone(empire.registry()),
            stage_policy: RestartPolicy::default(),
        }
    });
    Ok(parts.collect())
}
