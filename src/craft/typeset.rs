//! Measures text and breaks it into lines, so that nothing on a picture is ever cut.
//!
//! Why it exists: SVG has no line breaking, and a card whose text runs out of the frame is the
//! fault viewers see first. Widths come from the font's own advance widths.
//!
//! Architecture invariant: text is never shortened here. What does not fit is set smaller, then in
//! more lines, and at last broken inside words; every character stays.

use std::collections::BTreeMap;

use ttf_parser::Face;

/// The font family of every picture.
pub const FAMILY: &str = "Inter";

/// The files of the family that [`Faces::parse`] wants, lightest first (Debian: `fonts-inter`).
pub const FACE_FILES: [&str; 3] = ["Inter-Medium.otf", "Inter-Bold.otf", "Inter-Black.otf"];

/// Kerning and contextual alternates may make a line a little wider than the sum of its advances.
const SHAPING_ALLOWANCE: f64 = 1.015;
/// Height of a line in units of the size.
const LINE_HEIGHT: f64 = 1.16;
/// Each try in [`Faces::fit`] is this much smaller than the last.
const SHRINK: f64 = 0.95;
/// Tries below the smallest wanted size; 0.95^200 makes any text vanish, so this always suffices.
const LAST_RESORT_TRIES: u32 = 200;

/// How heavy text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// 500, for running text.
    Medium,
    /// 700, for headings and captions.
    Bold,
    /// 900, for titles and numbers.
    Black,
}

impl Weight {
    /// The value of `font-weight`.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Medium => 500,
            Self::Bold => 700,
            Self::Black => 900,
        }
    }
}

/// A font that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the font for weight {weight} cannot be read ({reason}): install the package fonts-inter")]
pub struct BadFont {
    /// Which face.
    pub weight: u16,
    /// What is wrong with it.
    pub reason: String,
}

impl BadFont {
    /// Stable code for logs and reports.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "bad_font"
    }
}

/// The advance widths of one face, in ems.
#[derive(Debug, Clone)]
struct Advances {
    widths: BTreeMap<char, f64>,
}

impl Advances {
    fn parse(bytes: &[u8], weight: Weight) -> Result<Self, BadFont> {
        let bad = |reason: String| BadFont { weight: weight.number(), reason };
        let face = Face::parse(bytes, 0).map_err(|error| bad(error.to_string()))?;
        let units = f64::from(face.units_per_em());
        let mut widths = BTreeMap::new();
        for table in face.tables().cmap.iter().flat_map(|cmap| cmap.subtables) {
            if !table.is_unicode() {
                continue;
            }
            table.codepoints(|codepoint| {
                let Some(character) = char::from_u32(codepoint) else { return };
                let glyph = face.glyph_index(character);
                if let Some(advance) = glyph.and_then(|glyph| face.glyph_hor_advance(glyph)) {
                    widths.insert(character, f64::from(advance) / units);
                }
            });
        }
        if !widths.contains_key(&'n') {
            return Err(bad("it has no Latin letters".to_owned()));
        }
        Ok(Self { widths })
    }

    /// A character the font lacks counts as a full em: too wide rather than too narrow.
    fn of(&self, character: char) -> f64 {
        self.widths.get(&character).copied().unwrap_or(1.0)
    }
}

/// What is needed to measure text in the family's three weights.
#[derive(Debug, Clone)]
pub struct Faces {
    medium: Advances,
    bold: Advances,
    black: Advances,
}

/// How much room text has and how big it may be; all in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextBox {
    /// Width of the box.
    pub width: f64,
    /// Height of the box.
    pub height: f64,
    /// Largest size.
    pub largest: f64,
    /// Smallest size that still looks intended; less only when nothing else is left.
    pub smallest: f64,
    /// Lines wanted at most; more only when even `smallest` needs them.
    pub lines: usize,
}

