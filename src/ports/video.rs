//! Who turns pictures, voice and music into a video file.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::domain::failure::Failure;
use crate::domain::timeline::Timeline;

use super::job::JobControl;

/// A drawing that is to become a picture file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The drawing.
    pub svg: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// File name inside the workbench; its ending, `.jpg` or `.png`, gives the format.
    pub file: String,
}

/// Music that is to be made for the video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MusicBrief {
    /// Makes it reproducible.
    pub seed: u64,
    /// Its mood, for example `calm`.
    pub mood: String,
    /// Its length in seconds.
    pub seconds: f64,
    /// File name inside the workbench.
    pub file: String,
}

/// Everything that is to be rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderOrder {
    /// The programme; paths are relative to the workbench or absolute.
    pub timeline: Timeline,
    /// SVG layers, as file name and content, that the timeline names.
    pub layers: Vec<(String, String)>,
    /// Pictures to make first.
    pub cards: Vec<Card>,
    /// The thumbnail.
    pub thumbnail: Card,
    /// Music to make first.
    pub music: Option<MusicBrief>,
    /// Encoder threads; 0 lets the encoder choose.
    pub threads: u32,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenderSummary {
    /// Number of frames.
    pub frames: u64,
    /// Length in seconds.
    pub duration_s: f64,
    /// Integrated loudness; `None` without sound.
    pub lufs: Option<f64>,
    /// The encoder that was used.
    pub encoder: String,
}

/// A rendered video.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// What came of it.
    pub summary: RenderSummary,
    /// The video file, inside the workbench.
    pub video: PathBuf,
    /// The thumbnail file, inside the workbench.
    pub thumbnail: PathBuf,
}

/// Renders videos.
#[async_trait]
pub trait VideoRenderer: Send + Sync {
    /// What it is, for the settings digest and the report: name and version.
    fn describe(&self) -> String;

    /// Renders `order` into files in `workbench`. Asked again with the same workbench after it has
    /// finished once, it gives the same result without rendering.
    ///
    /// # Errors
    /// [`Failure`], classed where it arises.
    async fn render(
        &self,
        order: &RenderOrder,
        workbench: &Path,
        control: &JobControl,
    ) -> Result<Rendered, Failure>;
}
