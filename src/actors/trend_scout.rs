//! The trend stage: reads the channel's sources, ranks what is talked about, and chooses a topic.
//!
//! Architecture invariant: it never chooses a story the channel has told before.

use std::sync::Arc;

use async_trait::async_trait;

use super::messages::StageJob;
use super::stage_work::{LoggedBy, StageTools, StageWork, parse_input, to_json};
use crate::craft::choose::{Material, Wish, choose, rank};
use crate::craft::meaning::Meanings;
use crate::craft::pace::Pace;
use crate::craft::tellable::{Reach, Room};
use crate::craft::topic_match::related;
use crate::domain::artifact::{Digest, StageOutput};
use crate::domain::channel::UsedTopic;
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::stage::StageName;
use crate::domain::trend::{Story, TopicProfile};
use crate::gpu::lease::Need;
use crate::ports::embedder::Embedder;
use crate::ports::job::JobControl;
use crate::ports::trends::TrendSource;
use crate::telemetry::tick::Tick;

/// The output in which the chosen topic is kept.
pub const TOPIC_FILE: &str = "topic.json";
/// The output with stories of other topics, the closest first, where the chosen one is too short
/// for a whole video.
pub const RELATED_FILE: &str = "related.json";
/// How many stories of other topics may be told as further chapters.
const MOST_RELATED: usize = 12;

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
pub fn told<'a>(used: impl IntoIterator<Item = &'a Arc<UsedTopic>>) -> Vec<TopicProfile> {
    used.into_iter().map(|topic| topic.profile.clone()).collect()
}

/// The stories of other topics that may be told beside the topic of `job`; none when it is long
/// enough.
///
/// # Errors
/// [`Failure`] when they are there and cannot be read.
pub(super) async fn related_stories(
    tools: &StageTools,
    job: &StageJob,
) -> Result<Vec<Story>, Failure> {
    match tools.input_if_any(job, StageName::Trend, RELATED_FILE).await? {
        Some(bytes) => parse_input(RELATED_FILE, &bytes),
        None => Ok(Vec::new()),
    }
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

    fn takes_turns(&self) -> bool {
        true
    }

    fn settings(&self, job: &StageJob, tools: &StageTools) -> String {
        // What is used belongs to the key: a choice that another workflow took first must not be
        // found again.
        let used: Vec<&str> =
            job.used_topics.iter().map(|used| used.profile.key.as_str()).collect();
        let told: Vec<u8> = job.used_sentences.iter().flat_map(|told| told.to_le_bytes()).collect();
        let profile = &tools.profile;
        format!(
            "scout 3\n{}\n{}\n{} {:?}\n{:?}\n{}\n{}",
            self.embedder.describe(),
            profile.niche,
            profile.voice,
            profile.video_length.0,
            job.requested_topic,
            Digest::of(&told),
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
        let room = Room {
            pace: Pace::of_voice(&tools.profile.voice),
            shortest_s: tools.profile.video_length.0.as_secs_f64(),
            used: &job.used_sentences,
        };
        let topic_text = job.requested_topic.as_deref();
        let wish = Wish { content_type: job.content_type, topic: topic_text, room };
        let topic = choose(&topics, &wish)?;
        let mut artifacts =
            vec![tools.artifacts.put(TOPIC_FILE, to_json(TOPIC_FILE, topic)?).await?];
        if room.reach_of(topic) < Reach::Whole {
            let stories = related(topic, &topics, MOST_RELATED);
            let bytes = to_json(RELATED_FILE, &stories)?;
            artifacts.push(tools.artifacts.put(RELATED_FILE, bytes).await?);
        }
        control.report(1.0, &topic.title);
        let finding = Finding::Topic {
            profile: TopicProfile::of(&topic.key, &topic.stories),
            title: topic.title.clone(),
            score: topic.score,
        };
        Ok(StageSuccess { output: StageOutput { artifacts }, finding })
    }
}
