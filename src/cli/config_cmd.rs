//! `ytempire config check | show | init`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use crate::config::problem::ConfigError;
use crate::config::secret::{SecretAt, SecretPlace};
use crate::config::trend::TrendPlace;
use crate::config::{Config, DEFAULT_FILE, STARTER};
use crate::domain::source::SourceKind;

use super::options::{CommonOptions, config_error};
use super::output::{CliError, Exit, print_json, print_text};

/// Check, show or begin the config.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: ConfigAction,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigAction {
    /// Tell all problems of the config file, each with line, column and remedy
    ///
    /// Exit 0 when it is valid (there may be warnings), 2 when it is not. With --json:
    /// {ok, file, channels[], warnings[{key, message, remedy}]}, or
    /// {error, problems[{code, key, line, column, message, remedy}]}.
    Check,
    /// Print the config that holds, defaults filled in, as TOML (with --json as JSON)
    ///
    /// Secrets are not in it: only where they are kept.
    Show,
    /// Write a commented file to start from
    ///
    /// As it stands it means the same as no file. Written to --config, or ./ytempire.toml.
    Init {
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

/// Something that is allowed and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The key it is about.
    pub key: String,
    /// What is odd.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Runs `ytempire config …`; `variable_is_set` says whether an environment variable has a value.
///
/// # Errors
/// [`CliError`] when the config is wrong or a file cannot be written.
pub fn run(
    args: &ConfigArgs,
    common: &CommonOptions,
    variable_is_set: &dyn Fn(&str) -> bool,
) -> Result<Exit, CliError> {
    match args.action {
        ConfigAction::Check => check(common, variable_is_set),
        ConfigAction::Show => show(common),
        ConfigAction::Init { force } => init(common, force),
    }
}

fn check(common: &CommonOptions, variable_is_set: &dyn Fn(&str) -> bool) -> Result<Exit, CliError> {
    let file = common.config_file().ok_or_else(no_file)?;
    let config = match Config::load(&file) {
        Ok(config) => config,
        Err(error) => return tell_problems(common, &error),
    };
    let warnings = warnings(&config, variable_is_set);
    let channels: Vec<&str> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
    let value = json!({ "ok": true, "file": file, "channels": channels, "warnings": warnings });
    let mut text = String::new();
    for warning in &warnings {
        let Warning { key, message, remedy } = warning;
        text.push_str(&format!("warning: {key}: {message}; {remedy}\n"));
    }
    let count = channels.len();
    text.push_str(&format!("{} is valid; channels: {count}", file.display()));
    common.output().result(&value, text)?;
    Ok(Exit::Done)
}

fn no_file() -> CliError {
    CliError::new(Exit::BadUsage, "config_missing", "there is no config file to check")
        .at(DEFAULT_FILE)
        .remedy("name one with --config, or write one with `ytempire config init`")
}

/// All problems: for people one a line, for programs beside the error.
fn tell_problems(common: &CommonOptions, error: &ConfigError) -> Result<Exit, CliError> {
    if error.problems().is_empty() {
        return Err(config_error(error));
    }
    let output = common.output();
    output.say(error);
    let count = error.problems().len();
    output.say(format_args!("{count} problem{} found", if count == 1 { "" } else { "s" }));
    if output.json {
        let told = config_error(error).to_json();
        print_json(&json!({ "error": told, "problems": error.problems() }))?;
    }
    Ok(Exit::BadUsage)
}

/// What is allowed in `config` and probably not meant.
#[must_use]
pub fn warnings(config: &Config, variable_is_set: &dyn Fn(&str) -> bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |key: String, message: String, remedy: &str| {
        warnings.push(Warning { key, message, remedy: remedy.to_owned() });
    };
    for (index, channel) in config.channels.iter().enumerate() {
        if channel.trends.is_empty() {
            let message = format!("the channel {} has no source of topics", channel.name);
            warn(format!("channel[{index}].trends"), message, "add a [[channel.trends]]");
        }
        for (place, trend) in channel.trends.iter().enumerate() {
            let TrendPlace::Path(path) = &trend.place else { continue };
            let (is_there, what) = match trend.kind {
                SourceKind::Rss => (path.is_file(), "file"),
                SourceKind::Folder => (path.is_dir(), "folder"),
            };
            if !is_there {
                let message = format!("there is no {what} {}", path.display());
                let key = format!("channel[{index}].trends[{place}].path");
                warn(key, message, "put it there, or mend the path");
            }
        }
    }
    let providers = &config.providers;
    if let Some(model) = providers.sentence_model().filter(|model| !model.is_dir()) {
        let message = format!("there is no folder {}", model.display());
        warn(
            "providers.embeddings.model".to_owned(),
            message,
            "run `make models`, or mend the path",
        );
    }
    let by_name = [
        ("text", &providers.text),
        ("voice", &providers.voice),
        ("images", &providers.images),
        ("embeddings", &providers.embeddings),
    ];
    for (name, provider) in by_name {
        for key in provider.unused_keys() {
            let message = "this kind makes no use of it".to_owned();
            warn(format!("providers.{name}.{key}"), message, "take it out");
        }
    }
    for key in config.platform.unused_keys() {
        let message = "the local library makes no use of it".to_owned();
        warn(format!("platform.{key}"), message, "take it out");
    }
    for (key, secret) in secrets(config) {
        match &secret.at {
            SecretAt::Env(name) if !variable_is_set(name) => {
                let message = format!("the environment variable {name} is not set");
                warn(format!("{key}_env"), message, "set it before the node starts");
            }
            SecretAt::File(file) if !file.is_file() => {
                let message = format!("there is no file {}", file.display());
                warn(format!("{key}_file"), message, "put the secret there, or mend the path");
            }
            SecretAt::Env(_) | SecretAt::File(_) => {}
        }
    }
    warnings
}

/// The secrets a node of this version would use.
fn secrets(config: &Config) -> Vec<(String, &SecretPlace)> {
    let token = config.http.token.as_ref();
    token.map(|place| ("http.token".to_owned(), place)).into_iter().collect()
}

fn show(common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    if common.json {
        print_json(&settings.config)?;
        return Ok(Exit::Done);
    }
    let text = settings.config.to_toml().map_err(|error| {
        let message = format!("the config cannot be printed: {error}");
        CliError::new(Exit::Failed, "not_printable", message).remedy("use paths that are UTF-8")
    })?;
    let origin = match &settings.file {
        Some(file) => format!("# {} with all defaults\n", file.display()),
        None => "# the defaults: no config file\n".to_owned(),
    };
    print_text(&format!("{origin}{text}"))?;
    Ok(Exit::Done)
}

fn init(common: &CommonOptions, force: bool) -> Result<Exit, CliError> {
    let file = common.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    write_starter(&file, force).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            CliError::new(Exit::Failed, "file_exists", "there is a file already")
                .at(file.display())
                .remedy("name another with --config, or replace it with --force")
        }
        _ => CliError::new(Exit::Failed, "file_unwritable", format!("cannot write: {error}"))
            .at(file.display())
            .remedy("check that its folder is there and may be written"),
    })?;
    let text = format!(
        "wrote {}\nedit it, then run `ytempire config check --config {}`",
        file.display(),
        file.display()
    );
    common.output().result(&json!({ "file": file }), text)?;
    Ok(Exit::Done)
}

