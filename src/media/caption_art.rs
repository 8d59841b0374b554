//! Captions as pictures: at most two lines, measured, readable on anything.
//!
//! Sizes and places are those by which [`crate::craft::captions`] cuts the captions of our own
//! films, so that these always fit.
//!
//! Architecture invariant: a caption is never cut, shrunk or given a third line; one that does not
//! fit is an error that names it.

use resvg::usvg::fontdb;
use ttf_parser::Face;

use super::drawing::{Artist, escape};
use super::error::MediaError;
use super::fonts::FAMILY;
use super::overlay::Overlay;
use crate::craft::captions::CaptionMetrics;
use crate::domain::timeline::{Caption, CaptionPosition, CaptionStyle};

/// The weight of captions.
const WEIGHT: u16 = 700;
/// Distance of two lines, in font sizes.
const LINE: f64 = 1.24;
/// Space around the text inside its box, in font sizes.
const PADDING: (f64, f64) = (0.55, 0.32);
/// Width of the outline, in font sizes; half of it lies outside the letters.
const OUTLINE: f64 = 0.14;
/// Where the first baseline lies below the top of its line, in font sizes.
const ASCENT: f64 = 0.95;
const TEXT_COLOUR: &str = "#ffffff";
const MARK_COLOUR: &str = "#ffd54a";

/// How large captions are and where they stand, for one size of frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptionLayout {
    width: f64,
    height: f64,
    /// Font size in pixels.
    size: f64,
    /// The widest line in pixels.
    line_width: f64,
    /// The lower edge of captions at the bottom, in pixels from the top.
    base: f64,
    position: CaptionPosition,
}

/// A caption cut into lines of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionLines {
    lines: Vec<Vec<String>>,
}

impl CaptionLayout {
    /// The layout for a frame of `width` × `height` pixels.
    #[must_use]
    pub fn new(width: u32, height: u32, position: CaptionPosition) -> Self {
        let CaptionMetrics { size, width: line_width, base } = CaptionMetrics::new(width, height);
        let (width, height) = (f64::from(width), f64::from(height));
        Self { width, height, size, line_width, base, position }
    }

    /// The upper edge of a box of `box_height` pixels.
    fn top(&self, box_height: f64) -> f64 {
        let portrait = self.height > self.width;
        match self.position {
            CaptionPosition::Top => self.height * if portrait { 0.12 } else { 0.06 },
            CaptionPosition::Middle => (self.height - box_height) / 2.0,
            CaptionPosition::Bottom => self.base - box_height,
        }
    }
}

/// Measures and draws captions.
#[derive(Debug)]
pub struct CaptionArtist<'a> {
    artist: &'a Artist,
    layout: CaptionLayout,
    face: fontdb::ID,
}

impl<'a> CaptionArtist<'a> {
    /// For frames of `width` × `height`.
    ///
    /// # Errors
    /// Machine `font_missing` when the weight of captions is not installed.
    pub fn new(
        artist: &'a Artist,
        width: u32,
        height: u32,
        style: &CaptionStyle,
    ) -> Result<Self, MediaError> {
        let face = artist.fonts().face(fontdb::Weight(WEIGHT)).ok_or_else(|| {
            MediaError::machine("font_missing", "Inter Bold is not installed")
                .remedy("install the Debian package fonts-inter")
        })?;
        Ok(Self { artist, layout: CaptionLayout::new(width, height, style.position), face })
    }

