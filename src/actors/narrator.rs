//! The narration stage: has the script spoken.

use std::sync::Arc;

use async_trait::async_trait;

use super::messages::StageJob;
use super::scriptwriter::SCRIPT_FILE;
use super::stage_run::key_of;
use super::stage_work::{LoggedBy, StageTools, StageWork, parse_input, to_json};
use crate::domain::artifact::StageOutput;
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::script::Script;
use crate::domain::stage::StageName;
use crate::gpu::arbiter::Pool;
use crate::gpu::lease::Need;
use crate::ports::job::JobControl;
use crate::ports::voice::Voice;

/// The output in which the sound is kept.
pub const NARRATION_WAV: &str = "narration.wav";
/// The output that says when everything is heard.
pub const NARRATION_FILE: &str = "narration.json";

/// Has scripts spoken.
pub struct Narrator {
    voice: Arc<dyn Voice>,
}

impl Narrator {
    /// A narrator that uses `voice`.
    #[must_use]
    pub fn new(voice: Arc<dyn Voice>) -> Self {
        Self { voice }
    }
}

#[async_trait]
impl StageWork for Narrator {
    fn stage(&self) -> StageName {
        StageName::Narration
    }

    fn logged_by(&self) -> LoggedBy {
        LoggedBy::Child
    }

    fn need(&self) -> Option<Need> {
        Some(Need::slots(Pool::Light, 1))
    }

    fn settings(&self, _job: &StageJob, tools: &StageTools) -> String {
        format!("narration 1\n{}\n{}", self.voice.describe(), tools.profile.voice)
    }

    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        let bytes = tools.input(job, StageName::Script, SCRIPT_FILE).await?;
        let script: Script = parse_input(SCRIPT_FILE, &bytes)?;
        let key = key_of(self, tools, job);
        let workbench = tools.artifacts.workbench(job.ticket.workflow, key).await?;
        let spoken = self.voice.speak(&script, &tools.profile.voice, &workbench, control).await?;
        let wav = tools.artifacts.adopt(NARRATION_WAV, &spoken.wav).await?;
        let times = to_json(NARRATION_FILE, &spoken.narration)?;
        let times = tools.artifacts.put(NARRATION_FILE, times).await?;
        let output = StageOutput { artifacts: vec![wav, times] };
        Ok(StageSuccess { output, finding: Finding::Nothing })
    }
}
