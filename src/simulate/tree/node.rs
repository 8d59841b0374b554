//! One life of a node: the real tree over the simulated disk and the stand-ins.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use ractor::Actor;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::task::AbortHandle;

use super::deeds::{Gate, simulated_panic};
use super::outside::{Camera, Painter, STORIES, Speaker, Stories, Writer};
use super::platform::SimPlatform;
use super::universe::{Universe, VirtualTime, locked, rng_about};
use crate::actors::admission::Admission;
use crate::actors::channel::ChannelParts;
use crate::actors::disk_watch::DiskWatch;
use crate::actors::empire::{Empire, EmpireParts};
use crate::actors::messages::ChannelMsg;
use crate::actors::narrator::Narrator;
use crate::actors::parking::note_parked_channels;
use crate::actors::renderer::{Renderer, VideoSettings};
use crate::actors::scriptwriter::Scriptwriter;
use crate::actors::stage_work::{StageTools, StageWork};
use crate::actors::trend_scout::TrendScout;
use crate::actors::uploader::Uploader;
use crate::adapters::offline::embedder::HashedEmbedder;
use crate::domain::channel::{Aspect, ChannelProfile};
use crate::domain::ids::{ChannelId, ChannelName, Seq};
use crate::domain::invariants::Violation;
use crate::domain::script::Style;
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::feed::actor::FeedActor;
use crate::feed::hub::{FeedHub, FeedItem};
use crate::gpu::broker::BrokerParts;
use crate::journal::fold::Fold;
use crate::journal::memory::MemoryLog;
use crate::journal::open::drive;
use crate::ports::clock::{Clock, Entropy};
use crate::simulate::rng::Rng;
use crate::supervision::environment::Environment;
use crate::supervision::handle::Handle;
use crate::supervision::intensity::RestartPolicy;
use crate::supervision::observe::Registry;
use crate::supervision::spec::ChildSpec;
use crate::supervision::start_error::StartError;
use crate::supervision::tree::Tree;
use crate::telemetry::metrics::Metrics;

/// The longest that the journal's writer lags behind what is sent to it.
const SYNC_LAG_MS: u64 = 20;

/// Chance for one channel's actor; its fuse makes the handler that draws next panic.
struct ChannelChance {
    rng: Mutex<Rng>,
    fuse: AtomicBool,
}

impl Entropy for ChannelChance {
    fn draw(&self) -> u64 {
        if self.fuse.swap(false, Ordering::Relaxed) {
            simulated_panic("in the handler of a channel's actor");
        }
        locked(&self.rng).draw()
    }
}

/// The wall clock of one channel; its fuse makes whoever reads it next panic.
struct ChannelClock {
    time: Arc<VirtualTime>,
    fuse: AtomicBool,
}

impl Clock for ChannelClock {
    fn now(&self) -> Timestamp {
        if self.fuse.swap(false, Ordering::Relaxed) {
            simulated_panic("at a look at the clock");
        }
        self.time.wall()
    }
}

/// A channel of a running node, with what makes it fail.
pub struct SimChannel {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: ChannelName,
    /// Its actor.
    pub handle: Handle<ChannelMsg>,
    chance: Arc<ChannelChance>,
    clock: Arc<ChannelClock>,
    stage_fuse: Arc<AtomicBool>,
}

impl SimChannel {
    /// The actors of its stages that run, oldest first.
    #[must_use]
    pub fn stage_cells(&self) -> Vec<ractor::ActorCell> {
        let Some(mailbox) = self.handle.current() else { return Vec::new() };
        let mut stages = mailbox.actor().get_cell().get_children();
        stages.sort_by_key(ractor::ActorCell::get_id);
        stages
    }

    /// Lets the next handler of its actor that needs chance panic.
    pub fn break_handler(&self) {
        self.chance.fuse.store(true, Ordering::Relaxed);
    }

    /// Lets whoever reads its clock next panic: its actor's start does.
    pub fn break_clock(&self) {
        self.clock.fuse.store(true, Ordering::Relaxed);
    }

    /// Lets the next handler of one of its stages' actors panic that reports something.
    pub fn break_stage_handler(&self) {
        self.stage_fuse.store(true, Ordering::Relaxed);
    }
}

/// A running node.
pub struct SimNode {
    /// Everything that was committed.
    pub fold: Arc<Fold>,
    /// The channels.
    pub channels: Vec<SimChannel>,
    /// The addresses of the tree.
    pub empire: Empire,
    /// The tree.
    pub tree: Tree,
    feed: Mutex<(Receiver<FeedItem>, Seq)>,
    parking: AbortHandle,
}

/// The name of channel `index`.
pub(in crate::simulate) fn channel_name(index: usize) -> Result<ChannelName, Violation> {
    ChannelName::new(format!("channel-{index}")).map_err(|error| model(&error))
}

