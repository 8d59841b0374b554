//! One plain example for each invariant, to be read first.

use std::time::Duration;

use super::machine::{Machine, outcome, policies, start, success, workflow};
use crate::domain::artifact::Digest;
use crate::domain::command::{Command, Rejection};
use crate::domain::event::Event;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::{Attempt, WorkflowId};
use crate::domain::pending::{Effect, pending, pending_of};
use crate::domain::retry::MAX_INTERRUPTIONS;
use crate::domain::stage::{StageName, StageState};
use crate::domain::workflow::Ending;

fn machine() -> (Machine, WorkflowId) {
    let mut machine = Machine::new(policies(2, Duration::from_secs(60)));
    machine.run(&start(0)).unwrap();
    (machine, workflow(0))
}

/// Ends the attempt that runs.
fn end(
    machine: &mut Machine,
    id: WorkflowId,
    failure: Option<Failure>,
) -> Result<Vec<Event>, Rejection> {
    let position = machine.position(id).unwrap();
    let result = failure.map_or_else(|| Ok(success(position.stage, "a topic")), Err);
    let command = outcome(id, position.stage, position.attempt, result);
    machine.run(&command)
}

fn state_of(machine: &Machine, id: WorkflowId) -> &StageState {
    &machine.position(id).unwrap().state
}

fn parked_code(machine: &Machine, id: WorkflowId) -> Option<&str> {
    match state_of(machine, id) {
        StageState::Parked { cause, .. } => Some(&cause.code),
        StageState::Ready { .. }
        | StageState::Running { .. }
        | StageState::BackingOff { .. }
        | StageState::Waiting { .. } => None,
    }
}

#[test]
fn d1_what_was_acknowledged_is_recovered_and_what_was_not_may_be_lost() {
    let (mut machine, id) = machine();
    end(&mut machine, id, None).unwrap();
    machine.acknowledge();
    let acknowledged = machine.state.clone();
    end(&mut machine, id, None).unwrap();
    machine.restart(0);
    let position = machine.position(id).unwrap();
    assert_eq!(position.stage, StageName::Script);
    assert_eq!(position.attempt, Attempt(2), "the interrupted attempt runs again");
    assert_eq!(machine.state.workflows[&id].done, acknowledged.workflows[&id].done);
}

#[test]
fn d2_effects_come_from_state_alone_so_what_is_not_committed_has_none() {
    let (mut machine, id) = machine();
    let committed = machine.fold(machine.acknowledged);
    assert_eq!(pending(&committed), Vec::new(), "the start is not acknowledged yet");
    machine.acknowledge();
    let committed = machine.fold(machine.acknowledged);
    let due = pending(&committed);
    assert_eq!(due, pending(&committed), "asked twice, it says the same twice");
    let [Effect::Run { workflow, stage, attempt, .. }] = due[..] else { panic!("{due:?}") };
    assert_eq!((workflow, stage, attempt), (id, StageName::Trend, Attempt(1)));
}

#[test]
fn d3_a_workflow_is_published_once_and_a_second_report_changes_nothing() {
    let (mut machine, id) = machine();
    for _ in 0..4 {
        end(&mut machine, id, None).unwrap();
    }
    let upload = outcome(id, StageName::Upload, Attempt(1), Ok(success(StageName::Upload, "v")));
    let events = machine.run(&upload).unwrap();
    let published = |event: &&Event| matches!(event, Event::VideoPublished { .. });
    assert_eq!(events.iter().filter(published).count(), 1);
    assert_eq!(machine.run(&upload), Err(Rejection::Stale));
    assert!(matches!(machine.state.workflows[&id].ending(), Some(Ending::Completed(_))));
    machine.acknowledge();
    machine.restart(0);
    assert_eq!(machine.run(&start(0)), Err(Rejection::AlreadyStarted(id)));
}

