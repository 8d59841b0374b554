//! The ChannelActor: the only writer of its channel.
//!
//! It takes commands, decides them, applies the events at once and goes on; replies and effects
//! leave in sequence order when the journal has acknowledged the frame. It is the parent of the
//! channel's stage actors.
//!
//! Architecture invariant: no effect before its frame is durable (D2): effects are computed from
//! the fold of committed frames, never from the state that runs ahead of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::admission::Admission;
use super::channel_commit::{Asked, InFlight};
use super::channel_stages::{Dispatched, Offers, check_offers};
use super::messages::{CLOCK_JUMP, ChannelMsg, RECHECK, StageMsg};
use super::stage_work::{StageTools, StageWork};
use crate::domain::channel::{ChannelRules, ChannelState};
use crate::domain::command::Command;
use crate::domain::decide::next_slot_wake;
use crate::domain::event::Event;
use crate::domain::ids::{Generation, WorkflowId};
use crate::domain::retry::Policies;
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::journal::fold::Fold;
use crate::journal::frame::FrameKind;
use crate::journal::queue::JournalHandle;
use crate::journal::record::{self, Commit, SCHEMA};
use crate::journal::writer::{AppendError, AppendRequest, Reply as AppendReply};
use crate::ports::clock::Entropy;
use crate::supervision::caught::caught;
use crate::supervision::envelope::{Envelope, Mailbox, Trace};
use crate::supervision::exit::exit_of;
use crate::supervision::handle::Handle;
use crate::supervision::intensity::RestartPolicy;
use crate::supervision::lazy::LazyChild;
use crate::supervision::observe::Registry;
use crate::supervision::path::Incarnation;

/// How long a stage's actor may take to stop with its channel.
const STAGE_STOP_LIMIT: Duration = Duration::from_secs(2);

/// How often a new incarnation tries to get past one that is still writing.
const GENERATION_TRIES: u32 = 5;

/// What a channel's actor works with.
#[derive(Clone)]
pub struct ChannelParts {
    /// Its own handle.
    pub handle: Handle<ChannelMsg>,
    /// The way to the journal.
    pub journal: JournalHandle,
    /// The fold of committed frames.
    pub fold: Arc<Fold>,
    /// The limits of the stages.
    pub policies: Arc<Policies>,
    /// What the owner wants of its decisions.
    pub rules: ChannelRules,
    /// The node's gate for new work.
    pub admission: Admission,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// What the stages may use; it holds the channel's profile and the clock.
    pub tools: StageTools,
    /// The work of each stage.
    pub works: BTreeMap<StageName, Arc<dyn StageWork>>,
    /// Who is in the tree.
    pub registry: Arc<Registry>,
    /// How often a stage's actor may fail.
    pub stage_policy: RestartPolicy,
}

/// The actor of one channel.
pub struct ChannelActor {
    pub(super) parts: ChannelParts,
    incarnation: Incarnation,
}

/// One life of the actor.
pub struct ChannelLife {
    /// Its own mailbox.
    pub(super) me: Mailbox<ChannelMsg>,
    /// Its own cell, the parent of the stages.
    pub(super) cell: ActorCell,
    /// The state as decided; the journal may be behind.
    pub(super) state: ChannelState,
    /// The fence of its frames.
    pub(super) generation: Generation,
    /// Frames that the journal has not acknowledged, oldest first.
    pub(super) in_flight: VecDeque<InFlight>,
    /// The stages' actors, as far as they were needed.
    pub(super) stages: BTreeMap<StageName, LazyChild<StageMsg>>,
    /// What the stages were given.
    pub(super) dispatched: BTreeMap<WorkflowId, Dispatched>,
    /// Stages whose actor backs off; they are looked at when that is over.
    pub(super) resting: BTreeSet<StageName>,
    /// What was offered to the stages and is to be accepted in time.
    pub(super) offers: Offers,
    /// When workflows must be looked at again.
    pub(super) wakes: BTreeMap<WorkflowId, Timestamp>,
    alarm: Option<AbortHandle>,
    began: Instant,
    /// Both clocks when they were last compared.
    compared: (Instant, Timestamp),
}

