//! Random sequences of commands with restarts at any point. A failing sequence shrinks to the
//! shortest list of steps that still fails.

use std::time::Duration;

use proptest::prelude::*;

use super::machine::{Machine, outcome, policies, start, success, workflow};
use crate::domain::admission::Room;
use crate::domain::artifact::Digest;
use crate::domain::command::{Command, StageSuccess};
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::{Attempt, WorkflowId};
use crate::domain::retention::due_to_archive;
use crate::domain::schedule::{MissedSlots, Schedule};
use crate::domain::stage::StageName;
use crate::domain::workflow::Priority;

const SLOTS: u8 = 3;

/// How a worker's attempt ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Succeeds,
    /// With a topic that all workflows like.
    SucceedsAlike,
    /// With what another stage finds out.
    Confused(StageName),
    Fails(FailureClass),
}

/// One step of a test, free of ids so that it shrinks well.
#[derive(Debug, Clone)]
enum Step {
    Start(u8),
    /// The outcome of the attempt that is `age` older than the last; 0 is the last.
    Outcome {
        slot: u8,
        age: u32,
        end: End,
    },
    WrongStage(u8, StageName),
    Wake(u32),
    ClockBack(u32),
    Pause(u8),
    Resume(u8),
    Cancel(u8),
    Retry(u8),
    Drop(u8),
    Reprioritise(u8, u8),
    Approve(u8),
    Reject(u8),
    ClockJumped(i32),
    /// The owner or the node changes its mind.
    Rules {
        approval: bool,
        places: u32,
    },
    PauseChannel,
    ResumeChannel,
    ParkChannel,
    Days(u32),
    Archive,
    /// Whether it is finished or not.
    ArchiveThis(u8),
    DropHistory,
    Acknowledge,
    Restart {
        survivors: usize,
    },
}

fn class() -> impl Strategy<Value = FailureClass> {
    prop_oneof![
        4 => Just(FailureClass::Transient),
        1 => any::<u64>().prop_map(|retry_after_ms| FailureClass::RateLimited { retry_after_ms }),
        2 => (0_u64..900_000)
            .prop_map(|retry_after_ms| FailureClass::RateLimited { retry_after_ms }),
        1 => Just(FailureClass::Permanent),
        2 => Just(FailureClass::Ambiguous),
        1 => Just(FailureClass::Cancelled),
        3 => Just(FailureClass::Interrupted),
    ]
}