/// The simulation itself is at fault.
pub(super) fn model(error: &dyn std::fmt::Display) -> Violation {
    Violation { invariant: "model", found: error.to_string() }
}

impl SimNode {
    /// Recovers what the disk holds and starts the tree on the present runtime.
    ///
    /// # Errors
    /// [`Violation`] when what was durable is not recovered, or the tree does not start.
    pub async fn start(universe: &Arc<Universe>, life: u64) -> Result<Self, Violation> {
        let (fold, log) = recover(universe)?;
        let (journal, writer) = drive(Box::new(log), &fold);
        let lag = rng_about(universe.seed, &format!("lag {life}"));
        tokio::spawn(Lagging {
            inner: Box::pin(writer.run()),
            wait: None,
            polled: false,
            rng: lag,
        });

        let registry = Arc::new(Registry::new());
        let jitter = Mutex::new(rng_about(universe.seed, &format!("supervisors {life}")));
        let draw = Arc::new(move || locked(&jitter).draw());
        let environment = Environment::new(Arc::clone(&registry), draw, 8);
        let empire = Empire::new(&environment);
        let hub = FeedHub::default();
        let feed = Mutex::new((hub.subscribe(), fold.applied()));
        let faces = universe.faces()?;

        let admission = Admission::new(Arc::clone(&fold), u32::MAX, DiskWatch::default());
        let mut channels = Vec::new();
        let mut parts = Vec::new();
        for (index, rules) in universe.rules.iter().enumerate() {
            let name = channel_name(index)?;
            let rng = Mutex::new(rng_about(universe.seed, &format!("{name} {life}")));
            let channel = SimChannel {
                id: ChannelId::of_name(&name),
                handle: Handle::new(&registry, &empire.channel_path(&name)),
                name,
                chance: Arc::new(ChannelChance { rng, fuse: AtomicBool::new(false) }),
                clock: Arc::new(ChannelClock {
                    time: Arc::clone(&universe.time),
                    fuse: AtomicBool::new(false),
                }),
                stage_fuse: Arc::new(AtomicBool::new(false)),
            };
            parts.push(ChannelParts {
                handle: channel.handle.clone(),
                journal: journal.clone(),
                fold: Arc::clone(&fold),
                policies: Arc::new(universe.policies.clone()),
                rules: rules.clone(),
                admission: admission.clone(),
                entropy: Arc::clone(&channel.chance) as _,
                tools: StageTools {
                    profile: Arc::new(profile(&channel)),
                    clock: Arc::clone(&channel.clock) as _,
                    artifacts: Arc::clone(&universe.store) as _,
                    broker: empire.broker.clone(),
                    ticks: hub.tick_sink(),
                    execution_log: None,
                },
                works: works(universe, &channel, index, &faces),
                registry: Arc::clone(&registry),
                stage_policy: RestartPolicy::default(),
            });
            channels.push(channel);
        }
        let paths = channels.iter().map(|channel| (channel.handle.path().clone(), channel.id));
        let paths: BTreeMap<_, _> = paths.collect();
        let wall = ChannelClock { time: Arc::clone(&universe.time), fuse: AtomicBool::new(false) };
        let parking = tokio::spawn(note_parked_channels(
            Arc::clone(&registry),
            Arc::new(move || paths.clone()),
            Arc::clone(&fold),
            journal.clone(),
            Arc::new(wall),
        ));
        let (render_slots, light_slots) = universe.around.slots;
        let spec = empire.spec(EmpireParts {
            journal,
            broker: BrokerParts::host_only(render_slots, light_slots, hub.tick_sink()),
            feed: feed_spec(&registry, &fold, &hub),
            http: None,
            sources: None,
            channels: parts,
            upkeep: None,
        });
        let tree = Tree::start(&environment, &empire.root, spec).await;
        let tree = tree.map_err(|error| model(&error))?;
        let parking = parking.abort_handle();
        Ok(Self { fold, channels, empire, tree, feed, parking })
    }

