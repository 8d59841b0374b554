//! Commands on their way to a channel's actor, and what its answer means for who asked.
//!
//! Architecture invariant: an answer is given when the command is durable; a silence is told as such
//! and never as success.

use std::time::Duration;

use super::directory::ChannelEntry;
use super::problem::Problem;
use crate::actors::messages::{ChannelMsg, CommandError, CommandReply, RequestNote};
use crate::domain::command::{Command, Rejection};
use crate::domain::ids::{CommandId, WorkflowId};
use crate::domain::noted::NotedAnswer;
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

/// The answer to a command that was carried out: what its note says, if it has one.
pub type Noted = Option<(u16, String)>;

/// Sends a command and waits until it is durable. With a note, its answer is kept: the same command
/// gives it again.
///
/// # Errors
/// [`NotDone`]; 503 when the channel's actor does not answer, in which case it may yet act.
pub async fn send(
    entry: &ChannelEntry,
    command: Command,
    id: CommandId,
    note: Option<Box<RequestNote>>,
) -> Result<Noted, NotDone> {
    let workflow = WorkflowId::of_command(&id);
    let first = ask(entry, command.clone(), id.clone(), note.clone()).await;
    let outcome = match first {
        Err(CallError::NotRunning) => {
            let back = entry.handle.running_after(Incarnation::default());
            if tokio::time::timeout(RESTART_PATIENCE, back).await.is_err() {
                return Err(unavailable(CallError::NotRunning).into());
            }
            ask(entry, command, id, note).await
        }
        answered => answered,
    };
    match outcome {
        Ok(Ok(answer)) => Ok(answer.noted.and_then(done)),
        Ok(Err(CommandError::Rejected(Rejection::AlreadyStarted(workflow)))) => {
            Err(NotDone::AlreadyStarted(workflow))
        }
        Ok(Err(CommandError::Rejected(Rejection::NotAdmitted(refusal)))) => {
            let problem = Problem::new(429, refusal.code(), &refusal);
            Err(problem.retry_after(ASK_AGAIN).into())
        }
        Ok(Err(CommandError::Rejected(rejection))) => {
            Err(rejected(rejection.code(), &rejection.to_string()).into())
        }
        Ok(Err(CommandError::RefusedBefore { code, .. })) if code == "already_started" => {
            Err(NotDone::AlreadyStarted(workflow))
        }
        Ok(Err(CommandError::RefusedBefore { code, message })) => {
            Err(rejected(&code, &message).into())
        }
        Ok(Err(CommandError::NotDurable(error))) => {
            Err(Problem::new(503, "not_durable", error).into())
        }
        Err(error) => Err(unavailable(error).into()),
    }
}

fn done(noted: NotedAnswer) -> Noted {
    match noted {
        NotedAnswer::Done { status, body } => Some((status, body)),
        NotedAnswer::Refused { .. } => None,
    }
}

async fn ask(
    entry: &ChannelEntry,
    command: Command,
    id: CommandId,
    note: Option<Box<RequestNote>>,
) -> Result<CommandReply, CallError> {
    let question = |reply| ChannelMsg::Command { command, id: Some(id), note, reply: Some(reply) };
    entry.handle.call(ANSWER_LIMIT, Trace::default(), question).await
}

/// A refusal of the channel as a problem: the same one for the same refusal, now and later.
fn rejected(code: &str, message: &str) -> Problem {
    let status = if code == "not_found" { 404 } else { 409 };
    Problem::new(status, code.to_owned(), message)
}

fn unavailable(error: CallError) -> Problem {
    Problem::new(503, error.code(), error)
        .retry_after(RESTART_PATIENCE)
        .remedy("ask again with the same Idempotency-Key; nothing is done twice")
}
