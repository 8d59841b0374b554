//! Commands on their way to a channel's actor, and what its answer means for who asked.
//!
//! Architecture invariant: an answer is given when the command is durable; a silence is told as such
//! and never as success.

use std::time::Duration;

use super::directory::ChannelEntry;
use super::problem::Problem;
use crate::actors::messages::{ChannelMsg, CommandError};
use crate::domain::command::{Command, Rejection};
use crate::domain::ids::{CommandId, Seq, WorkflowId};
use crate::supervision::envelope::{CallError, Trace};
use crate::supervision::path::Incarnation;

/// How long an answer may take; it comes when the command is durable.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long a channel that is being restarted is waited for.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);
/// When a node that takes on nothing new may be asked again.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Why a command was not carried out now.
#[derive(Debug)]
pub enum NotDone {
    /// Its workflow exists already: the command was carried out before.
    AlreadyStarted(WorkflowId),
    /// For this reason.
    Because(Problem),
}

impl From<Problem> for NotDone {
    fn from(problem: Problem) -> Self {
        Self::Because(problem)
    }
}

/// Sends a command and waits until it is durable.
///
/// # Errors
/// [`NotDone`]; 503 when the channel's actor does not answer, in which case it may yet act.
pub async fn send(entry: &ChannelEntry, command: Command, id: CommandId) -> Result<Seq, NotDone> {
    let first = ask(entry, command.clone(), id.clone()).await;
    let outcome = match first {
        Err(CallError::NotRunning) => {
            let back = entry.handle.running_after(Incarnation::default());
            if tokio::time::timeout(RESTART_PATIENCE, back).await.is_err() {
                return Err(unavailable(CallError::NotRunning).into());
            }
            ask(entry, command, id).await
        }
        answered => answered,
    };
    match outcome {
        Ok(Ok(seq)) => Ok(seq),
        Ok(Err(CommandError::Rejected(Rejection::AlreadyStarted(workflow)))) => {
            Err(NotDone::AlreadyStarted(workflow))
        }
        Ok(Err(CommandError::Rejected(rejection))) => Err(rejected(&rejection).into()),
        Ok(Err(CommandError::NotDurable(error))) => {
            Err(Problem::new(503, "not_durable", error).into())
        }
        Err(error) => Err(unavailable(error).into()),
    }
}

async fn ask(
    entry: &ChannelEntry,
    command: Command,
    id: CommandId,
) -> Result<Result<Seq, CommandError>, CallError> {
    let question = |reply| ChannelMsg::Command { command, id: Some(id), reply: Some(reply) };
    entry.handle.call(ANSWER_LIMIT, Trace::default(), question).await
}

/// A refusal of the channel as a problem.
fn rejected(rejection: &Rejection) -> Problem {
    let code = rejection.code();
    let status = if code == "not_found" { 404 } else { 409 };
    Problem::new(status, code, rejection)
}

/// 429: the node takes on nothing new at the moment.
#[must_use]
pub fn not_admitted(code: &'static str, message: &str) -> Problem {
    Problem::new(429, code, message).retry_after(ASK_AGAIN)
}

fn unavailable(error: CallError) -> Problem {
    Problem::new(503, error.code(), error)
        .retry_after(RESTART_PATIENCE)
        .remedy("ask again with the same Idempotency-Key; nothing is done twice")
}
