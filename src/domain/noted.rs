//! Commands that carry an id from outside, and what they were answered: the same id gives the same
//! answer again, and asks for nothing twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::artifact::Digest;
use super::ids::CommandId;
use super::timestamp::Timestamp;

/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// So many old answers are forgotten with one new one: more than come in, so that none stay.
const FORGOTTEN_AT_ONCE: usize = 16;

/// The commands whose answers need not be kept any longer at `now`, as far as they are forgotten
/// together.
#[must_use]
pub fn forgettable(commands: &BTreeMap<CommandId, NotedCommand>, now: Timestamp) -> Vec<CommandId> {
    let oldest = now.minus(KEPT);
    let old = commands.iter().filter(|(_, noted)| noted.at < oldest);
    old.map(|(id, _)| id.clone()).take(FORGOTTEN_AT_ONCE).collect()
}

/// The first answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotedAnswer {
    /// It was carried out.
    Done {
        /// The status of the answer, as HTTP counts them.
        status: u16,
        /// The answer's body.
        body: String,
    },
    /// It was refused.
    Refused {
        /// Stable snake_case code.
        code: String,
        /// Why, for people.
        message: String,
    },
}

/// A command that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedCommand {
    /// Digest of everything that was asked for.
    pub request: Digest,
    /// What was answered.
    pub answer: NotedAnswer,
    /// When.
    pub at: Timestamp,
}
