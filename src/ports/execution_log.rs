//! Where it is noted which stages were really carried out, so that a person (and the kill drill) can
//! count.

use std::io;

use serde::{Deserialize, Serialize};

use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;

/// Where in the work a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The work begins.
    Start,
    /// The work is finished and its result recorded.
    End,
}

/// Takes notes of executions; nothing reads them.
pub trait ExecutionLog: Send + Sync {
    /// Notes that the work of `ticket` is at `phase`.
    ///
    /// # Errors
    /// Whatever the place it is noted in says.
    fn note(&self, at: Timestamp, ticket: &Ticket, phase: Phase) -> io::Result<()>;
}
