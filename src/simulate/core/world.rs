//! Everything there is in a run: the clock, the queue of what will happen, and the parts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::command::Command;
use crate::domain::ids::{Attempt, CommandId, WorkflowId};
use crate::domain::invariants::Violation;
use crate::domain::retry::Policies;
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::simulate::coverage::Coverage;
use crate::simulate::rng::Rng;
use crate::simulate::trace::Trace;

use super::channel::Channel;
use super::faults::CrashKind;
use super::journal::ModelJournal;
use super::workers::Platform;
use super::{CoreReport, MIN_COMMANDS};

/// 2026-01-01T00:00:00Z: where the virtual wall clock begins.
const WALL_ORIGIN_MS: i64 = 1_767_225_600_000;
/// So many lines of the log are kept.
const LOG_LINES: usize = 60;

/// Something that will happen.
#[derive(Debug, Clone)]
pub(super) enum Task {
    /// A person or a program wants something.
    Client,
    /// Trouble.
    Fault,
    /// The journal's sync is done, if the node still lives.
    Synced { life: u64 },
    /// A message reaches a channel, whichever incarnation lives then.
    Deliver { channel: usize, command: Command },
    /// A channel's timer.
    Wake { channel: usize, incarnation: u64 },
    /// A worker comes to its next phase, if it still lives.
    Worker { channel: usize, workflow: WorkflowId, job: u64 },
    /// The node starts.
    Boot { life: u64 },
    /// A channel's actor is started anew.
    RestartChannel { channel: usize, incarnation: u64 },
    /// At the end, a person resumes and retries what is held.
    Mend,
}

/// One run.
pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) trace: Trace,
    pub(super) coverage: Coverage,
    pub(super) policies: Policies,
    pub(super) now: u64,
    pub(super) wall_offset: i64,
    queue: BTreeMap<(u64, u64), Task>,
    queued: u64,
    pub(super) journal: ModelJournal,
    pub(super) channels: Vec<Channel>,
    pub(super) platform: Platform,
    /// Counts the node's processes.
    pub(super) life: u64,
    pub(super) up: bool,
    /// Whether faults and clients are still at work.
    pub(super) faulty: bool,
    pub(super) planned_crash: Option<(u64, CrashKind)>,
    pub(super) sync_fails: bool,
    pub(super) start_ids: Vec<(usize, CommandId)>,
    /// Starts of attempts in acknowledged frames: only these may be carried out (D2).
    pub(super) durable_starts: BTreeSet<(WorkflowId, StageName, Attempt)>,
    /// Attempts that were begun: none is begun twice, in whichever life (D4).
    pub(super) carried_out: BTreeSet<(WorkflowId, StageName, Attempt)>,
    /// Workflows whose start was answered: they must never be lost (D1).
    pub(super) answered: BTreeSet<(usize, WorkflowId)>,
    pub(super) target_commands: u64,
    pub(super) commands: u64,
    pub(super) faults: u64,
    pub(super) restarts: u64,
    pub(super) events: u64,
    pub(super) steps: u64,
    log: Option<VecDeque<String>>,
}

/// A violation of `invariant`.
pub(super) fn broken<T>(invariant: &'static str, found: String) -> Result<T, Violation> {
    Err(Violation { invariant, found })
}

impl World {
    pub(super) fn new(seed: u64, logged: bool) -> Self {
        let mut rng = Rng::new(seed);
        let channel_count = rng.between(1, 3);
        let target_commands = rng.between(MIN_COMMANDS, MIN_COMMANDS + 80);
        Self {
            rng,
            trace: Trace::default(),
            coverage: Coverage::default(),
            policies: Policies::default(),
            now: 0,
            wall_offset: WALL_ORIGIN_MS,
            queue: BTreeMap::new(),
            queued: 0,
            journal: ModelJournal::default(),
            channels: (1..=channel_count).map(Channel::new).collect(),
            platform: Platform::default(),
            life: 0,
            up: false,
            faulty: true,
            planned_crash: None,
            sync_fails: false,
            start_ids: Vec::new(),
            durable_starts: BTreeSet::new(),
            carried_out: BTreeSet::new(),
            answered: BTreeSet::new(),
            target_commands,
            commands: 0,
            faults: 0,
            restarts: 0,
            events: 0,
            steps: 0,
            log: logged.then(VecDeque::new),
        }
    }