#[test]
fn d3_a_stage_that_hands_back_what_another_finds_out_is_parked_not_believed() {
    for (before, wrong) in [
        (0, StageName::Narration),
        (1, StageName::Trend),
        (3, StageName::Upload),
        (4, StageName::Render),
    ] {
        let (mut machine, id) = machine();
        for _ in 0..before {
            end(&mut machine, id, None).unwrap();
        }
        let position = machine.position(id).unwrap();
        let result = Ok(success(wrong, "confused"));
        let command = outcome(id, position.stage, position.attempt, result);
        machine.run(&command).unwrap();
        assert_eq!(parked_code(&machine, id), Some("permanent_failure"));
        machine.assert_everything_can_finish();
    }
}

#[test]
fn d4_an_outcome_of_an_older_attempt_or_an_older_life_changes_nothing() {
    let (mut machine, id) = machine();
    machine.acknowledge();
    machine.restart(0);
    let stale = outcome(id, StageName::Trend, Attempt(1), Ok(success(StageName::Trend, "old")));
    assert_eq!(machine.run(&stale), Err(Rejection::Stale));
    end(&mut machine, id, Some(Failure::transient("x", "x"))).unwrap();
    let again =
        outcome(id, StageName::Trend, Attempt(2), Err(Failure::transient("again", "again")));
    assert_eq!(machine.run(&again), Err(Rejection::Stale));
}

#[test]
fn d5_whatever_waits_has_an_effect_a_deadline_or_a_person() {
    let (mut machine, id) = machine();
    end(&mut machine, id, Some(Failure::transient("x", "x"))).unwrap();
    let wake = pending_of(&machine.state.workflows[&id]);
    assert!(matches!(wake, Some(Effect::WakeAt { .. })));
    machine.clone().assert_everything_can_finish();

    machine.run(&Command::Pause { workflow: id }).unwrap();
    assert_eq!(pending(&machine.state), Vec::new(), "a person holds it");
    machine.now = machine.now.plus(Duration::from_secs(3600));
    assert_eq!(machine.run(&Command::Wake), Err(Rejection::NothingDue));
    machine.run(&Command::Resume { workflow: id }).unwrap();
    machine.run(&Command::Wake).unwrap();
    end(&mut machine, id, Some(Failure::permanent("x", "x"))).unwrap();
    assert_eq!(pending(&machine.state), vec![Effect::Person { workflow: id }]);
}

#[test]
fn d5_nothing_starts_while_it_is_paused_not_even_after_an_interruption() {
    let (mut machine, id) = machine();
    machine.run(&Command::Pause { workflow: id }).unwrap();
    machine.acknowledge();
    machine.restart(0);
    assert!(matches!(state_of(&machine, id), StageState::Ready { .. }));
    machine.run(&Command::Resume { workflow: id }).unwrap();
    assert!(matches!(state_of(&machine, id), StageState::Running { .. }));
    machine.run(&Command::PauseChannel).unwrap();
    machine.acknowledge();
    machine.restart(0);
    assert!(matches!(state_of(&machine, id), StageState::Ready { .. }));
    machine.run(&Command::ResumeChannel).unwrap();
    assert!(matches!(state_of(&machine, id), StageState::Running { .. }));
}

#[test]
fn d6_two_retries_mean_three_attempts_and_then_a_person() {
    let (mut machine, id) = machine();
    let limited = FailureClass::RateLimited { retry_after_ms: 5 };
    for class in [FailureClass::Transient, FailureClass::Ambiguous, limited] {
        assert!(matches!(state_of(&machine, id), StageState::Running { .. }));
        end(&mut machine, id, Some(Failure::new(class, "x", "x"))).unwrap();
        machine.now = machine.now.plus(Duration::from_secs(600));
        let _ = machine.run(&Command::Wake);
    }
    assert_eq!(parked_code(&machine, id), Some("retries_exhausted"));
    assert_eq!(machine.position(id).unwrap().attempt, Attempt(3));
    machine.run(&Command::Retry { workflow: id }).unwrap();
    let position = machine.position(id).unwrap();
    assert_eq!((position.attempt, position.retries, position.take.0), (Attempt(4), 0, 1));
}

