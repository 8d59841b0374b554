use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::super::handle::Handle;
use super::super::intensity::{Backoff, Intensity, RestartPolicy};
use super::super::observe::Registry;
use super::super::path::ActorPath;
use super::super::shutdown::StopOutcome;
use super::super::spec::{Exhaustion, Restart, Strategy};
use super::super::tree::{SupervisorHandle, Tree, supervisor_child};
use super::*;

#[derive(Debug)]
enum Duty {
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
type Diary = Arc<Mutex<Vec<String>>>;

/// An actor that does as it is told and writes down its starts and stops.
struct Soldier {
    name: String,
    incarnation: Incarnation,
    diary: Diary,
    /// Starts up to this incarnation fail.
    broken_until: u64,
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

const LIMIT: Duration = Duration::from_secs(60);

/// A registry, an environment with the longest jitter, a diary, and handles by name.
struct Field {
    environment: Environment,
    diary: Diary,
}

impl Field {
    fn new() -> Self {
        let registry = Arc::new(Registry::new());
        let environment = Environment::new(registry, Arc::new(|| u64::MAX), 2);
        Self { environment, diary: Diary::default() }
    }

    fn handle(&self, parent: &ActorPath, name: &str) -> Handle<Duty> {
        Handle::new(&self.environment.registry, &parent.child(&name.into()))
    }

    fn root(&self, name: &str) -> Handle<Duty> {
        self.handle(&ActorPath::root(), name)
    }

    fn spec(&self, handle: &Handle<Duty>) -> ChildSpec {
        self.spec_broken_until(handle, 0)
    }

    fn spec_broken_until(&self, handle: &Handle<Duty>, broken_until: u64) -> ChildSpec {
        let diary = Arc::clone(&self.diary);
        let name = handle.path().id().to_string();
        ChildSpec::actor(handle, move |context| {
            let (name, diary) = (name.clone(), Arc::clone(&diary));
            let incarnation = context.incarnation;
            (Soldier { name, incarnation, diary, broken_until }, ())
        })
    }

    async fn start(&self, spec: SupervisorSpec) -> Tree {
        let handle = SupervisorHandle::new(&self.environment.registry, &ActorPath::root());
        Tree::start(&self.environment, &handle, spec).await.unwrap()
    }

    async fn wait(&self, path: &ActorPath, wanted: impl Fn(&Status) -> bool) {
        let registry = &self.environment.registry;
        let reached = registry.wait_until(path, |view| wanted(&view.status));
        tokio::time::timeout(LIMIT, reached).await.unwrap();
    }

    fn diary(&self) -> Vec<String> {
        std::mem::take(&mut self.diary.lock().unwrap())
    }
}

fn list(specs: Vec<ChildSpec>) -> SupervisorSpec {
    SupervisorSpec::new(move || specs.clone())
}

fn at_most(max_restarts: u32) -> RestartPolicy {
    RestartPolicy {
        intensity: Intensity { max_restarts, period: Duration::from_secs(60) },
        backoff: Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) },
        quiet: Duration::from_secs(60),
    }
}

fn tell(handle: &Handle<Duty>, order: Duty) {
    handle.cast(Trace::default(), order).unwrap();
}

async fn who(handle: &Handle<Duty>) -> u64 {
    handle.call(LIMIT, Trace::default(), Duty::Who).await.unwrap().0
}

