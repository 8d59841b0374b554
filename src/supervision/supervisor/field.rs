//! For the tests of the supervisor: an actor that does as it is told, and a place to try it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::super::envelope::{Envelope, Kind, Reply, Trace};
use super::super::environment::Environment;
use super::super::handle::Handle;
use super::super::intensity::{Backoff, Intensity, RestartPolicy};
use super::super::observe::{Registry, Status};
use super::super::path::{ActorPath, Incarnation};
use super::super::spec::{ChildSpec, SupervisorSpec};
use super::super::tree::{SupervisorHandle, Tree};

#[derive(Debug)]
pub(super) enum Duty {
    Panic,
    Fail,
    Hang,
    End,
    Who(Reply<Incarnation>),
}

impl Kind for Duty {
    fn kind(&self) -> &'static str {
        "order"
    }
}

/// What happened, in order.
pub(super) type Diary = Arc<Mutex<Vec<String>>>;

/// An actor that does as it is told and writes down its starts and stops.
pub(super) struct Soldier {
    name: String,
    incarnation: Incarnation,
    pub(super) diary: Diary,
    /// Starts up to this incarnation fail.
    broken_until: u64,
    /// Lives up to this incarnation end as soon as they have begun.
    stillborn_until: u64,
}

impl Actor for Soldier {
    type Msg = Envelope<Duty>;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        _arguments: (),
    ) -> Result<(), ActorProcessingErr> {
        if self.incarnation.0 <= self.broken_until {
            return Err("not ready".into());
        }
        self.diary.lock().unwrap().push(format!("start {}", self.name));
        Ok(())
    }

    async fn post_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        assert!(self.incarnation.0 > self.stillborn_until, "stillborn");
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.diary.lock().unwrap().push(format!("stop {}", self.name));
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, order) = envelope.open();
        match order {
            Duty::Panic => panic!("ordered to panic"),
            Duty::Fail => return Err("ordered to fail".into()),
            Duty::Hang => std::future::pending::<()>().await,
            Duty::End => myself.stop(None),
            Duty::Who(reply) => reply.send(self.incarnation),
        }
        Ok(())
    }
}

pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// A registry, an environment with the longest jitter, a diary, and handles by name.
pub(super) struct Field {
    pub(super) environment: Environment,
    pub(super) diary: Diary,
}

impl Field {
    pub(super) fn new() -> Self {
        let registry = Arc::new(Registry::new());
        let environment = Environment::new(registry, Arc::new(|| u64::MAX), 2);
        Self { environment, diary: Diary::default() }
    }

    pub(super) fn handle(&self, parent: &ActorPath, name: &str) -> Handle<Duty> {
        Handle::new(&self.environment.registry, &parent.child(&name.into()))
    }

    pub(super) fn root(&self, name: &str) -> Handle<Duty> {
        self.handle(&ActorPath::root(), name)
    }

    pub(super) fn spec(&self, handle: &Handle<Duty>) -> ChildSpec {
        self.weak_spec(handle, 0, 0)
    }

    pub(super) fn weak_spec(
        &self,
        handle: &Handle<Duty>,
        broken_until: u64,
        stillborn_until: u64,
    ) -> ChildSpec {
        let diary = Arc::clone(&self.diary);
        let name = handle.path().id().to_string();
        ChildSpec::actor(handle, move |context| {
            let (name, diary) = (name.clone(), Arc::clone(&diary));
            let incarnation = context.incarnation;
            (Soldier { name, incarnation, diary, broken_until, stillborn_until }, ())
        })
    }

    pub(super) async fn start(&self, spec: SupervisorSpec) -> Tree {
        let handle = SupervisorHandle::new(&self.environment.registry, &ActorPath::root());
        Tree::start(&self.environment, &handle, spec).await.unwrap()
    }

    pub(super) async fn wait(&self, path: &ActorPath, wanted: impl Fn(&Status) -> bool) {
        let registry = &self.environment.registry;
        let reached = registry.wait_until(path, |view| wanted(&view.status));
        tokio::time::timeout(LIMIT, reached).await.unwrap();
    }

    pub(super) fn diary(&self) -> Vec<String> {
        std::mem::take(&mut self.diary.lock().unwrap())
    }
}

pub(super) fn list(specs: Vec<ChildSpec>) -> SupervisorSpec {
    SupervisorSpec::new(move || specs.clone())
}

pub(super) fn at_most(max_restarts: u32) -> RestartPolicy {
    RestartPolicy {
        intensity: Intensity { max_restarts, period: Duration::from_secs(60) },
        backoff: Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) },
        quiet: Duration::from_secs(60),
    }
}

pub(super) fn tell(handle: &Handle<Duty>, order: Duty) {
    handle.cast(Trace::default(), order).unwrap();
}

pub(super) async fn who(handle: &Handle<Duty>) -> u64 {
    handle.call(LIMIT, Trace::default(), Duty::Who).await.unwrap().0
}

/// Waits until an incarnation after `after` runs.
pub(super) async fn next_life(handle: &Handle<Duty>, after: u64) {
    let running = handle.running_after(Incarnation(after));
    tokio::time::timeout(LIMIT, running).await.unwrap();
}