    /// Breaks `caption` into at most two lines: where it says, or where both are as equal as can be.
    ///
    /// # Errors
    /// Input `caption_too_long` or `caption_letters`, without the place.
    pub fn lines(&self, caption: &Caption) -> Result<CaptionLines, MediaError> {
        let given: Vec<Vec<String>> = caption
            .text
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| !line.is_empty())
            .collect();
        let lines = match given.as_slice() {
            [words] => self.balance(words)?,
            _ => given,
        };
        let mut widest: f64 = 0.0;
        for line in &lines {
            widest = widest.max(self.width_of(line)?);
        }
        if lines.len() > 2 || widest > self.layout.line_width {
            let message = "it needs more than two lines at the set size";
            let advice = "split it into two captions";
            return Err(MediaError::input("caption_too_long", message).remedy(advice));
        }
        Ok(CaptionLines { lines })
    }

    /// One line if it fits, otherwise two with the shortest widest line.
    fn balance(&self, words: &[String]) -> Result<Vec<Vec<String>>, MediaError> {
        if self.width_of(words)? <= self.layout.line_width {
            return Ok(vec![words.to_vec()]);
        }
        let mut best = (f64::INFINITY, words.len());
        for cut in 1..words.len() {
            let (first, second) = words.split_at(cut);
            let widest = self.width_of(first)?.max(self.width_of(second)?);
            if widest < best.0 {
                best = (widest, cut);
            }
        }
        let (first, second) = words.split_at(best.1);
        Ok([first, second].map(<[String]>::to_vec).to_vec())
    }

    /// The width of `words` with spaces between them, in pixels.
    fn width_of(&self, words: &[String]) -> Result<f64, MediaError> {
        let text = words.join(" ");
        let measured = self.artist.fonts().database.with_face_data(self.face, |data, index| {
            let face = Face::parse(data, index).ok()?;
            Some(advance(&face, &text))
        });
        let in_ems = measured.flatten().ok_or_else(|| {
            MediaError::machine("font_missing", "Inter Bold cannot be read")
                .remedy("install the Debian package fonts-inter again")
        })?;
        let ems = in_ems.map_err(|letter| {
            let message = format!("the font family {FAMILY} has no letter {letter:?}");
            let advice = "write it with other letters, or set caption_style.burn to false";
            MediaError::input("caption_letters", message).remedy(advice)
        })?;
        Ok(ems * self.layout.size)
    }

    /// Draws `lines` with the word `marked` (counted over both lines) in another colour.
    ///
    /// # Errors
    /// Input `svg_text` when the font family lacks a letter.
    pub fn draw(&self, lines: &CaptionLines, marked: Option<usize>) -> Result<Overlay, MediaError> {
        let size = self.layout.size;
        let mut widest: f64 = 0.0;
        for line in &lines.lines {
            widest = widest.max(self.width_of(line)?);
        }
        let box_width = (widest + 2.0 * PADDING.0 * size).min(self.layout.width).ceil();
        let rows = lines.lines.len() as f64;
        let box_height = (((rows - 1.0) * LINE + 1.2 + 2.0 * PADDING.1) * size).ceil();
        let svg = self.svg(lines, marked, box_width, box_height);
        let raster = self.artist.rasterise(&svg, box_width as u32, box_height as u32, None)?;
        let left = (self.layout.width - box_width) / 2.0;
        Ok(Overlay::new(&raster, left as usize, self.layout.top(box_height).max(0.0) as usize))
    }

    fn svg(&self, lines: &CaptionLines, marked: Option<usize>, width: f64, height: f64) -> String {
        let size = self.layout.size;
        let mut texts = String::new();
        let mut words_before = 0;
        for (row, words) in lines.lines.iter().enumerate() {
            let baseline = (PADDING.1 + ASCENT + row as f64 * LINE) * size;
            let spans =
                words_with_mark(words, marked.and_then(|word| word.checked_sub(words_before)));
            texts.push_str(&format!(
                r#"<text x="{}" y="{baseline:.2}">{spans}</text>"#,
                width / 2.0
            ));
            words_before += words.len();
        }
        let (radius, outline) = (0.28 * size, OUTLINE * size);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<rect width="{width}" height="{height}" rx="{radius:.2}" fill="#000000" fill-opacity="0.38"/>
<g font-family="{FAMILY}" font-weight="{WEIGHT}" font-size="{size:.2}" text-anchor="middle"
 fill="{TEXT_COLOUR}" stroke="#101014" stroke-width="{outline:.2}" stroke-linejoin="round"
 paint-order="stroke">{texts}</g></svg>"##
        )
    }
}

/// The width of `text` in font sizes, or the first letter that the face lacks.
fn advance(face: &Face<'_>, text: &str) -> Result<f64, char> {
    let mut units = 0.0;
    for letter in text.chars() {
        let glyph = face.glyph_index(letter).ok_or(letter)?;
        units += f64::from(face.glyph_hor_advance(glyph).unwrap_or(0));
    }
    Ok(units / f64::from(face.units_per_em()))
}

