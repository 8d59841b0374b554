//! Stages that do nothing: each returns a payload that tells whose it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::actors::messages::StageJob;
use crate::actors::stage_work::{LoggedBy, StageTools, StageWork};
use crate::cli::run::Works;
use crate::domain::artifact::StageOutput;
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::stage::StageName;
use crate::domain::trend::TopicProfile;
use crate::domain::workflow::Publication;
use crate::gpu::lease::Need;
use crate::ports::job::JobControl;
use crate::simulate::rng::Rng;

/// The name of the output of every stage.
pub(super) const PAYLOAD: &str = "payload";

/// Does nothing, for a while.
struct NoOp {
    stage: StageName,
    bytes: usize,
    step: Duration,
}

/// Works that take `step` each and return `bytes` bytes.
pub(super) fn works(bytes: usize, step: Duration) -> Works {
    let work = |stage| (stage, Arc::new(NoOp { stage, bytes, step }) as Arc<dyn StageWork>);
    BTreeMap::from(StageName::ALL.map(work))
}

/// What a stage of a workflow returns: the same whenever it is done, and of no other stage. It must
/// cost next to nothing, for a no-op is measured.
pub(super) fn payload(workflow: WorkflowId, stage: StageName, bytes: usize) -> Vec<u8> {
    let (high, low) = workflow.0.as_u64_pair();
    let mut rng = Rng::new(high ^ low.wrapping_add(stage as u64));
    let mut payload = Vec::with_capacity(bytes.next_multiple_of(8));
    while payload.len() < bytes {
        payload.extend(rng.draw().to_le_bytes());
    }
    payload.truncate(bytes);
    payload
}

#[async_trait]
impl StageWork for NoOp {
    fn stage(&self) -> StageName {
        self.stage
    }

    fn logged_by(&self) -> LoggedBy {
        LoggedBy::Shell
    }

    fn need(&self) -> Option<Need> {
        None
    }

    fn settings(&self, _: &StageJob, _: &StageTools) -> String {
        format!("no-op 1\n{}", self.bytes)
    }

    fn is_recorded(&self) -> bool {
        // Doing nothing again costs less than a record of it.
        false
    }

    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        _: &JobControl,
    ) -> Result<StageSuccess, Failure> {
        if !self.step.is_zero() {
            tokio::time::sleep(self.step).await;
        }
        let workflow = job.ticket.workflow;
        let bytes = payload(workflow, self.stage, self.bytes);
        let output = StageOutput { artifacts: vec![tools.artifacts.put(PAYLOAD, bytes).await?] };
        let title = || format!("no-op {workflow}");
        let finding = match self.stage {
            StageName::Trend => {
                let key = workflow.to_string();
                let profile = TopicProfile { key, ..TopicProfile::default() };
                Finding::Topic { profile, title: title(), score: 0.5 }
            }
            StageName::Script => Finding::Script { title: title(), sentences: Vec::new() },
            StageName::Narration | StageName::Render => Finding::Nothing,
            StageName::Upload => {
                let (video_id, path) = (workflow.to_string(), "nowhere".to_owned());
                Finding::Published(Publication { video_id, path })
            }
        };
        Ok(StageSuccess { output, finding })
    }
}