/// Text that fits its box.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Size in pixels.
    pub size: f64,
    /// Distance of baselines in pixels.
    pub line_height: f64,
    /// The lines, top to bottom.
    pub lines: Vec<String>,
}

impl Fitted {
    /// Height of all lines in pixels.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.line_height * count(self.lines.len())
    }
}

impl Faces {
    /// Reads the three faces, in the order of [`FACE_FILES`].
    ///
    /// # Errors
    /// [`BadFont`] when a face is not an OpenType font with Latin letters.
    pub fn parse(medium: &[u8], bold: &[u8], black: &[u8]) -> Result<Self, BadFont> {
        Ok(Self {
            medium: Advances::parse(medium, Weight::Medium)?,
            bold: Advances::parse(bold, Weight::Bold)?,
            black: Advances::parse(black, Weight::Black)?,
        })
    }

    /// The width of `text` on one line, in the unit of `size`; never less than what is drawn.
    #[must_use]
    pub fn measure(&self, text: &str, weight: Weight, size: f64) -> f64 {
        let advances = match weight {
            Weight::Medium => &self.medium,
            Weight::Bold => &self.bold,
            Weight::Black => &self.black,
        };
        let ems: f64 = text.chars().map(|character| advances.of(character)).sum();
        ems * size * SHAPING_ALLOWANCE
    }

    /// Breaks `text` at white space into as few lines as `width` allows, of about equal length. A
    /// word wider than `width` is broken between characters.
    #[must_use]
    pub fn wrap(&self, text: &str, weight: Weight, size: f64, width: f64) -> Vec<String> {
        let fewest = self.fill(text, weight, size, width);
        if fewest.len() < 2 {
            return fewest;
        }
        let mut too_narrow = width / 2.0;
        let mut enough = width;
        let mut best = fewest.clone();
        for _ in 0..9 {
            let middle = f64::midpoint(too_narrow, enough);
            let candidate = self.fill(text, weight, size, middle);
            let breaks_more = self.broken_words(text, weight, size, middle)
                != self.broken_words(text, weight, size, width);
            if candidate.len() > fewest.len() || breaks_more {
                too_narrow = middle;
            } else {
                enough = middle;
                best = candidate;
            }
        }
        best
    }

    /// Sets `text` as big as its box allows: the wanted number of lines down to the smallest
    /// wanted size, then more lines, then smaller still.
    #[must_use]
    pub fn fit(&self, text: &str, weight: Weight, room: TextBox) -> Fitted {
        let mut size = room.largest;
        while size >= room.smallest {
            if let Some(fitted) = self.try_size(text, weight, size, room, room.lines) {
                return fitted;
            }
            size *= SHRINK;
        }
        size = room.smallest.min(room.largest);
        for _ in 0..LAST_RESORT_TRIES {
            if let Some(fitted) = self.try_size(text, weight, size, room, usize::MAX) {
                return fitted;
            }
            size *= SHRINK;
        }
        Fitted { size, line_height: size * LINE_HEIGHT, lines: vec![one_line(text)] }
    }

    /// `text` at `size`, if it fits its box in at most `lines` lines. Words are only broken when
    /// any number of lines is allowed.
    fn try_size(
        &self,
        text: &str,
        weight: Weight,
        size: f64,
        room: TextBox,
        lines: usize,
    ) -> Option<Fitted> {
        let may_break_words = lines == usize::MAX && size < room.smallest * 0.6;
        if !may_break_words && self.broken_words(text, weight, size, room.width) > 0 {
            return None;
        }
        let wrapped = self.wrap(text, weight, size, room.width);
        let line_height = size * LINE_HEIGHT;
        let too_high = line_height * count(wrapped.len()) > room.height;
        let too_wide = wrapped.iter().any(|line| self.measure(line, weight, size) > room.width);
        if wrapped.len() > lines || too_high || too_wide {
            return None;
        }
        Some(Fitted { size, line_height, lines: wrapped })
    }

