//! What a failed attempt leads to, as the retry policy judges it.

use super::Context;
use super::due::{Entry, enter};
use crate::domain::channel::ChannelState;
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::retry::{Verdict, judge};
use crate::domain::stage::{ParkCause, Position};
use crate::domain::workflow::Workflow;

/// The events that follow from `failure` of the attempt at `position`.
pub(super) fn failed(
    state: &ChannelState,
    workflow: &Workflow,
    position: &Position,
    failure: &Failure,
    context: Context<'_>,
) -> Vec<Event> {
    let id = workflow.id;
    let policy = context.policies.of(position.stage).retry;
    let verdict = judge(policy, failure, position.retries, position.interruptions, context.draw);
    let failed = |retry_at| Event::StageFailed {
        workflow: id,
        stage: position.stage,
        attempt: position.attempt,
        take: position.take,
        failure: failure.clone(),
        retry_at,
    };
    match verdict {
        // No attempt starts while it is held; the stage is ready and starts when it is resumed.
        Verdict::RunAgain if workflow.paused || state.paused => vec![failed(None)],
        Verdict::RunAgain => {
            vec![failed(Some(context.now)), enter(&Entry::again(workflow, position), context)]
        }
        Verdict::RetryIn(wait) => {
            let retry_at = context.now.plus(wait);
            let retrying = Event::StageRetrying {
                workflow: id,
                stage: position.stage,
                attempt: position.attempt,
                take: position.take,
                retry_at,
                failure: failure.clone(),
            };
            vec![failed(Some(retry_at)), retrying]
        }
        Verdict::Park(code) => {
            let cause = ParkCause { code: code.to_owned(), failure: failure.clone() };
            let parked = Event::WorkflowParked { workflow: id, stage: position.stage, cause };
            vec![failed(None), parked]
        }
        Verdict::Cancel => {
            let cause = "cancelled".to_owned();
            vec![failed(None), Event::WorkflowCancelled { workflow: id, cause }]
        }
    }
}
