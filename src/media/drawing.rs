//! SVG into pixels, and pixels into files.
//!
//! Architecture invariant: a text whose font or letters are missing is an error, never a substitute.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, FontFamily, FontResolver, fontdb};

use super::error::MediaError;
use super::fonts::{FAMILY, Fonts};
use super::overlay::Raster;

/// The largest SVG text that is read, in bytes.
pub const MAX_SVG_BYTES: usize = 16 * 1024 * 1024;

/// What a drawing asked for and the font family does not have.
type Missing = Arc<Mutex<BTreeSet<String>>>;

/// Draws SVG text as pixels; holds the fonts.
#[derive(Debug, Clone)]
pub struct Artist {
    fonts: Fonts,
}

impl Artist {
    /// Loads the fonts.
    ///
    /// # Errors
    /// Machine `font_missing` when the font family is not installed.
    pub fn new() -> Result<Self, MediaError> {
        Ok(Self { fonts: Fonts::load()? })
    }

    /// The fonts, for measuring.
    #[must_use]
    pub fn fonts(&self) -> &Fonts {
        &self.fonts
    }

    /// Draws `svg` so that it covers `width` × `height` pixels, centred. Pictures that it names are
    /// looked for in `resources`.
    ///
    /// # Errors
    /// Input `svg_unreadable` or `svg_text` (a font or a letter that is missing).
    pub fn rasterise(
        &self,
        svg: &str,
        width: u32,
        height: u32,
        resources: Option<&Path>,
    ) -> Result<Raster, MediaError> {
        let tree = self.parse(svg, resources)?;
        let mut pixmap = Pixmap::new(width, height)
            .ok_or_else(|| MediaError::engine("svg_size", "the drawing has no size"))?;
        let size = tree.size();
        let (target_width, target_height) = (width as f32, height as f32);
        let scale = (target_width / size.width()).max(target_height / size.height());
        let left = (target_width - size.width() * scale) / 2.0;
        let top = (target_height - size.height() * scale) / 2.0;
        let placement = Transform::from_row(scale, 0.0, 0.0, scale, left, top);
        resvg::render(&tree, placement, &mut pixmap.as_mut());
        Ok(Raster { width: width as usize, height: height as usize, rgba: pixmap.take() })
    }

    /// Checks that `svg` can be drawn.
    ///
    /// # Errors
    /// As [`Self::rasterise`].
    pub fn check(&self, svg: &str, resources: Option<&Path>) -> Result<(), MediaError> {
        self.parse(svg, resources).map(|_| ())
    }

    fn parse(&self, svg: &str, resources: Option<&Path>) -> Result<usvg::Tree, MediaError> {
        if svg.len() > MAX_SVG_BYTES {
            return Err(MediaError::input("svg_unreadable", "the drawing is larger than 16 MiB"));
        }
        let missing = Missing::default();
        let options = usvg::Options {
            resources_dir: resources.map(Path::to_path_buf),
            font_family: FAMILY.to_owned(),
            fontdb: Arc::clone(&self.fonts.database),
            font_resolver: strict_resolver(&missing),
            ..usvg::Options::default()
        };
        let tree = usvg::Tree::from_str(svg, &options)
            .map_err(|error| MediaError::input("svg_unreadable", error))?;
        let missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.is_empty() {
            return Ok(tree);
        }
        let what: Vec<&str> = missing.iter().map(String::as_str).collect();
        let message = format!("the font family {FAMILY} has no {}", what.join(", "));
        Err(MediaError::input("svg_text", message).remedy("use Inter and letters that it has"))
    }
}

/// Takes the one family and writes down what else was asked for.
fn strict_resolver(missing: &Missing) -> FontResolver<'static> {
    let missing_family = Arc::clone(missing);
    let missing_letter = Arc::clone(missing);
    FontResolver {
        select_font: Box::new(move |font, database| {
            let is_ours = |family: &FontFamily| match family {
                FontFamily::Named(name) => name.eq_ignore_ascii_case(FAMILY),
                FontFamily::SansSerif => true,
                _ => false,
            };
            if !font.families().iter().any(is_ours) {
                let names: Vec<String> = font.families().iter().map(ToString::to_string).collect();
                note(&missing_family, format!("family {}", names.join(" or ")));
                return None;
            }
            let style = match font.style() {
                usvg::FontStyle::Normal => fontdb::Style::Normal,
                usvg::FontStyle::Italic | usvg::FontStyle::Oblique => fontdb::Style::Italic,
            };
            database.query(&fontdb::Query {
                families: &[fontdb::Family::Name(FAMILY)],
                weight: fontdb::Weight(font.weight()),
                style,
                ..Default::default()
            })
        }),
        select_fallback: Box::new(move |letter, _, _| {
            if !letter.is_control() && !letter.is_whitespace() {
                note(&missing_letter, format!("letter {letter:?}"));
            }
            None
        }),
    }
}

