//! How every command ends: one exit code, one error shape, results for programs on stdout and text
//! for people on stderr.
//!
//! Architecture invariant: with `--json` stdout holds exactly one JSON value, also on failure.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

/// How a command ended; the numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked is done.
    Done = 0,
    /// It failed; also unknown ids, no source, a full disk, a parked demo video.
    Failed = 1,
    /// Bad usage, config, or input file named on the command line.
    BadUsage = 2,
    /// The node cannot be reached.
    NodeUnreachable = 3,
    /// The data folder is in use.
    FolderInUse = 4,
    /// Data is damaged.
    DataDamaged = 5,
    /// What was waited for did not come in time.
    WaitTimedOut = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed: for a person, and with a stable code for a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// The process's exit code.
    pub exit: Exit,
    /// Stable snake_case code, for example `config_invalid`.
    pub code: Cow<'static, str>,
    /// What was wrong: lower case, no full stop, no secret.
    pub message: String,
    /// Where: a file with line, a folder, an id.
    pub place: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
}

impl CliError {
    /// An error without place and remedy.
    #[must_use]
    pub fn new(exit: Exit, code: impl Into<Cow<'static, str>>, message: impl Display) -> Self {
        Self { exit, code: code.into(), message: message.to_string(), place: None, remedy: None }
    }

    /// The same error at `place`.
    #[must_use]
    pub fn at(mut self, place: impl Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// The same error with what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Display) -> Self {
        self.remedy = Some(remedy.to_string());
        self
    }

    /// `{"code", "message", "where", "remedy"}`, null where there is none.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "code": self.code,
            "message": self.message,
            "where": self.place,
            "remedy": self.remedy,
        })
    }
}

impl Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n  where:  {place}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n  remedy: {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}

/// Where a command's words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Whether results are printed as JSON.
    pub json: bool,
}

impl Output {
    /// Text for people, one line or several, to stderr.
    pub fn say(self, text: impl Display) {
        // Nobody is left to be told when stderr itself is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A result: as JSON on stdout with `--json`, otherwise `for_people` on stderr.
    ///
    /// # Errors
    /// When stdout cannot be written (a reader that went away is none).
    pub fn result(self, value: &impl Serialize, for_people: impl Display) -> Result<(), CliError> {
        if self.json {
            return print_json(value);
        }
        self.say(for_people);
        Ok(())
    }

    /// Tells the failure, if it is one, and turns the outcome into the process's exit code.
    #[must_use]
    pub fn finish(self, outcome: Result<Exit, CliError>) -> ExitCode {
        match outcome {
            Ok(exit) => exit.into(),
            Err(error) => self.fail(&error),
        }
    }

    /// Tells the failure and gives the process's exit code.
    #[must_use]
    pub fn fail(self, error: &CliError) -> ExitCode {
        self.say(error);
        if self.json {
            let _ = print_json(&json!({ "error": error.to_json() }));
        }
        error.exit.into()
    }
}

/// Prints `value` as one JSON document on stdout.
///
/// # Errors
/// When it cannot be written (a reader that went away is none).
pub fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| CliError::new(Exit::Failed, "not_printable", error))?;
    print_text(&text)
}

/// Prints `text` and a line end on stdout.
///
/// # Errors
/// When it cannot be written (a reader that went away is none).
pub fn print_text(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| {
        let line_end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        stdout.write_all(line_end)?;
        stdout.flush()
    });
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(CliError::new(
            Exit::Failed,
            "stdout_unwritable",
            format!("cannot write the result: {error}"),
        )
        .remedy("check where stdout leads and whether its disk is full")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_place_and_remedy() {
        let error = CliError::new(Exit::FolderInUse, "folder_in_use", "another node runs here")
            .at("data/state")
            .remedy("stop it first");
        assert_eq!(
            error.to_string(),
            "error[folder_in_use]: another node runs here\n  where:  data/state\n  remedy: stop it first"
        );
        let expected = json!({
            "code": "folder_in_use",
            "message": "another node runs here",
            "where": "data/state",
            "remedy": "stop it first",
        });
        assert_eq!(error.to_json(), expected);
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::BadUsage, 2),
            (Exit::NodeUnreachable, 3),
            (Exit::FolderInUse, 4),
            (Exit::DataDamaged, 5),
            (Exit::WaitTimedOut, 6),
        ];
        for (exit, number) in codes {
            assert_eq!(exit as u8, number);
        }
    }
}
