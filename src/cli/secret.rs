//! Reads a secret from where the config says it is.
//!
//! Architecture invariant: a secret is in no message; only where it should be.

use super::output::{CliError, Exit};
use crate::config::secret::{SecretAt, SecretPlace};

/// The longest secret that is read, in bytes.
const MAX_SECRET: u64 = 16 * 1024;

/// The secret at `place`, without the line end.
///
/// # Errors
/// Exit 2 when it is not there, is empty or is not text.
pub fn secret_of(place: &SecretPlace) -> Result<String, CliError> {
    let (found, place) = match &place.at {
        SecretAt::Env(name) => {
            let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
            (value, format!("the environment variable {name}"))
        }
        SecretAt::File(path) => {
            let is_small = std::fs::metadata(path).is_ok_and(|found| found.len() <= MAX_SECRET);
            let text = if is_small { std::fs::read_to_string(path).ok() } else { None };
            (text, path.display().to_string())
        }
    };
    let secret = found.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    secret.filter(|secret| !secret.is_empty()).ok_or_else(|| {
        CliError::new(Exit::BadUsage, "secret_missing", "there is no secret where the config says")
            .at(place)
            .remedy("put the secret there, or change the config")
    })
}