#[test]
fn d6_interruptions_do_not_count_until_there_are_too_many_in_a_row() {
    let (mut machine, id) = machine();
    for _ in 1..MAX_INTERRUPTIONS {
        machine.acknowledge();
        machine.restart(0);
        assert!(matches!(state_of(&machine, id), StageState::Running { .. }));
    }
    assert_eq!(machine.position(id).unwrap().retries, 0);
    machine.acknowledge();
    machine.restart(0);
    assert_eq!(parked_code(&machine, id), Some("interrupted_repeatedly"));
}

#[test]
fn d6_a_server_that_asks_for_years_does_not_get_them() {
    let (mut machine, id) = machine();
    let class = FailureClass::RateLimited { retry_after_ms: u64::MAX };
    end(&mut machine, id, Some(Failure::new(class, "x", "x"))).unwrap();
    assert_eq!(parked_code(&machine, id), Some("asked_to_wait_too_long"));
}

/// Moves `workflows` into a first file of `month`.
fn archive(month: Month, workflows: Vec<WorkflowId>) -> Command {
    let file = HistoryFile { digest: Digest::of(b"sealed"), workflows: 1, bytes: 100 };
    Command::Archive { month, replaces: None, file, workflows }
}

#[test]
fn only_what_has_been_finished_for_a_day_is_archived_and_its_command_is_still_known() {
    let (mut machine, id) = machine();
    machine.run(&start(1)).unwrap();
    machine.run(&Command::Cancel { workflow: id, cause: "cancelled".to_owned() }).unwrap();
    let month = Month::of(machine.now);
    let not_yet = machine.run(&archive(month, vec![id]));
    assert!(matches!(not_yet, Err(Rejection::NotApplicable(_))), "{not_yet:?}");
    machine.now = machine.now.plus(Duration::from_secs(24 * 3600));
    for (month, workflows) in [
        (month, vec![workflow(1)]),
        (month, vec![workflow(2)]),
        (month, vec![id, id]),
        (month, Vec::new()),
        (Month::of(machine.now.plus(Duration::from_secs(40 * 24 * 3600))), vec![id]),
    ] {
        assert!(machine.run(&archive(month, workflows)).is_err());
    }
    machine.run(&archive(month, vec![id])).unwrap();
    assert_eq!(machine.state.archived_in(id), Some(month));
    assert!(!machine.state.workflows.contains_key(&id));
    assert_eq!(machine.run(&start(0)), Err(Rejection::AlreadyStarted(id)));
    let cancel = Command::Cancel { workflow: id, cause: "again".to_owned() };
    assert_eq!(machine.run(&cancel), Err(Rejection::NotApplicable("the workflow is finished")));
    let late = outcome(id, StageName::Trend, Attempt(1), Ok(success(StageName::Trend, "late")));
    assert_eq!(machine.run(&late), Err(Rejection::Stale));
    // A file that does not follow the one that is there is refused.
    assert!(machine.run(&archive(month, vec![id])).is_err());
}

#[test]
fn a_month_of_the_history_goes_only_when_it_is_over_and_its_topics_stay() {
    let (mut machine, id) = machine();
    end(&mut machine, id, None).unwrap();
    machine.run(&Command::Cancel { workflow: id, cause: "cancelled".to_owned() }).unwrap();
    let month = Month::of(machine.now);
    machine.now = machine.now.plus(Duration::from_secs(24 * 3600));
    machine.run(&archive(month, vec![id])).unwrap();
    let gone = Command::DropHistory { month };
    assert_eq!(machine.run(&gone), Err(Rejection::NotApplicable("the month is not over")));
    machine.now = month.end();
    machine.run(&gone).unwrap();
    assert!(machine.run(&gone).is_err());
    assert!(!machine.state.knows(id));
    assert_eq!((machine.state.forgotten, machine.state.topics.len()), (1, 1));
}

#[test]
fn two_workflows_never_use_the_same_topic() {
    let (mut machine, first) = machine();
    machine.run(&start(1)).unwrap();
    end(&mut machine, first, None).unwrap();
    end(&mut machine, workflow(1), None).unwrap();
    let second = machine.position(workflow(1)).unwrap();
    assert_eq!((second.stage, second.retries), (StageName::Trend, 1), "it chooses again");
}
