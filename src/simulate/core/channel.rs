//! The model of the channel's actor: it decides ahead, and acts on what is acknowledged.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::admission::Room;
use crate::domain::apply::apply;
use crate::domain::artifact::Digest;
use crate::domain::audit::Audit;
use crate::domain::channel::{ChannelRules, ChannelState};
use crate::domain::command::{Command, Rejection};
use crate::domain::decide::{Context, decide, next_slot_wake};
use crate::domain::event::Event;
use crate::domain::ids::{ChannelName, CommandId, Generation, WorkflowId};
use crate::domain::invariants::{Violation, violations};
use crate::domain::noted::NotedAnswer;
use crate::domain::pending::{Effect, pending};
use crate::domain::schedule::{MissedSlots, Schedule};
use crate::domain::stage::StageState;
use crate::domain::timestamp::Timestamp;
use crate::simulate::coverage::{command_name, event_name};

use super::journal::{Frame, StaleGeneration};
use super::workers::Job;
use super::world::{Task, World, broken};

/// So many workflows may be live at once.
const LIVE_LIMIT: u32 = 12;

/// Whether a channel's actor can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Not there.
    Down,
    /// Its generation is written but not acknowledged; it knows nothing yet.
    Loading,
    /// At work; it acts on effects once so many frames are durable.
    Up { acts_from: usize },
}

/// A channel: what survives (`committed` and `audit`, the fold of durable frames) and what does
/// not (the rest).
pub(super) struct Channel {
    name: Option<ChannelName>,
    pub(super) mode: Mode,
    pub(super) incarnation: u64,
    generation: Generation,
    /// Ahead of the journal.
    pub(super) speculative: ChannelState,
    pub(super) committed: ChannelState,
    audit: Audit,
    /// A state and the number of frames it is the fold of.
    checkpoint: (usize, ChannelState),
    pub(super) jobs: BTreeMap<WorkflowId, Job>,
    wake_at: Option<u64>,
    /// What its owner wants.
    pub(super) rules: ChannelRules,
}

/// Channels differ in whether they have a schedule, what becomes of missed slots, and whether a
/// person must approve.
fn rules(number: u64) -> ChannelRules {
    let missed = if number == 2 { MissedSlots::Skip } else { MissedSlots::Latest };
    let schedule = Schedule {
        times: (0..24 * 6).map(|tenth| tenth * 10).collect(),
        timezone: TimeZone::UTC,
        lead: Duration::from_secs(300),
        missed,
    };
    ChannelRules { schedule: (number != 3).then_some(schedule), approval: number != 1 }
}

impl Channel {
    pub(super) fn new(number: u64) -> Self {
        Self {
            name: ChannelName::new(format!("channel-{number}")).ok(),
            mode: Mode::Down,
            incarnation: 0,
            generation: Generation(0),
            speculative: ChannelState::default(),
            committed: ChannelState::default(),
            audit: Audit::default(),
            checkpoint: (0, ChannelState::default()),
            jobs: BTreeMap::new(),
            wake_at: None,
            rules: rules(number),
        }
    }

    /// A new process knows the generation from the journal alone.
    pub(super) fn forget_generation(&mut self) {
        self.generation = self.committed.generation;
    }

    /// The actor dies, and with it all that is volatile, its workers too.
    pub(super) fn die(&mut self) {
        self.mode = Mode::Down;
        self.incarnation += 1;
        self.jobs.clear();
        self.wake_at = None;
    }

    /// The unfinished workflows and what is under way for them, for the report of a failure.
    pub(super) fn describe_unfinished(&self) -> String {
        let open = self.committed.workflows.values().filter(|workflow| workflow.ending().is_none());
        let open: Vec<_> = open.map(|workflow| (workflow.id, workflow.position())).collect();
        format!("{:?} {open:?}, jobs {:?}, wake {:?}", self.mode, self.jobs, self.wake_at)
    }

