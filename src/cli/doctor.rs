//! `ytempire doctor`: whether a node can run here, and what stands in its way.
//!
//! Architecture invariant: it changes nothing on disk, needs no network, and asks a GPU's driver
//! only through `gpu::device`, which survives one that is missing or broken.

mod machine;
mod parts;

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::config::Config;
use crate::domain::timestamp::Timestamp;

use super::options::{CommonOptions, config_error};
use super::output::{CliError, Exit};

/// Check whether a node can run here, and say what to do where it cannot
///
/// Looks at the config, FFmpeg's libraries, the fonts, the data folder, cores, memory, open files,
/// GPU and clock; changes nothing. Exit 0 when a node can run (there may be warnings), 1 when it
/// cannot. With --json: {checks[{name, level: ok|warning|error, detail, remedy}]}.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {}

/// What a check means for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// A node can run; something will be slower, missing or soon full.
    Warning,
    /// A node cannot run.
    Error,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable snake_case name.
    pub name: &'static str,
    /// What it means.
    pub level: Level,
    /// What was found.
    pub detail: String,
    /// What to do, unless all is well.
    pub remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, detail: detail.into(), remedy: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, remedy: &str) -> Self {
        let remedy = Some(remedy.to_owned());
        Self { name, level: Level::Warning, detail: detail.into(), remedy }
    }

    fn error(name: &'static str, detail: impl Into<String>, remedy: &str) -> Self {
        let remedy = Some(remedy.to_owned());
        Self { name, level: Level::Error, detail: detail.into(), remedy }
    }
}

/// Runs `ytempire doctor`; `now` is what the machine's clock says.
///
/// # Errors
/// [`CliError`] when the result cannot be printed.
pub fn run(_args: &DoctorArgs, common: &CommonOptions, now: Timestamp) -> Result<Exit, CliError> {
    let checks = examine(common, now);
    let can_run = checks.iter().all(|check| check.level != Level::Error);
    common.output().result(&json!({ "checks": checks }), report(&checks, can_run))?;
    Ok(if can_run { Exit::Done } else { Exit::Failed })
}

/// All checks in a fixed order.
#[must_use]
pub fn examine(common: &CommonOptions, now: Timestamp) -> Vec<Check> {
    let (config_check, data_dir, budget) = check_config(common);
    let mut checks = vec![config_check];
    checks.extend(parts::check_ffmpeg());
    checks.push(parts::check_fonts());
    if let Some(data_dir) = data_dir {
        checks.push(machine::check_data_folder(&data_dir));
        checks.push(machine::check_free_space(&data_dir));
        checks.extend(budget.map(|budget| machine::check_disk_budget(&data_dir, budget)));
        checks.push(machine::check_lock(&data_dir));
    }
    checks.push(machine::check_cores());
    checks.push(machine::check_memory());
    checks.push(machine::check_open_files());
    checks.push(parts::check_gpu());
    checks.push(machine::check_clock(now));
    checks
}

/// The config's own check, the data folder it names, and the folder's budget; with a wrong config
/// no budget is known, and no folder unless `--data-dir` names it.
fn check_config(common: &CommonOptions) -> (Check, Option<std::path::PathBuf>, Option<u64>) {
    const NAME: &str = "config";
    let data_dir = || common.data_dir.as_ref().and_then(|dir| std::path::absolute(dir).ok());
    if let Some(Err(error)) = common.config_file().map(|file| Config::load(&file)) {
        let told = config_error(&error);
        let place = told.place.unwrap_or_default();
        let remedy = told.remedy.unwrap_or_default();
        let check = Check::error(NAME, format!("{place}: {}", told.message), &remedy);
        return (check, data_dir(), None);
    }
    match common.settings() {
        Ok(settings) => {
            let detail = match &settings.file {
                Some(file) => format!("{} is valid", file.display()),
                None => "no config file: the defaults hold".to_owned(),
            };
            let budget = settings.config.retention.disk_budget.0;
            (Check::ok(NAME, detail), Some(settings.data_dir().to_owned()), Some(budget))
        }
        Err(error) => {
            let remedy = error.remedy.unwrap_or_default();
            (Check::error(NAME, error.message, &remedy), data_dir(), None)
        }
    }
}

/// The nearest folder at or above `path` that is there.
fn nearest_existing(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"))
}

fn report(checks: &[Check], can_run: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for check in checks {
        let mark = match check.level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Error => "ERROR  ",
        };
        lines.push(format!("{mark}  {:<15} {}", check.name, check.detail));
        if let Some(remedy) = &check.remedy {
            lines.push(format!("{:>26}{remedy}", "-> "));
        }
    }
    let verdict = if can_run { "a node can run here" } else { "a node cannot run here" };
    lines.push(verdict.to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn level_of(checks: &[Check], name: &str) -> Level {
        checks.iter().find(|check| check.name == name).expect(name).level
    }

    #[test]
    fn a_node_can_run_where_the_tests_run_and_nothing_is_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().join("not/yet/there");
        let common = CommonOptions { data_dir: Some(data_dir), ..CommonOptions::default() };
        let checks = examine(&common, at("2026-11-22T12:00:00Z"));
        for name in
            ["ffmpeg", "ffmpeg_parts", "fonts", "data_folder", "disk_budget", "clock", "lock"]
        {
            assert_eq!(level_of(&checks, name), Level::Ok, "{checks:#?}");
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn whatever_is_not_well_has_a_remedy() {
        let common = CommonOptions {
            config: Some("/nonexistent/a.toml".into()),
            data_dir: Some("/proc/nowhere".into()),
            json: false,
        };
        let checks = examine(&common, at("1970-01-01T00:00:00Z"));
        for name in ["config", "data_folder", "clock"] {
            assert_eq!(level_of(&checks, name), Level::Error, "{checks:#?}");
        }
        let told = |check: &Check| check.remedy.as_deref().is_some_and(|text| !text.is_empty());
        assert!(
            checks.iter().all(|check| told(check) == (check.level != Level::Ok)),
            "{checks:#?}"
        );
    }

    #[test]
    fn exit_is_one_only_when_a_node_cannot_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("a.toml");
        std::fs::write(&config, "[rendre]\n").expect("written");
        let mut common =
            CommonOptions { data_dir: Some(folder.path().to_owned()), ..CommonOptions::default() };
        let now = at("2026-11-22T12:00:00Z");
        assert_eq!(run(&DoctorArgs {}, &common, now), Ok(Exit::Done));
        common.config = Some(config);
        assert_eq!(run(&DoctorArgs {}, &common, now), Ok(Exit::Failed));
    }
}
