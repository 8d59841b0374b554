//! The ordered end of a supervisor: its children first. And its end by force, which takes them with
//! it.
//!
//! Architecture invariant: when it is over, nothing that this supervisor had started runs, but an
//! actor that blocks its thread.

use ractor::ActorCell;

use super::super::observe::Status;
use super::super::shutdown::{KILL_GRACE, stop_actor, stop_group};
use super::super::spec::DEFAULT_SHUTDOWN;
use super::SupervisorState;

/// After an ordered end there are no children any more. A supervisor that is killed leaves them to
/// the engine, which kills them too; then nobody must be told that they run.
impl Drop for SupervisorState {
    fn drop(&mut self) {
        for child in self.children.values_mut() {
            child.vacate();
            child.spec.entry.note_forced_end(child.incarnation);
        }
    }
}

impl SupervisorState {
    /// Stops all children in order; afterwards none runs.
    pub(super) async fn stop_everyone(&mut self, myself: &ActorCell) {
        self.interrupt().await;
        self.stop_strangers(myself).await;
        for group in self.plan.stop_order() {
            let departing =
                group.iter().filter_map(|id| self.children.get(id)?.departing()).collect();
            stop_group(departing, &self.environment.shutdowns).await;
            for id in group {
                let Some(mut child) = self.children.remove(&id) else { continue };
                if child.leaving {
                    self.forget(&id, child);
                    continue;
                }
                child.vacate();
                // A parked one stays parked for whoever looks, and one that never ran was never
                // stopped.
                let status = child.spec.entry.status();
                if !matches!(status, Status::Parked { .. } | Status::Declared) {
                    child.spec.entry.set_status(Status::Stopped);
                }
                child.answer_stops();
            }
        }
    }

    /// Ends starts, stops and back-offs that are under way, and keeps what of them lives, to be
    /// stopped in its turn.
    async fn interrupt(&mut self) {
        for child in self.children.values_mut() {
            child.pending = None;
            let Some(mut start) = child.starting.take() else {
                if child.being_stopped && child.cell.is_none() {
                    child.cell = child.cradle.take();
                }
                continue;
            };
            start.0.abort();
            let joined = tokio::time::timeout(KILL_GRACE, &mut start.0).await;
            let started = joined.ok().and_then(Result::ok).flatten();
            child.cell = started.or_else(|| child.cradle.take());
        }
    }

    /// Stops linked actors that no child knows: what a start left that was given up half-way.
    async fn stop_strangers(&self, myself: &ActorCell) {
        let mut strangers = myself.get_children();
        strangers
            .retain(|cell| !self.children.values().any(|child| child.cell.as_ref() == Some(cell)));
        strangers.sort_by_key(ActorCell::get_id);
        for cell in strangers {
            stop_actor(&cell, DEFAULT_SHUTDOWN).await;
        }
    }
}
