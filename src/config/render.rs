//! `[render]`, `[host]` and `[gpu]`: the picture, and the machine's parts that make it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::problem::ProblemKind;
use super::quantity::ByteSize;
use super::reader::Section;

/// The presets of x264, fastest first.
pub const PRESETS: &[&str] = &[
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
];

/// A count that is given or left to the node, which goes by the machine's cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOrAuto {
    /// Left to the node; written `"auto"`.
    Auto,
    /// This many, at least 1.
    Count(u32),
}

impl Serialize for CountOrAuto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(count) => serializer.serialize_u32(*count),
        }
    }
}

impl CountOrAuto {
    fn read(section: &mut Section<'_>, key: &'static str, most: u32) -> Self {
        let Some(value) = section.take(key).filter(|value| !value.is_text("auto")) else {
            return Self::Auto;
        };
        value.integer(1..=most).map_or(Self::Auto, Self::Count)
    }
}

/// `[render]`: how a landscape video is encoded; the aspect "9:16" swaps width and height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenderConfig {
    /// Pixels, even, 16–7680, not below the height.
    pub width: u32,
    /// Pixels, even, 16–7680.
    pub height: u32,
    /// Frames per second, 1–120.
    pub fps: u32,
    /// x264's preset, one of [`PRESETS`].
    pub preset: String,
    /// x264's constant rate factor, 0 (lossless) to 51 (worst).
    pub crf: u32,
    /// Threads of one encoder, 1–64.
    pub threads: CountOrAuto,
}

impl RenderConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let width = read_side(&mut section, "width").unwrap_or(1_920);
        let height = read_side(&mut section, "height").unwrap_or(1_080);
        if width < height {
            section.note(
                ProblemKind::Conflict,
                "width",
                format!("{width}x{height} is upright; this section is for landscape"),
                Some("swap them, and set look.aspect = \"9:16\" on the channel".to_owned()),
            );
        }
        let fps = section.integer("fps", 1..=120).unwrap_or(30);
        let presets: Vec<(&str, &str)> = PRESETS.iter().map(|name| (*name, *name)).collect();
        let preset = section.choice("preset", &presets, &[]).unwrap_or("veryfast").to_owned();
        let crf = section.integer("crf", 0..=51).unwrap_or(20);
        let threads = CountOrAuto::read(&mut section, "threads", 64);
        section.finish();
        Self { width, height, fps, preset, crf, threads }
    }
}

fn read_side(section: &mut Section<'_>, key: &'static str) -> Option<u32> {
    let pixels = section.integer(key, 16..=7_680)?;
    if pixels.is_multiple_of(2) {
        return Some(pixels);
    }
    section.note(ProblemKind::BadValue, key, "must be even", None);
    None
}

/// `[host]`: what of the machine the node may use at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostConfig {
    /// Renders that run at the same time, 1–64.
    pub render_slots: CountOrAuto,
}

impl HostConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let render_slots = CountOrAuto::read(&mut section, "render_slots", 64);
        section.finish();
        Self { render_slots }
    }
}

/// `[gpu]` and `[gpu.models]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuConfig {
    /// The share of a device's memory that leases may use, above 0 and at most 1.
    pub memory_fraction: f64,
    /// The memory each kind of model needs; `others` is for those not named.
    pub models: BTreeMap<String, ByteSize>,
}

impl GpuConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let memory_fraction =
            section.take("memory_fraction").and_then(|value| value.fraction()).unwrap_or(0.8);
        let named = section.section("models");
        let mut models = default_models();
        for (name, value) in named.take_all() {
            if !is_model_name(&name) {
                let message =
                    "a model's name has 1 to 60 lower-case letters, digits and underscores";
                value.note(ProblemKind::BadValue, message, None);
                continue;
            }
            if let Some(size) = value.size(ByteSize(1 << 20)..=ByteSize::gib(1_024)) {
                models.insert(name, size);
            }
        }
        section.finish();
        Self { memory_fraction, models }
    }
}

fn default_models() -> BTreeMap<String, ByteSize> {
    let sizes = [
        ("stable_diffusion", 8),
        ("llama_70b", 16),
        ("video_processing", 4),
        ("tts", 2),
        ("others", 4),
    ];
    sizes.into_iter().map(|(name, gib)| (name.to_owned(), ByteSize::gib(gib))).collect()
}

fn is_model_name(name: &str) -> bool {
    let chars_fit = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    chars_fit && !name.is_empty() && name.len() <= 60
}
