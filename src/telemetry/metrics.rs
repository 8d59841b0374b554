//! Figures for a monitoring system, in the text format that Prometheus reads.
//!
//! Why it exists: a person who keeps graphs and alarms wants rates and durations over weeks, not
//! events. Counters and durations begin anew with the process, as Prometheus expects; gauges are
//! set by whoever is asked for the figures, at that moment.
//!
//! Architecture invariant: labels come from what is configured (channels, devices) or from the
//! program itself (stages, endpoints), never from a request, so that their number is bounded; no
//! label and no figure holds a secret.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::domain::event::Event;
use crate::domain::ids::WorkflowId;
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;

/// The content type of [`Metrics::text`] (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds for how long a stage takes: from what is found again at once to the hard
/// limit of 30 minutes and beyond.
const STAGE_BOUNDS: [f64; 12] =
    [0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1_800.0];
/// Upper bounds in seconds for how long an answer takes.
const ANSWER_BOUNDS: [f64; 11] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VideoLabels {
    channel: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabels {
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    endpoint: &'static str,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NewsLabels {
    news: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    device: u32,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    pool: &'static str,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// How the broker's books stand, as far as they are shown here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokerFigures {
    /// What happened in this life of the broker, and how often.
    pub happened: Vec<(&'static str, u64)>,
    /// Requests that wait.
    pub waiting: usize,
    /// Leases that are held.
    pub leases: usize,
    /// Devices in their order: name, bytes of the budget, bytes in use.
    pub devices: Vec<(String, u64, u64)>,
    /// Pools of the host: name, capacity, in use (slots or bytes).
    pub pools: Vec<(&'static str, u64, u64)>,
}

/// The figures of a node. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    videos: Family<VideoLabels, Counter>,
    stages: Durations<StageLabels>,
    active: Family<TypeLabels, Gauge>,
    answers: Durations<AnswerLabels>,
    broker: BrokerFamilies,
    /// When the stage that each workflow is in was started.
    started: Arc<Mutex<BTreeMap<WorkflowId, (StageName, Timestamp)>>>,
    /// What the broker had counted when it was last looked at: its life and its counts.
    seen: Arc<Mutex<(u64, BTreeMap<&'static str, u64>)>>,
}

#[derive(Debug, Clone, Default)]
struct BrokerFamilies {
    happened: Family<NewsLabels, Counter>,
    waiting: Gauge,
    leases: Gauge,
    budget: Family<DeviceLabels, Gauge>,
    used: Family<DeviceLabels, Gauge>,
    pool_capacity: Family<PoolLabels, Gauge>,
    pool_used: Family<PoolLabels, Gauge>,
}

fn stage_durations() -> Histogram {
    Histogram::new(STAGE_BOUNDS)
}

fn answer_durations() -> Histogram {
    Histogram::new(ANSWER_BOUNDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("ytempire");
        let videos = Family::default();
        registry.register(
            "videos_generated",
            "Videos that came to an end, by how: completed, cancelled, failed (parked, for a person to look at) or dropped",
            videos.clone(),
        );
        let stages = Durations::new_with_constructor(stage_durations as fn() -> Histogram);
        registry.register(
            "video_processing_duration_seconds",
            "From the start of a stage's attempt to its success, waiting for a lease included",
            stages.clone(),
        );
        let active = Family::default();
        registry.register(
            "active_workflows",
            "Workflows that can still move without a person, by content type",
            active.clone(),
        );
        let answers = Durations::new_with_constructor(answer_durations as fn() -> Histogram);
        registry.register(
            "api_request_duration_seconds",
            "From the whole request to its answer",
            answers.clone(),
        );
        let broker = BrokerFamilies::default();
        broker.register(registry.sub_registry_with_prefix("gpu"));
        Self {
            registry: Arc::new(registry),
            videos,
            stages,
            active,
            answers,
            broker,
            started: Arc::default(),
            seen: Arc::default(),
        }
    }
}

impl BrokerFamilies {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "broker_news",
            "What happened at the broker: granted, released, revoked, refused, out_of_memory, load, eviction",
            self.happened.clone(),
        );
        registry.register("broker_waiting", "Requests that wait for a lease", self.waiting.clone());
        registry.register("broker_leases", "Leases that are held", self.leases.clone());
        registry.register(
            "budget_bytes",
            "Memory of a device that may be leased",
            self.budget.clone(),
        );
        registry.register(
            "used_bytes",
            "Memory of a device in use by the books, idle models included",
            self.used.clone(),
        );
        registry.register(
            "host_pool_capacity",
            "Slots or bytes of a pool of the host",
            self.pool_capacity.clone(),
        );
        registry.register(
            "host_pool_used",
            "Slots or bytes of a pool of the host that are leased",
            self.pool_used.clone(),
        );
    }
}

impl Metrics {
    /// Takes in a committed event that was decided at `at`; `channel` gives the name of its channel.
    pub fn note(&self, channel: impl FnOnce() -> String, at: Timestamp, event: &Event) {
        match event {
            Event::StageStarted { workflow, stage, .. } => {
                self.started().insert(*workflow, (*stage, at));
            }
            Event::StageSucceeded { workflow, stage, .. } => {
                let began = self.started().remove(workflow);
                if let Some((_, began)) = began.filter(|(started, _)| started == stage) {
                    let labels = StageLabels { stage: stage.name() };
                    self.stages.get_or_create(&labels).observe(at.since(began).as_secs_f64());
                }
            }
            Event::StageFailed { workflow, .. } => {
                self.started().remove(workflow);
            }
            Event::WorkflowCompleted { workflow, .. } => {
                self.ended(channel(), *workflow, "completed")
            }
            Event::WorkflowCancelled { workflow, .. } => {
                self.ended(channel(), *workflow, "cancelled")
            }
            Event::WorkflowParked { workflow, .. } => self.ended(channel(), *workflow, "failed"),
            Event::WorkflowFailed { workflow, .. } => self.ended(channel(), *workflow, "dropped"),
            _ => {}
        }
    }

    fn ended(&self, channel: String, workflow: WorkflowId, status: &'static str) {
        self.started().remove(&workflow);
        self.videos.get_or_create(&VideoLabels { channel, status }).inc();
    }

    fn started(&self) -> std::sync::MutexGuard<'_, BTreeMap<WorkflowId, (StageName, Timestamp)>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in that an answer took `took`; `endpoint` is the path of the table, with `{id}` for
    /// ids.
    pub fn answered(&self, endpoint: &'static str, method: &'static str, took: Duration) {
        let labels = AnswerLabels { endpoint, method };
        self.answers.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Sets how many workflows of each content type are live now.
    pub fn set_active(&self, by_type: &[(&'static str, u64)]) {
        for (name, count) in by_type {
            self.active.get_or_create(&TypeLabels { r#type: name }).set(whole(*count));
        }
    }

    /// Takes in the broker's counts of its life `life`, which began anew when the life is another.
    pub fn set_broker(&self, life: u64, figures: &BrokerFigures) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 < life {
            *seen = (life, BTreeMap::new());
        }
        for (news, count) in &figures.happened {
            // Two who look at once may come in the other order.
            let before = seen.1.get(news).copied().unwrap_or(0);
            seen.1.insert(news, before.max(*count));
            let counter = self.broker.happened.get_or_create(&NewsLabels { news });
            counter.inc_by(count.saturating_sub(before));
        }
        drop(seen);
        self.broker.waiting.set(whole(figures.waiting as u64));
        self.broker.leases.set(whole(figures.leases as u64));
        for (device, (name, budget, used)) in (0..).zip(&figures.devices) {
            let labels = DeviceLabels { device, name: name.clone() };
            self.broker.budget.get_or_create(&labels).set(whole(*budget));
            self.broker.used.get_or_create(&labels).set(whole(*used));
        }
        for (pool, capacity, used) in &figures.pools {
            let labels = PoolLabels { pool };
            self.broker.pool_capacity.get_or_create(&labels).set(whole(*capacity));
            self.broker.pool_used.get_or_create(&labels).set(whole(*used));
        }
    }

    /// All figures as text.
    ///
    /// # Errors
    /// When they cannot be written, which a text in memory always can.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
