//! What of a node is beside its journal, as the tests of the API have it.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::domain::ids::ChannelName;
use crate::domain::source::{SourceHealth, SourceKind, SourceState};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{SourceRole, TrendRow};
use crate::http::orchestrator::{Desk, NotAdmitted, ScriptWish, SlotView};
use crate::http::problem::Problem;

/// A desk with two topics per channel, which writes one-line scripts and changes no config.
#[derive(Default)]
pub struct TestDesk {
    /// Whether new work is refused.
    pub is_closed: AtomicBool,
}

#[async_trait]
impl Desk for TestDesk {
    fn config_problem(&self) -> Option<String> {
        None
    }

    fn refusal(&self) -> Option<NotAdmitted> {
        let is_closed = self.is_closed.load(Ordering::Relaxed);
        let message = "the disk is nearly full".to_owned();
        is_closed.then_some(NotAdmitted { code: "disk_budget", message })
    }

    async fn trends(&self, channel: &ChannelName) -> Result<Vec<TrendRow>, Problem> {
        let row = |topic: &str, viral_score: f64| TrendRow {
            topic: topic.to_owned(),
            title: format!("{topic} around {channel}"),
            source: "a feed".to_owned(),
            sources: vec!["a feed".to_owned()],
            viral_score,
            competition_level: 0.25,
            velocity: None,
            acceleration: None,
            first_detected: Timestamp(1_790_000_000_000),
            peak_prediction: None,
            decay_half_life_hours: None,
            why: Vec::new(),
            unknown: Vec::new(),
            used: false,
        };
        Ok(vec![row("saturn", 0.9), row("salt", 0.4)])
    }

    fn sources(&self, channel: &ChannelName) -> Vec<SourceHealth> {
        vec![SourceHealth {
            channel: channel.clone(),
            source: format!("{channel}.xml"),
            kind: SourceKind::Rss,
            role: SourceRole::Source,
            state: SourceState::Ok,
            last_ok: None,
            last_error: None,
            consecutive_failures: 0,
            next_poll: None,
            items: 1,
            item_problems: Vec::new(),
        }]
    }

    fn slots(&self, _: &ChannelName) -> Vec<SlotView> {
        vec![SlotView { at: Timestamp(1_790_003_600_000), workflow: None, reason: None }]
    }

    async fn script(&self, wish: &ScriptWish) -> Result<Value, Problem> {
        if wish.topic.contains("nothing") {
            let detail = format!("no source tells of {:?}", wish.topic);
            return Err(Problem::new(404, "no_source_for_topic", detail).with("near", json!([])));
        }
        Ok(json!({ "script": wish.topic, "scenes": [], "metadata": { "word_count": 1 } }))
    }

    async fn add_channel(&self, _: &Map<String, Value>) -> Result<ChannelName, Problem> {
        Err(Problem::new(409, "no_config_file", "this node runs without a config file"))
    }

    async fn remove_channel(&self, _: &ChannelName) -> Result<(), Problem> {
        Err(Problem::new(409, "no_config_file", "this node runs without a config file"))
    }
}
