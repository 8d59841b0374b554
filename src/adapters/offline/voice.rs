//! The built-in voice: flite, through FFmpeg's filter, in a worker child.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::artifacts::blocking;
use super::child::ChildRunner;
use crate::adapters::durable_file::io_failure;
use crate::domain::failure::Failure;
use crate::domain::narration::{Narration, Pauses};
use crate::domain::script::Script;
use crate::ports::job::JobControl;
use crate::ports::voice::{Spoken, Voice};
use crate::worker::protocol::{Job, NarrateJob};

/// flite in a worker child.
#[derive(Debug, Clone)]
pub struct FliteVoice {
    children: ChildRunner,
    cache: PathBuf,
}

impl FliteVoice {
    /// A voice that keeps spoken sentences in the folder `cache`.
    #[must_use]
    pub fn new(children: ChildRunner, cache: PathBuf) -> Self {
        Self { children, cache }
    }
}

#[async_trait]
impl Voice for FliteVoice {
    fn describe(&self) -> String {
        "flite 1".to_owned()
    }

    async fn speak(
        &self,
        script: &Script,
        voice: &str,
        workbench: &Path,
        control: &JobControl,
    ) -> Result<Spoken, Failure> {
        let wav = workbench.join("narration.wav");
        let times = workbench.join("narration.json");
        let job = NarrateJob {
            sentences: NarrateJob::sentences_of(script),
            voice: voice.to_owned(),
            pauses: Pauses::default(),
            cache: self.cache.clone(),
            wav: wav.clone(),
            times: times.clone(),
        };
        self.children.run(Job::Narrate(job), workbench, control).await?;
        let narration = blocking(move || read_narration(&times)).await?;
        Ok(Spoken { narration, wav })
    }
}

fn read_narration(path: &Path) -> Result<Narration, Failure> {
    let bytes = std::fs::read(path).map_err(|error| io_failure("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        Failure::transient("narration_unreadable", message)
    })
}