    /// Whether an outcome is the one the channel waits for; other commands are always welcome.
    fn awaits(&self, command: &Command) -> bool {
        let Command::Outcome { workflow, stage, attempt, .. } = command else { return true };
        let position = self.speculative.workflows.get(workflow).and_then(|known| known.position());
        position.is_some_and(|position| {
            (position.stage, position.attempt) == (*stage, *attempt)
                && matches!(position.state, StageState::Running { .. })
        })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.committed.workflows.values().all(|workflow| workflow.ending().is_some())
    }
}

fn first_of(found: Vec<Violation>) -> Result<(), Violation> {
    found.into_iter().next().map_or(Ok(()), Err)
}

impl World {
    pub(super) fn channel(&self, index: usize) -> Result<&Channel, Violation> {
        self.channels.get(index).map_or_else(|| broken("model", "no such channel".into()), Ok)
    }

    pub(super) fn channel_mut(&mut self, index: usize) -> Result<&mut Channel, Violation> {
        let found = self.channels.get_mut(index);
        found.map_or_else(|| broken("model", "no such channel".into()), Ok)
    }

    /// Writes the generation of a new incarnation; it loads when that is acknowledged.
    pub(super) fn raise_generation(&mut self, index: usize) -> Result<(), Violation> {
        let channel = self.channel_mut(index)?;
        channel.mode = Mode::Loading;
        channel.generation = Generation(channel.generation.0 + 1);
        let generation = channel.generation;
        let Some(name) = channel.name.clone() else { return broken("model", "no name".into()) };
        self.append(index, vec![Event::GenerationRaised { name, generation }])
    }

    /// An older incarnation that does not know of its end still tries to write.
    pub(super) fn append_of_older_life(&mut self, index: usize) -> Result<(), Violation> {
        let older = Generation(self.channel(index)?.generation.0.saturating_sub(1));
        let frame = Frame {
            channel: index,
            generation: older,
            at: self.wall(),
            events: vec![Event::ChannelPaused],
        };
        match self.journal.append(frame) {
            Err(StaleGeneration) => Ok(()),
            Ok(()) => broken("D4", "a frame of an older generation was taken".to_owned()),
        }
    }

    /// Decides a command, if anybody is there to decide it.
    pub(super) fn handle(&mut self, index: usize, command: &Command) -> Result<(), Violation> {
        if !matches!(self.channel(index)?.mode, Mode::Up { .. }) {
            return Ok(());
        }
        self.commands += 1;
        self.coverage.hit("command", command_name(command));
        if let Command::Outcome { result: Err(failure), .. } = command {
            self.coverage.hit("failure", failure.class.name());
        }
        let draw = self.rng.draw();
        let room = self.room();
        let channel = self.channel(index)?;
        let plain = Context::plain(self.wall(), draw, &self.policies);
        let context = Context { rules: &channel.rules, room: &room, ..plain };
        let decided = decide(&channel.speculative, command, context);
        self.log(|| format!("channel {index}: {command:?}"));
        let noted = self.faulty && self.rng.chance(100);
        match decided {
            Err(rejection) => {
                self.coverage.hit("rejection", rejection.code());
                self.trace.note("rejected", self.now, &(index, rejection.code()));
                self.log(|| format!("channel {index}: rejected: {rejection}"));
                self.nothing_due_again(index, &rejection)
            }
            Ok(events) if events.is_empty() => {
                broken("D5", format!("{} was accepted and changes nothing", command_name(command)))
            }
            Ok(_) if !self.channel(index)?.awaits(command) => {
                broken("D4", format!("a stale outcome was accepted: {command:?}"))
            }
            Ok(mut events) => {
                if noted {
                    events.push(self.noted());
                }
                self.append(index, events)
            }
        }
    }

    /// The note of a command with an id from outside.
    fn noted(&mut self) -> Event {
        let command = CommandId::of_slot("noted", Timestamp(self.rng.between(0, 50) as i64));
        let answer = NotedAnswer::Done { status: 200, body: "{}".to_owned() };
        Event::CommandNoted { command, request: Digest([0; 32]), answer, forgotten: Vec::new() }
    }

