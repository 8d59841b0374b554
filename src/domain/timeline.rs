//! The timeline file, version 1: everything the Renderer needs to make a video, as JSON.
//!
//! The contract is in `docs/timeline.md`; what a value may be is checked when a file is read, so
//! that code behind it need not ask again.

use serde::{Deserialize, Serialize};

/// A whole video. Paths are relative to the file's folder, or absolute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// Always 1.
    pub version: u32,
    /// Pixels, even, 16–7680.
    pub width: u32,
    /// Pixels, even, 16–7680.
    pub height: u32,
    /// Frames per second, 1–120.
    pub fps: u32,
    /// Default length of the crossfade into the next scene, in seconds; 0 is a cut.
    #[serde(default)]
    pub crossfade: f64,
    /// The scenes in order; at least one.
    pub scenes: Vec<TimelineScene>,
    /// The voice: a WAV file that starts at 0 and is no longer than the programme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narration: Option<String>,
    /// The music bed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<Music>,
    /// Integrated loudness of the mix in LUFS (ITU-R BS.1770).
    #[serde(default = "default_loudness")]
    pub loudness_lufs: f64,
    /// Captions in order, not overlapping.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<Caption>,
    /// How captions look.
    #[serde(default)]
    pub caption_style: CaptionStyle,
    /// The programme's title, for the file's metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Chapters: they start at 0 and ascend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chapters: Vec<Chapter>,
}

fn default_loudness() -> f64 {
    -14.0
}

/// One picture and how long it is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineScene {
    /// A JPEG or PNG file, scaled to cover the frame, centred on `focus`.
    pub image: String,
    /// The scene's share of the programme in seconds.
    pub duration: f64,
    /// How the picture moves.
    #[serde(default)]
    pub motion: Motion,
    /// How it goes over into the next scene; overrides `crossfade`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// What must stay in view, in fractions of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<Focus>,
    /// Drawings over the picture; they do not move with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
}

/// How a picture moves during its scene.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// Slowly closer.
    ZoomIn,
    /// Slowly away.
    ZoomOut,
    /// The view moves to the left.
    PanLeft,
    /// The view moves to the right.
    PanRight,
    /// The view moves up.
    PanUp,
    /// The view moves down.
    PanDown,
    /// No motion.
    #[default]
    Still,
}

/// How one scene goes over into the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// What happens.
    pub kind: TransitionKind,
    /// Seconds; half is taken from each neighbour.
    #[serde(default)]
    pub seconds: f64,
}

/// The kinds of transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// One picture dissolves into the other.
    Crossfade,
    /// At once.
    Cut,
}

/// A rectangle of the picture, in fractions of its width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Focus {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// A drawing that covers the whole frame for a part of a scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// An SVG file.
    pub svg: String,
    /// When it appears, in seconds of the scene.
    #[serde(default)]
    pub enter: f64,
    /// When it goes, in seconds of the scene; the scene's end if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<f64>,
}

/// The music bed; it loops or is cut with a fade of 1 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Music {
    /// A WAV file.
    pub path: String,
    /// Gain in decibels.
    #[serde(default)]
    pub gain_db: f64,
    /// Whether the music steps back while the voice speaks.
    #[serde(default)]
    pub duck: bool,
}

/// One caption: at most two lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caption {
    /// When it appears, in seconds of the programme.
    pub start: f64,
    /// When it goes, in seconds of the programme.
    pub end: f64,
    /// What it says.
    pub text: String,
    /// When each word is heard, in seconds of the programme.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<CaptionWord>,
}

/// One word of a caption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptionWord {
    /// When it is heard.
    pub start: f64,
    /// When it is over.
    pub end: f64,
    /// The word.
    pub text: String,
}

/// How captions look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionStyle {
    /// Whether they are drawn into the picture (the soft track is there in any case).
    pub burn: bool,
    /// Whether the word that is heard is marked.
    pub highlight: bool,
    /// Where they stand.
    pub position: CaptionPosition,
}

impl Default for CaptionStyle {
    fn default() -> Self {
        Self { burn: true, highlight: false, position: CaptionPosition::Bottom }
    }
}

/// Where captions stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptionPosition {
    /// In the upper part.
    Top,
    /// In the middle.
    Middle,
    /// In the lower part.
    #[default]
    Bottom,
}

/// A chapter mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// Where it starts, in seconds of the programme.
    pub start: f64,
    /// What it is called.
    pub title: String,
}
