//! The renderer as a worker child.

use std::fs;
use std::path::Path;

use async_trait::async_trait;

use super::artifacts::blocking;
use super::child::ChildRunner;
use crate::adapters::durable_file::io_failure;
use crate::domain::failure::Failure;
use crate::ports::job::JobControl;
use crate::ports::video::{Card, RenderOrder, RenderSummary, Rendered, VideoRenderer};
use crate::worker::protocol::{Drawing, EncodeOptions, Job, MusicOrder, RenderJob};

/// How videos are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// The encoder's preset, for example `veryfast`.
    pub preset: String,
    /// Constant rate factor, 0–51; less is better.
    pub crf: u32,
}

/// Renders in a worker child.
#[derive(Debug, Clone)]
pub struct ChildRenderer {
    children: ChildRunner,
    encoding: Encoding,
}

impl ChildRenderer {
    /// A renderer that encodes as `encoding` says.
    #[must_use]
    pub fn new(children: ChildRunner, encoding: Encoding) -> Self {
        Self { children, encoding }
    }
}

#[async_trait]
impl VideoRenderer for ChildRenderer {
    fn describe(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        format!("ytempire {version}, libx264 {} crf {}", self.encoding.preset, self.encoding.crf)
    }

    async fn render(
        &self,
        order: &RenderOrder,
        workbench: &Path,
        control: &JobControl,
    ) -> Result<Rendered, Failure> {
        let video = workbench.join("video.mp4");
        let (written, folder) = (order.clone(), workbench.to_owned());
        blocking(move || write_order(&written, &folder)).await?;
        let job = RenderJob {
            timeline: workbench.join("timeline.json"),
            out: video.clone(),
            options: EncodeOptions {
                preset: self.encoding.preset.clone(),
                crf: u8::try_from(self.encoding.crf).unwrap_or(u8::MAX),
                threads: order.threads,
            },
            cards: order.cards.iter().map(|card| drawing(card, workbench)).collect(),
            thumbnail: Some(drawing(&order.thumbnail, workbench)),
            music: order.music.as_ref().map(|music| MusicOrder {
                seed: music.seed,
                mood: music.mood.clone(),
                seconds: music.seconds,
                out: workbench.join(&music.file),
            }),
        };
        let result = self.children.run(Job::Render(job), workbench, control).await?;
        let summary: RenderSummary = serde_json::from_value(result).map_err(|error| {
            Failure::transient("render_result_unreadable", format!("the child said: {error}"))
        })?;
        let thumbnail = workbench.join(&order.thumbnail.file);
        Ok(Rendered { summary, video, thumbnail })
    }
}

fn svg_file(card: &Card) -> String {
    format!("{}.svg", card.file)
}

fn drawing(card: &Card, workbench: &Path) -> Drawing {
    Drawing {
        svg: workbench.join(svg_file(card)),
        width: card.width,
        height: card.height,
        out: workbench.join(&card.file),
    }
}

/// Puts everything that the child reads into the workbench.
fn write_order(order: &RenderOrder, workbench: &Path) -> Result<(), Failure> {
    let write = |name: &str, bytes: &[u8]| {
        let path = workbench.join(name);
        fs::write(&path, bytes).map_err(|error| io_failure("write", &path, &error))
    };
    for card in order.cards.iter().chain([&order.thumbnail]) {
        write(&svg_file(card), card.svg.as_bytes())?;
    }
    for (name, svg) in &order.layers {
        write(name, svg.as_bytes())?;
    }
    let timeline = serde_json::to_vec(&order.timeline).map_err(|error| {
        Failure::permanent("timeline_unwritable", format!("the timeline: {error}"))
    })?;
    write("timeline.json", &timeline)
}
