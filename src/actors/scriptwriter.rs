//! The script stage: has the topic written up.

use std::sync::Arc;

use async_trait::async_trait;

use super::messages::StageJob;
use super::stage_work::{LoggedBy, StageTools, StageWork, parse_input, to_json};
use super::trend_scout::{TOPIC_FILE, related_stories};
use crate::craft::similarity::sentence_digest;
use crate::domain::artifact::{Digest, StageOutput};
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::script::{Script, SentenceKind};
use crate::domain::stage::StageName;
use crate::domain::trend::Topic;
use crate::gpu::lease::Need;
use crate::ports::job::JobControl;
use crate::ports::text::{ScriptBrief, TextModel};

/// The output in which the script is kept.
pub const SCRIPT_FILE: &str = "script.json";

/// Has scripts written.
pub struct Scriptwriter {
    model: Arc<dyn TextModel>,
}

impl Scriptwriter {
    /// A scriptwriter that uses `model`.
    #[must_use]
    pub fn new(model: Arc<dyn TextModel>) -> Self {
        Self { model }
    }
}

/// A number that is always the same for one take of one workflow, for choices that are free.
#[must_use]
pub(super) fn seed_of(workflow: WorkflowId, take: u32) -> u64 {
    let digest = Digest::of(format!("{workflow} {take}").as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = digest.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn fingerprints(script: &Script) -> Vec<u64> {
    let sources = script.sentences().filter(|(_, s)| s.kind == SentenceKind::Source);
    sources.map(|(_, sentence)| sentence_digest(&sentence.text)).collect()
}

#[async_trait]
impl StageWork for Scriptwriter {
    fn stage(&self) -> StageName {
        StageName::Script
    }

    fn logged_by(&self) -> LoggedBy {
        LoggedBy::Shell
    }

    fn need(&self) -> Option<Need> {
        None
    }

    fn settings(&self, _job: &StageJob, tools: &StageTools) -> String {
        format!("script 1\n{}\n{:?}", self.model.describe(), tools.profile)
    }

    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        let bytes = tools.input(job, StageName::Trend, TOPIC_FILE).await?;
        let topic: Topic = parse_input(TOPIC_FILE, &bytes)?;
        let brief = ScriptBrief {
            topic,
            related: related_stories(tools, job).await?,
            profile: (*tools.profile).clone(),
            used_sentences: job.used_sentences.clone(),
            seed: seed_of(job.ticket.workflow, job.ticket.take.0),
        };
        control.report(0.1, "writing");
        let script = self.model.write(&brief, control).await?;
        let artifact = tools.artifacts.put(SCRIPT_FILE, to_json(SCRIPT_FILE, &script)?).await?;
        control.report(1.0, &script.title);
        let sentences = fingerprints(&script);
        let finding = Finding::Script { title: script.title, sentences };
        Ok(StageSuccess { output: StageOutput { artifacts: vec![artifact] }, finding })
    }
}
