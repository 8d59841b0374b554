//! The built-in image model: designed cards over generative art, drawn as SVG by code.

use std::sync::Arc;

use async_trait::async_trait;

use crate::craft::layout::{ArtLook, BACKGROUND_SCALE, film_art};
use crate::craft::palette::palette;
use crate::craft::thumbnail::{ThumbnailBrief, thumbnail};
use crate::craft::typeset::Faces;
use crate::domain::failure::Failure;
use crate::ports::job::JobControl;
use crate::ports::picture::{ImageModel, PictureBrief, Pictures, ScenePicture};

/// Designed cards.
#[derive(Clone)]
pub struct DesignedCards {
    faces: Arc<Faces>,
}

impl DesignedCards {
    /// Cards whose text is measured with `faces`.
    #[must_use]
    pub fn new(faces: Arc<Faces>) -> Self {
        Self { faces }
    }
}

#[async_trait]
impl ImageModel for DesignedCards {
    fn describe(&self) -> String {
        "designed cards 1".to_owned()
    }

    async fn pictures(
        &self,
        brief: &PictureBrief<'_>,
        control: &JobControl,
    ) -> Result<Pictures, Failure> {
        control.check()?;
        let name = &brief.profile.palette;
        let palette = palette(name).ok_or_else(|| {
            let message = format!("there is no palette {name:?}; see `ytempire config init`");
            Failure::permanent("unknown_palette", message)
        })?;
        let (width, height) = brief.size;
        let title = channel_title(brief.profile.name.as_str());
        let look = ArtLook {
            channel_title: &title,
            subject: &brief.profile.niche,
            palette,
            seed: brief.seed,
            width,
            height,
        };
        let scenes =
            film_art(brief.script, &look, &self.faces).into_iter().map(|art| ScenePicture {
                width: oversize(width),
                height: oversize(height),
                motion: art.motion,
                focus: Some(art.focus),
                made_by: format!(
                    "{} card over generated art ({:?}), palette {name} (built in)",
                    art.layout.as_str(),
                    art.motif,
                ),
                background_svg: art.background_svg,
                layer_svg: Some(art.layer_svg),
            });
        let thumbnail_svg = thumbnail(
            &ThumbnailBrief {
                title: &brief.script.title,
                subject: &brief.profile.niche,
                palette,
                seed: brief.seed,
                tall: height > width,
            },
            &self.faces,
        );
        Ok(Pictures { scenes: scenes.collect(), thumbnail_svg })
    }
}

/// Pixels of a background that has room to move.
fn oversize(pixels: u32) -> u32 {
    (f64::from(pixels) * BACKGROUND_SCALE).round() as u32
}

/// A channel's name as people read it: `kitchen-science` becomes `Kitchen Science`.
fn channel_title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}
