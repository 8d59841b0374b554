//! A running node without media, and a client that speaks HTTP by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::test_desk::TestDesk;
use crate::actors::admission::Admission;
use crate::actors::channel::ChannelParts;
use crate::actors::disk_watch::DiskWatch;
use crate::actors::empire::{Empire, EmpireParts};
use crate::actors::messages::StageJob;
use crate::actors::stage_work::{LoggedBy, StageTools, StageWork};
use crate::domain::artifact::{Artifact, Body, Digest, StageOutput};
use crate::domain::channel::{Aspect, ChannelProfile, ChannelRules};
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelId, ChannelName, WorkflowId};
use crate::domain::retry::Policies;
use crate::domain::script::Style;
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::TopicProfile;
use crate::domain::workflow::Publication;
use crate::feed::actor::FeedActor;
use crate::feed::hub::FeedHub;
use crate::gpu::broker::BrokerParts;
use crate::gpu::lease::Need;
use crate::http::archive::Archive;
use crate::http::directory::{ChannelDirectory, ChannelEntry};
use crate::http::orchestrator::Orchestrator;
use crate::http::replay::ReplayBook;
use crate::http::server::{Door, HttpServer};
use crate::journal::open::{open, read_only};
use crate::journal::segment::SegmentOptions;
use crate::ports::artifacts::ArtifactStore;
use crate::ports::clock::{Clock, Entropy};
use crate::ports::job::JobControl;
use crate::supervision::environment::Environment;
use crate::supervision::handle::Handle;
use crate::supervision::intensity::RestartPolicy;
use crate::supervision::observe::Registry;
use crate::supervision::spec::ChildSpec;
use crate::supervision::start_error::StartError;
use crate::supervision::tree::Tree;
use crate::telemetry::metrics::Metrics;

/// Time that passes by a millisecond at every look, so that the order of things shows.
#[derive(Default)]
pub struct TickingClock(AtomicU64);

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        let passed = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp(1_790_000_000_000 + i64::try_from(passed).unwrap())
    }
}

/// Numbers that never come twice.
#[derive(Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn draw(&self) -> u64 {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        count.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (count >> 7)
    }
}

/// What the stand-in of every stage does: `fail` in the topic fails for good at the trend stage,
/// `hold` runs until it is cancelled, anything else succeeds at once.
struct Stand(StageName);

#[async_trait]
impl StageWork for Stand {
    fn stage(&self) -> StageName {
        self.0
    }

    fn logged_by(&self) -> LoggedBy {
        LoggedBy::Work
    }

    fn need(&self) -> Option<Need> {
        None
    }

    fn settings(&self, job: &StageJob, _tools: &StageTools) -> String {
        format!("{:?}", job.requested_topic)
    }

    async fn perform(
        &self,
        job: &StageJob,
        _tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        let topic = job.requested_topic.clone().unwrap_or_default();
        if topic.contains("fail") {
            return Err(Failure::permanent("asked_to_fail", "the topic asks for it"));
        }
        while topic.contains("hold") {
            tokio::time::sleep(Duration::from_millis(5)).await;
            control.check()?;
        }
        let id = job.ticket.workflow.to_string();
        let finding = match self.0 {
            StageName::Trend => Finding::Topic {
                profile: TopicProfile { key: id.clone(), ..TopicProfile::default() },
                title: format!("topic {id}"),
                score: 0.5,
            },
            StageName::Script => {
                Finding::Script { title: format!("video {id}"), sentences: vec![] }
            }
            StageName::Narration | StageName::Render => Finding::Nothing,
            StageName::Upload => Finding::Published(Publication {
                video_id: format!("local-{id}"),
                path: format!("library/{id}/video.mp4"),
            }),
        };
        Ok(StageSuccess { output: StageOutput::default(), finding })
    }
}

/// Keeps nothing: the stand-ins make no files.
struct NoArtifacts;

