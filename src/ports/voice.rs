//! Who speaks the script.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::domain::failure::Failure;
use crate::domain::narration::Narration;
use crate::domain::script::Script;

use super::job::JobControl;

/// A spoken script.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// When everything is heard.
    pub narration: Narration,
    /// The WAV file, inside the workbench.
    pub wav: PathBuf,
}

/// Speaks scripts.
#[async_trait]
pub trait Voice: Send + Sync {
    /// What it is, for the settings digest and the report: name and version.
    fn describe(&self) -> String;

    /// Speaks `script` with the channel's `voice` into a file in `workbench`. Asked again with the
    /// same workbench after it has finished once, it gives the same result without speaking.
    ///
    /// # Errors
    /// [`Failure`], classed where it arises.
    async fn speak(
        &self,
        script: &Script,
        voice: &str,
        workbench: &Path,
        control: &JobControl,
    ) -> Result<Spoken, Failure>;
}
