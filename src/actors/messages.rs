//! What the actors say to each other.
//!
//! Architecture invariant: messages carry values, never a reference into an actor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::artifact::{Digest, StageOutput};
use crate::domain::channel::{ChannelState, UsedTopic};
use crate::domain::command::{Command, Rejection, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::ids::{CommandId, Seq};
use crate::domain::noted::NotedAnswer;
use crate::domain::retry::StagePolicy;
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{ContentType, Priority};
use crate::journal::writer::{AppendError, Committed};
use crate::supervision::envelope::{Kind, Reply};
use crate::supervision::path::Incarnation;

/// One attempt of a stage, with everything it may need.
#[derive(Debug, Clone)]
pub struct StageJob {
    /// Which attempt.
    pub ticket: Ticket,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was decided.
    pub since: Timestamp,
    /// How its topic is chosen.
    pub content_type: ContentType,
    /// The topic somebody asked for.
    pub requested_topic: Option<String>,
    /// What the stages before it produced.
    pub inputs: BTreeMap<StageName, StageOutput>,
    /// Topics the channel has used, by their keys.
    pub used_topics: Vec<Arc<UsedTopic>>,
    /// Fingerprints of source sentences the channel has used.
    pub used_sentences: BTreeSet<u64>,
    /// Its limits.
    pub policy: StagePolicy,
}

/// What a stage's actor is told.
#[derive(Debug)]
pub enum StageMsg {
    /// Carry this out; from its channel only.
    Run(Box<StageJob>),
    /// Stop this at once; from its channel only.
    Cancel(Ticket),
    /// Nothing is to do: stop, unless something came in between.
    Passivate,
    /// Look whether there is anything to do.
    CheckIdle,
}

impl Kind for StageMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Cancel(_) => "cancel",
            Self::Passivate => "passivate",
            Self::CheckIdle => "check_idle",
        }
    }
}

/// What a stage's actor says to its channel.
#[derive(Debug)]
pub enum StageReport {
    /// The job is taken; from now on the stage answers for its outcome.
    Accepted(Ticket),
    /// The job is over.
    Outcome {
        /// Which.
        ticket: Ticket,
        /// How.
        result: Box<Result<StageSuccess, Failure>>,
    },
    /// Nothing has been to do for a while.
    Idle,
}

/// The answer to a command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The last event that follows from it; of a command that was answered before, the last of all.
    pub seq: Seq,
    /// What the command's note says, if it has one: now, and whenever it is asked again.
    pub noted: Option<NotedAnswer>,
    /// Whether it was answered before and changed nothing now.
    pub replayed: bool,
}

/// The answer to a command.
pub type CommandReply = Result<Answer, CommandError>;

/// Renders the body of a noted answer from the state that the command leads to.
pub type RenderAnswer = Arc<dyn Fn(&ChannelState) -> String + Send + Sync>;

/// Makes the answer to a command durable, so that the same command is answered the same again.
#[derive(Clone)]
pub struct RequestNote {
    /// The command's id.
    pub id: CommandId,
    /// Digest of everything that is asked for: another request under this id is refused.
    pub request: Digest,
    /// The status of an answer that is not a refusal.
    pub status: u16,
    /// Renders its body.
    pub render: RenderAnswer,
}

impl fmt::Debug for RequestNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestNote").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a command has no effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// It was decided against.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It was decided against when it was first asked.
    #[error("{message}")]
    RefusedBefore {
        /// Stable snake_case code of that refusal.
        code: String,
        /// Why.
        message: String,
    },
    /// It could not be made durable.
    #[error(transparent)]
    NotDurable(#[from] AppendError),
}

/// What a channel's actor is told.
#[derive(Debug)]
pub enum ChannelMsg {
    /// Somebody wants something.
    Command {
        /// What.
        command: Command,
        /// Its id, if it has one, for whoever follows the events.
        id: Option<CommandId>,
        /// Whether its answer is to be kept.
        note: Option<Box<RequestNote>>,
        /// Where the answer goes, once it is durable.
        reply: Option<Reply<CommandReply>>,
    },
    /// The oldest frame under way was acknowledged, or refused.
    Committed(Result<Committed, AppendError>),
    /// A stage's actor has something to say.
    Stage {
        /// Which.
        stage: StageName,
        /// Which life of the stage's actor: one that has ended is not listened to any more.
        life: Incarnation,
        /// What.
        report: StageReport,
    },
    /// A deadline may have passed.
    Wake,
    /// Jobs that were to be accepted by this time may not have been.
    CheckOffers(Instant),
    /// The back-off of a stage's actor is over.
    Respawn(StageName),
}

impl Kind for ChannelMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Committed(_) => "committed",
            Self::Stage { .. } => "stage_report",
            Self::Wake => "wake",
            Self::CheckOffers(_) => "check_offers",
            Self::Respawn(_) => "respawn",
        }
    }
}

/// A stage's actor must accept a job within this time, or it is taken for dead.
pub const ACCEPT_LIMIT: Duration = Duration::from_secs(5);

/// How often a stage's actor looks whether it is idle: one that had no job from one look to the next
/// is passivated.
pub const IDLE_LOOK: Duration = Duration::from_secs(150);

/// Wall-clock deadlines are looked at again at least this often, because clocks jump.
pub const RECHECK: Duration = Duration::from_secs(30);

/// The wall clock may leave the monotonic one by so much before that is an event.
pub const CLOCK_JUMP: Duration = Duration::from_secs(60);