impl ChannelLife {
    /// Milliseconds of this life, on the monotonic clock.
    pub(super) fn lived_ms(&self) -> u64 {
        let lived = Instant::now().saturating_duration_since(self.began);
        u64::try_from(lived.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for ChannelLife {
    fn drop(&mut self) {
        if let Some(alarm) = &self.alarm {
            alarm.abort();
        }
    }
}

impl ChannelActor {
    /// Life `incarnation` of the actor.
    #[must_use]
    pub fn new(parts: ChannelParts, incarnation: Incarnation) -> Self {
        Self { parts, incarnation }
    }

    /// Now, on the wall clock.
    pub(super) fn now(&self) -> Timestamp {
        self.parts.tools.clock.now()
    }

    /// Fences every earlier incarnation off: once this frame is acknowledged, none of their frames
    /// is accepted any more, and the fold holds all that ever will be.
    async fn raise_generation(&self) -> Result<Generation, AppendError> {
        let channel = self.parts.tools.profile.id;
        let mut outcome = Err(AppendError::Closed);
        for _ in 0..GENERATION_TRIES {
            let generation = Generation(self.parts.fold.read(channel, |s| s.generation.0) + 1);
            let name = self.parts.tools.profile.name.clone();
            let commit = Commit {
                channel,
                generation,
                at: self.now(),
                correlation: None,
                events: vec![Event::GenerationRaised { name, generation }],
            };
            let payload = record::encode(&commit).map_err(|_| AppendError::Empty)?;
            let (reply, acknowledged) = AppendReply::channel();
            self.parts.journal.append(AppendRequest {
                channel,
                generation,
                kind: FrameKind::Generation,
                schema: SCHEMA,
                count: 1,
                payload,
                commit: Some(commit),
                reply,
            });
            outcome = match acknowledged.await {
                Ok(Ok(_)) => return Ok(generation),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(AppendError::Closed),
            };
            if !matches!(outcome, Err(AppendError::StaleGeneration { .. })) {
                break;
            }
        }
        outcome
    }

    /// Fails when the fold could not apply a commit of this channel: nothing may be built on what is
    /// there. Its supervisor tries again, then parks the channel with this reason (S1).
    fn refuse_broken(&self) -> Result<(), ActorProcessingErr> {
        match self.parts.fold.broken(self.parts.tools.profile.id) {
            Some(reason) => Err(reason.into()),
            None => Ok(()),
        }
    }

    /// By how many milliseconds the wall clock has left the monotonic one since it was last asked,
    /// if that is more than [`CLOCK_JUMP`].
    fn clock_jump(&self, life: &mut ChannelLife) -> Option<i64> {
        let (instant, wall) = (Instant::now(), self.now());
        let (last_instant, last_wall) = std::mem::replace(&mut life.compared, (instant, wall));
        let passed = instant.saturating_duration_since(last_instant);
        let by_ms = wall.0.saturating_sub(last_wall.plus(passed).0);
        (by_ms.unsigned_abs() > CLOCK_JUMP.as_millis() as u64).then_some(by_ms)
    }

    /// Wakes the actor when the next deadline comes, or at the next re-check of the clock.
    pub(super) fn set_alarm(&self, life: &mut ChannelLife) {
        if let Some(alarm) = life.alarm.take() {
            alarm.abort();
        }
        let now = self.now();
        let schedule = self.parts.rules.schedule.as_ref();
        let slot = schedule.and_then(|schedule| next_slot_wake(&life.state, schedule, now));
        let Some(first) = life.wakes.values().copied().chain(slot).min() else { return };
        let wait = first.since(now).min(RECHECK);
        let me = life.me.clone();
        let alarm = tokio::spawn(async move {
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
            // An actor that ended needs no alarm.
            let _ = me.cast(Trace::default(), ChannelMsg::Wake);
        });
        life.alarm = Some(alarm.abort_handle());
    }

    async fn take(
        &self,
        life: &mut ChannelLife,
        message: ChannelMsg,
        trace: Trace,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ChannelMsg::Command { command, id, note, reply } => {
                self.answer(life, &command, Asked { id, note, reply }, trace)?;
            }
            ChannelMsg::Committed(outcome) => {
                let touched = Self::acknowledge(life, outcome)?;
                self.refuse_broken()?;
                self.reconcile(life, touched).await?;
            }
            ChannelMsg::Stage { stage, life: reporter, report } => {
                self.stage_reported(life, stage, reporter, report, trace)?;
            }
            ChannelMsg::Wake => {
                if let Some(by_ms) = self.clock_jump(life) {
                    self.decide(life, &Command::ClockJumped { by_ms }, trace)?;
                }
                self.decide(life, &Command::Wake, trace)?;
                self.reconcile_all(life).await?;
            }
            ChannelMsg::CheckOffers(due) => check_offers(life, due),
            ChannelMsg::Respawn(stage) => self.respawn(life, stage).await?,
        }
        self.set_alarm(life);
        Ok(())
    }

    /// A life that fails stops its stages itself, in order: the engine would kill them in whatever
    /// order, and with it would go the order in which their leases come back.
    async fn end_in_order(
        life: &mut ChannelLife,
        outcome: Result<Result<(), ActorProcessingErr>, String>,
    ) -> Result<(), ActorProcessingErr> {
        let outcome = outcome.unwrap_or_else(|panic| Err(panic.into()));
        if outcome.is_err() {
            stop_stages(life).await;
        }
        outcome
    }

    /// Looks at every workflow: after a start, and whenever time has passed.
    async fn reconcile_all(&self, life: &mut ChannelLife) -> Result<(), ActorProcessingErr> {
        let channel = self.parts.tools.profile.id;
        let mut workflows: BTreeSet<WorkflowId> = self.parts.fold.read(channel, |state| {
            let live = state.workflows.values().filter(|workflow| workflow.is_live());
            live.map(|workflow| workflow.id).collect()
        });
        workflows.extend(life.dispatched.keys());
        self.reconcile(life, workflows).await
    }
}

async fn stop_stages(life: &mut ChannelLife) {
    for child in life.stages.values_mut().rev() {
        child.stop(STAGE_STOP_LIMIT).await;
    }
}

impl Actor for ChannelActor {
    type Msg = Envelope<ChannelMsg>;
    type State = ChannelLife;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<ChannelLife, ActorProcessingErr> {
        self.refuse_broken()?;
        let generation = self.raise_generation().await?;
        let state = self.parts.fold.state(self.parts.tools.profile.id);
        let stats = Arc::clone(self.parts.handle.entry().stats());
        let mut life = ChannelLife {
            me: Mailbox::new(myself.clone(), stats, self.incarnation),
            cell: myself.get_cell(),
            state,
            generation,
            in_flight: VecDeque::new(),
            stages: BTreeMap::new(),
            dispatched: BTreeMap::new(),
            resting: BTreeSet::new(),
            offers: Offers::default(),
            wakes: BTreeMap::new(),
            alarm: None,
            began: Instant::now(),
            compared: (Instant::now(), self.now()),
        };
        self.decide(&mut life, &Command::Recover, Trace::default())?;
        // Until the recovery is committed, the fold still shows what an older life had started:
        // nothing is handed out before.
        let everything = life.state.workflows.keys().copied().collect();
        if !life.touch_with_oldest_frame(everything) {
            life.me.cast(Trace::default(), ChannelMsg::Wake).map_err(|error| error.to_string())?;
        }
        Ok(life)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut ChannelLife,
    ) -> Result<(), ActorProcessingErr> {
        let (handling, message) = envelope.open();
        let taken = caught(self.take(life, message, handling.trace())).await;
        Self::end_in_order(life, taken).await
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        life: &mut ChannelLife,
    ) -> Result<(), ActorProcessingErr> {
        let Some((actor, exit)) = exit_of(&event) else { return Ok(()) };
        let noted = caught(async { self.stage_ended(life, actor, &exit) }).await;
        Self::end_in_order(life, noted).await
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        life: &mut ChannelLife,
    ) -> Result<(), ActorProcessingErr> {
        stop_stages(life).await;
        Ok(())
    }
}