#[async_trait]
impl ArtifactStore for NoArtifacts {
    async fn workbench(&self, workflow: WorkflowId, key: Digest) -> Result<PathBuf, Failure> {
        Ok(PathBuf::from(format!("{workflow}/{key}")))
    }
    async fn finished(&self, _: WorkflowId, _: Digest) -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }
    async fn finish(&self, _: WorkflowId, _: Digest, _: Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<Artifact, Failure> {
        let (digest, length) = (Digest::of(&bytes), bytes.len() as u64);
        Ok(Artifact {
            name: name.to_owned(),
            digest,
            bytes: length,
            body: Body::Inline(bytes.into()),
        })
    }
    async fn adopt(&self, name: &str, _: &Path) -> Result<Artifact, Failure> {
        self.put(name, Vec::new()).await
    }
    async fn read(&self, _: &Artifact) -> Result<Vec<u8>, Failure> {
        Ok(Vec::new())
    }
    async fn path(&self, artifact: &Artifact) -> Result<PathBuf, Failure> {
        Ok(PathBuf::from(&artifact.name))
    }
    async fn workbenches(&self) -> Result<Vec<WorkflowId>, Failure> {
        Ok(Vec::new())
    }
    async fn clear_workbenches(&self, _: WorkflowId) -> Result<(), Failure> {
        Ok(())
    }
}

/// A running node.
pub struct Site {
    pub address: SocketAddr,
    pub node: Arc<Orchestrator>,
    pub desk: Arc<TestDesk>,
    tree: Tree,
    folder: tempfile::TempDir,
}

/// How a site differs from the usual one.
#[derive(Default)]
pub struct Setup {
    pub live_workflows: Option<u32>,
    pub token: Option<&'static str>,
    pub segments: SegmentOptions,
}

fn profile(name: &str) -> ChannelProfile {
    let name = ChannelName::new(name).unwrap();
    ChannelProfile {
        id: ChannelId::of_name(&name),
        niche: name.as_str().replace('-', " "),
        name,
        language: "en".to_owned(),
        voice: "slt".to_owned(),
        tone: "calm".to_owned(),
        audience: "everyone".to_owned(),
        style: Style::default(),
        palette: "midnight".to_owned(),
        aspect: Aspect::Landscape,
        video_length: (Duration::from_secs(45), Duration::from_secs(75)),
        scenes: (6, 8),
    }
}

