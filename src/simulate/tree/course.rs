//! The course of a seed: what clients want and what goes wrong, over all lives of the node.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::clients::Clients;
use super::node::{SimChannel, SimNode};
use super::universe::{Universe, locked, rng_about};
use super::{MIN_COMMANDS, MIN_FAULTS, MIN_RESTARTS};
use crate::domain::ids::Seq;
use crate::domain::invariants::Violation;
use crate::domain::workflow::Ending;
use crate::simulate::rng::Rng;
use crate::supervision::path::ChildId;

/// After the last fault everything must be finished within this virtual time (D5).
const PATIENCE_MS: u64 = 30 * 24 * 3_600_000;
/// How often a person looks after what is held, at the end.
const MEND_EVERY_MS: u64 = 600_000;
/// A broker that is killed more often than this would rightly be given up.
const BROKER_GAP_MS: u64 = 30_000;

/// How a life of the node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The process died.
    Crash,
    /// The journal failed, and the node stopped itself.
    JournalFailed,
    /// It was stopped in order.
    Stopped,
    /// Everything was finished.
    Finished,
}

/// What can go wrong beside the work of stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Crash,
    Sync,
    Stop,
    ChannelHandler,
    Clock,
    Channel,
    ChannelStart,
    Stage,
    StageHandler,
    Broker,
    JumpForward,
    JumpBack,
}

impl Fault {
    fn draw(rng: &mut Rng) -> Self {
        match rng.below(100) {
            0..=14 => Self::Crash,
            15..=22 => Self::Sync,
            23..=27 => Self::Stop,
            28..=41 => Self::ChannelHandler,
            42..=48 => Self::Clock,
            49..=57 => Self::Channel,
            58..=63 => Self::ChannelStart,
            64..=76 => Self::Stage,
            77..=84 => Self::StageHandler,
            85..=91 => Self::Broker,
            92..=95 => Self::JumpForward,
            _ => Self::JumpBack,
        }
    }
}

/// What happens in a run, and when.
pub(super) struct Course {
    pub(super) rng: Rng,
    pub(super) clients: Clients,
    pub(super) restarts: u64,
    next_client_ms: u64,
    next_fault_ms: u64,
    planned: Option<(Seq, Fault)>,
    last_broker_kill_ms: Option<u64>,
    calm_since_ms: Option<u64>,
}