    /// How many words are wider than `width`.
    fn broken_words(&self, text: &str, weight: Weight, size: f64, width: f64) -> usize {
        text.split_whitespace().filter(|word| self.measure(word, weight, size) > width).count()
    }

    /// Greedy filling of lines.
    fn fill(&self, text: &str, weight: Weight, size: f64, width: f64) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let separator = if line.is_empty() { "" } else { " " };
            let longer = format!("{line}{separator}{word}");
            if self.measure(&longer, weight, size) <= width {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            let mut pieces = self.break_word(word, weight, size, width);
            line = pieces.pop().unwrap_or_default();
            lines.append(&mut pieces);
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// `word` in pieces that are no wider than `width`, or of one character.
    #[must_use]
    pub fn break_word(&self, word: &str, weight: Weight, size: f64, width: f64) -> Vec<String> {
        if self.measure(word, weight, size) <= width {
            return vec![word.to_owned()];
        }
        let mut pieces = Vec::new();
        let mut piece = String::new();
        for character in word.chars() {
            let mut longer = piece.clone();
            longer.push(character);
            if !piece.is_empty() && self.measure(&longer, weight, size) > width {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.push(character);
        }
        pieces.push(piece);
        pieces
    }
}

/// White space of any kind as single spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A count as a number to calculate with.
fn count(items: usize) -> f64 {
    u32::try_from(items).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The folder of the family on Debian.
    pub(crate) const FONT_FOLDER: &str = "/usr/share/fonts/opentype/inter";

    pub(crate) fn faces() -> Faces {
        let [medium, bold, black] =
            FACE_FILES.map(|file| std::fs::read(format!("{FONT_FOLDER}/{file}")).expect("font"));
        Faces::parse(&medium, &bold, &black).expect("fonts-inter")
    }

    #[test]
    fn heavier_text_is_wider() {
        let faces = faces();
        let width = |weight| faces.measure("Hamburgefons", weight, 100.0);
        assert!(width(Weight::Medium) < width(Weight::Bold));
        assert!(width(Weight::Bold) < width(Weight::Black));
    }

    #[test]
    fn lines_are_balanced_and_no_word_is_lost() {
        let text = "How a crippled spacecraft came home on the power of two small batteries";
        let faces = faces();
        let lines = faces.wrap(text, Weight::Bold, 40.0, 700.0);
        assert_eq!(lines.join(" "), text);
        let widths: Vec<f64> =
            lines.iter().map(|line| faces.measure(line, Weight::Bold, 40.0)).collect();
        let narrowest = widths.iter().copied().fold(f64::MAX, f64::min);
        let widest = widths.iter().copied().fold(0.0, f64::max);
        assert!(narrowest > widest * 0.5, "{lines:?}");
    }

    #[test]
    fn a_file_that_is_no_font_is_refused() {
        let error = Faces::parse(b"no font", b"", b"").expect_err("not a font");
        assert_eq!(error.code(), "bad_font");
        assert!(error.to_string().contains("fonts-inter"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn fitted_text_never_leaves_its_box(
            text in "\\PC{0,160}",
            width in 40.0..900.0f64,
            height in 20.0..500.0f64,
            lines in 1usize..5,
        ) {
            let faces = faces_once();
            let room = TextBox { width, height, largest: height * 0.8, smallest: 12.0, lines };
            let fitted = faces.fit(&text, Weight::Black, room);
            prop_assert!(fitted.height() <= height + 1e-6);
            for line in &fitted.lines {
                prop_assert!(faces.measure(line, Weight::Black, fitted.size) <= width + 1e-6);
            }
            let kept: String = fitted.lines.concat().split_whitespace().collect();
            let given: String = text.split_whitespace().collect();
            prop_assert_eq!(kept, given);
        }
    }

    pub(crate) fn faces_once() -> &'static Faces {
        static FACES: std::sync::OnceLock<Faces> = std::sync::OnceLock::new();
        FACES.get_or_init(faces)
    }
}
