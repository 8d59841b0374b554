//! Makes the picture of a scene: a background that moves and a card of text that does not.
//!
//! Why it exists: one brief goes in, two drawings come out, and the choice of layout and motif
//! looks at the scenes before, so that no two neighbours look alike.
//!
//! Architecture invariant: the same brief gives the same bytes. No text of a card stands in the
//! zone that captions need (see [`grid::Grid`]).

pub mod grid;
pub mod subject;

mod abstract_forms;
mod backdrop;
mod cards;
mod choice;
mod kitchen;
mod patterns;
mod seeded;
mod space;

use crate::domain::script::{Script, Sentence, SentenceKind};
use crate::domain::timeline::{Focus, Motion};

use self::choice::Choice;
use self::grid::{Grid, Place};
use self::seeded::Seeded;
use self::subject::Motif;
use super::palette::Palette;
use super::svg::Svg;
use super::typeset::Faces;

/// Backgrounds are drawn this much larger than the frame, so that motion never magnifies pixels.
pub const BACKGROUND_SCALE: f64 = 1.2;

/// How a scene's card is arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayoutName {
    /// The heading, large; opens a video.
    Title,
    /// One big number with its unit.
    Number,
    /// One year on a time line.
    Date,
    /// One sentence as a statement.
    Statement,
    /// Heading and key phrase on a panel.
    Point,
}

impl LayoutName {
    /// Its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Number => "number",
            Self::Date => "date",
            Self::Statement => "statement",
            Self::Point => "point",
        }
    }
}

/// What a scene's picture is to show.
#[derive(Debug, Clone, Copy)]
pub struct SceneBrief<'a> {
    /// 1, 2, 3 …
    pub number: u32,
    /// How many scenes there are.
    pub of: u32,
    /// A few words.
    pub heading: &'a str,
    /// What is said, as captions show it.
    pub sentences: &'a [&'a str],
    /// What the picture should show, in words.
    pub visual: &'a str,
    /// What the whole video is about (title and niche), in words.
    pub subject: &'a str,
    /// The channel's name as people read it.
    pub channel_title: &'a str,
    /// The channel's colours.
    pub palette: &'a Palette,
    /// Varies the drawing; the same seed gives the same picture.
    pub seed: u64,
    /// Width of the frame in pixels.
    pub width: u32,
    /// Height of the frame in pixels.
    pub height: u32,
}

/// The picture of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneArt {
    /// The moving background, [`BACKGROUND_SCALE`] times the frame, opaque.
    pub background_svg: String,
    /// The card over it, as large as the frame, transparent where there is nothing.
    pub layer_svg: String,
    /// Which layout it is.
    pub layout: LayoutName,
    /// Which drawing the background shows.
    pub motif: Motif,
    /// How the background moves.
    pub motion: Motion,
    /// Where the motif stands, in fractions of the background.
    pub focus: Focus,
}

/// The picture of one scene. `earlier` are the pictures of the scenes before it, in order: their
/// layouts and motifs are not repeated at once, and later ones are used evenly.
#[must_use]
pub fn scene_art(brief: &SceneBrief<'_>, earlier: &[SceneArt], faces: &Faces) -> SceneArt {
    let grid = Grid::new(brief.width, brief.height);
    let mut seeded = Seeded::new(brief.seed ^ u64::from(brief.number).wrapping_mul(0x9e37));
    let Choice { layout, content } = choice::choose(brief, earlier);
    let scene_words = format!("{} {} {}", brief.heading, brief.visual, brief.sentences.join(" "));
    let used: Vec<Motif> = earlier.iter().map(|art| art.motif).collect();
    let motif = subject::motif_for(&scene_words, brief.subject, &used);
    let place = grid.motif_place(layout);
    SceneArt {
        background_svg: backdrop::draw(brief.palette, &grid, motif, place, &mut seeded),
        layer_svg: cards::draw(brief, &content, &grid, faces),
        layout,
        motif,
        motion: motion_for(brief.number, brief.seed),
        focus: place.focus(&grid),
    }
}

/// Paints a background with the motif that suits a title, for pictures that are no scene.
pub(super) fn paint_ground(
    svg: &mut Svg,
    palette: &Palette,
    grid: &Grid,
    title: &str,
    subject: &str,
    place: Place,
    seed: u64,
) {
    let motif = subject::motif_for(title, subject, &[]);
    backdrop::paint(svg, palette, grid, motif, place, &mut Seeded::new(seed));
}

/// What all scenes of a film share.
#[derive(Debug, Clone, Copy)]
pub struct ArtLook<'a> {
    /// The channel's name as people read it.
    pub channel_title: &'a str,
    /// What the whole video is about (niche), in words; the script's title is added.
    pub subject: &'a str,
    /// The channel's colours.
    pub palette: &'a Palette,
    /// Varies the drawings.
    pub seed: u64,
    /// Width of the frame in pixels.
    pub width: u32,
    /// Height of the frame in pixels.
    pub height: u32,
}

/// The pictures of all scenes of a script, in order.
#[must_use]
pub fn film_art(script: &Script, look: &ArtLook<'_>, faces: &Faces) -> Vec<SceneArt> {
    let subject = format!("{} {}", look.subject, script.title);
    let mut arts: Vec<SceneArt> = Vec::with_capacity(script.scenes.len());
    for scene in &script.scenes {
        // A greeting or a turn of the channel's own is heard, but it is nothing to show.
        let tells = |sentence: &&Sentence| sentence.kind == SentenceKind::Source;
        let sentences: Vec<&str> =
            scene.sentences.iter().filter(tells).map(|said| said.text.as_str()).collect();
        let brief = SceneBrief {
            number: scene.number,
            of: u32::try_from(script.scenes.len()).unwrap_or(u32::MAX),
            heading: &scene.heading,
            sentences: &sentences,
            visual: &scene.visual,
            subject: &subject,
            channel_title: look.channel_title,
            palette: look.palette,
            seed: look.seed,
            width: look.width,
            height: look.height,
        };
        let art = scene_art(&brief, &arts, faces);
        arts.push(art);
    }
    arts
}

/// Neighbouring scenes never move alike.
fn motion_for(number: u32, seed: u64) -> Motion {
    const ORDER: [Motion; 6] = [
        Motion::ZoomIn,
        Motion::PanRight,
        Motion::ZoomOut,
        Motion::PanLeft,
        Motion::ZoomIn,
        Motion::PanUp,
    ];
    let length = ORDER.len() as u64;
    let index = (u64::from(number) + length - 1 + seed % 2 * 2) % length;
    ORDER.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
