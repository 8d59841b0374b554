//! Who writes the script.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::domain::channel::ChannelProfile;
use crate::domain::failure::Failure;
use crate::domain::script::Script;
use crate::domain::trend::{Story, Topic};

use super::job::JobControl;

/// What is to be written.
#[derive(Debug, Clone)]
pub struct ScriptBrief {
    /// What it is about.
    pub topic: Topic,
    /// Stories on other topics of the same niche, the closest first, for when the topic's own do
    /// not suffice.
    pub related: Vec<Story>,
    /// Who it is for, which plan it follows, and how it should sound.
    pub profile: ChannelProfile,
    /// Fingerprints of source sentences the channel has used and must not use again.
    pub used_sentences: BTreeSet<u64>,
    /// Makes free choices reproducible.
    pub seed: u64,
}

/// Writes scripts.
#[async_trait]
pub trait TextModel: Send + Sync {
    /// What it is, for the settings digest and the report: name and version.
    fn describe(&self) -> String;

    /// Writes a script.
    ///
    /// # Errors
    /// [`Failure`], permanent when the material does not suffice.
    async fn write(&self, brief: &ScriptBrief, control: &JobControl) -> Result<Script, Failure>;
}