    /// While there is trouble the node is small.
    fn room(&self) -> Room {
        if !self.faulty {
            return Room::OPEN;
        }
        let workflows = self.channels.iter().flat_map(|c| c.speculative.workflows.values());
        let live = workflows.filter(|workflow| workflow.is_live()).count();
        let places = LIVE_LIMIT.saturating_sub(u32::try_from(live).unwrap_or(u32::MAX));
        Room { refusal: None, limit: LIVE_LIMIT, places }
    }

    /// A timer may fire early after the wall clock went back: it is armed again.
    fn nothing_due_again(&mut self, index: usize, rejection: &Rejection) -> Result<(), Violation> {
        match rejection {
            Rejection::NothingDue => self.reconcile(index),
            Rejection::NotFound(_)
            | Rejection::AlreadyStarted(_)
            | Rejection::NotApplicable(_)
            | Rejection::NotAdmitted(_)
            | Rejection::KeyReused(_)
            | Rejection::Stale => Ok(()),
        }
    }

    /// Books events ahead of the journal and hands their frame to it.
    fn append(&mut self, index: usize, events: Vec<Event>) -> Result<(), Violation> {
        let at = self.wall();
        self.log(|| format!("channel {index}: {events:?}"));
        let policies = self.policies.clone();
        let channel = self.channel_mut(index)?;
        if channel.mode != Mode::Loading {
            for event in &events {
                apply(&mut channel.speculative, at, event);
            }
            first_of(violations(&channel.speculative, &policies))?;
        }
        let generation = channel.generation;
        let frame = Frame { channel: index, generation, at, events };
        if self.journal.append(frame).is_err() {
            return broken("D4", "a frame of the living generation was refused".to_owned());
        }
        self.begin_sync();
        self.crash_if_planned()
    }

    fn begin_sync(&mut self) {
        if self.journal.begin_sync() {
            let delay = self.rng.between(1, 5);
            self.after(delay, Task::Synced { life: self.life });
        }
    }

    /// A group of frames is durable: now replies and effects may leave.
    pub(super) fn synced(&mut self, life: u64) -> Result<(), Violation> {
        if life != self.life {
            return Ok(());
        }
        if std::mem::take(&mut self.sync_fails) {
            return self.fail_sync();
        }
        let frames = self.journal.finish_sync();
        for frame in &frames {
            self.commit(frame)?;
        }
        self.begin_sync();
        for index in 0..self.channels.len() {
            if frames.iter().any(|frame| frame.channel == index) {
                self.acknowledged(index, &frames)?;
            }
        }
        Ok(())
    }

    /// Folds one durable frame.
    pub(super) fn commit(&mut self, frame: &Frame) -> Result<(), Violation> {
        let policies = self.policies.clone();
        for event in &frame.events {
            self.events += 1;
            self.coverage.hit("event", event_name(event));
            self.trace.record("event", self.now, event);
            let channel = self.channel_mut(frame.channel)?;
            channel.audit.observe(frame.at, event, &policies)?;
            apply(&mut channel.committed, frame.at, event);
            match event {
                Event::StageStarted { workflow, stage, attempt, .. } => {
                    self.durable_starts.insert((*workflow, *stage, *attempt));
                }
                Event::WorkflowStarted { workflow, .. } => {
                    self.answered.insert((frame.channel, *workflow));
                }
                Event::VideoPublished { workflow, publication } => {
                    self.platform.confirm(*workflow, &publication.video_id)?;
                }
                _ => {}
            }
        }
        first_of(violations(&self.channel(frame.channel)?.committed, &policies))
    }

