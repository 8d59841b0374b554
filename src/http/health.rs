//! `/healthz` and `/readyz`: whether the process lives, and whether it can do its work.
//!
//! Architecture invariant: looking at health waits for nobody: it reads what others have written.

use serde::Serialize;
use serde_json::json;

use super::answer::Answer;
use super::orchestrator::Orchestrator;
use super::problem::Problem;
use crate::supervision::observe::Status;
use crate::supervision::path::{ActorPath, ChildId};

/// The parts of the tree without which the node does not work.
const NEEDED: [&str; 4] = ["journal", "feed", "gpu", "channels"];

/// One thing that must be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    reason: Option<String>,
}

/// GET: the process answers, so it lives.
pub(super) fn alive() -> Result<Answer, Problem> {
    Answer::json(200, &json!({ "status": "alive" }))
}

/// GET: 200 when the node can do its work, 503 with the reasons when it cannot.
pub(super) fn ready(node: &Orchestrator) -> Result<Answer, Problem> {
    let checks = [journal(node), tree(node), admission(node), config(node)];
    if checks.iter().all(|check| check.ok) {
        return Answer::json(200, &json!({ "ready": true, "checks": checks }));
    }
    let reasons: Vec<&str> = checks.iter().filter_map(|check| check.reason.as_deref()).collect();
    Err(Problem::new(503, "not_ready", reasons.join("; "))
        .with("ready", false)
        .with("checks", json!(checks)))
}

fn journal(node: &Orchestrator) -> Check {
    let failure = node.journal.failure().borrow().as_ref().map(ToString::to_string);
    Check { name: "journal", ok: failure.is_none(), reason: failure }
}

fn tree(node: &Orchestrator) -> Check {
    let missing: Vec<String> = NEEDED
        .iter()
        .filter_map(|name| {
            let path = ActorPath::root().child(&ChildId::from(*name));
            let status = node.registry.view(&path).map(|view| view.status);
            match status {
                Some(Status::Running) => None,
                Some(status) => Some(format!("{path} is {}", status_name(&status))),
                None => Some(format!("{path} is not there")),
            }
        })
        .collect();
    let reason = (!missing.is_empty()).then(|| missing.join(", "));
    Check { name: "tree", ok: reason.is_none(), reason }
}

/// A config file that is wrong stops nothing: the one before counts. It is said all the same.
fn config(node: &Orchestrator) -> Check {
    Check { name: "config", ok: true, reason: node.desk.config_problem() }
}

fn status_name(status: &Status) -> &'static str {
    match status {
        Status::Declared => "not started yet",
        Status::Starting => "starting",
        Status::Running => "running",
        Status::BackingOff { .. } => "waiting to be restarted",
        Status::Stopping => "stopping",
        Status::Stopped => "stopped",
        Status::Parked { .. } => "parked",
    }
}

/// A node that is full of work is ready; one that takes on nothing whatever it has is not.
fn admission(node: &Orchestrator) -> Check {
    match node.desk.refusal() {
        Some(refusal) => Check { name: "admission", ok: false, reason: Some(refusal.message) },
        None => Check { name: "admission", ok: true, reason: None },
    }
}