    /// The feed's reader takes in what has come: every event once and in order (F1).
    pub(in crate::simulate) fn read_feed(&self) -> Result<(), Violation> {
        let broken = |found| Err(Violation { invariant: "F1", found });
        let mut feed = locked(&self.feed);
        loop {
            match feed.0.try_recv() {
                Ok(FeedItem::Tick(_)) => {}
                Ok(FeedItem::Committed(frame)) if frame.first_seq.0 == feed.1.0 + 1 => {
                    let count = u64::try_from(frame.commit.events.len()).unwrap_or(u64::MAX);
                    feed.1.0 += count;
                }
                Ok(FeedItem::Committed(frame)) => {
                    return broken(format!("the feed gave {} after {}", frame.first_seq, feed.1));
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
                Err(TryRecvError::Lagged(lost)) => {
                    return broken(format!("the feed's reader lost {lost} items"));
                }
            }
        }
    }

    /// Stops everything in order.
    pub async fn stop(self) {
        self.tree.shutdown(Duration::from_secs(30)).await;
        self.parking.abort();
    }

    /// The last event that the feed's reader has seen.
    pub(super) fn fed_up_to(&self) -> Seq {
        locked(&self.feed).1
    }
}

/// Folds what is on the disk. The watch sees frames that had survived without being acknowledged.
fn recover(universe: &Arc<Universe>) -> Result<(Arc<Fold>, MemoryLog), Violation> {
    let fold = Arc::new(Fold::new());
    let mut outcome = Ok(());
    let mut watcher = locked(&universe.watcher);
    let log = MemoryLog::open(&universe.disk, Seq(0), &mut |frame| {
        if outcome.is_err() {
            return;
        }
        outcome = match fold.take(&frame) {
            Ok(committed) if committed.first_seq > watcher.last => {
                watcher.take(&committed, &mut |_| {})
            }
            Ok(_) => Ok(()),
            Err(error) => Err(model(&error)),
        };
    });
    outcome?;
    watcher.follow(&fold)?;
    drop(watcher);
    Ok((fold, log))
}

fn profile(channel: &SimChannel) -> ChannelProfile {
    ChannelProfile {
        id: channel.id,
        name: channel.name.clone(),
        niche: "simulated things".to_owned(),
        language: "en".to_owned(),
        voice: "simulated".to_owned(),
        tone: "calm".to_owned(),
        audience: "everybody".to_owned(),
        style: Style::default(),
        palette: "simulated".to_owned(),
        aspect: Aspect::Landscape,
        video_length: (Duration::from_secs(6), Duration::from_secs(12)),
        scenes: (2, 2),
    }
}

fn works(
    universe: &Arc<Universe>,
    channel: &SimChannel,
    index: usize,
    faces: &Arc<crate::craft::typeset::Faces>,
) -> BTreeMap<StageName, Arc<dyn StageWork>> {
    let store = &universe.store;
    let stories = universe.around.stories.get(index).copied().unwrap_or(STORIES);
    let settings = VideoSettings { width: 320, height: 180, fps: 10, threads: 1 };
    let camera = Arc::new(Camera(Arc::clone(store)));
    let platform = Arc::new(SimPlatform { universe: Arc::clone(universe) });
    let embedder = universe.embeddings.in_front_of(Arc::new(HashedEmbedder));
    let real: [Arc<dyn StageWork>; 5] = [
        Arc::new(TrendScout::new(Arc::new(Stories::new(index, stories)), Arc::new(embedder))),
        Arc::new(Scriptwriter::new(Arc::new(Writer))),
        Arc::new(Narrator::new(Arc::new(Speaker(Arc::clone(store))))),
        Arc::new(Renderer::new(Arc::new(Painter), camera, Arc::clone(faces), settings)),
        Arc::new(Uploader::new(platform)),
    ];
    let gated = real.into_iter().map(|inner| {
        let gate = Gate {
            universe: Arc::clone(universe),
            channel: channel.name.clone(),
            fuse: Arc::clone(&channel.stage_fuse),
            inner,
        };
        (gate.inner.stage(), Arc::new(gate) as Arc<dyn StageWork>)
    });
    gated.collect()
}

fn feed_spec(
    registry: &Arc<Registry>,
    fold: &Arc<Fold>,
    hub: &FeedHub,
) -> Arc<dyn Fn() -> ChildSpec + Send + Sync> {
    let entry = registry.entry(&Empire::child_path("feed"));
    let feed = FeedActor { fold: Arc::clone(fold), hub: hub.clone(), metrics: Metrics::default() };
    Arc::new(move || {
        let feed = feed.clone();
        let start = Arc::new(move |context: crate::supervision::handle::StartContext| {
            let feed = feed.clone();
            Box::pin(async move {
                let spawned = FeedActor::spawn_linked(None, feed, (), context.supervisor).await;
                let (actor, _) = spawned.map_err(StartError::from)?;
                Ok(actor.get_cell())
            }) as crate::supervision::spec::StartFuture
        });
        ChildSpec::new(Arc::clone(&entry), start)
    })
}

/// Lets a future do its work only some time after it was woken, as a disk would: meanwhile more
/// comes together, and a crash finds something that is not durable.
struct Lagging {
    inner: Pin<Box<dyn Future<Output = ()> + Send>>,
    wait: Option<Pin<Box<tokio::time::Sleep>>>,
    polled: bool,
    rng: Rng,
}

impl Future for Lagging {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.polled && this.wait.is_none() {
            let lag = Duration::from_millis(this.rng.below(SYNC_LAG_MS + 1));
            this.wait = Some(Box::pin(tokio::time::sleep(lag)));
        }
        if let Some(wait) = &mut this.wait {
            if wait.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            this.wait = None;
        }
        this.polled = true;
        this.inner.as_mut().poll(context)
    }
}
