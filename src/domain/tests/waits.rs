//! Slots, approval and room: what a workflow waits for, and what is refused.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::machine::{Machine, outcome, policies, start, success, workflow};
use crate::domain::admission::{Refusal, Room};
use crate::domain::channel::SlotRecord;
use crate::domain::command::{Command, Rejection};
use crate::domain::decide::{APPROVAL_EXPIRED, CATCH_UP_SPREAD};
use crate::domain::ids::{CommandId, WorkflowId};
use crate::domain::schedule::{MissedSlots, Schedule};
use crate::domain::stage::{StageName, StageState, WaitReason};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{ContentType, Priority};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A channel with slots at 09:00 and 18:00 UTC and two hours of lead, looked at first at `now`.
fn scheduled(now: &str, missed: MissedSlots) -> Machine {
    let mut machine = Machine::new(policies(2, Duration::from_secs(60)));
    machine.now = at(now);
    let times = vec![9 * 60, 18 * 60];
    let (timezone, lead) = (TimeZone::UTC, 2 * HOUR);
    machine.rules.schedule = Some(Schedule { times, timezone, lead, missed });
    let _ = machine.run(&Command::Wake);
    machine
}

fn wake(machine: &mut Machine, now: &str) {
    machine.now = at(now);
    let _ = machine.run(&Command::Wake);
}

fn of_slot(slot: &str) -> WorkflowId {
    WorkflowId::of_command(&CommandId::of_slot("kitchen", at(slot)))
}

/// Lets the stages of `id` succeed until its upload is next.
fn up_to_upload(machine: &mut Machine, id: WorkflowId) {
    for stage in &StageName::ALL[..4] {
        let attempt = machine.position(id).unwrap().attempt;
        machine.run(&outcome(id, *stage, attempt, Ok(success(*stage, &id.to_string())))).unwrap();
    }
}

fn waits_for(machine: &Machine, id: WorkflowId) -> Option<(WaitReason, Timestamp)> {
    match &machine.position(id)?.state {
        StageState::Waiting { reason, until, .. } => Some((*reason, *until)),
        _ => None,
    }
}

fn skips(machine: &Machine) -> usize {
    let slots = machine.state.slots.values();
    slots.filter(|record| matches!(record, SlotRecord::Skipped(_))).count()
}

#[test]
fn a_slot_starts_its_workflow_ahead_and_the_upload_waits_for_it() {
    let mut machine = scheduled("2026-11-22T05:00:00Z", MissedSlots::Latest);
    let id = of_slot("2026-11-22T09:00:00Z");
    assert!(machine.state.slots.is_empty());
    wake(&mut machine, "2026-11-22T06:59:59Z");
    assert!(machine.position(id).is_none());
    wake(&mut machine, "2026-11-22T07:00:00Z");
    up_to_upload(&mut machine, id);
    assert_eq!(waits_for(&machine, id), Some((WaitReason::Slot, at("2026-11-22T09:00:00Z"))));
    wake(&mut machine, "2026-11-22T08:59:59Z");
    assert!(waits_for(&machine, id).is_some());
    wake(&mut machine, "2026-11-22T09:00:00Z");
    assert!(matches!(machine.position(id).unwrap().state, StageState::Running { .. }));
    wake(&mut machine, "2026-11-22T09:00:30Z");
    assert_eq!(machine.state.slots.len(), 1, "a slot is decided once");
}

#[test]
fn a_channel_that_is_new_misses_nothing_and_starts_a_slot_that_is_near_at_once() {
    let machine = scheduled("2026-11-22T17:30:00Z", MissedSlots::Latest);
    assert_eq!(machine.state.slots.len(), 1);
    assert!(machine.position(of_slot("2026-11-22T18:00:00Z")).is_some());
}

#[test]
fn after_days_off_the_latest_slot_is_caught_up_and_the_others_say_why_not() {
    let mut machine = scheduled("2026-11-22T10:00:00Z", MissedSlots::Latest);
    wake(&mut machine, "2026-11-25T12:00:00Z");
    let latest = of_slot("2026-11-25T09:00:00Z");
    let (reason, until) = waits_for(&machine, latest).unwrap();
    assert_eq!(reason, WaitReason::CatchUp);
    assert!(until.since(machine.now) <= CATCH_UP_SPREAD);
    assert_eq!((machine.state.slots.len(), skips(&machine)), (6, 5));
    machine.now = until;
    machine.run(&Command::Wake).unwrap();
    up_to_upload(&mut machine, latest);
    let state = &machine.position(latest).unwrap().state;
    assert!(matches!(state, StageState::Running { .. }), "its slot is over: it waits for nothing");
}

#[test]
fn missed_slots_can_be_skipped_altogether() {
    let mut machine = scheduled("2026-11-22T10:00:00Z", MissedSlots::Skip);
    wake(&mut machine, "2026-11-25T12:00:00Z");
    assert_eq!((machine.state.slots.len(), skips(&machine)), (6, 6));
}

