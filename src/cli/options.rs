//! The options every command takes, and the settings that follow from them.

use std::path::{Path, PathBuf};

use crate::config::problem::{ConfigError, Problem};
use crate::config::{Config, DEFAULT_FILE};

use super::output::{CliError, Exit, Output};

/// `--config`, `--data-dir` and `--json`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CommonOptions {
    /// The config file [default: ./ytempire.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The data folder, instead of the config's [default: data/state]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Print the result as JSON on stdout; failures too
    #[arg(long, global = true)]
    pub json: bool,
}

/// The config that holds for a command, and the file it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The config, with `--data-dir` taken into account.
    pub config: Config,
    /// The file it came from; `None` when there is none and the defaults hold.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// The data folder, absolute.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.config.node.data_dir
    }
}

impl CommonOptions {
    /// Where the command's words go.
    #[must_use]
    pub fn output(&self) -> Output {
        Output { json: self.json }
    }

    /// The config file that counts: the named one, or the default one if it is there.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists());
        self.config.clone().or_else(default)
    }

    /// Reads the config file, or takes the defaults where there is none.
    ///
    /// # Errors
    /// [`Exit::BadUsage`] when the file cannot be read or is wrong.
    pub fn settings(&self) -> Result<Settings, CliError> {
        let file = self.config_file();
        let mut config = match &file {
            Some(file) => Config::load(file).map_err(|error| config_error(&error))?,
            None => Config::defaults(&absolute(Path::new("."))?),
        };
        if let Some(data_dir) = &self.data_dir {
            config.node.data_dir = absolute(data_dir)?;
        }
        Ok(Settings { config, file })
    }
}

/// `path` from the root, so that it means the same whatever the current folder is.
///
/// # Errors
/// Exit 1 when the current folder cannot be found.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    let message = |error| format!("the current folder cannot be found: {error}");
    std::path::absolute(path).map_err(|error| {
        CliError::new(Exit::Failed, "folder_unknown", message(error)).at(path.display())
    })
}

/// A config error as the command line tells it: the first problem in full, and how many more.
#[must_use]
pub fn config_error(error: &ConfigError) -> CliError {
    match error {
        ConfigError::Unreadable { file, source } => {
            let message = format!("cannot read the config file: {source}");
            CliError::new(Exit::BadUsage, error.code(), message)
                .at(file.display())
                .remedy("name another with --config, or write one with `ytempire config init`")
        }
        ConfigError::Invalid { file, problems } => invalid_config(error, file, problems),
    }
}

fn invalid_config(error: &ConfigError, file: &Path, problems: &[Problem]) -> CliError {
    let Some(first) = problems.first() else {
        return CliError::new(Exit::BadUsage, error.code(), error).at(file.display());
    };
    let what = if first.key.is_empty() {
        first.message.clone()
    } else {
        format!("{}: {}", first.key, first.message)
    };
    let message = match problems.len() - 1 {
        0 => what,
        more => format!("{what} (and {more} more: see `ytempire config check`)"),
    };
    let place = format!("{}:{}:{}", file.display(), first.line, first.column);
    let told = CliError::new(Exit::BadUsage, error.code(), message).at(place);
    match &first.remedy {
        Some(remedy) => told.remedy(remedy),
        None => told.remedy("mend the line; `ytempire config check` tells all problems at once"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_data_folder_wins_and_is_absolute() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("my.toml");
        std::fs::write(&file, "[node]\ndata_dir = \"here\"\n").expect("written");
        let mut options = CommonOptions { config: Some(file), ..CommonOptions::default() };
        let settings = options.settings().expect("valid");
        assert_eq!(settings.data_dir(), folder.path().join("here"));
        options.data_dir = Some(PathBuf::from("elsewhere"));
        let data_dir = options.settings().expect("valid").data_dir().to_owned();
        assert!(data_dir.is_absolute() && data_dir.ends_with("elsewhere"));
    }

    #[test]
    fn a_wrong_config_is_bad_usage_with_its_first_problem() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("my.toml");
        std::fs::write(&file, "[node]\nnmae = \"a\"\n[rendre]\n").expect("written");
        let options = CommonOptions { config: Some(file.clone()), ..CommonOptions::default() };
        let error = options.settings().expect_err("wrong");
        assert_eq!((error.exit, &*error.code), (Exit::BadUsage, "config_invalid"));
        assert_eq!(error.place, Some(format!("{}:2:1", file.display())));
        assert!(error.message.contains("and 1 more"), "{}", error.message);
        assert_eq!(error.remedy.as_deref(), Some("did you mean name?"));
    }

    #[test]
    fn a_missing_config_is_bad_usage() {
        let options = CommonOptions {
            config: Some("/nonexistent/a.toml".into()),
            ..CommonOptions::default()
        };
        let error = options.settings().expect_err("missing");
        assert_eq!((error.exit, &*error.code), (Exit::BadUsage, "config_unreadable"));
    }
}
