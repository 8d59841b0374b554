//! An actor that does as it is told and writes down its starts and stops, and the roll of who lives.
//!
//! Architecture invariant: a life is on the roll from the first moment of its start until the last
//! of its state is gone, so that two lives of one path at once are seen, however short.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::Notify;

use crate::supervision::envelope::{Envelope, Kind, Reply, Trace};
use crate::supervision::environment::Environment;
use crate::supervision::exit::exit_of;
use crate::supervision::handle::{Handle, StartContext};
use crate::supervision::lazy::LazyChild;
use crate::supervision::path::{ActorPath, Incarnation};

use super::field::at_most;

/// What a soldier is told.
#[derive(Debug)]
pub(crate) enum Duty {
    Panic,
    Fail,
    /// Handle this message for ever.
    Hang,
    /// Handle this message until told otherwise.
    Hold(Arc<Notify>),
    /// Do not come to an end in `post_stop`.
    Cling,
    /// End by its own decision.
    End,
    Who(Reply<Incarnation>),
    /// Drop the question.
    Mute(Reply<Incarnation>),
    /// Write the number down.
    Note(u64),
    /// Hand it on to a child of its own that is started on demand.
    Delegate(Box<Duty>),
}

impl Kind for Duty {
    fn kind(&self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Fail => "fail",
            Self::Hang => "hang",
            Self::Hold(_) => "hold",
            Self::Cling => "cling",
            Self::End => "end",
            Self::Who(_) => "who",
            Self::Mute(_) => "mute",
            Self::Note(_) => "note",
            Self::Delegate(_) => "delegate",
        }
    }
}

/// What becomes of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Fail,
    Panic,
    /// It never comes to an end.
    Hang,
    /// It succeeds after a while.
    Slow(Duration),
    /// It succeeds, and the life ends at once.
    Stillborn,
}

/// What happened, in order.
pub(crate) type Diary = Arc<Mutex<Vec<String>>>;

/// Who lives, who lived twice at once, and what each life wrote down.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    alive: Mutex<BTreeMap<ActorPath, u32>>,
    twins: Mutex<Vec<String>>,
    notes: Mutex<BTreeMap<(ActorPath, u64), Vec<u64>>>,
}

impl Roll {
    /// How many lives of `path` there are now.
    pub(crate) fn alive(&self, path: &ActorPath) -> u32 {
        self.alive.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    /// Everyone who lives now.
    pub(crate) fn living(&self) -> Vec<ActorPath> {
        let alive = self.alive.lock().unwrap();
        alive.iter().filter(|(_, count)| **count > 0).map(|(path, _)| path.clone()).collect()
    }

    /// Paths that had two lives at once.
    pub(crate) fn twins(&self) -> Vec<String> {
        self.twins.lock().unwrap().clone()
    }

    /// What life `incarnation` of `path` wrote down.
    pub(crate) fn notes(&self, path: &ActorPath, incarnation: u64) -> Vec<u64> {
        let notes = self.notes.lock().unwrap();
        notes.get(&(path.clone(), incarnation)).cloned().unwrap_or_default()
    }
}

/// A life on the roll, until it is dropped.
struct OnRoll {
    roll: Arc<Roll>,
    path: ActorPath,
}

impl OnRoll {
    fn enter(roll: &Arc<Roll>, path: &ActorPath, incarnation: Incarnation) -> Self {
        let mut alive = roll.alive.lock().unwrap();
        let count = alive.entry(path.clone()).or_default();
        *count += 1;
        if *count > 1 {
            let twin = format!("{path} has {count} lives, the latest is {incarnation}");
            roll.twins.lock().unwrap().push(twin);
        }
        drop(alive);
        Self { roll: Arc::clone(roll), path: path.clone() }
    }
}

impl Drop for OnRoll {
    fn drop(&mut self) {
        *self.roll.alive.lock().unwrap().entry(self.path.clone()).or_default() -= 1;
    }
}

/// What all lives of one soldier share.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) path: ActorPath,
    pub(crate) environment: Environment,
    pub(crate) diary: Diary,
    pub(crate) roll: Arc<Roll>,
    /// What becomes of the next starts; they succeed when nothing is said here.
    pub(crate) fates: Mutex<VecDeque<Fate>>,
}

