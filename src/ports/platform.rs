//! Where videos are published.

use std::path::PathBuf;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelName, WorkflowId};
use crate::domain::workflow::Publication;

use super::job::JobControl;

/// A finished video with everything that is said about it.
#[derive(Debug, Clone)]
pub struct Release {
    /// Publishing twice with the same key publishes once.
    pub idempotency_key: String,
    /// The channel.
    pub channel: ChannelName,
    /// The workflow that made it.
    pub workflow: WorkflowId,
    /// The files: name in the release and where the content is now.
    pub files: Vec<(String, FileContent)>,
    /// What is said about the video, without `published_at`, which the platform adds.
    pub metadata: Value,
    /// Where everything comes from, without `digests`, which the platform adds.
    pub provenance: Value,
}

/// Where a released file's content is.
#[derive(Debug, Clone)]
pub enum FileContent {
    /// In memory.
    Bytes(Vec<u8>),
    /// In a file.
    File(PathBuf),
}

/// Publishes videos.
#[async_trait]
pub trait VideoPlatform: Send + Sync {
    /// What it is, for the settings digest and the report: name and version.
    fn describe(&self) -> String;

    /// Looks for what was published under `idempotency_key`: asked before every publication, so
    /// that one that may have happened is adopted and not repeated.
    ///
    /// # Errors
    /// [`Failure`] when the platform cannot be asked.
    async fn find(
        &self,
        channel: &ChannelName,
        workflow: WorkflowId,
        idempotency_key: &str,
    ) -> Result<Option<Publication>, Failure>;

    /// Publishes, once.
    ///
    /// # Errors
    /// [`Failure`], ambiguous when it may have happened.
    async fn publish(
        &self,
        release: &Release,
        control: &JobControl,
    ) -> Result<Publication, Failure>;
}
