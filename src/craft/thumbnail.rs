//! Draws a video's thumbnail: a few big words and the motif of its subject.
//!
//! Why it exists: a thumbnail is mostly seen about 120 pixels wide, where a card made for the
//! full frame cannot be read.
//!
//! Architecture invariant: at most [`MOST_WORDS`] words, all of the title and in its order.

use super::layout::grid::{Grid, Place};
use super::layout::paint_ground;
use super::palette::{Palette, Rgb};
use super::svg::{Anchor, Paint, Svg, TextLook};
use super::typeset::{Faces, TextBox, Weight};

/// More words than these cannot be read in a list of videos.
pub const MOST_WORDS: usize = 8;
/// A title of so many words is not shortened.
const FEW_WORDS: usize = 6;

/// What a thumbnail is to show.
#[derive(Debug, Clone, Copy)]
pub struct ThumbnailBrief<'a> {
    /// The video's title.
    pub title: &'a str,
    /// What the video is about (niche, tags), in words.
    pub subject: &'a str,
    /// The channel's colours.
    pub palette: &'a Palette,
    /// Varies the drawing.
    pub seed: u64,
    /// Whether it is 720x1280 instead of 1280x720.
    pub tall: bool,
}

/// The thumbnail as an SVG document of 1280x720, or 720x1280 when tall.
#[must_use]
pub fn thumbnail(brief: &ThumbnailBrief<'_>, faces: &Faces) -> String {
    let (width, height) = if brief.tall { (720, 1280) } else { (1280, 720) };
    let grid = Grid::new(width, height);
    let mut svg = Svg::new(grid.width, grid.height);
    let place = if brief.tall {
        Place { x: grid.width * 0.56, y: grid.height * 0.27, radius: grid.unit * 44.0, alpha: 1.0 }
    } else {
        Place { x: grid.width * 0.79, y: grid.height * 0.5, radius: grid.unit * 40.0, alpha: 1.0 }
    };
    paint_ground(&mut svg, brief.palette, &grid, brief.title, brief.subject, place, brief.seed);
    draw_words(&mut svg, brief, &grid, faces);
    svg.finish()
}

fn draw_words(svg: &mut Svg, brief: &ThumbnailBrief<'_>, grid: &Grid, faces: &Faces) {
    let palette = brief.palette;
    let margin = grid.unit * 7.0;
    let veil_line = if brief.tall { [0.0, 0.72, 0.0, 0.34] } else { [0.2, 0.0, 0.68, 0.0] };
    let veil = svg.linear(
        veil_line,
        &[
            (0.0, palette.background, 0.95),
            (0.55, palette.background, 0.7),
            (1.0, palette.background, 0.0),
        ],
    );
    svg.rect([0.0, 0.0, grid.width, grid.height], 0.0, &Paint::gradient(&veil));

    let words = big_words(brief.title);
    let room = TextBox {
        width: if brief.tall { grid.width - 2.0 * margin } else { grid.width * 0.5 },
        height: if brief.tall { grid.height * 0.42 } else { grid.height - 2.2 * margin },
        largest: grid.unit * 24.0,
        smallest: grid.unit * 10.0,
        lines: if brief.tall { 5 } else { 4 },
    };
    let text = faces.fit(&words, Weight::Black, room);
    let top = if brief.tall {
        grid.height * 0.93 - text.height()
    } else {
        (grid.height - text.height()) / 2.0
    };
    let bar = [0.0, top + text.size * 0.1, grid.unit * 2.4, text.height() - text.size * 0.2];
    svg.rect(bar, 0.0, &Paint::fill(palette.accent));
    let look = |colour: Rgb| TextLook {
        weight: Weight::Black,
        size: text.size,
        colour,
        tracking: -0.02,
        anchor: Anchor::Start,
    };
    svg.block(margin, top, &text, look(palette.ink));
    // The last line in the accent: the eye ends on it, and short words gain a second colour.
    if let (Some(last), true) = (text.lines.last(), text.lines.len() > 1) {
        let last_only = super::typeset::Fitted { lines: vec![last.clone()], ..text.clone() };
        let offset = text.height() - text.line_height;
        svg.block(margin, top + offset, &last_only, look(palette.accent));
    }
}