/// Waits until an incarnation after `after` runs.
async fn next_life(handle: &Handle<Duty>, after: u64) {
    let running = handle.running_after(Incarnation(after));
    tokio::time::timeout(LIMIT, running).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_brings_the_next_incarnation_behind_the_same_handle() {
    let field = Field::new();
    let a = field.root("a");
    let tree = field.start(list(vec![field.spec(&a)])).await;
    tree.booted().await.unwrap();
    assert_eq!(who(&a).await, 1);
    tell(&a, Duty::Panic);
    next_life(&a, 1).await;
    assert_eq!(who(&a).await, 2);
    tell(&a, Duty::Fail);
    next_life(&a, 2).await;
    assert_eq!(who(&a).await, 3);
    let view = field.environment.registry.view(a.path()).unwrap();
    assert_eq!((view.crashes, view.stats.panics), (2, 1));
    assert_eq!(view.last_crash.unwrap().reason, "ordered to fail");
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_is_tried_again_after_a_wait() {
    let field = Field::new();
    let a = field.root("a");
    let began = Instant::now();
    let tree = field.start(list(vec![field.spec_broken_until(&a, 2)]).policy(at_most(5))).await;
    tree.booted().await.unwrap();
    assert_eq!(who(&a).await, 3);
    assert_eq!(began.elapsed().as_millis() / 10, 30, "waits of 100 ms and 200 ms");
    let crash = field.environment.registry.view(a.path()).unwrap().last_crash.unwrap();
    assert!(crash.reason.contains("not ready"), "{}", crash.reason);
}

#[tokio::test(start_paused = true)]
async fn children_start_in_order_and_stop_in_reverse() {
    let field = Field::new();
    let names = ["journal", "feed", "gpu"];
    let handles: Vec<_> = names.iter().map(|name| field.root(name)).collect();
    let tree = field.start(list(handles.iter().map(|one| field.spec(one)).collect())).await;
    tree.booted().await.unwrap();
    assert_eq!(field.diary(), ["start journal", "start feed", "start gpu"]);
    let report = tree.shutdown(LIMIT).await;
    assert_eq!(field.diary(), ["stop gpu", "stop feed", "stop journal"]);
    assert_eq!(report.forced().count(), 0);
    let paths: Vec<_> = report.stopped.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["/gpu", "/feed", "/journal", "/"]);
    assert!(handles.iter().all(|handle| handle.current().is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_never_stops_is_killed_at_its_deadline() {
    let field = Field::new();
    let (a, b) = (field.root("a"), field.root("b"));
    let stuck = field.spec(&b).shutdown(Duration::from_secs(7));
    let tree = field.start(list(vec![field.spec(&a), stuck])).await;
    tree.booted().await.unwrap();
    tell(&b, Duty::Hang);
    assert_eq!(who(&a).await, 1);
    let report = tree.shutdown(LIMIT).await;
    let forced: Vec<_> = report.forced().collect();
    assert_eq!(forced.len(), 1);
    assert_eq!(forced[0].path.as_str(), "/b");
    assert_eq!(forced[0].outcome, StopOutcome::Killed);
    assert!((7_000..7_100).contains(&forced[0].took_ms), "{}", forced[0].took_ms);
    assert_eq!(field.diary().last().unwrap(), "stop a");
}

#[tokio::test(start_paused = true)]
async fn one_for_one_leaves_the_siblings_alone() {
    let field = Field::new();
    let (a, b) = (field.root("a"), field.root("b"));
    let tree = field.start(list(vec![field.spec(&a), field.spec(&b)])).await;
    tree.booted().await.unwrap();
    tell(&a, Duty::Panic);
    next_life(&a, 1).await;
    assert_eq!((who(&a).await, who(&b).await), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_restarts_those_that_depend_on_it() {
    let field = Field::new();
    let (a, b, c) = (field.root("a"), field.root("b"), field.root("c"));
    let specs = vec![field.spec(&a), field.spec(&b), field.spec(&c)];
    let tree = field.start(list(specs).strategy(Strategy::RestForOne)).await;
    tree.booted().await.unwrap();
    field.diary();
    tell(&b, Duty::Panic);
    next_life(&c, 1).await;
    assert_eq!((who(&a).await, who(&b).await, who(&c).await), (1, 2, 2));
    assert_eq!(field.diary(), ["stop c", "start b", "start c"]);
}

#[tokio::test(start_paused = true)]
async fn exhaustion_parks_one_child_while_its_sibling_goes_on() {
    let field = Field::new();
    let (a, b) = (field.root("a"), field.root("b"));
    let spec = list(vec![field.spec(&a), field.spec(&b)])
        .exhaustion(Exhaustion::Park)
        .policy(at_most(2))
        .order(Order::Together);
    let tree = field.start(spec).await;
    for life in 0..3 {
        next_life(&a, life).await;
        tell(&a, Duty::Panic);
    }
    field.wait(a.path(), |status| matches!(status, Status::Parked { .. })).await;
    let view = field.environment.registry.view(a.path()).unwrap();
    let Status::Parked { reason } = view.status else { panic!("not parked") };
    assert!(reason.contains("ordered to panic"), "{reason}");
    assert_eq!(who(&b).await, 1);
    assert!(a.current().is_none());

    tree.handle().unpark(&"a".into()).await.unwrap();
    next_life(&a, 3).await;
    assert_eq!(who(&a).await, 4);
    let error = tree.handle().unpark(&"a".into()).await.unwrap_err();
    assert_eq!(error.code(), "child_not_parked");
}

#[tokio::test(start_paused = true)]
async fn an_escalated_failure_stops_the_others_in_order_and_ends_the_tree() {
    let field = Field::new();
    let (journal, feed) = (field.root("journal"), field.root("feed"));
    let fail_stop = field.spec(&journal).restart(Restart::Temporary).significant();
    let tree = field.start(list(vec![fail_stop, field.spec(&feed)])).await;
    tree.booted().await.unwrap();
    tell(&journal, Duty::Fail);
    let failure = tree.ended().await.unwrap_err();
    assert!(failure.0.contains("ordered to fail"), "{failure}");
    assert_eq!(field.diary(), ["start journal", "start feed", "stop feed"]);
}

#[tokio::test(start_paused = true)]
async fn a_nested_supervisor_that_fails_is_restarted_with_its_children() {
    let field = Field::new();
    let registry = &field.environment.registry;
    let channels_path = ActorPath::root().child(&"channels".into());
    let channels = SupervisorHandle::new(registry, &channels_path);
    let space = field.handle(&channels_path, "space");
    let http = field.root("http");
    let inner = list(vec![field.spec(&space)]).policy(at_most(0));
    let outer = list(vec![
        supervisor_child(&field.environment, &channels, inner, LIMIT),
        field.spec(&http),
    ]);
    let tree = field.start(outer).await;
    tree.booted().await.unwrap();
    assert_eq!(field.diary(), ["start space", "start http"]);
    tell(&space, Duty::Panic);
    next_life(&space, 1).await;
    field.wait(&channels_path, |status| *status == Status::Running).await;
    assert_eq!((who(&space).await, who(&http).await), (2, 1));
    assert_eq!(registry.view(&channels_path).unwrap().incarnation, Incarnation(2));
    tree.shutdown(LIMIT).await;
    assert_eq!(field.diary(), ["start space", "stop http", "stop space"]);
}

#[tokio::test(start_paused = true)]
async fn a_killed_child_is_restarted_even_if_it_is_transient() {
    let field = Field::new();
    let a = field.root("a");
    let tree = field.start(list(vec![field.spec(&a).restart(Restart::Transient)])).await;
    tree.booted().await.unwrap();
    a.current().unwrap().actor().kill();
    next_life(&a, 1).await;
    assert_eq!(who(&a).await, 2);
    tell(&a, Duty::End);
    field.wait(a.path(), |status| *status == Status::Stopped).await;
    assert!(a.current().is_none());
    let refused = a.cast(Trace::default(), Duty::End).unwrap_err();
    assert_eq!(refused.code(), "actor_not_running");
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_come_and_go() {
    let field = Field::new();
    let tree = field.start(list(Vec::new())).await;
    let a = field.root("a");
    tree.handle().start_child(field.spec(&a)).await.unwrap();
    next_life(&a, 0).await;
    let error = tree.handle().start_child(field.spec(&a)).await.unwrap_err();
    assert_eq!(error.code(), "duplicate_child");
    tree.handle().restart_child(&"a".into()).await.unwrap();
    next_life(&a, 1).await;
    assert_eq!(who(&a).await, 2);
    tree.handle().stop_child(&"a".into(), LIMIT).await.unwrap();
    assert!(a.current().is_none());
    let error = tree.handle().stop_child(&"a".into(), LIMIT).await.unwrap_err();
    assert_eq!(error.code(), "unknown_child");
    tree.handle().start_child(field.spec(&a)).await.unwrap();
    next_life(&a, 2).await;
    assert_eq!(who(&a).await, 3);
    assert_eq!(field.diary(), ["start a", "stop a", "start a", "stop a", "start a"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_or_panics_is_a_failed_start() {
    let field = Field::new();
    let registry = &field.environment.registry;
    let hanging = registry.entry(&ActorPath::root().child(&"hanging".into()));
    let panicking = registry.entry(&ActorPath::root().child(&"panicking".into()));
    let specs = vec![
        ChildSpec::new(Arc::clone(&hanging), Arc::new(|_| Box::pin(std::future::pending())))
            .start_limit(Duration::from_secs(3)),
        ChildSpec::new(Arc::clone(&panicking), Arc::new(|_| Box::pin(async { panic!("no") }))),
    ];
    let spec = list(specs).exhaustion(Exhaustion::Park).policy(at_most(1));
    let tree = field.start(spec).await;
    tree.booted().await.unwrap();
    assert!(matches!(hanging.status(), Status::Parked { reason } if reason.contains("3s")));
    assert!(matches!(panicking.status(), Status::Parked { reason } if reason.contains("no")));
    assert_eq!(tree.shutdown(LIMIT).await.forced().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_in_the_middle_of_the_start_leaves_nothing_running() {
    let field = Field::new();
    let registry = &field.environment.registry;
    let a = field.root("a");
    let entry = registry.entry(&ActorPath::root().child(&"hanging".into()));
    let hanging = ChildSpec::new(entry, Arc::new(|_| Box::pin(std::future::pending())));
    let tree = field.start(list(vec![field.spec(&a), hanging])).await;
    next_life(&a, 0).await;
    tree.shutdown(LIMIT).await;
    assert_eq!(field.diary(), ["start a", "stop a"]);
    assert!(a.current().is_none());
}