impl Course {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: rng_about(seed, "course"),
            clients: Clients::default(),
            restarts: 0,
            next_client_ms: 0,
            next_fault_ms: 5_000,
            planned: None,
            last_broker_kill_ms: None,
            calm_since_ms: None,
        }
    }

    /// One life of the node, from its start to its end.
    pub(super) async fn live(&mut self, universe: &Arc<Universe>) -> Result<End, Violation> {
        let node = SimNode::start(universe, self.restarts).await?;
        let end = self.drive(universe, &node).await?;
        match end {
            End::Crash | End::JournalFailed => {}
            End::Stopped => node.stop().await,
            End::Finished => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                universe.check()?;
                node.read_feed()?;
                let (fed, applied) = (node.fed_up_to(), node.fold.applied());
                if fed != applied {
                    let found = format!("the feed ended at {fed}, the fold at {applied}");
                    return Err(Violation { invariant: "F1", found });
                }
                node.stop().await;
            }
        }
        universe.check()?;
        Ok(end)
    }

    async fn drive(&mut self, universe: &Arc<Universe>, node: &SimNode) -> Result<End, Violation> {
        let mut applied = node.fold.watch_applied();
        loop {
            universe.check()?;
            node.read_feed()?;
            self.clients.hear(universe);
            if self.calm_since_ms.is_none() && self.has_seen_enough(universe) {
                self.calm_down(universe);
            }
            if let Some(end) = self.trouble_at_event(universe, node).await {
                return Ok(end);
            }
            if let Some(since) = self.calm_since_ms {
                if is_finished(universe) {
                    return Ok(End::Finished);
                }
                if universe.time.now_ms() > since + PATIENCE_MS {
                    let found = format!("not all comes to an end: {}", unfinished(universe));
                    return Err(Violation { invariant: "D5", found });
                }
            }
            let next_ms = self.next_client_ms.min(self.next_fault_ms);
            let wait = Duration::from_millis(next_ms.saturating_sub(universe.time.now_ms()));
            let next = Instant::now() + wait;
            tokio::select! {
                biased;
                ended = node.tree.ended() => return journal_failure(ended.err()),
                _ = applied.changed() => {}
                () = tokio::time::sleep_until(next) => {}
            }
            let now = universe.time.now_ms();
            if now >= self.next_client_ms {
                self.client(universe, node, now).await?;
            }
            if now >= self.next_fault_ms
                && let Some(end) = self.trouble(universe, node, now).await
            {
                return Ok(end);
            }
        }
    }

    fn has_seen_enough(&self, universe: &Universe) -> bool {
        self.clients.commands >= MIN_COMMANDS
            && universe.faults() >= MIN_FAULTS
            && self.restarts >= MIN_RESTARTS
    }

    fn calm_down(&mut self, universe: &Universe) {
        universe.log(|| "end of trouble".to_owned());
        universe.calm_down();
        self.calm_since_ms = Some(universe.time.now_ms());
        self.next_fault_ms = u64::MAX;
        self.planned = None;
        self.next_client_ms = 0;
    }

    async fn client(
        &mut self,
        universe: &Universe,
        node: &SimNode,
        now: u64,
    ) -> Result<(), Violation> {
        if self.calm_since_ms.is_some() {
            self.next_client_ms = now + MEND_EVERY_MS;
            for channel in node.channels.iter().filter(|c| c.handle.current().is_none()) {
                unpark(universe, node, channel).await;
            }
            self.clients.mend(universe, node);
            return Ok(());
        }
        // Wishes come in bursts, so that several share one sync.
        let wait = if self.rng.chance(400) { 0 } else { self.rng.between(1, 60_000) };
        self.next_client_ms = now + wait;
        self.clients.wish(universe, node, &mut self.rng)
    }

    /// Draws a fault, and the time of the next. Half of them strike right behind an event, when most
    /// is under way; the others whenever it happens to be.
    async fn trouble(&mut self, universe: &Universe, node: &SimNode, now: u64) -> Option<End> {
        self.next_fault_ms = now + self.rng.between(2_000, 180_000);
        for channel in &node.channels {
            let is_parked = node.fold.read(channel.id, |state| state.parked.is_some());
            if is_parked && self.rng.chance(500) {
                unpark(universe, node, channel).await;
            }
        }
        let fault = Fault::draw(&mut self.rng);
        if self.rng.chance(500) {
            let after = self.rng.between(1, 12);
            self.planned = Some((Seq(node.fold.applied().0 + after), fault));
            return None;
        }
        self.strike(universe, node, fault, now)
    }

    /// Lets the planned fault strike when its event has come, a few steps of the scheduler later.
    async fn trouble_at_event(&mut self, universe: &Universe, node: &SimNode) -> Option<End> {
        let (at, fault) = self.planned?;
        if node.fold.applied() < at {
            return None;
        }
        self.planned = None;
        for _ in 0..self.rng.below(30) {
            tokio::task::yield_now().await;
        }
        universe.hit("fault", "right_behind_an_event");
        self.strike(universe, node, fault, universe.time.now_ms())
    }

    fn strike(
        &mut self,
        universe: &Universe,
        node: &SimNode,
        fault: Fault,
        now: u64,
    ) -> Option<End> {
        let channel = self.rng.pick(&node.channels)?;
        match fault {
            Fault::Crash => {
                universe.fault("crash");
                return Some(End::Crash);
            }
            Fault::Sync => {
                universe.fault("sync_failure");
                universe.disk.fail_sync_after(self.rng.below(4));
            }
            Fault::Stop => {
                universe.fault("stop_and_start");
                return Some(End::Stopped);
            }
            Fault::ChannelHandler => {
                universe.fault("channel_handler_panics");
                channel.break_handler();
            }
            Fault::Clock => {
                universe.fault("clock_panics");
                channel.break_clock();
            }
            Fault::Channel => {
                universe.fault("channel_killed");
                kill(channel);
            }
            Fault::ChannelStart => {
                universe.fault("channel_start_fails");
                channel.break_clock();
                kill(channel);
            }
            Fault::Stage => self.kill_stage(universe, channel),
            Fault::StageHandler => {
                universe.fault("stage_handler_panics");
                channel.break_stage_handler();
            }
            Fault::Broker => self.kill_broker(universe, node, now),
            Fault::JumpForward => {
                universe.fault("clock_jump_forward");
                let jump = self.rng.between(60_000, 7_200_000);
                universe.time.jump(i64::try_from(jump).unwrap_or(0));
            }
            Fault::JumpBack => {
                universe.fault("clock_jump_back");
                let jump = self.rng.between(60_000, 1_800_000);
                universe.time.jump(-i64::try_from(jump).unwrap_or(0));
            }
        }
        None
    }

    fn kill_stage(&mut self, universe: &Universe, channel: &SimChannel) {
        let stages = channel.stage_cells();
        if let Some(stage) = self.rng.pick(&stages) {
            universe.fault("stage_killed");
            stage.kill();
        }
    }

    fn kill_broker(&mut self, universe: &Universe, node: &SimNode, now: u64) {
        if self.last_broker_kill_ms.is_some_and(|last| now < last + BROKER_GAP_MS) {
            return;
        }
        if let Some(broker) = node.empire.broker.handle().current() {
            self.last_broker_kill_ms = Some(now);
            universe.fault("broker_killed");
            broker.actor().kill();
        }
    }

    /// What becomes of the disk and of time between two lives.
    pub(super) fn between_lives(&mut self, universe: &Universe, end: End) {
        self.restarts += 1;
        self.planned = None;
        let tail = universe.disk.frames().len().saturating_sub(universe.disk.synced_frames());
        let drawn = self.rng.below(u64::try_from(tail).unwrap_or(0) + 1);
        let survivors = usize::try_from(drawn).unwrap_or(0);
        let lost = universe.disk.crash(survivors);
        universe.log(|| format!("the node ended by {end:?}: {survivors} of {tail} survive"));
        if lost > 0 {
            universe.hit("restart", "losing_the_tail");
        }
        if survivors > 0 {
            universe.hit("restart", "keeping_an_unacknowledged_tail");
        }
        universe.hit(
            "restart",
            match end {
                End::Crash => "after_a_crash",
                End::JournalFailed => "after_a_failed_sync",
                End::Stopped => "after_a_stop",
                End::Finished => "after_the_end",
            },
        );
    }

    /// At the end: nothing that was answered is lost, and every video is there once.
    pub(super) fn check_the_end(&self, universe: &Universe) -> Result<(), Violation> {
        let watcher = locked(&universe.watcher);
        for (channel, workflow) in &self.clients.answered {
            let known = watcher.states.get(channel).map(|state| state.workflows.get(workflow));
            if known.flatten().is_none() {
                let found = format!("{workflow} was answered and lost");
                return Err(Violation { invariant: "D1", found });
            }
        }
        for workflow in watcher.states.values().flat_map(|state| state.workflows.values()) {
            let videos = universe.ledger.videos(workflow.id);
            let is_right = match workflow.ending() {
                Some(Ending::Completed(publication)) => videos.as_slice() == [publication.clone()],
                _ => videos.len() <= 1,
            };
            if !is_right {
                let found = format!("{} ended {:?}: {videos:?}", workflow.id, workflow.ending());
                return Err(Violation { invariant: "D3", found });
            }
        }
        Ok(())
    }
}

