//! What a stage is to the shell: a name, a need, a key, and the work itself.
//!
//! Architecture invariant: work touches the outside only through ports.

use std::sync::Arc;

use async_trait::async_trait;

use super::messages::StageJob;
use crate::domain::artifact::{Artifact, StageOutput};
use crate::domain::channel::ChannelProfile;
use crate::domain::command::StageSuccess;
use crate::domain::failure::Failure;
use crate::domain::stage::StageName;
use crate::gpu::lease::{Broker, Need};
use crate::ports::artifacts::ArtifactStore;
use crate::ports::clock::Clock;
use crate::ports::execution_log::ExecutionLog;
use crate::ports::job::JobControl;
use crate::telemetry::tick::TickSink;

/// What every stage may use.
#[derive(Clone)]
pub struct StageTools {
    /// The channel.
    pub profile: Arc<ChannelProfile>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Outputs of stages.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Who grants leases.
    pub broker: Broker,
    /// Takes ticks.
    pub ticks: TickSink,
    /// Where executions are noted, if they are.
    pub execution_log: Option<Arc<dyn ExecutionLog>>,
}

impl StageTools {
    /// The content of the output `name` of an earlier stage.
    ///
    /// # Errors
    /// [`Failure`], permanent when the stage has no such output.
    pub async fn input(
        &self,
        job: &StageJob,
        stage: StageName,
        name: &str,
    ) -> Result<Vec<u8>, Failure> {
        let artifact = input_artifact(job, stage, name)?;
        self.artifacts.read(artifact).await
    }

    /// The same of an output that the stage may or may not have.
    ///
    /// # Errors
    /// [`Failure`] when it has it and it cannot be read.
    pub async fn input_if_any(
        &self,
        job: &StageJob,
        stage: StageName,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Failure> {
        match input_artifact(job, stage, name) {
            Ok(artifact) => self.artifacts.read(artifact).await.map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// The output `name` of an earlier stage.
///
/// # Errors
/// [`Failure`], permanent when there is none.
pub fn input_artifact<'a>(
    job: &'a StageJob,
    stage: StageName,
    name: &str,
) -> Result<&'a Artifact, Failure> {
    job.inputs.get(&stage).and_then(|output: &StageOutput| output.get(name)).ok_or_else(|| {
        let message = format!("the {stage} stage has no output {name:?}; retry it");
        Failure::permanent("input_missing", message)
    })
}

/// Reads JSON that an earlier stage wrote.
///
/// # Errors
/// [`Failure`], permanent when it is not what was expected.
pub fn parse_input<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::permanent("input_unreadable", format!("{name} cannot be read: {error}"))
    })
}

/// Writes JSON for a later stage.
///
/// # Errors
/// [`Failure`], permanent when the value cannot be written as JSON.
pub fn to_json<T: serde::Serialize>(name: &str, value: &T) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|error| {
        Failure::permanent("output_unwritable", format!("{name} cannot be written: {error}"))
    })
}

/// Who appends to the execution log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedBy {
    /// The shell, because the work is done in this process.
    Shell,
    /// The worker child, because it does the work.
    Child,
    /// The work itself, because only it knows whether it does anything.
    Work,
}

/// The work of one stage.
#[async_trait]
pub trait StageWork: Send + Sync {
    /// Which stage it is.
    fn stage(&self) -> StageName;

    /// Who notes its executions.
    fn logged_by(&self) -> LoggedBy;

    /// The lease it needs, if any.
    fn need(&self) -> Option<Need>;

    /// Everything beside the inputs that its result depends on: settings, producer and version.
    fn settings(&self, job: &StageJob, tools: &StageTools) -> String;

    /// Whether its result is recorded, durably, before it is reported, so that it is found and not
    /// done again when the node dies in between. Work that costs no more than the record need not.
    fn is_recorded(&self) -> bool {
        true
    }

    /// Whether a channel's jobs take turns: each begins when what the one before it came to is
    /// committed, for it must not choose the same.
    fn takes_turns(&self) -> bool {
        false
    }

    /// Does it.
    ///
    /// # Errors
    /// [`Failure`], classed where it arises.
    async fn perform(
        &self,
        job: &StageJob,
        tools: &StageTools,
        control: &JobControl,
    ) -> Result<StageSuccess, Failure>;
}