/// The part of a title that a thumbnail shows.
#[must_use]
pub fn big_words(title: &str) -> String {
    const DANGLING: &[&str] = &[
        "a", "an", "the", "of", "in", "on", "at", "to", "for", "by", "with", "from", "and", "or",
        "but", "is", "are", "was", "were", "that", "which", "who", "its", "their", "his", "her",
        "as", "into", "than", "when", "because", "your", "our", "my", "not", "no", "be", "it",
        "you", "they", "we", "how", "why", "what", "if", "so", "then", "over", "under", "about",
    ];
    const ARTICLES: &[&str] = &["a", "an", "the"];
    /// Words before which a title may end.
    const JOINTS: &[&str] = &[
        "that", "which", "who", "with", "when", "because", "while", "and", "of", "in", "on",
        "after", "without", "through", "from", "for", "by",
    ];
    let count = |text: &str| text.split_whitespace().count();
    if count(title) <= FEW_WORDS {
        return title.to_owned();
    }
    let parts = title.split([':', '—', '|', '–']).map(str::trim);
    if let Some(part) = parts.into_iter().find(|part| (2..=MOST_WORDS).contains(&count(part))) {
        return with_capital(part);
    }
    if count(title) <= MOST_WORDS {
        return title.to_owned();
    }
    let all: Vec<&str> = title.split_whitespace().collect();
    let joint = |at: &usize| all.get(*at).is_some_and(|word| JOINTS.contains(word));
    if let Some(front) = (2..=MOST_WORDS).rev().find(joint).and_then(|at| all.get(..at)) {
        return front.join(" ").trim_end_matches([',', ';', ':']).to_owned();
    }
    let mut words: Vec<&str> = title
        .split_whitespace()
        .filter(|word| !ARTICLES.contains(&word.to_lowercase().as_str()))
        .take(MOST_WORDS)
        .collect();
    while words.len() > 2 {
        let last = words.last().map(|word| word.to_lowercase()).unwrap_or_default();
        if !DANGLING.contains(&last.as_str()) {
            break;
        }
        words.pop();
    }
    words.join(" ").trim_end_matches([',', ';', ':']).to_owned()
}

/// `text` with its first letter as a capital.
fn with_capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::craft::palette::PALETTES;
    use crate::craft::typeset::tests::faces_once;

    #[test]
    fn few_words_that_do_not_dangle() {
        assert_eq!(big_words("Why bread rises twice"), "Why bread rises twice");
        assert_eq!(big_words("Apollo 13: the long way home on two batteries"), "Apollo 13");
        assert_eq!(
            big_words("How the crew of Skylab saved a station with an umbrella"),
            "How the crew of Skylab saved a station"
        );
        assert_eq!(
            big_words("Sputnik: a beep that changed the world"),
            "A beep that changed the world"
        );
        assert_eq!(
            big_words("How astronauts gave the Hubble telescope clear sight"),
            "How astronauts gave the Hubble telescope clear sight"
        );
        assert_eq!(
            big_words("Why cut apples turn brown and how to slow it down"),
            "Why cut apples turn brown"
        );
        assert_eq!(big_words(""), "");
    }

    #[test]
    fn thumbnails_have_the_size_platforms_want() {
        for (tall, size) in [(false, (1280.0, 720.0)), (true, (720.0, 1280.0))] {
            let brief = ThumbnailBrief {
                title: "The <first> satellite & its \"beep\"",
                subject: "spaceflight",
                palette: &PALETTES[0],
                seed: 1,
                tall,
            };
            let svg = thumbnail(&brief, faces_once());
            let options = resvg::usvg::Options::default();
            let tree = resvg::usvg::Tree::from_str(&svg, &options).expect("well-formed");
            assert_eq!((tree.size().width(), tree.size().height()), size);
        }
    }
}
