//! Which attempts of which stages were really executed, told by whoever executes them.
//!
//! A test instrument, off by default (`[node] execution_log`): kill drills count from it that no
//! finished stage was executed again. One JSON line at the start and one at the end, each written
//! with one O_APPEND write, so that lines of many processes do not mix.
//!
//! Architecture invariant: nothing in the engine reads it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Attempt, Take, WorkflowId};
use crate::domain::timestamp::Timestamp;

/// Which end of an execution a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Start,
    /// It has ended by itself, well or not; a killed execution has no such line.
    End,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionEntry {
    /// When.
    pub at: Timestamp,
    /// Which process executes.
    pub pid: u32,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The stage's name.
    pub stage: String,
    /// How often a person asked for it anew.
    pub take: Take,
    /// Which start of the stage it is.
    pub attempt: Attempt,
    /// Which end.
    pub phase: Phase,
}

/// Appends `entry` to the file at `path`, which is created if absent.
///
/// # Errors
/// When the file cannot be opened or written.
pub fn append(path: &Path, entry: &ExecutionEntry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    OpenOptions::new().append(true).create(true).open(path)?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn entry(pid: u32, phase: Phase) -> ExecutionEntry {
        ExecutionEntry {
            at: Timestamp(1_700_000_000_123),
            pid,
            workflow: WorkflowId(Uuid::nil()),
            stage: "render".to_owned(),
            take: Take(0),
            attempt: Attempt(2),
            phase,
        }
    }

    #[test]
    fn a_line_is_as_documented() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, &entry(7, Phase::Start)).unwrap();
        append(&path, &entry(7, Phase::End)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            r#"{"at":"2023-11-14T22:13:20.123Z","pid":7,"workflow":"00000000-0000-0000-0000-000000000000","stage":"render","take":0,"attempt":2,"phase":"start"}"#
        );
        assert!(text.ends_with("\"phase\":\"end\"}\n"));
    }

    #[test]
    fn lines_of_many_writers_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::thread::scope(|scope| {
            for pid in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        append(path, &entry(pid, Phase::Start)).unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let read = text.lines().map(serde_json::from_str::<ExecutionEntry>);
        assert_eq!(read.filter(Result::is_ok).count(), 400);
    }
}