    fn acknowledged(&mut self, index: usize, frames: &[Frame]) -> Result<(), Violation> {
        let durable = self.journal.durable();
        let checkpointed = self.rng.chance(30);
        let channel = self.channel_mut(index)?;
        if checkpointed {
            channel.checkpoint = (durable, channel.committed.clone());
        }
        let generation = channel.generation;
        let loads = channel.mode == Mode::Loading
            && frames.iter().any(|f| f.channel == index && f.generation == generation);
        if loads {
            channel.speculative = channel.committed.clone();
            channel.mode = Mode::Up { acts_from: usize::MAX };
            self.handle(index, &Command::Recover)?;
            let nothing_waits = self.journal.is_settled(index);
            let acts_from = if nothing_waits { durable } else { self.journal.len() };
            let channel = self.channel_mut(index)?;
            // The crash that is planned may have come with the frame of the recovery.
            if matches!(channel.mode, Mode::Up { .. }) {
                channel.mode = Mode::Up { acts_from };
            }
        }
        let channel = self.channel(index)?;
        let up = matches!(channel.mode, Mode::Up { .. });
        if up && self.journal.is_settled(index) && channel.speculative != channel.committed {
            return broken("D1", format!("channel {index} is not the fold of its frames"));
        }
        self.reconcile(index)
    }

    /// Makes what is under way equal to what is pending in the committed state.
    pub(super) fn reconcile(&mut self, index: usize) -> Result<(), Violation> {
        let Mode::Up { acts_from } = self.channel(index)?.mode else { return Ok(()) };
        if self.journal.durable() < acts_from {
            return Ok(());
        }
        let channel = self.channel_mut(index)?;
        let effects = pending(&channel.committed);
        channel.jobs.retain(|id, job| effects.iter().any(|effect| job.is(*id, effect)));
        for effect in &effects {
            match effect {
                Effect::Run { workflow, stage, attempt, .. } => {
                    self.trace.note("effect", self.now, effect);
                    self.carry_out(index, *workflow, *stage, *attempt)?;
                }
                Effect::WakeAt { at, .. } => self.arm(index, *at)?,
                Effect::Person { .. } => {}
            }
        }
        self.arm_for_slots(index)
    }

    fn arm_for_slots(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.wall();
        let channel = self.channel(index)?;
        let schedule = channel.rules.schedule.as_ref();
        let next = schedule.and_then(|schedule| next_slot_wake(&channel.committed, schedule, now));
        next.map_or(Ok(()), |at| self.arm(index, at))
    }

    fn arm(&mut self, index: usize, at: Timestamp) -> Result<(), Violation> {
        let wait = u64::try_from(at.since(self.wall()).as_millis()).unwrap_or(u64::MAX);
        // The clock may have passed it while the frame that starts it is on its way.
        let due = self.now + wait.max(10);
        let channel = self.channel_mut(index)?;
        if channel.wake_at.is_some_and(|armed| armed <= due) {
            return Ok(());
        }
        channel.wake_at = Some(due);
        let incarnation = channel.incarnation;
        self.after(due - self.now, Task::Wake { channel: index, incarnation });
        Ok(())
    }

    pub(super) fn wake(&mut self, index: usize, incarnation: u64) -> Result<(), Violation> {
        let channel = self.channel_mut(index)?;
        if channel.incarnation != incarnation {
            return Ok(());
        }
        channel.wake_at = None;
        self.handle(index, &Command::Wake)
    }

    /// D1 and D7: the committed state is the fold of all durable frames, from the first and from
    /// the checkpoint alike, and holds everything that was answered.
    pub(super) fn check_fold(&self, index: usize) -> Result<(), Violation> {
        let channel = self.channel(index)?;
        let fold = |first: usize, mut state: ChannelState| {
            for frame in self.journal.from(first).iter().filter(|f| f.channel == index) {
                frame.events.iter().for_each(|event| apply(&mut state, frame.at, event));
            }
            state
        };
        if fold(0, ChannelState::default()) != channel.committed {
            return broken("D1", format!("channel {index} is not recovered as acknowledged"));
        }
        let (first, checkpoint) = channel.checkpoint.clone();
        if fold(first, checkpoint) != channel.committed {
            return broken("D7", format!("channel {index}: checkpoint and tail differ"));
        }
        let mut answered = self.answered.iter().filter(|(of, _)| *of == index);
        if answered.any(|(_, id)| !channel.committed.workflows.contains_key(id)) {
            return broken("D1", format!("channel {index} lost a workflow that was answered"));
        }
        Ok(())
    }
}
