//! `/api/v1/gpu`: the broker's books, devices and host alike.
//!
//! Architecture invariant: a broker that does not answer is said to be silent; nothing is made up.

use std::time::Duration;

use super::answer::Answer;
use super::orchestrator::Orchestrator;
use super::problem::Problem;
use super::query::Query;

/// How long the broker may take; it answers in microseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// GET: the books as they stand.
pub(super) async fn show(node: &Orchestrator, query: &Query) -> Result<Answer, Problem> {
    query.only(&[])?;
    let silent = || {
        Problem::new(503, "broker_silent", "the broker does not answer; it may be being restarted")
            .remedy("ask again in a moment")
    };
    let looked = tokio::time::timeout(PATIENCE, node.broker.look()).await;
    let view = looked.ok().flatten().ok_or_else(silent)?;
    Answer::json(200, &view)
}