fn stage() -> impl Strategy<Value = StageName> {
    prop::sample::select(StageName::ALL.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let slot = 0..SLOTS;
    let end = prop_oneof![
        8 => Just(End::Succeeds),
        2 => Just(End::SucceedsAlike),
        1 => stage().prop_map(End::Confused),
        6 => class().prop_map(End::Fails),
    ];
    let age = prop_oneof![6 => Just(0_u32), 1 => 1_u32..3];
    prop_oneof![
        4 => slot.clone().prop_map(Step::Start),
        24 => (slot.clone(), age, end).prop_map(|(slot, age, end)| Step::Outcome { slot, age, end }),
        1 => (slot.clone(), stage()).prop_map(|(slot, stage)| Step::WrongStage(slot, stage)),
        6 => (0_u32..400_000).prop_map(Step::Wake),
        2 => (0_u32..700_000_000).prop_map(Step::Wake),
        1 => any::<i32>().prop_map(Step::ClockJumped),
        2 => (any::<bool>(), 0_u32..3)
            .prop_map(|(approval, places)| Step::Rules { approval, places }),
        3 => slot.clone().prop_map(Step::Approve),
        1 => slot.clone().prop_map(Step::Reject),
        1 => (0_u32..400_000).prop_map(Step::ClockBack),
        2 => slot.clone().prop_map(Step::Pause),
        2 => slot.clone().prop_map(Step::Resume),
        1 => slot.clone().prop_map(Step::Cancel),
        3 => slot.clone().prop_map(Step::Retry),
        1 => slot.clone().prop_map(Step::Drop),
        1 => (slot, 1_u8..=10).prop_map(|(slot, priority)| Step::Reprioritise(slot, priority)),
        1 => Just(Step::PauseChannel),
        2 => Just(Step::ResumeChannel),
        1 => Just(Step::ParkChannel),
        2 => (1_u32..40).prop_map(Step::Days),
        3 => Just(Step::Archive),
        1 => (0..SLOTS).prop_map(Step::ArchiveThis),
        1 => Just(Step::DropHistory),
        4 => Just(Step::Acknowledge),
        3 => (0_usize..4).prop_map(|survivors| Step::Restart { survivors }),
    ]
}

fn result_of(end: End, stage: StageName, slot: u8) -> Result<StageSuccess, Failure> {
    match end {
        End::Succeeds => Ok(success(stage, &format!("topic-{slot}"))),
        End::SucceedsAlike => Ok(success(stage, "the topic everybody likes")),
        End::Confused(other) => Ok(success(other, &format!("topic-{slot}"))),
        End::Fails(class) => Err(Failure::new(class, "drawn", "drawn")),
    }
}

/// The workflow in `slot`, or the one that was started for a slot of the schedule in its place.
fn nth_workflow(machine: &Machine, slot: u8) -> WorkflowId {
    let known = machine.state.workflows.keys().nth(usize::from(slot)).copied();
    known.unwrap_or_else(|| workflow(slot))
}

/// The command a step stands for in the present state; `None` where it makes none.
fn command_of(machine: &Machine, step: &Step) -> Option<Command> {
    Some(match *step {
        Step::Start(slot) => start(slot),
        Step::Outcome { slot, age, end } => {
            let id = nth_workflow(machine, slot);
            let position = machine.position(id)?;
            let attempt = Attempt(position.attempt.0.checked_sub(age)?);
            outcome(id, position.stage, attempt, result_of(end, position.stage, slot))
        }
        Step::WrongStage(slot, stage) => {
            let attempt = machine.position(workflow(slot))?.attempt;
            outcome(workflow(slot), stage, attempt, Ok(success(stage, "wrong stage")))
        }
        Step::Wake(_) => Command::Wake,
        Step::Pause(slot) => Command::Pause { workflow: nth_workflow(machine, slot) },
        Step::Resume(slot) => Command::Resume { workflow: nth_workflow(machine, slot) },
        Step::Cancel(slot) => {
            Command::Cancel { workflow: nth_workflow(machine, slot), cause: "cancelled".to_owned() }
        }
        Step::Retry(slot) => Command::Retry { workflow: nth_workflow(machine, slot) },
        Step::Drop(slot) => Command::Drop { workflow: nth_workflow(machine, slot) },
        Step::Reprioritise(slot, priority) => Command::Reprioritise {
            workflow: workflow(slot),
            priority: Priority::new(priority).unwrap(),
        },
        Step::Approve(slot) => Command::Approve { workflow: nth_workflow(machine, slot) },
        Step::Reject(slot) => Command::Reject { workflow: nth_workflow(machine, slot) },
        Step::ClockJumped(by_ms) => Command::ClockJumped { by_ms: i64::from(by_ms) },
        Step::PauseChannel => Command::PauseChannel,
        Step::ResumeChannel => Command::ResumeChannel,
        Step::ParkChannel => Command::ParkChannel { reason: "drawn".to_owned() },
        Step::Archive => {
            let due = due_to_archive(&machine.state, machine.now).pop_first();
            let (month, workflows) = due?;
            archive(machine, month, workflows.iter().map(|workflow| workflow.id).collect())
        }
        Step::ArchiveThis(slot) => archive(machine, Month::of(machine.now), vec![workflow(slot)]),
        Step::DropHistory => {
            Command::DropHistory { month: *machine.state.history.first_key_value()?.0 }
        }
        Step::Days(_)
        | Step::ClockBack(_)
        | Step::Acknowledge
        | Step::Restart { .. }
        | Step::Rules { .. } => {
            return None;
        }
    })
}

/// Moves `workflows` into a file that follows the one that is there.
fn archive(machine: &Machine, month: Month, workflows: Vec<WorkflowId>) -> Command {
    let replaces = machine.state.history.get(&month).map(|sealed| sealed.file.digest);
    let held = machine.state.history.get(&month).map_or(0, |sealed| sealed.workflows.len());
    let digest = Digest::of(format!("{replaces:?} {workflows:?}").as_bytes());
    let count = u32::try_from(held + workflows.len()).unwrap();
    let file = HistoryFile { digest, workflows: count, bytes: 100 };
    Command::Archive { month, replaces, file, workflows }
}

/// Carries one step out; the machine itself checks the invariants after every frame.
fn take(machine: &mut Machine, step: &Step) {
    match step {
        Step::Wake(ms) => {
            machine.now = machine.now.plus(Duration::from_millis(u64::from(*ms)));
        }
        Step::Days(days) => {
            machine.now = machine.now.plus(Duration::from_secs(u64::from(*days) * 24 * 3600));
        }
        Step::ClockBack(ms) => {
            machine.now = machine.now.minus(Duration::from_millis(u64::from(*ms)));
        }
        Step::Acknowledge => machine.acknowledge(),
        Step::Rules { approval, places } => {
            machine.rules.approval = *approval;
            machine.room = Room { refusal: None, limit: 2, places: *places };
        }
        Step::Restart { survivors } => {
            let answered = machine.fold(machine.acknowledged);
            let known = machine.frames[..machine.acknowledged].to_vec();
            machine.restart(*survivors);
            assert_eq!(machine.frames[..known.len()], known, "D1: an answered frame is lost");
            assert_eq!(machine.fold(known.len()), answered, "D1: the fold is not a function");
        }
        _ => {}
    }
    let Some(command) = command_of(machine, step) else { return };
    let before = machine.state.clone();
    let decided = machine.run(&command);
    if decided.is_err() {
        assert_eq!(machine.state, before, "a rejection changed something");
    }
    assert_eq!(machine.state, machine.fold(machine.frames.len()), "D1: state is not the fold");
}

fn run(steps: &[Step], draws: &[u64]) -> Machine {
    let mut machine = Machine::new(policies(2, Duration::from_secs(60)));
    if draws.first().is_some_and(|draw| draw % 2 == 0) {
        machine.rules.schedule = Some(Schedule {
            times: vec![9 * 60, 18 * 60 + 30],
            timezone: jiff::tz::TimeZone::UTC,
            lead: Duration::from_secs(7_200),
            missed: if draws.len() > 4 { MissedSlots::Skip } else { MissedSlots::Latest },
        });
    }
    for (step, draw) in steps.iter().zip(draws.iter().cycle()) {
        machine.draw = *draw;
        take(&mut machine, step);
    }
    machine
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn invariants_d1_to_d6_hold_after_every_event_of_random_sequences_with_restarts(
        steps in prop::collection::vec(step(), 1..90),
        draws in prop::collection::vec(any::<u64>(), 1..8),
    ) {
        run(&steps, &draws);
    }

    #[test]
    fn d5_from_any_reachable_state_every_workflow_can_finish(
        steps in prop::collection::vec(step(), 1..60),
        draws in prop::collection::vec(any::<u64>(), 1..8),
    ) {
        run(&steps, &draws).assert_everything_can_finish();
    }

    #[test]
    fn d7_events_and_states_survive_being_written_down(
        steps in prop::collection::vec(step(), 1..60),
        draws in prop::collection::vec(any::<u64>(), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let machine = run(&steps, &draws);
        for event in machine.frames.iter().flat_map(|frame| &frame.events) {
            let text = serde_json::to_string(event).unwrap();
            let read: crate::domain::event::Event = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, event);
        }
        let cut = cut.index(machine.frames.len());
        let text = serde_json::to_string(&machine.fold(cut)).unwrap();
        let mut state: crate::domain::channel::ChannelState = serde_json::from_str(&text).unwrap();
        for frame in &machine.frames[cut..] {
            for event in &frame.events {
                crate::domain::apply::apply(&mut state, frame.at, event);
            }
        }
        prop_assert_eq!(state, machine.state, "checkpoint and tail differ from the full fold");
    }
}
