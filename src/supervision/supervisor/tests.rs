use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::super::ground::field::*;
use super::super::intensity::Backoff;
use super::super::path::ActorPath;
use super::super::shutdown::StopOutcome;
use super::super::spec::{ChildSpec, Exhaustion, Order, Restart, StartFn, Strategy};
use super::super::tree::{SupervisorHandle, supervisor_child};
use super::*;

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
    let tree = field
        .start(list(vec![field.weak_spec(&a, &[Fate::Fail, Fate::Fail])]).policy(at_most(5)))
        .await;
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
    assert!(reason.contains("as ordered"), "{reason}");
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
async fn added_children_come_and_go() {
    let field = Field::new();
    let tree = field.start(list(Vec::new())).await;
    let a = field.root("a");
    tree.handle().add(field.spec(&a)).await.unwrap();
    next_life(&a, 0).await;
    let error = tree.handle().add(field.spec(&a)).await.unwrap_err();
    assert_eq!(error.code(), "duplicate_child");
    tree.handle().restart(&"a".into()).await.unwrap();
    next_life(&a, 1).await;
    assert_eq!(who(&a).await, 2);
    tree.handle().remove(&"a".into()).await.unwrap();
    assert!(a.current().is_none());
    let error = tree.handle().remove(&"a".into()).await.unwrap_err();
    assert_eq!(error.code(), "unknown_child");
    tree.handle().add(field.spec(&a)).await.unwrap();
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
        ChildSpec::new(
            Arc::clone(&panicking),
            Arc::new(|_| Box::pin(async { panic!("simulated panic") })),
        ),
    ];
    let spec = list(specs).exhaustion(Exhaustion::Park).policy(at_most(1));
    let tree = field.start(spec).await;
    tree.booted().await.unwrap();
    assert!(matches!(hanging.status(), Status::Parked { reason } if reason.contains("3s")));
    assert!(
        matches!(panicking.status(), Status::Parked { reason } if reason.contains("simulated"))
    );
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

#[tokio::test(start_paused = true)]
async fn a_child_that_dies_as_soon_as_it_is_born_is_not_lost() {
    let field = Field::new();
    let a = field.root("a");
    let tree =
        field.start(list(vec![field.weak_spec(&a, &[Fate::Stillborn, Fate::Stillborn])])).await;
    next_life(&a, 2).await;
    tree.booted().await.unwrap();
    assert_eq!(who(&a).await, 3);
    assert_eq!(field.environment.registry.view(a.path()).unwrap().crashes, 2);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_respawns_run_at_once() {
    let field = Field::new();
    let running = Arc::new(Mutex::new((0_usize, 0_usize)));
    let names = ["a", "b", "c", "d", "e"];
    let specs: Vec<ChildSpec> = names
        .iter()
        .map(|name| {
            let running = Arc::clone(&running);
            let start: StartFn = Arc::new(move |context| {
                let running = Arc::clone(&running);
                Box::pin(async move {
                    if context.incarnation == Incarnation(1) {
                        return Err(StartError::Failed("the first one too".to_owned()));
                    }
                    running.lock().unwrap().0 += 1;
                    tokio::task::yield_now().await;
                    let mut counts = running.lock().unwrap();
                    counts.1 = counts.1.max(counts.0);
                    counts.0 -= 1;
                    Err(StartError::Failed("always".to_owned()))
                })
            });
            let path = ActorPath::root().child(&(*name).into());
            ChildSpec::new(field.environment.registry.entry(&path), start)
        })
        .collect();
    let spec = list(specs).exhaustion(Exhaustion::Park).policy(at_most(3)).order(Order::Together);
    field.start(spec).await.booted().await.unwrap();
    assert_eq!(running.lock().unwrap().1, 2);
}

/// Everything that happens in a small tree with failures, as text.
async fn history() -> Vec<String> {
    let field = Field::new();
    let mut transitions = field.environment.registry.subscribe();
    let (a, b, c) = (field.root("a"), field.root("b"), field.root("c"));
    let specs =
        vec![field.weak_spec(&a, &[Fate::Fail, Fate::Stillborn]), field.spec(&b), field.spec(&c)];
    let tree = field.start(list(specs).strategy(Strategy::OneForAll)).await;
    next_life(&c, 0).await;
    tell(&b, Duty::Panic);
    next_life(&c, 1).await;
    tree.shutdown(LIMIT).await;
    let mut told = Vec::new();
    while let Ok(one) = transitions.try_recv() {
        told.push(format!("{one:?}"));
    }
    told
}

#[test]
fn two_runs_tell_the_same_history() {
    let run = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap().block_on(history())
    };
    let first = run();
    assert!(first.len() > 15, "{first:#?}");
    assert_eq!(first, run());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_restart_is_lost_when_many_fail_at_once_on_several_threads() {
    let field = Field::new();
    let handles: Vec<_> = (0..8).map(|n| field.root(&format!("c{n}"))).collect();
    let mut policy = at_most(1_000);
    policy.backoff = Backoff { base: Duration::ZERO, cap: Duration::ZERO };
    let specs = handles.iter().map(|one| field.spec(one)).collect();
    let tree = field.start(list(specs).policy(policy)).await;
    tree.booted().await.unwrap();
    for life in 0..25 {
        for handle in &handles {
            next_life(handle, life).await;
            tell(handle, Duty::Panic);
        }
    }
    for handle in &handles {
        next_life(handle, 25).await;
        assert_eq!(who(handle).await, 26);
    }
    let report = tree.shutdown(LIMIT).await;
    assert_eq!(report.forced().count(), 0);
    assert_eq!(report.stopped.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_while_it_is_stopped_delays_no_other() {
    let field = Field::new();
    let (a, b) = (field.root("a"), field.root("b"));
    let stuck = field.spec(&b).shutdown(Duration::from_secs(20));
    let tree = field.start(list(vec![field.spec(&a), stuck])).await;
    tree.booted().await.unwrap();
    tell(&b, Duty::Hang);
    tokio::task::yield_now().await;
    let began = Instant::now();
    let (supervisor, b_id) = (tree.handle().clone(), ChildId::new("b"));
    let stop = tokio::spawn(async move { supervisor.stop(&b_id).await });
    field.wait(b.path(), |status| *status == Status::Stopping).await;
    tell(&a, Duty::Panic);
    next_life(&a, 1).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(stop.await.unwrap(), Ok(StopOutcome::Killed));
    assert_eq!(began.elapsed().as_secs(), 20);
    let crash = field.environment.registry.view(b.path()).unwrap().last_crash.unwrap();
    assert_eq!(crash.reason, "it did not stop within 20s and was killed");
    tree.handle().restart(&ChildId::new("b")).await.unwrap();
    next_life(&b, 1).await;
}
