//! The execution log as a file: one JSON line for every start and every end of a stage's work.
//!
//! Architecture invariant: append-only, one `write` per line, so that lines of several processes
//! never mix; nothing reads it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Attempt, Take, WorkflowId};
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::ports::execution_log::{ExecutionLog, Phase};

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it was noted.
    pub at: Timestamp,
    /// By which process.
    pub pid: u32,
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// Which stage.
    pub stage: StageName,
    /// Which take.
    pub take: Take,
    /// Which attempt.
    pub attempt: Attempt,
    /// How far the work is.
    pub phase: Phase,
}

/// The log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionLogFile {
    path: PathBuf,
}

impl ExecutionLogFile {
    /// A log at `path`; the file is made with the first line.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl ExecutionLog for ExecutionLogFile {
    fn note(&self, at: Timestamp, ticket: &Ticket, phase: Phase) -> io::Result<()> {
        let line = Line {
            at,
            pid: std::process::id(),
            workflow: ticket.workflow,
            stage: ticket.stage,
            take: ticket.take,
            attempt: ticket.attempt,
            phase,
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(&text)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const TICKET: Ticket = Ticket {
        workflow: WorkflowId(Uuid::nil()),
        stage: StageName::Render,
        take: Take(0),
        attempt: Attempt(2),
    };

    #[test]
    fn a_line_is_as_documented() {
        let folder = tempfile::tempdir().unwrap();
        let log = ExecutionLogFile::new(folder.path().join("log"));
        log.note(Timestamp(1_700_000_000_123), &TICKET, Phase::Start).unwrap();
        log.note(Timestamp(1_700_000_000_123), &TICKET, Phase::End).unwrap();
        let text = std::fs::read_to_string(&log.path).unwrap();
        let pid = std::process::id();
        let expected = format!(
            r#"{{"at":"2023-11-14T22:13:20.123Z","pid":{pid},"workflow":"00000000-0000-0000-0000-000000000000","stage":"render","take":0,"attempt":2,"phase":"start"}}"#
        );
        assert_eq!(text.lines().next(), Some(expected.as_str()));
        assert!(text.ends_with("\"phase\":\"end\"}\n"));
    }

    #[test]
    fn lines_of_many_writers_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let log = ExecutionLogFile::new(folder.path().join("log"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        log.note(Timestamp(0), &TICKET, Phase::Start).unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&log.path).unwrap();
        let read = text.lines().map(serde_json::from_str::<serde_json::Value>);
        assert_eq!(read.filter(Result::is_ok).count(), 400);
    }
}
