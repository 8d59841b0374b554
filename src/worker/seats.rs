//! One live child per stage of a workflow (D4).
//!
//! An actor that was restarted does not know of the child its predecessor started. So every child
//! sits on the seat of its workflow and stage until it has really ended, and a new attempt waits for
//! that seat.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::domain::failure::Failure;
use crate::domain::ids::WorkflowId;
use crate::domain::stage::StageName;
use crate::domain::ticket::Ticket;

type Key = (WorkflowId, StageName);

/// All seats of a node. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Seats {
    seats: Arc<Mutex<BTreeMap<Key, Arc<tokio::sync::Mutex<()>>>>>,
}

/// The right to run a child for one stage of one workflow; free again when it is dropped, which
/// [`super::spawn`] does when the child has ended.
#[derive(Debug)]
pub struct Seat {
    _held: OwnedMutexGuard<()>,
}

impl Seats {
    /// Waits until no child works for the ticket's stage, at most `patience`.
    ///
    /// # Errors
    /// Transient `previous_attempt_still_ends` when the old child has not ended by then.
    pub async fn take(&self, ticket: &Ticket, patience: Duration) -> Result<Seat, Failure> {
        let key = (ticket.workflow, ticket.stage);
        let seat = self.seat(key);
        match tokio::time::timeout(patience, seat.lock_owned()).await {
            Ok(held) => Ok(Seat { _held: held }),
            Err(_) => Err(Failure::transient(
                "previous_attempt_still_ends",
                format!(
                    "the worker process of the attempt before has not ended within {} s",
                    patience.as_secs()
                ),
            )),
        }
    }

    fn seat(&self, key: Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut seats = self.lock();
        // Nobody sits on or waits for a seat that only this map holds.
        seats.retain(|_, seat| Arc::strong_count(seat) > 1);
        seats.entry(key).or_default().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<tokio::sync::Mutex<()>>>> {
        // A panic elsewhere cannot leave the map half changed.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{Attempt, Take};

    fn ticket(workflow: u128, stage: StageName) -> Ticket {
        Ticket {
            workflow: WorkflowId(Uuid::from_u128(workflow)),
            stage,
            take: Take(0),
            attempt: Attempt(1),
        }
    }

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_second_attempt_waits_for_the_first_and_then_sits() {
        let seats = Seats::default();
        let first = seats.take(&ticket(1, StageName::Render), PATIENCE).await.unwrap();
        let refused = seats.take(&ticket(1, StageName::Render), PATIENCE).await.unwrap_err();
        assert_eq!(refused.code, "previous_attempt_still_ends");
        drop(first);
        seats.take(&ticket(1, StageName::Render), PATIENCE).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn other_stages_and_workflows_do_not_wait() {
        let seats = Seats::default();
        let _one = seats.take(&ticket(1, StageName::Render), PATIENCE).await.unwrap();
        let _two = seats.take(&ticket(1, StageName::Narration), PATIENCE).await.unwrap();
        let _three = seats.take(&ticket(2, StageName::Render), PATIENCE).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn free_seats_are_forgotten() {
        let seats = Seats::default();
        for workflow in 0..1_000 {
            drop(seats.take(&ticket(workflow, StageName::Render), PATIENCE).await.unwrap());
        }
        assert!(seats.lock().len() <= 1);
    }
}