/// Kills a channel, its stages first: the engine would kill them after it, in the order of a hash
/// map that differs from run to run.
fn kill(channel: &SimChannel) {
    channel.stage_cells().iter().for_each(ractor::ActorCell::kill);
    if let Some(mailbox) = channel.handle.current() {
        mailbox.actor().kill();
    }
}

async fn unpark(universe: &Universe, node: &SimNode, channel: &SimChannel) {
    let id = ChildId::new(channel.name.as_str());
    // One that is only backing off comes back by itself.
    if node.empire.channels.unpark(&id).await.is_ok() {
        universe.hit("person", "unparks_a_channel");
    }
}

fn journal_failure(ended: Option<crate::supervision::tree::TreeFailure>) -> Result<End, Violation> {
    match ended {
        Some(failure) if failure.0.contains("simulated disk") => Ok(End::JournalFailed),
        other => {
            let found = format!("the tree ended: {other:?}");
            Err(Violation { invariant: "S1", found })
        }
    }
}

fn is_finished(universe: &Universe) -> bool {
    let watcher = locked(&universe.watcher);
    let mut workflows = watcher.states.values().flat_map(|state| state.workflows.values());
    workflows.all(|workflow| workflow.ending().is_some())
}

fn unfinished(universe: &Universe) -> String {
    let watcher = locked(&universe.watcher);
    let mut found = Vec::new();
    for state in watcher.states.values() {
        for workflow in state.workflows.values().filter(|w| w.ending().is_none()) {
            found.push(format!("{} {:?}", workflow.id, workflow.position()));
        }
    }
    found.join("; ")
}
