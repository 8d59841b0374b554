//! The one font family, for measuring: the same files that the renderer draws with.
//!
//! Architecture invariant: a missing font is an error; nothing is ever put in its place.

use std::fs;
use std::path::{Path, PathBuf};

use crate::craft::typeset::{BadFont, FACE_FILES, Faces};

/// Where Debian's package `fonts-inter` and others like it put the family.
pub const FOLDERS: [&str; 3] = [
    "/usr/share/fonts/opentype/inter",
    "/usr/share/fonts/truetype/inter",
    "/usr/local/share/fonts/inter",
];

/// Why the family cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FontError {
    /// It is not installed.
    #[error("the font family Inter is not installed: {0} is in none of the usual folders")]
    Missing(&'static str),
    /// A file of it cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A file of it is no font.
    #[error(transparent)]
    Bad(#[from] BadFont),
}

impl FontError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "font_missing",
            Self::Unreadable { .. } => "font_unreadable",
            Self::Bad(error) => error.code(),
        }
    }
}

/// Loads the faces that are measured with.
///
/// # Errors
/// [`FontError`] when the family is not installed or damaged.
pub fn load_faces() -> Result<Faces, FontError> {
    let [medium, bold, black] = FACE_FILES;
    Ok(Faces::parse(&read(medium)?, &read(bold)?, &read(black)?)?)
}

fn read(name: &'static str) -> Result<Vec<u8>, FontError> {
    let candidates = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    let path: PathBuf =
        candidates.into_iter().find(|path| path.is_file()).ok_or(FontError::Missing(name))?;
    fs::read(&path)
        .map_err(|cause| FontError::Unreadable { path: path.display().to_string(), cause })
}
