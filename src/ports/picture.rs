//! Who makes the pictures.

use async_trait::async_trait;

use crate::domain::channel::ChannelProfile;
use crate::domain::failure::Failure;
use crate::domain::script::Script;
use crate::domain::timeline::{Focus, Motion};

use super::job::JobControl;

/// The picture of one scene: a background that moves and a drawing over it that does not.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenePicture {
    /// The background as SVG.
    pub background_svg: String,
    /// What stands before it, as SVG, if anything.
    pub layer_svg: Option<String>,
    /// How the background moves.
    pub motion: Motion,
    /// What must stay in view.
    pub focus: Option<Focus>,
    /// Width of the background in pixels; larger than the frame, so that it can move.
    pub width: u32,
    /// Height of the background in pixels.
    pub height: u32,
    /// How it was made, for provenance.
    pub made_by: String,
}

/// All pictures of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// One per scene, in order.
    pub scenes: Vec<ScenePicture>,
    /// The thumbnail as SVG.
    pub thumbnail_svg: String,
}

/// What the pictures are for.
#[derive(Debug, Clone)]
pub struct PictureBrief<'a> {
    /// The script.
    pub script: &'a Script,
    /// The channel.
    pub profile: &'a ChannelProfile,
    /// Frame size in pixels.
    pub size: (u32, u32),
    /// Thumbnail size in pixels.
    pub thumbnail_size: (u32, u32),
    /// Makes free choices reproducible.
    pub seed: u64,
}

/// Makes pictures.
#[async_trait]
pub trait ImageModel: Send + Sync {
    /// What it is, for the settings digest and the report: name and version.
    fn describe(&self) -> String;

    /// Makes all pictures of a video.
    ///
    /// # Errors
    /// [`Failure`], classed where it arises.
    async fn pictures(
        &self,
        brief: &PictureBrief<'_>,
        control: &JobControl,
    ) -> Result<Pictures, Failure>;
}