/// Writes the starter; a file that is there is replaced in one step, and only with `force`.
fn write_starter(file: &Path, force: bool) -> io::Result<()> {
    if !force {
        let mut fresh = OpenOptions::new().write(true).create_new(true).open(file)?;
        return fresh.write_all(STARTER.as_bytes()).and_then(|()| fresh.sync_all());
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let aside = file.with_file_name(name);
    let mut fresh = File::create(&aside)?;
    fresh.write_all(STARTER.as_bytes())?;
    fresh.sync_all()?;
    std::fs::rename(&aside, file)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        common: CommonOptions,
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Command {
        Config(ConfigArgs),
        Doctor(crate::cli::doctor::DoctorArgs),
    }

    #[test]
    fn the_command_line_is_well_formed_and_takes_common_options_anywhere() {
        Program::command().debug_assert();
        let words = ["ytempire", "config", "init", "--force", "--config", "a.toml", "--json"];
        let program = Program::try_parse_from(words).expect("a valid call");
        assert_eq!(program.common.config.as_deref(), Some(Path::new("a.toml")));
        assert!(program.common.json && matches!(program.command, Command::Config(_)));
        for words in [["ytempire", "config", "--help"], ["ytempire", "doctor", "--help"]] {
            let help = Program::try_parse_from(words).expect_err("help").to_string();
            assert!(help.contains("--data-dir <DIR>") && help.contains("--json"), "{help}");
        }
    }

    fn options(file: &Path) -> CommonOptions {
        CommonOptions { config: Some(file.to_owned()), ..CommonOptions::default() }
    }

    fn run_action(action: ConfigAction, file: &Path) -> Result<Exit, CliError> {
        run(&ConfigArgs { action }, &options(file), &|_| false)
    }

    #[test]
    fn init_writes_a_file_that_check_passes_and_refuses_to_overwrite() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ytempire.toml");
        let init = |force| run_action(ConfigAction::Init { force }, &file);
        assert_eq!(init(false), Ok(Exit::Done));
        assert_eq!(run_action(ConfigAction::Check, &file), Ok(Exit::Done));
        assert_eq!(init(false).map_err(|error| error.code), Err("file_exists".into()));
        std::fs::write(&file, "mine").expect("written");
        assert_eq!(init(true), Ok(Exit::Done));
        assert_eq!(std::fs::read_to_string(&file).expect("readable"), STARTER);
        let names: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn check_of_a_wrong_file_is_bad_usage() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ytempire.toml");
        std::fs::write(&file, "fps = 30\n").expect("written");
        assert_eq!(run_action(ConfigAction::Check, &file), Ok(Exit::BadUsage));
        let missing = run_action(ConfigAction::Check, &folder.path().join("none.toml"));
        assert_eq!(missing.map_err(|error| error.exit), Err(Exit::BadUsage));
    }

    #[test]
    fn warnings_name_what_is_probably_not_meant() {
        let text = "[http]\ntoken_env = \"T\"\n[providers.text]\nmodel = \"m\"\n\
                    [platform]\nclient_id = \"c\"\n[[channel]]\nname = \"a\"\n[[channel]]\n\
                    name = \"b\"\ntrends = [{ kind = \"rss\", path = \"none.xml\" }]\n";
        let config = Config::parse(text, Path::new("/nonexistent")).expect("valid");
        let keys = |is_set: bool| -> Vec<String> {
            warnings(&config, &|_| is_set).into_iter().map(|warning| warning.key).collect()
        };
        let always = [
            "channel[0].trends",
            "channel[1].trends[0].path",
            "providers.text.model",
            "platform.client_id",
        ];
        assert_eq!(keys(true), always);
        assert_eq!(keys(false)[4..], ["http.token_env".to_owned()]);
    }
}
