//! One workflow: the making of one video, from topic to publication.

use serde::{Deserialize, Deserializer, Serialize, de};

use super::artifact::StageOutput;
use super::ids::{CommandId, WorkflowId};
use super::stage::{DoneStage, Position, StageName, StageState};
use super::timestamp::Timestamp;
use super::upcast;

/// How a topic is to be chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentType {
    /// The best current score.
    #[default]
    Trending,
    /// The best score for the channel's next slot.
    Scheduled,
    /// Notes, regardless of freshness.
    Evergreen,
}

impl ContentType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Trending, Self::Scheduled, Self::Evergreen];

    /// The name used everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trending => "trending",
            Self::Scheduled => "scheduled",
            Self::Evergreen => "evergreen",
        }
    }
}

/// How urgent a workflow is: 1–10, 10 is most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

/// A number that is not a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a priority is a whole number from 1 to 10, 10 is most urgent")]
pub struct BadPriority;

impl Priority {
    /// Checks and takes a priority.
    ///
    /// # Errors
    /// [`BadPriority`] outside 1–10.
    pub fn new(value: u8) -> Result<Self, BadPriority> {
        if (1..=10).contains(&value) { Ok(Self(value)) } else { Err(BadPriority) }
    }

    /// The number, 1–10.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<u8> for Priority {
    type Error = BadPriority;
    fn try_from(value: u8) -> Result<Self, BadPriority> {
        Self::new(value)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// Which stages there are, in which order, and what each hands on: counted up with every change of
/// that. A workflow keeps the one it was started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Definition(u16);

/// The schema of stored data that names definitions; before it there was only the first.
const NAMED_SINCE: u16 = 3;

impl Definition {
    /// The first: trend, script, narration, render, upload.
    pub const FIRST: Self = Self(1);
    /// The one that workflows are started with.
    pub const CURRENT: Self = Self::FIRST;
}

impl<'de> Deserialize<'de> for Definition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if upcast::is_before(NAMED_SINCE) {
            return Ok(Self::FIRST);
        }
        let number = u16::deserialize(deserializer)?;
        if (Self::FIRST.0..=Self::CURRENT.0).contains(&number) {
            return Ok(Self(number));
        }
        Err(de::Error::custom(format!(
            "a workflow was started with definition {number}, this version knows up to {}: use the \
             version that wrote it",
            Self::CURRENT.0
        )))
    }
}

/// Where a published video is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The platform's id of the video.
    pub video_id: String,
    /// Where it can be watched: a path in the library, or a URL.
    pub path: String,
}

/// How a workflow ended for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The video is published.
    Completed(Publication),
    /// Somebody did not want it any more.
    Cancelled {
        /// Why, for example `cancelled` or `rejected`.
        cause: String,
    },
    /// It failed and was dropped by a person.
    Dropped {
        /// The cause it was parked with.
        cause: String,
    },
}

/// How far a workflow has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Something is still to do, or a person is needed.
    At(Position),
    /// Nothing will ever happen to it again.
    Finished {
        /// When.
        at: Timestamp,
        /// How.
        ending: Ending,
    },
}

/// The making of one video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// The command that started it.
    pub command: CommandId,
    /// How its topic is chosen.
    pub content_type: ContentType,
    /// How urgent it is.
    pub priority: Priority,
    /// The topic somebody asked for, if any.
    pub requested_topic: Option<String>,
    /// When it was started.
    pub created_at: Timestamp,
    /// Whether it stops before the next stage.
    pub paused: bool,
    /// The stages that are over, in order.
    pub done: Vec<DoneStage>,
    /// The video's title once it is known.
    pub title: Option<String>,
    /// The slot its video is meant for, if any.
    pub slot: Option<Timestamp>,
    /// Whether a person has approved its video.
    pub approved: bool,
    /// What is with the rest.
    pub progress: Progress,
    /// The definition it was started with, and is finished with.
    pub definition: Definition,
}

impl Workflow {
    /// The stage it is at; `None` once finished.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match &self.progress {
            Progress::At(position) => Some(position),
            Progress::Finished { .. } => None,
        }
    }

    /// The same, to be changed by `apply`.
    pub(super) fn position_mut(&mut self) -> Option<&mut Position> {
        match &mut self.progress {
            Progress::At(position) => Some(position),
            Progress::Finished { .. } => None,
        }
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        match &self.progress {
            Progress::Finished { ending, .. } => Some(ending),
            Progress::At(_) => None,
        }
    }

    /// When it ended; `None` while it has not.
    #[must_use]
    pub fn finished_at(&self) -> Option<Timestamp> {
        match self.progress {
            Progress::Finished { at, .. } => Some(at),
            Progress::At(_) => None,
        }
    }

    /// Whether it can still move without a person: neither finished nor parked.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.position().is_some_and(|at| !matches!(at.state, StageState::Parked { .. }))
    }

    /// What `stage` produced, if it is over.
    #[must_use]
    pub fn output(&self, stage: StageName) -> Option<&StageOutput> {
        self.done.iter().find(|done| done.stage == stage).map(|done| &done.output)
    }
}
