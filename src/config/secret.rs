//! Where a secret is, never the secret itself.

use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::problem::ProblemKind;
use super::reader::Section;

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretPlace {
    /// The config's key that says so, such as `token_env`.
    key: &'static str,
    /// The place.
    pub at: SecretAt,
}

/// The two places a secret may be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretAt {
    /// The environment variable of this name.
    Env(String),
    /// This file, whole, without the line end.
    File(PathBuf),
}

/// As the one entry `key = place` of the section around it.
impl Serialize for SecretPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_map(Some(1))?;
        match &self.at {
            SecretAt::Env(name) => entry.serialize_entry(self.key, name)?,
            SecretAt::File(file) => entry.serialize_entry(self.key, file)?,
        }
        entry.end()
    }
}

/// Reads `<secret>_env` or `<secret>_file`, of which at most one may be there.
pub(super) fn secret_place(
    section: &mut Section<'_>,
    env_key: &'static str,
    file_key: &'static str,
    folder: &Path,
) -> Option<SecretPlace> {
    let env = section.take(env_key);
    let file = section.path(file_key, folder);
    if env.is_some() && file.is_some() {
        let message = format!("{env_key} and {file_key} both say where the secret is");
        section.note(ProblemKind::Conflict, file_key, message, Some("keep one".to_owned()));
    }
    if let Some(env) = env {
        let name = env.string()?;
        if is_variable_name(name) {
            return Some(SecretPlace { key: env_key, at: SecretAt::Env(name.to_owned()) });
        }
        // The value is not repeated: it may be the secret itself.
        env.note(
            ProblemKind::BadValue,
            "not the name of an environment variable (upper-case letters, digits and underscores)",
            Some("write the variable's name here, not the secret".to_owned()),
        );
        return None;
    }
    file.map(|file| SecretPlace { key: file_key, at: SecretAt::File(file) })
}

/// Upper-case letters, digits and underscores only: what tells a variable's name from a secret.
fn is_variable_name(text: &str) -> bool {
    let begins_well = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    let chars_fit = text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    begins_well && chars_fit && text.len() <= 100
}
