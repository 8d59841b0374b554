//! `--fresh`: what is in the data folder is moved aside, never deleted.

use std::fs;

use crate::cli::data_folder::{DataFolder, unwritable};
use crate::cli::output::{CliError, Output};
use crate::domain::timestamp::Timestamp;

/// What belongs to a node's past.
const PAST: [&str; 5] = ["journal", "store", "history", "artifacts", "library"];

/// Moves the past of `folder` into a folder inside it.
pub(super) fn move_aside(
    folder: &DataFolder,
    now: Timestamp,
    output: Output,
) -> Result<(), CliError> {
    let present: Vec<&str> =
        PAST.into_iter().filter(|name| folder.root().join(name).exists()).collect();
    if present.is_empty() {
        return Ok(());
    }
    let stamp = now.to_string().replace(':', "");
    let aside = folder.root().join(format!("before-{stamp}"));
    fs::create_dir_all(&aside).map_err(|error| unwritable(&aside, &error))?;
    for name in present {
        let (from, to) = (folder.root().join(name), aside.join(name));
        fs::rename(&from, &to).map_err(|error| unwritable(&from, &error))?;
    }
    output.say(format!("what was here before is now in {}", aside.display()));
    Ok(())
}
