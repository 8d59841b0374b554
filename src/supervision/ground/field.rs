//! A place to try supervision: an environment, a diary, a roll, and short words for tests.

use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use crate::supervision::environment::Environment;
use crate::supervision::handle::Handle;
use crate::supervision::intensity::{Backoff, Intensity, RestartPolicy};
use crate::supervision::observe::{Registry, Status};
use crate::supervision::path::{ActorPath, Incarnation};
use crate::supervision::spec::{ChildSpec, SupervisorSpec};
use crate::supervision::tree::{SupervisorHandle, Tree};

pub(crate) use super::soldier::{Diary, Duty, Fate, Orders, Roll, Soldier};
use crate::supervision::envelope::Trace;

/// Longer than anything a test waits for.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A registry, an environment with the longest jitter, a diary, and handles by name.
pub(crate) struct Field {
    pub(crate) environment: Environment,
    pub(crate) diary: Diary,
    pub(crate) roll: Arc<Roll>,
}

impl Field {
    pub(crate) fn new() -> Self {
        Self::with_chance(Arc::new(|| u64::MAX))
    }

    pub(crate) fn with_chance(entropy: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        hush_simulated_panics();
        let registry = Arc::new(Registry::new());
        let environment = Environment::new(registry, entropy, 2);
        Self { environment, diary: Diary::default(), roll: Arc::default() }
    }

    pub(crate) fn handle(&self, parent: &ActorPath, name: &str) -> Handle<Duty> {
        Handle::new(&self.environment.registry, &parent.child(&name.into()))
    }

    pub(crate) fn root(&self, name: &str) -> Handle<Duty> {
        self.handle(&ActorPath::root(), name)
    }

    pub(crate) fn orders(&self, path: &ActorPath, fates: &[Fate]) -> Arc<Orders> {
        Arc::new(Orders {
            path: path.clone(),
            environment: self.environment.clone(),
            diary: Arc::clone(&self.diary),
            roll: Arc::clone(&self.roll),
            fates: Mutex::new(fates.iter().copied().collect()),
        })
    }

    pub(crate) fn spec(&self, handle: &Handle<Duty>) -> ChildSpec {
        self.weak_spec(handle, &[])
    }

    /// A soldier whose first starts have these fates.
    pub(crate) fn weak_spec(&self, handle: &Handle<Duty>, fates: &[Fate]) -> ChildSpec {
        soldier_spec(handle, self.orders(handle.path(), fates))
    }

    pub(crate) async fn start(&self, spec: SupervisorSpec) -> Tree {
        let handle = SupervisorHandle::new(&self.environment.registry, &ActorPath::root());
        Tree::start(&self.environment, &handle, spec).await.unwrap()
    }

    pub(crate) async fn wait(&self, path: &ActorPath, wanted: impl Fn(&Status) -> bool) {
        let registry = &self.environment.registry;
        let reached = registry.wait_until(path, |view| wanted(&view.status));
        tokio::time::timeout(LIMIT, reached).await.unwrap();
    }

    pub(crate) fn diary(&self) -> Vec<String> {
        std::mem::take(&mut self.diary.lock().unwrap())
    }
}

/// A soldier under `orders` behind `handle`.
pub(crate) fn soldier_spec(handle: &Handle<Duty>, orders: Arc<Orders>) -> ChildSpec {
    ChildSpec::actor(handle, move |context| {
        (Soldier::new(Arc::clone(&orders), context.incarnation), ())
    })
}

pub(crate) fn list(specs: Vec<ChildSpec>) -> SupervisorSpec {
    SupervisorSpec::new(move || specs.clone())
}

pub(crate) fn at_most(max_restarts: u32) -> RestartPolicy {
    RestartPolicy {
        intensity: Intensity { max_restarts, period: Duration::from_secs(60) },
        backoff: Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) },
        quiet: Duration::from_secs(60),
    }
}

pub(crate) fn tell(handle: &Handle<Duty>, duty: Duty) {
    handle.cast(Trace::default(), duty).unwrap();
}

pub(crate) async fn who(handle: &Handle<Duty>) -> u64 {
    handle.call(LIMIT, Trace::default(), Duty::Who).await.unwrap().0
}

/// Waits until an incarnation after `after` runs.
pub(crate) async fn next_life(handle: &Handle<Duty>, after: u64) {
    let running = handle.running_after(Incarnation(after));
    tokio::time::timeout(LIMIT, running).await.unwrap();
}

/// Panics that are meant say so, and are not printed.
fn hush_simulated_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = panic.payload_as_str().unwrap_or_default();
            if !text.starts_with("simulated panic") {
                tell(panic);
            }
        }));
    });
}