#[test]
fn a_channel_with_nothing_due_decides_nothing_however_old_it_is() {
    let mut machine = scheduled("2026-11-01T10:00:00Z", MissedSlots::Skip);
    let mut day = at("2026-11-02T10:00:00Z");
    for _ in 0..20 {
        wake(&mut machine, &day.to_string());
        day = day.plus(DAY);
    }
    wake(&mut machine, "2026-11-22T12:00:00Z");
    machine.now = at("2026-11-22T12:00:30Z");
    assert_eq!(machine.run(&Command::Wake), Err(Rejection::NothingDue));
}

#[test]
fn slots_that_pass_while_the_channel_is_paused_say_so() {
    let mut machine = scheduled("2026-11-22T05:00:00Z", MissedSlots::Latest);
    machine.run(&Command::PauseChannel).unwrap();
    wake(&mut machine, "2026-11-22T08:00:00Z");
    assert!(machine.state.slots.is_empty(), "it may still be resumed in time");
    wake(&mut machine, "2026-11-22T09:00:00Z");
    let record = &machine.state.slots[&at("2026-11-22T09:00:00Z")];
    assert_eq!(record, &SlotRecord::Skipped("the channel was paused".to_owned()));
}

#[test]
fn a_full_node_refuses_new_work_and_a_slot_waits_for_room_until_it_is_over() {
    let mut machine = scheduled("2026-11-22T05:00:00Z", MissedSlots::Latest);
    machine.room = Room { refusal: None, limit: 7, places: 0 };
    let refused = machine.run(&start(0)).unwrap_err();
    assert_eq!(refused, Rejection::NotAdmitted(Refusal::NodeFull { limit: 7 }));
    wake(&mut machine, "2026-11-22T08:00:00Z");
    assert!(machine.state.slots.is_empty());
    machine.room = Room::OPEN;
    wake(&mut machine, "2026-11-22T08:10:00Z");
    assert!(machine.position(of_slot("2026-11-22T09:00:00Z")).is_some());
    machine.room = Room { refusal: Some(Refusal::Disk("full".into())), limit: 7, places: 7 };
    wake(&mut machine, "2026-11-22T18:00:00Z");
    let record = &machine.state.slots[&at("2026-11-22T18:00:00Z")];
    assert_eq!(record, &SlotRecord::Skipped("full".to_owned()));
}

#[test]
fn a_video_asked_for_the_next_slot_takes_it() {
    let mut machine = scheduled("2026-11-22T10:00:00Z", MissedSlots::Latest);
    let id = CommandId::new("asked").unwrap();
    let (content_type, priority) = (ContentType::Scheduled, Priority::default());
    let ask = Command::Start { command: id.clone(), content_type, priority, topic: None };
    machine.run(&ask).unwrap();
    let slot = at("2026-11-22T18:00:00Z");
    let asked = WorkflowId::of_command(&id);
    assert_eq!(machine.state.slots[&slot], SlotRecord::Taken(asked));
    wake(&mut machine, "2026-11-22T16:30:00Z");
    assert_eq!(machine.state.slots.len(), 1, "the slot is taken and not filled twice");
}

#[test]
fn without_approval_nothing_is_published_and_in_seven_days_it_parks() {
    let mut machine = Machine::new(policies(2, Duration::from_secs(60)));
    machine.rules.approval = true;
    let id = workflow(0);
    machine.run(&start(0)).unwrap();
    assert!(machine.run(&Command::Approve { workflow: id }).is_err(), "there is no video yet");
    up_to_upload(&mut machine, id);
    let (reason, until) = waits_for(&machine, id).unwrap();
    assert_eq!((reason, until), (WaitReason::Approval, machine.now.plus(7 * DAY)));
    machine.now = until;
    machine.run(&Command::Wake).unwrap();
    let StageState::Parked { cause, .. } = &machine.position(id).unwrap().state else {
        panic!("not parked")
    };
    assert_eq!(cause.code, APPROVAL_EXPIRED);
    machine.run(&Command::Retry { workflow: id }).unwrap();
    assert_eq!(waits_for(&machine, id).unwrap().0, WaitReason::Approval, "it is asked again");
    machine.run(&Command::Approve { workflow: id }).unwrap();
    assert!(matches!(machine.position(id).unwrap().state, StageState::Running { .. }));
    assert!(machine.run(&Command::Reject { workflow: id }).is_err(), "it was answered");
}

#[test]
fn a_rejected_video_is_cancelled_with_that_cause() {
    let mut machine = Machine::new(policies(2, Duration::from_secs(60)));
    machine.rules.approval = true;
    let id = workflow(0);
    machine.run(&start(0)).unwrap();
    up_to_upload(&mut machine, id);
    machine.run(&Command::Reject { workflow: id }).unwrap();
    let ending = machine.state.workflows[&id].ending().unwrap();
    assert!(format!("{ending:?}").contains("rejected"));
}