/// The words as SVG text, with the word at `marked` in the marking colour.
fn words_with_mark(words: &[String], marked: Option<usize>) -> String {
    let mut spans = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        let text = escape(word);
        if marked == Some(index) {
            spans.push(format!(r#"<tspan fill="{MARK_COLOUR}">{text}</tspan>"#));
        } else {
            spans.push(text);
        }
    }
    spans.join(" ")
}

/// Which word of `caption` (counted over its text) is heard at `seconds`: the last one that began.
/// `None` before the first, and when the timed words are not those of the text.
#[must_use]
pub fn word_at(caption: &Caption, seconds: f64) -> Option<usize> {
    if caption.words.len() != caption.text.split_whitespace().count() {
        return None;
    }
    let begun = caption.words.partition_point(|word| word.start <= seconds);
    begun.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timeline::CaptionWord;
    use crate::media::overlay::OPAQUE;
    use crate::media::planes::Planes;

    fn caption(text: &str) -> Caption {
        Caption { start: 0.0, end: 1.0, text: text.to_owned(), words: Vec::new() }
    }

    fn drawn_rows(width: u32, height: u32, position: CaptionPosition) -> (usize, usize) {
        let artist = Artist::new().unwrap();
        let style = CaptionStyle { position, ..CaptionStyle::default() };
        let captions = CaptionArtist::new(&artist, width, height, &style).unwrap();
        let lines = captions.lines(&caption("What the river carries down\nin spring")).unwrap();
        let empty = Planes::from_rgb(
            width as usize,
            height as usize,
            &vec![90; (width * height * 3) as usize],
        );
        let mut frame = empty.clone();
        captions.draw(&lines, None).unwrap().blend(&mut frame, OPAQUE);
        let changed = |row: &usize| frame.y.row(*row) != empty.y.row(*row);
        let first = (0..height as usize).find(changed).unwrap();
        let last = (0..height as usize).rev().find(changed).unwrap();
        (first, last)
    }

    #[test]
    fn captions_stand_where_they_are_told_and_clear_of_the_buttons() {
        let (_, last) = drawn_rows(270, 480, CaptionPosition::Bottom);
        assert!(last < 384, "the lower fifth starts at row 384, the caption ends at {last}");
        let (first, last) = drawn_rows(640, 360, CaptionPosition::Bottom);
        assert!(first > 250 && last < 345);
        let (first, last) = drawn_rows(640, 360, CaptionPosition::Top);
        assert!(first > 10 && last < 110);
        let (first, last) = drawn_rows(640, 360, CaptionPosition::Middle);
        assert!((first + last).abs_diff(360) <= 3);
    }

    #[test]
    fn long_captions_are_balanced_over_two_lines_and_never_three() {
        let artist = Artist::new().unwrap();
        let style = CaptionStyle::default();
        let captions = CaptionArtist::new(&artist, 1920, 1080, &style).unwrap();
        let lines = captions
            .lines(&caption("In the spring of that year nobody in the whole valley was surprised"))
            .unwrap();
        assert_eq!(lines.lines.len(), 2);
        assert!(lines.lines[0].len().abs_diff(lines.lines[1].len()) <= 2);
        let error = captions.lines(&caption(&"overflowing ".repeat(14))).unwrap_err();
        assert_eq!(error.code, "caption_too_long");
        let error = captions.lines(&caption(&"x".repeat(120))).unwrap_err();
        assert_eq!(error.code, "caption_too_long");
    }

    #[test]
    fn letters_that_cannot_be_drawn_are_named() {
        let artist = Artist::new().unwrap();
        let captions = CaptionArtist::new(&artist, 640, 360, &CaptionStyle::default()).unwrap();
        let error = captions.lines(&caption("emoji 🎈")).unwrap_err();
        assert_eq!(error.code, "caption_letters");
    }

    #[test]
    fn the_word_that_is_heard_is_marked() {
        let word =
            |start: f64, text: &str| CaptionWord { start, end: start + 0.4, text: text.to_owned() };
        let mut caption = caption("one two\nthree");
        assert_eq!(word_at(&caption, 0.2), None);
        caption.words = vec![word(0.1, "one"), word(0.5, "two"), word(0.9, "three")];
        assert_eq!(word_at(&caption, 0.0), None);
        assert_eq!(word_at(&caption, 0.6), Some(1));
        assert_eq!(word_at(&caption, 5.0), Some(2));
        let marked = words_with_mark(&["a".to_owned(), "<b>".to_owned()], Some(1));
        assert_eq!(marked, r##"a <tspan fill="#ffd54a">&lt;b&gt;</tspan>"##);
    }
}
