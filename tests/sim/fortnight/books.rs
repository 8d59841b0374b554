//! The books of an owner who looks after every slot: what must have become of each, and what has.

use std::collections::{BTreeMap, BTreeSet};

use ytempire::domain::channel::{ChannelRules, SlotRecord};
use ytempire::domain::event::Event;
use ytempire::domain::ids::{ChannelId, ChannelName, WorkflowId};
use ytempire::domain::schedule::{MissedSlots, Schedule};
use ytempire::domain::stage::WaitReason;
use ytempire::domain::timestamp::Timestamp;
use ytempire::domain::view::why_view;
use ytempire::domain::workflow::{Ending, Workflow};
use ytempire::http::orchestrator::SlotView;
use ytempire::journal::record;
use ytempire::simulate::tree::universe::Universe;

use super::calendar;
use super::course::{DAY_MS, Life, MINUTE_MS};

/// A slot is decided at the latest so long after it is over.
const DECIDED_MS: i64 = 2 * 60_000;
/// A video that comes at most so long after its slot is in time.
const IN_TIME_MS: i64 = 30 * 60_000;

/// What became of the slots that are over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub slots: u64,
    pub in_time: u64,
    pub late: u64,
    pub caught_up: u64,
    /// Taken and not published so far, by the state of the workflow.
    pub unpublished: BTreeMap<&'static str, u64>,
    /// Without a video, by reason.
    pub skipped: BTreeMap<String, u64>,
}

fn channels(universe: &Universe) -> Vec<(ChannelId, &Schedule)> {
    let ids = (0..universe.rules.len()).map(|index| {
        let name = ChannelName::new(format!("channel-{index}")).expect("a name");
        ChannelId::of_name(&name)
    });
    let schedule = |rules: &'_ ChannelRules| rules.schedule.is_some();
    assert!(universe.rules.iter().all(schedule), "every channel has a schedule");
    ids.zip(universe.rules.iter().filter_map(|rules| rules.schedule.as_ref())).collect()
}

fn wanted(schedule: &Schedule, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    calendar::slots(&schedule.timezone, &schedule.times, after, until)
}

/// Every slot of the fortnight from `origin` that is over is filled or explained.
pub fn check(universe: &Universe, origin: Timestamp) -> Tally {
    let mut tally = Tally::default();
    let now = universe.time.wall();
    let end = Timestamp(origin.0 + 14 * DAY_MS as i64).min(Timestamp(now.0 - DECIDED_MS));
    for (channel, schedule) in channels(universe) {
        let state = universe.state(channel);
        let begun = state.slots_after.expect("its slots have begun");
        assert!(begun.0 - origin.0 < MINUTE_MS as i64, "they began at {begun}");
        let shown: BTreeMap<Timestamp, SlotView> = SlotView::list(&state, Some(schedule), now)
            .into_iter()
            .map(|slot| (slot.at, slot))
            .collect();
        for slot in wanted(schedule, begun, end) {
            let of_slot: Vec<&Workflow> =
                state.workflows.values().filter(|one| one.slot == Some(slot)).collect();
            let show = shown.get(&slot);
            tally.slots += 1;
            match state.slots.get(&slot) {
                None => panic!("{channel}: slot {slot} is undecided at {now}"),
                Some(SlotRecord::Skipped(reason)) => {
                    assert!(!reason.is_empty(), "{channel}: {slot} is skipped without a reason");
                    assert!(of_slot.is_empty(), "{channel}: {slot} is skipped, and has a video");
                    assert_eq!(show.and_then(|slot| slot.reason.as_ref()), Some(reason));
                    *tally.skipped.entry(reason.clone()).or_default() += 1;
                }
                Some(SlotRecord::Taken(id)) => {
                    let [workflow] = of_slot[..] else {
                        panic!("{channel}: {slot} has {} workflows", of_slot.len())
                    };
                    assert_eq!(workflow.id, *id, "{channel}: {slot}");
                    assert_eq!(show.and_then(|slot| slot.workflow), Some(*id));
                    count_taken(universe, slot, workflow, &mut tally);
                }
            }
        }
        let far = Timestamp(now.0 + 2 * DAY_MS as i64);
        let all: BTreeSet<Timestamp> = wanted(schedule, begun, far).into_iter().collect();
        let strange = state.slots.keys().find(|slot| !all.contains(slot));
        assert_eq!(strange, None, "{channel}: no slot is at this time");
    }
    tally
}

fn count_taken(universe: &Universe, slot: Timestamp, workflow: &Workflow, tally: &mut Tally) {
    let id = workflow.id;
    let published = universe.published_at(id);
    assert!(published.len() <= 1, "{id} was published {} times", published.len());
    if let Some(at) = published.first() {
        assert!(*at >= slot, "{id} was published at {at}, before its slot {slot}");
    }
    if let Some(Ending::Completed(_)) = workflow.ending() {
        assert_eq!(published.len(), 1, "{id} is completed and not published");
    }
    let why = why_view(workflow);
    assert!(!why.reason.is_empty() && !why.next.is_empty(), "{id} does not say why");
    match published.first() {
        None => *tally.unpublished.entry(why.state).or_default() += 1,
        Some(_) if workflow.created_at > slot => tally.caught_up += 1,
        Some(at) if at.0 - slot.0 <= IN_TIME_MS => tally.in_time += 1,
        Some(_) => tally.late += 1,
    }
}

/// What the journal itself says: every slot is decided once, every channel's slots begin once, and
/// after a time off a channel catches up one slot at most, or none if its owner wants none.
pub fn check_journal(universe: &Universe, origin: Timestamp, lives: &[Life]) {
    let missed: BTreeMap<ChannelId, MissedSlots> =
        channels(universe).into_iter().map(|(id, schedule)| (id, schedule.missed)).collect();
    let mut decided: BTreeMap<(ChannelId, Timestamp), u32> = BTreeMap::new();
    let mut begun: BTreeMap<ChannelId, u32> = BTreeMap::new();
    let mut caught_up: BTreeMap<(ChannelId, u64), Vec<WorkflowId>> = BTreeMap::new();
    for frame in universe.disk.frames() {
        let commit = record::decode(&frame).expect("a frame that can be read");
        let channel = commit.channel;
        for event in &commit.events {
            match event {
                Event::WorkflowStarted { slot: Some(slot), .. }
                | Event::SlotSkipped { slot, .. } => {
                    *decided.entry((channel, *slot)).or_default() += 1;
                }
                Event::SlotsBegin { .. } => *begun.entry(channel).or_default() += 1,
                Event::StageWaiting { workflow, reason: WaitReason::CatchUp, .. } => {
                    let at_ms = u64::try_from(commit.at.0 - origin.0).expect("after the origin");
                    let life = lives.iter().rfind(|life| life.from_ms <= at_ms);
                    let from_ms = life.expect("a life").from_ms;
                    caught_up.entry((channel, from_ms)).or_default().push(*workflow);
                }
                _ => {}
            }
        }
    }
    let twice: Vec<_> = decided.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "decided more than once: {twice:?}");
    assert!(begun.values().all(|count| *count == 1), "the slots began anew: {begun:?}");
    for ((channel, _), workflows) in &caught_up {
        let most = if missed[channel] == MissedSlots::Latest { 1 } else { 0 };
        assert!(workflows.len() <= most, "{channel} catches up {workflows:?}");
    }
}
