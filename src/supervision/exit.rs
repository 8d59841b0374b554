//! How a child ended: the engine's events in our words.

use ractor::{ActorId, SupervisionEvent};

/// How a child ended without being asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By its own decision.
    Normal,
    /// By an error, a panic or a kill, or it did not start; with the reason.
    Failed(String),
}

/// How the child of a supervision event ended, and which it was; `None` when it did not end.
#[must_use]
pub fn exit_of(event: &SupervisionEvent) -> Option<(ActorId, Exit)> {
    match event {
        SupervisionEvent::ActorFailed(cell, error) => {
            Some((cell.get_id(), Exit::Failed(error.to_string())))
        }
        SupervisionEvent::ActorTerminated(cell, _, reason) => {
            let exit = match reason.as_deref() {
                // The engine's own words for an end that was forced on the actor.
                Some(forced @ ("killed" | "actor_task_cancelled")) => {
                    Exit::Failed(forced.to_owned())
                }
                _ => Exit::Normal,
            };
            Some((cell.get_id(), exit))
        }
        _ => None,
    }
}
