//! The trend stage: reads the channel's sources, ranks what is talked about, and chooses a topic.
//!
//! Architecture invariant: it never chooses a story the channel has told before.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::messages::StageJob;
use super::stage_work::{LoggedBy, StageTools, StageWork, to_json};
use crate::craft::choose::{Material, Wish, choose, rank};
use crate::craft::meaning::Meanings;
use crate::domain::artifact::StageOutput;
use crate::domain::channel::UsedTopic;
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::stage::StageName;
use crate::domain::trend::TopicProfile;
use crate::gpu::broker::Need;
use crate::ports::embedder::Embedder;
use crate::ports::job::JobControl;
use crate::ports::trends::TrendSource;
use crate::telemetry::tick::Tick;

/// The output in which the chosen topic is kept.
pub const TOPIC_FILE: &str = "topic.json";

/// Reads a channel's sources.
pub struct TrendScout {
    source: Arc<dyn TrendSource>,
    embedder: Arc<dyn Embedder>,
}

impl TrendScout {
    /// A scout that reads `source`, and asks `embedder` what the stories mean.
    #[must_use]
    pub fn new(source: Arc<dyn TrendSource>, embedder: Arc<dyn Embedder>) -> Self {
        Self { source, embedder }
    }
}

/// The profiles of the topics a channel has used.
#[must_use]
pub fn told(used: &BTreeMap<String, UsedTopic>) -> Vec<TopicProfile> {
    used.values().map(|topic| topic.profile.clone()).collect()
}

#[async_trait]
impl StageWork for TrendScout {
    fn stage(&self) -> StageName {
        StageName::Trend
    }

    fn logged_by(&self) -> LoggedBy {
        LoggedBy::Shell
    }

    fn need(&self) -> Option<Need> {
        None
    }

    fn settings(&self, job: &StageJob, tools: &StageTools) -> String {
        // The topics that are used belong to the key: a choice that another workflow took first
        // must not be found again.
        let used: Vec<&str> = job.used_topics.keys().map(String::as_str).collect();
        format!(
            "scout 2\n{}\n{}\n{:?}\n{}",
            self.embedder.describe(),
            tools.profile.niche,
            job.requested_topic,
            used.join("\n")
        )
    }

    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        control.report(0.0, "reading sources");
        let harvest = self.source.harvest().await?;
        for problem in &harvest.problems {
            let channel = tools.profile.name.clone();
            let message = problem.message.clone();
            (tools.ticks)(Tick::SourceProblem { channel, message });
        }
        control.check()?;
        let used = told(&job.used_topics);
        let heard = harvest.stories.iter().chain(&harvest.competitors);
        let texts = Meanings::texts(heard, &used);
        let answers = self.embedder.embed(&texts).await?;
        let meanings = Meanings::asked(texts, answers);
        let topics = rank(&Material {
            meanings: &meanings,
            competitors: &harvest.competitors,
            polls: &harvest.polls,
            ..Material::of(&harvest.stories, harvest.as_of, &tools.profile.niche, &used)
        });
        let wish = Wish { content_type: job.content_type, topic: job.requested_topic.as_deref() };
        let topic = choose(&topics, &wish)?;
        let artifact = tools.artifacts.put(TOPIC_FILE, to_json(TOPIC_FILE, topic)?).await?;
        control.report(1.0, &topic.title);
        let finding = Finding::Topic {
            profile: TopicProfile::of(&topic.key, &topic.stories),
            title: topic.title.clone(),
            score: topic.score,
        };
        Ok(StageSuccess { output: StageOutput { artifacts: vec![artifact] }, finding })
    }
}
