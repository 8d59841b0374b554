//! Waiting until the round is over.

use super::plan::Plan;
use crate::cli::run::Node;
use crate::supervision::observe::Status;

/// How the waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Every workflow of the round is finished or parked.
    Done,
    /// Somebody asked the process to stop.
    Interrupted,
}

/// Waits until every workflow of the round is finished or parked, or its channel was given up.
pub(super) async fn wait_for_all(node: &Node, plan: &Plan) {
    let mut applied = node.fold.watch_applied();
    let mut transitions = node.registry.subscribe();
    loop {
        applied.borrow_and_update();
        if is_over(node, plan) {
            return;
        }
        tokio::select! {
            biased;
            _ = applied.changed() => {}
            _ = transitions.recv() => {}
        }
    }
}

fn is_over(node: &Node, plan: &Plan) -> bool {
    plan.workflows().iter().all(|(name, workflow)| {
        let Some(channel) = node.channels.get(name) else { return true };
        let moves = node.fold.read(channel.setup.profile.id, |state| {
            state.workflows.get(workflow).is_none_or(crate::domain::workflow::Workflow::is_live)
        });
        let given_up = matches!(channel.handle.entry().status(), Status::Parked { .. });
        !moves || given_up
    })
}
