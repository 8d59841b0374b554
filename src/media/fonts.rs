//! The one font family, so that pictures look the same on every machine.
//!
//! Architecture invariant: a missing font is an error; nothing is ever put in its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use resvg::usvg::fontdb;

use super::error::MediaError;

/// The family of every text in every picture.
pub const FAMILY: &str = "Inter";

/// Where Debian's package `fonts-inter` and others like it put the family.
const FOLDERS: [&str; 3] = [
    "/usr/share/fonts/opentype/inter",
    "/usr/share/fonts/truetype/inter",
    "/usr/local/share/fonts/inter",
];

/// The cuts that are loaded: enough weights for headings, text and emphasis.
const CUTS: [&str; 8] = [
    "Inter-Regular",
    "Inter-Italic",
    "Inter-Medium",
    "Inter-SemiBold",
    "Inter-Bold",
    "Inter-BoldItalic",
    "Inter-ExtraBold",
    "Inter-Black",
];

/// The loaded family.
#[derive(Debug, Clone)]
pub struct Fonts {
    /// The faces, for drawing.
    pub database: Arc<fontdb::Database>,
}

/// The folder that has the family's regular cut.
///
/// # Errors
/// Machine `font_missing` when no known folder has it.
pub fn folder() -> Result<PathBuf, MediaError> {
    FOLDERS
        .iter()
        .map(PathBuf::from)
        .find(|folder| cut_file(folder, "Inter-Regular").is_some())
        .ok_or_else(|| missing("the font family Inter is not installed"))
}

fn missing(message: impl std::fmt::Display) -> MediaError {
    MediaError::machine("font_missing", message).remedy("install the Debian package fonts-inter")
}

fn cut_file(folder: &Path, cut: &str) -> Option<PathBuf> {
    ["otf", "ttf"]
        .iter()
        .map(|ending| folder.join(format!("{cut}.{ending}")))
        .find(|file| file.is_file())
}

impl Fonts {
    /// Loads the family.
    ///
    /// # Errors
    /// Machine `font_missing` when one of its cuts cannot be read.
    pub fn load() -> Result<Self, MediaError> {
        let folder = folder()?;
        let mut database = fontdb::Database::new();
        for cut in CUTS {
            let file = cut_file(&folder, cut)
                .ok_or_else(|| missing(format!("{cut} is not in {}", folder.display())))?;
            let bytes = std::fs::read(&file).map_err(|error| missing(error).in_file(&file))?;
            database.load_font_data(bytes);
        }
        database.set_sans_serif_family(FAMILY);
        let fonts = Self { database: Arc::new(database) };
        match fonts.face(fontdb::Weight::NORMAL) {
            Some(_) => Ok(fonts),
            None => Err(missing("the installed files are not the family Inter").in_file(&folder)),
        }
    }

    /// The upright face of `weight`.
    #[must_use]
    pub fn face(&self, weight: fontdb::Weight) -> Option<fontdb::ID> {
        let families = [fontdb::Family::Name(FAMILY)];
        self.database.query(&fontdb::Query { families: &families, weight, ..Default::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installed_family_has_the_weights_that_are_used() {
        let fonts = Fonts::load().unwrap();
        for weight in [400, 500, 600, 700, 800, 900] {
            let id = fonts.face(fontdb::Weight(weight)).unwrap();
            assert_eq!(fonts.database.face(id).unwrap().weight.0, weight);
        }
    }
}
