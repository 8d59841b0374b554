//! Whether a node takes on new work, as a decision sees it.
//!
//! Architecture invariant: a refusal never touches work that was taken on before.

/// Why a node takes on nothing new.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// So many workflows are live already.
    #[error(
        "{limit} workflows are live, as many as [limits] live_workflows allows; try again when one is finished"
    )]
    NodeFull {
        /// The limit.
        limit: u32,
    },
    /// The data folder or its disk is nearly full.
    #[error("{0}")]
    Disk(String),
    /// The node is about to stop.
    #[error("the node is stopping; ask again when it runs")]
    Stopping,
}

impl Refusal {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NodeFull { .. } => "live_workflows",
            Self::Disk(_) => "disk_budget",
            Self::Stopping => "stopping",
        }
    }
}

/// How much a node can take on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Why nothing at all may start, if so.
    pub refusal: Option<Refusal>,
    /// How many workflows may be live at once.
    pub limit: u32,
    /// How many more may start now.
    pub places: u32,
}

impl Room {
    /// Room without an end.
    pub const OPEN: Self = Self { refusal: None, limit: u32::MAX, places: u32::MAX };

    /// Why nothing may start beside `started` others of the same decision, if so.
    #[must_use]
    pub fn refusal(&self, started: u32) -> Option<Refusal> {
        if let Some(refusal) = &self.refusal {
            return Some(refusal.clone());
        }
        (started >= self.places).then_some(Refusal::NodeFull { limit: self.limit })
    }
}
