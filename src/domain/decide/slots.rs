//! Which slots are due, and what becomes of those that cannot be filled.
//!
//! Architecture invariant: every slot is decided once: taken by one workflow or skipped with a
//! reason. One that may still be filled stays undecided.

use std::time::Duration;

use super::Context;
use super::first_attempt;
use crate::domain::channel::ChannelState;
use crate::domain::event::Event;
use crate::domain::ids::{CommandId, WorkflowId};
use crate::domain::schedule::{MissedSlots, Schedule};
use crate::domain::stage::{StageName, WaitReason};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{ContentType, Definition, Priority};

/// A workflow that starts at most so much later than it should is not late: nobody was off.
pub const GRACE: Duration = Duration::from_secs(10 * 60);

/// Channels that catch up a slot after a time off start within this time, spread by chance.
pub const CATCH_UP_SPREAD: Duration = Duration::from_secs(30 * 60);

/// After a longer time off the slots before this are not looked at one by one.
pub const REMEMBERED: Duration = Duration::from_secs(14 * 24 * 3600);

/// How far ahead a slot is looked for that somebody asks a video for.
const ASKED_AHEAD: Duration = Duration::from_secs(30 * 24 * 3600);

/// No channel goes without a slot for longer: there is one every day, and a time zone may leave
/// out a day.
const LONGEST_GAP: Duration = Duration::from_secs(4 * 24 * 3600);

/// A slot that cannot be decided now is looked at again after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Slots that are looked at in one decision.
const MOST: usize = 512;

const OFF: &str = "the node was off when its workflow should have started";
const PAUSED: &str = "the channel was paused";

/// Starts for the slots whose time has come, and skips of those that passed.
pub(super) fn due_slots(state: &ChannelState, context: Context<'_>) -> Vec<Event> {
    let Some(schedule) = &context.rules.schedule else { return Vec::new() };
    let mut events = Vec::new();
    let horizon = context.now.plus(schedule.lead);
    let after = if let Some(after) = state.slots_after {
        // The window moves with every look: that it does is no event.
        after.max(context.now.minus(REMEMBERED))
    } else {
        // What passed before the channel existed was not missed.
        events.push(Event::SlotsBegin { after: context.now });
        context.now
    };
    let undecided = undecided(state, schedule, after, horizon, MOST);
    let (missed, timely): (Vec<Timestamp>, Vec<Timestamp>) =
        undecided.into_iter().partition(|slot| is_missed(*slot, schedule, context.now));
    let mut booking = Booking { state, context, started: 0, events };
    booking.decide_missed(&missed, schedule);
    for slot in timely {
        booking.decide_timely(slot);
    }
    booking.events
}

/// The next free slot that a video can be asked for.
pub(super) fn next_free_slot(state: &ChannelState, context: Context<'_>) -> Option<Timestamp> {
    let schedule = context.rules.schedule.as_ref()?;
    let until = context.now.plus(ASKED_AHEAD);
    undecided(state, schedule, context.now, until, MOST).first().copied()
}

/// When the channel's slots must next be looked at, seen from `now`: when the next workflow should
/// start, or, for one that could not be started so far, when its slot is over.
#[must_use]
pub fn next_slot_wake(
    state: &ChannelState,
    schedule: &Schedule,
    now: Timestamp,
) -> Option<Timestamp> {
    let after = state.slots_after?.max(now.minus(GRACE));
    let window = now.plus(schedule.lead).plus(LONGEST_GAP);
    let slot = *undecided(state, schedule, after, window, 1).first()?;
    let start = slot.minus(schedule.lead);
    Some(if start > now { start } else { slot.max(now.plus(LOOK_AGAIN)) })
}

fn undecided(
    state: &ChannelState,
    schedule: &Schedule,
    after: Timestamp,
    until: Timestamp,
    most: usize,
) -> Vec<Timestamp> {
    let window = schedule.between(after, until, most + ChannelState::KEPT_SLOTS);
    let open = window.into_iter().filter(|slot| !state.slots.contains_key(slot));
    open.take(most).collect()
}

fn is_missed(slot: Timestamp, schedule: &Schedule, now: Timestamp) -> bool {
    now > slot.max(slot.minus(schedule.lead).plus(GRACE))
}

struct Booking<'a> {
    state: &'a ChannelState,
    context: Context<'a>,
    started: u32,
    events: Vec<Event>,
}

impl Booking<'_> {
    fn decide_missed(&mut self, missed: &[Timestamp], schedule: &Schedule) {
        let Some((latest, older)) = missed.split_last() else { return };
        if self.state.paused {
            missed.iter().for_each(|slot| self.skip(*slot, PAUSED.to_owned()));
            return;
        }
        older.iter().for_each(|slot| self.skip(*slot, OFF.to_owned()));
        if schedule.missed == MissedSlots::Skip {
            self.skip(*latest, OFF.to_owned());
            return;
        }
        // While there is no room it stays the latest, until there is or a later one is.
        if self.context.room.refusal(self.started).is_none() {
            let spread = CATCH_UP_SPREAD.as_millis();
            let part = u128::from(self.context.draw) * spread / u128::from(u64::MAX);
            let jitter = Duration::from_millis(u64::try_from(part).unwrap_or(0));
            self.take(*latest, Some(self.context.now.plus(jitter)));
        }
    }

    fn decide_timely(&mut self, slot: Timestamp) {
        let over = self.context.now >= slot;
        let refusal = if self.state.paused {
            Some(PAUSED.to_owned())
        } else {
            self.context.room.refusal(self.started).map(|refusal| refusal.to_string())
        };
        match refusal {
            Some(reason) if over => self.skip(slot, reason),
            Some(_) => {}
            None => self.take(slot, None),
        }
    }

    fn skip(&mut self, slot: Timestamp, reason: String) {
        self.events.push(Event::SlotSkipped { slot, reason });
    }

    /// Starts the slot's workflow, not before `not_before` if that is given.
    fn take(&mut self, slot: Timestamp, not_before: Option<Timestamp>) {
        let channel = self.state.name.as_ref().map_or("", |name| name.as_str());
        let command = CommandId::of_slot(channel, slot);
        let workflow = WorkflowId::of_command(&command);
        if self.state.knows(workflow) {
            self.skip(slot, "its workflow was started before".to_owned());
            return;
        }
        self.started += 1;
        self.events.push(Event::WorkflowStarted {
            workflow,
            command,
            content_type: ContentType::Scheduled,
            priority: Priority::default(),
            topic: None,
            slot: Some(slot),
            definition: Definition::CURRENT,
        });
        self.events.push(match not_before {
            None => first_attempt(workflow),
            Some(until) => Event::StageWaiting {
                workflow,
                stage: StageName::Trend,
                reason: WaitReason::CatchUp,
                until,
            },
        });
    }
}
