//! The upload stage: publishes the video, once.
//!
//! Architecture invariant: before it publishes it asks the platform whether that has happened; the
//! idempotency key depends on the workflow alone, so no retry and no restart publishes twice (D3).

use std::sync::Arc;

use async_trait::async_trait;

use super::messages::StageJob;
use super::narrator::{NARRATION_FILE, NARRATION_WAV};
use super::renderer::{
    CAPTIONS_FILE, MAKING_FILE, Making, THUMBNAIL_FILE, TIMELINE_FILE, VIDEO_FILE,
};
use super::scriptwriter::SCRIPT_FILE;
use super::stage_run::note;
use super::stage_work::{LoggedBy, StageTools, StageWork, input_artifact, parse_input};
use super::trend_scout::{TOPIC_FILE, related_stories};
use crate::craft::release::{self, ReleaseParts};
use crate::domain::artifact::{Body, Digest, StageOutput};
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::narration::Narration;
use crate::domain::script::Script;
use crate::domain::stage::StageName;
use crate::domain::timeline::Timeline;
use crate::domain::trend::Topic;
use crate::gpu::lease::Need;
use crate::ports::execution_log::Phase;
use crate::ports::job::JobControl;
use crate::ports::platform::{FileContent, Release, VideoPlatform};

/// Publishes videos.
pub struct Uploader {
    platform: Arc<dyn VideoPlatform>,
}

impl Uploader {
    /// An uploader that publishes on `platform`.
    #[must_use]
    pub fn new(platform: Arc<dyn VideoPlatform>) -> Self {
        Self { platform }
    }
}

/// The key under which a workflow's video is published: the same for every attempt and take.
#[must_use]
pub fn idempotency_key(workflow: WorkflowId) -> String {
    Digest::of(format!("publication\n{workflow}").as_bytes()).to_string()
}

impl Uploader {
    async fn release(&self, job: &StageJob, tools: &StageTools) -> Result<Release, Failure> {
        let topic = tools.input(job, StageName::Trend, TOPIC_FILE).await?;
        let topic: Topic = parse_input(TOPIC_FILE, &topic)?;
        let script = tools.input(job, StageName::Script, SCRIPT_FILE).await?;
        let script: Script = parse_input(SCRIPT_FILE, &script)?;
        let timeline = tools.input(job, StageName::Render, TIMELINE_FILE).await?;
        let related = related_stories(tools, job).await?;
        let timeline: Timeline = parse_input(TIMELINE_FILE, &timeline)?;
        let making = tools.input(job, StageName::Render, MAKING_FILE).await?;
        let making: Making = parse_input(MAKING_FILE, &making)?;
        let narration = tools.input(job, StageName::Narration, NARRATION_FILE).await?;
        let narration: Narration = parse_input(NARRATION_FILE, &narration)?;
        let key = idempotency_key(job.ticket.workflow);
        let parts = ReleaseParts {
            workflow: job.ticket.workflow,
            profile: &tools.profile,
            idempotency_key: &key,
            topic: &topic,
            related: &related,
            script: &script,
            timeline: &timeline,
            duration_s: making.summary.duration_s,
            voice: &narration.voice,
            pictures: &making.pictures,
            music: &making.music,
            platform: &self.platform.describe(),
        };
        let (metadata, provenance) = (release::metadata(&parts), release::provenance(&parts));
        let mut files = Vec::new();
        for (stage, name) in [
            (StageName::Render, VIDEO_FILE),
            (StageName::Render, THUMBNAIL_FILE),
            (StageName::Render, CAPTIONS_FILE),
            (StageName::Narration, NARRATION_WAV),
            (StageName::Render, TIMELINE_FILE),
        ] {
            let artifact = input_artifact(job, stage, name)?;
            let content = match &artifact.body {
                Body::Inline(bytes) => FileContent::Bytes(bytes.to_vec()),
                Body::Stored => FileContent::File(tools.artifacts.path(artifact).await?),
            };
            files.push((name.to_owned(), content));
        }
        Ok(Release {
            idempotency_key: key,
            channel: tools.profile.name.clone(),
            workflow: job.ticket.workflow,
            files,
            metadata,
            provenance,
        })
    }
}

#[async_trait]
impl StageWork for Uploader {
    fn stage(&self) -> StageName {
        StageName::Upload
    }

    fn logged_by(&self) -> LoggedBy {
        LoggedBy::Work
    }

    fn need(&self) -> Option<Need> {
        None
    }

    fn settings(&self, _job: &StageJob, _tools: &StageTools) -> String {
        format!("upload 1\n{}", self.platform.describe())
    }

    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        let key = idempotency_key(job.ticket.workflow);
        let channel = &tools.profile.name;
        let known = self.platform.find(channel, job.ticket.workflow, &key).await?;
        let publication = match known {
            Some(publication) => publication,
            None => {
                let release = self.release(job, tools).await?;
                control.report(0.1, "publishing");
                note(tools, job, Phase::Start)?;
                let publication = self.platform.publish(&release, control).await?;
                note(tools, job, Phase::End)?;
                publication
            }
        };
        control.report(1.0, &publication.path);
        Ok(StageSuccess {
            output: StageOutput::default(),
            finding: Finding::Published(publication),
        })
    }
}