    /// The virtual wall clock.
    pub(super) fn wall(&self) -> Timestamp {
        Timestamp(self.wall_offset.saturating_add_unsigned(self.now))
    }

    /// Lets `task` happen after `delay_ms`; equal times keep their order.
    pub(super) fn after(&mut self, delay_ms: u64, task: Task) {
        self.queued += 1;
        self.queue.insert((self.now + delay_ms, self.queued), task);
    }

    /// Writes a line, where somebody will read it.
    pub(super) fn log(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        let Some(log) = &mut self.log else { return };
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(format!("{now:>9} ms  {}", line()));
    }

    pub(super) fn take_log(&mut self) -> Vec<String> {
        self.log.take().map(Vec::from).unwrap_or_default()
    }

    /// Counts a fault of the parts around the core; what clients do is not one of them.
    pub(super) fn fault(&mut self, name: &'static str) {
        self.faults += 1;
        self.coverage.hit("fault", name);
        self.trace.note("fault", self.now, &name);
        self.log(|| format!("FAULT {name}"));
    }

    pub(super) fn begin(&mut self) -> Result<(), Violation> {
        self.after(0, Task::Client);
        self.after(3_000, Task::Fault);
        self.boot(0)
    }

    /// No more faults and wishes: from here on everything must come to its end.
    pub(super) fn end_of_trouble(&mut self) {
        self.faulty = false;
        self.planned_crash = None;
        self.sync_fails = false;
        for channel in &mut self.channels {
            channel.rules.schedule = None;
        }
        self.log(|| "end of trouble".to_owned());
        self.after(0, Task::Mend);
    }

    /// Lets the next thing happen.
    pub(super) fn step(&mut self, max_steps: u64) -> Result<(), Violation> {
        self.steps += 1;
        let Some(((at, _), task)) = self.queue.pop_first() else {
            return broken("D5", "nothing will ever happen again, but not all is finished".into());
        };
        if self.steps > max_steps {
            return broken("D5", format!("the run does not come to an end: {}", self.unfinished()));
        }
        self.now = at;
        match task {
            Task::Client => self.client(),
            Task::Fault => self.trouble(),
            Task::Synced { life } => self.synced(life),
            Task::Deliver { channel, command } => self.handle(channel, &command),
            Task::Wake { channel, incarnation } => self.wake(channel, incarnation),
            Task::Worker { channel, workflow, job } => self.work(channel, workflow, job),
            Task::Boot { life } => self.boot(life),
            Task::RestartChannel { channel, incarnation } => {
                self.restart_channel(channel, incarnation)
            }
            Task::Mend => self.mend(),
        }
    }

    /// Whether every workflow is finished and every frame durable.
    pub(super) fn is_quiet(&self) -> bool {
        self.up
            && self.journal.durable() == self.journal.len()
            && self.channels.iter().all(Channel::is_finished)
    }

    fn unfinished(&self) -> String {
        let channels = self.channels.iter().filter(|channel| !channel.is_finished());
        channels.map(Channel::describe_unfinished).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn check_the_end(&self) -> Result<(), Violation> {
        for (index, channel) in self.channels.iter().enumerate() {
            self.check_fold(index)?;
            for workflow in channel.committed.workflows.values() {
                self.platform.check(workflow)?;
            }
        }
        Ok(())
    }

    pub(super) fn report(self) -> CoreReport {
        CoreReport {
            trace_hash: self.trace.digest(),
            commands: self.commands,
            faults: self.faults,
            restarts: self.restarts,
            events: self.events,
            publications: self.platform.count(),
            coverage: self.coverage,
        }
    }
}