/// One life of an actor that does as it is told.
pub(crate) struct Soldier {
    orders: Arc<Orders>,
    incarnation: Incarnation,
}

/// What a life holds.
pub(crate) struct Kit {
    _on_roll: OnRoll,
    clings: bool,
    stillborn: bool,
    aide: LazyChild<Duty>,
}

impl Soldier {
    pub(crate) fn new(orders: Arc<Orders>, incarnation: Incarnation) -> Self {
        Self { orders, incarnation }
    }

    fn write(&self, event: &str) {
        let line = format!("{event} {}", self.orders.path.id());
        self.orders.diary.lock().unwrap().push(line);
    }

    /// A soldier of its own, under the same orders but for its path.
    fn aide_orders(&self, path: &ActorPath) -> Arc<Orders> {
        Arc::new(Orders {
            path: path.clone(),
            environment: self.orders.environment.clone(),
            diary: Arc::clone(&self.orders.diary),
            roll: Arc::clone(&self.orders.roll),
            fates: Mutex::default(),
        })
    }

    async fn delegate(&self, myself: &ActorRef<Envelope<Duty>>, kit: &mut Kit, duty: Duty) {
        let orders = self.aide_orders(kit.aide.handle().path());
        let make = move |context: &StartContext| (Soldier::new(orders, context.incarnation), ());
        let now_ms = self.orders.environment.now_ms();
        // An aide that is not ready is let alone.
        if let Ok(aide) = Box::pin(kit.aide.ensure(now_ms, 0, myself.get_cell(), make)).await {
            let _ = aide.cast(Trace::default(), duty);
        }
    }
}

impl Actor for Soldier {
    type Msg = Envelope<Duty>;
    type State = Kit;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        _arguments: (),
    ) -> Result<Kit, ActorProcessingErr> {
        let path = &self.orders.path;
        let on_roll = OnRoll::enter(&self.orders.roll, path, self.incarnation);
        let fate = self.orders.fates.lock().unwrap().pop_front();
        match fate {
            Some(Fate::Fail) => return Err("not ready".into()),
            Some(Fate::Panic) => panic!("simulated panic at the start"),
            Some(Fate::Hang) => std::future::pending::<()>().await,
            Some(Fate::Slow(span)) => tokio::time::sleep(span).await,
            Some(Fate::Stillborn) | None => {}
        }
        self.write("start");
        let aide = Handle::new(&self.orders.environment.registry, &path.child(&"aide".into()));
        Ok(Kit {
            _on_roll: on_roll,
            clings: false,
            stillborn: fate == Some(Fate::Stillborn),
            aide: LazyChild::new(aide, at_most(2)),
        })
    }

    async fn post_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        kit: &mut Kit,
    ) -> Result<(), ActorProcessingErr> {
        assert!(!kit.stillborn, "simulated panic of a stillborn");
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        kit: &mut Kit,
    ) -> Result<(), ActorProcessingErr> {
        kit.aide.stop(Duration::from_millis(500)).await;
        if kit.clings {
            std::future::pending::<()>().await;
        }
        self.write("stop");
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        kit: &mut Kit,
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, duty) = envelope.open();
        match duty {
            Duty::Panic => panic!("simulated panic, as ordered"),
            Duty::Fail => return Err("ordered to fail".into()),
            Duty::Hang => std::future::pending::<()>().await,
            Duty::Hold(until) => until.notified().await,
            Duty::Cling => kit.clings = true,
            Duty::End => myself.stop(None),
            Duty::Who(reply) => reply.send(self.incarnation),
            Duty::Mute(reply) => drop(reply),
            Duty::Note(number) => {
                let key = (self.orders.path.clone(), self.incarnation.0);
                self.orders.roll.notes.lock().unwrap().entry(key).or_default().push(number);
            }
            Duty::Delegate(duty) => self.delegate(&myself, kit, *duty).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        kit: &mut Kit,
    ) -> Result<(), ActorProcessingErr> {
        if let Some((actor, exit)) = exit_of(&event) {
            kit.aide.note_end(actor, &exit, self.orders.environment.now_ms(), 0);
        }
        Ok(())
    }
}