impl Site {
    /// A node with the channels `deep-sea` and `kitchen`.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        Self::over(tempfile::tempdir().unwrap(), setup).await
    }

    async fn over(folder: tempfile::TempDir, setup: Setup) -> Self {
        let journal_folder = folder.path().join("journal");
        let opened = open(&journal_folder, setup.segments).unwrap();
        let (fold, journal) = (opened.fold, opened.handle);
        opened.writer.spawn_thread().unwrap();
        let registry = Arc::new(Registry::new());
        let entropy = Arc::new(CountingEntropy::default());
        let jitter = Arc::clone(&entropy);
        let environment =
            Environment::new(Arc::clone(&registry), Arc::new(move || jitter.draw()), 8);
        let empire = Empire::new(&environment);
        let hub = FeedHub::default();
        let metrics = Metrics::default();
        let clock = Arc::new(TickingClock::default());
        let limit = setup.live_workflows.unwrap_or(100_000);
        let admission = Admission::new(Arc::clone(&fold), limit, DiskWatch::default());
        let parts: Vec<ChannelParts> = ["deep-sea", "kitchen"]
            .into_iter()
            .map(|name| {
                let profile = profile(name);
                let works = StageName::ALL
                    .into_iter()
                    .map(|stage| (stage, Arc::new(Stand(stage)) as Arc<dyn StageWork>));
                ChannelParts {
                    handle: Handle::new(&registry, &empire.channel_path(&profile.name)),
                    journal: journal.clone(),
                    fold: Arc::clone(&fold),
                    policies: Arc::new(Policies::default()),
                    rules: ChannelRules { schedule: None, approval: name == "kitchen" },
                    admission: admission.clone(),
                    entropy: Arc::clone(&entropy) as _,
                    tools: StageTools {
                        profile: Arc::new(profile),
                        clock: Arc::clone(&clock) as _,
                        artifacts: Arc::new(NoArtifacts),
                        broker: empire.broker.clone(),
                        ticks: hub.tick_sink(),
                        execution_log: None,
                    },
                    works: BTreeMap::from_iter(works),
                    registry: Arc::clone(&registry),
                    stage_policy: RestartPolicy::default(),
                }
            })
            .collect();
        let entries = parts.iter().map(|parts| ChannelEntry {
            profile: parts.tools.profile.as_ref().clone(),
            handle: parts.handle.clone(),
        });
        let desk = Arc::new(TestDesk::default());
        let node = Arc::new(Orchestrator {
            fold: Arc::clone(&fold),
            hub: hub.clone(),
            metrics: metrics.clone(),
            journal: journal.clone(),
            journal_folder,
            broker: empire.broker.clone(),
            registry: Arc::clone(&registry),
            channels: ChannelDirectory::of(entries),
            archive: Archive::new(folder.path()),
            desk: Arc::clone(&desk) as _,
            clock,
            entropy,
            replays: ReplayBook::default(),
            old_events: tokio::sync::Semaphore::new(1),
        });
        let door = Door::open(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = door.address();
        let token = setup.token.map(str::to_owned);
        let server = HttpServer { door, token, node: Arc::clone(&node) };
        let entry = registry.entry(&Empire::child_path("http"));
        let spec = empire.spec(EmpireParts {
            sources: None,
            journal: journal.clone(),
            broker: BrokerParts::host_only(1, 2, hub.tick_sink()),
            feed: feed_spec(&registry, &fold, &hub, &metrics),
            http: Some(Arc::new(move || server.spec(&entry))),
            channels: parts,
            upkeep: None,
        });
        let tree = Tree::start(&environment, &empire.root, spec).await.unwrap();
        tree.booted().await.unwrap();
        Self { address, node, desk, tree, folder }
    }

    /// Stops the node and starts it anew over the same folder.
    pub async fn restarted(self) -> Self {
        let folder = self.stop().await;
        Self::over(folder, Setup::default()).await
    }

    /// Stops the node, and gives its folder.
    pub async fn stop(self) -> tempfile::TempDir {
        let report = self.tree.shutdown(Duration::from_secs(10)).await;
        assert_eq!(report.forced().count(), 0, "something had to be killed");
        self.folder
    }

    /// Whether the journal on the disk, read by somebody else, holds the workflow.
    pub fn is_durable(&self, workflow: &str) -> bool {
        let fold = read_only(&self.folder.path().join("journal")).unwrap();
        crate::http::workflows::view(&fold, &self.node.archive, workflow).is_ok()
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        let json = ("content-type", "application/json");
        self.ask("POST", path, &[json], &body.to_string()).await
    }

    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Reply {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.ask("POST", path, &headers, &body.to_string()).await
    }

    /// Starts a workflow and gives its id.
    pub async fn start(&self, topic: &str) -> String {
        let body = json!({ "channel_id": "deep-sea", "topic": topic });
        let reply = self.post("/api/v1/workflows", &body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// Waits until the workflow has this status.
    pub async fn wait_for(&self, workflow: &str, status: &str) -> Value {
        for _ in 0..2_000 {
            let reply = self.get(&format!("/api/v1/workflows/{workflow}")).await;
            if reply.body["status"] == status {
                return reply.body;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("workflow {workflow} does not become {status}");
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            text.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        Reply::read(&self.raw(text.as_bytes()).await)
    }

    /// Sends bytes and gives everything that comes back until the other side closes.
    pub async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The other side may have had enough before it has everything.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }
}

fn feed_spec(
    registry: &Arc<Registry>,
    fold: &Arc<crate::journal::fold::Fold>,
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

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub body: Value,
}

impl Reply {
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("0");
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            text: body.to_owned(),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// It must be a problem document with this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(self.body[member].is_string(), "{member}: {self:?}");
        }
    }
}