fn note(missing: &Missing, what: String) {
    missing.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
}

/// `text` as it stands inside an SVG element.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Raster {
    /// The picture as RGB on black, 3 bytes per pixel.
    #[must_use]
    pub fn to_rgb(&self) -> Vec<u8> {
        self.rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
    }

    /// The picture on black as a JPEG file's bytes; `quality` from 1 to 100.
    ///
    /// # Errors
    /// Engine `picture_unwritable` when it is too large for the format.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, MediaError> {
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
        let (width, height) = (self.width as u32, self.height as u32);
        encoder
            .write_image(&self.to_rgb(), width, height, ExtendedColorType::Rgb8)
            .map_err(|error| MediaError::engine("picture_unwritable", error))?;
        Ok(bytes)
    }

    /// The picture on black as a PNG file's bytes.
    ///
    /// # Errors
    /// Engine `picture_unwritable` when it cannot be encoded.
    pub fn to_png(&self) -> Result<Vec<u8>, MediaError> {
        let mut bytes = Vec::new();
        let (width, height) = (self.width as u32, self.height as u32);
        PngEncoder::new(&mut bytes)
            .write_image(&self.to_rgb(), width, height, ExtendedColorType::Rgb8)
            .map_err(|error| MediaError::engine("picture_unwritable", error))?;
        Ok(bytes)
    }

    /// Writes the picture on black as a JPEG file and flushes it to the disk.
    ///
    /// # Errors
    /// Output `picture_unwritable`.
    pub fn save_jpeg(&self, path: &Path, quality: u8) -> Result<(), MediaError> {
        write_file(path, &self.to_jpeg(quality)?)
    }

    /// Writes the picture on black as a PNG file and flushes it to the disk.
    ///
    /// # Errors
    /// Output `picture_unwritable`.
    pub fn save_png(&self, path: &Path) -> Result<(), MediaError> {
        write_file(path, &self.to_png()?)
    }
}

/// Writes `bytes` into a new file at `path` and flushes them to the disk.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), MediaError> {
    let write = || {
        let mut writer = BufWriter::new(File::create(path)?);
        writer.write_all(bytes)?;
        writer.into_inner()?.sync_all()
    };
    write().map_err(|error: std::io::Error| {
        MediaError::output("picture_unwritable", error).in_file(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(body: &str) -> Result<Raster, MediaError> {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="64" height="32">{body}</svg>"#
        );
        Artist::new().unwrap().rasterise(&svg, 64, 32, None)
    }

    fn inked(raster: &Raster) -> usize {
        raster.rgba.chunks_exact(4).filter(|pixel| pixel[3] > 0).count()
    }

    #[test]
    fn text_in_the_family_is_drawn() {
        for family in ["", r#"font-family="Inter""#, r#"font-family="Arial, sans-serif""#] {
            let raster = draw(&format!(r#"<text x="2" y="20" {family}>Hello</text>"#)).unwrap();
            assert!(inked(&raster) > 40, "{family}");
        }
    }

    #[test]
    fn another_family_is_an_error_and_never_replaced() {
        let error = draw(r#"<text x="2" y="20" font-family="Papyrus">Hello</text>"#).unwrap_err();
        assert_eq!(error.code, "svg_text");
        assert!(error.message.contains("Papyrus"), "{error}");
    }

    #[test]
    fn letters_that_the_family_lacks_are_named() {
        let error = draw(r#"<text x="2" y="20">漢</text>"#).unwrap_err();
        assert!(error.message.contains('漢'), "{error}");
    }

    #[test]
    fn what_is_no_svg_is_refused() {
        for text in ["", "<svg", "<html/>", "\u{0}"] {
            let error = Artist::new().unwrap().rasterise(text, 8, 8, None).unwrap_err();
            assert_eq!(error.code, "svg_unreadable");
        }
    }

    #[test]
    fn a_drawing_covers_the_frame_in_its_own_proportions() {
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10" fill="red"/></svg>"#;
        let raster = Artist::new().unwrap().rasterise(svg, 40, 20, None).unwrap();
        assert_eq!(inked(&raster), 800);
        assert_eq!(raster.to_rgb()[..3], [255, 0, 0]);
    }
}
