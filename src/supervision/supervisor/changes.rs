//! Children that come and go while their supervisor runs: every state in which one can be removed.

use std::time::Duration;

use super::super::ground::field::*;
use super::super::observe::Status;
use super::super::path::{ActorPath, ChildId};
use super::super::shutdown::StopOutcome;
use super::super::spec::{ChildSpec, Exhaustion, Order, Strategy};
use super::super::tree::{SupervisorHandle, supervisor_child};

fn id(name: &str) -> ChildId {
    ChildId::new(name)
}

#[tokio::test(start_paused = true)]
async fn whoever_is_removed_is_gone_whatever_it_was_doing() {
    let field = Field::new();
    let registry = &field.environment.registry;
    let hanging = field.root("hanging");
    let failing = field.root("failing");
    let parked = field.root("parked");
    let running = field.root("running");
    let specs = vec![
        field.weak_spec(&hanging, &[Fate::Hang]),
        field.weak_spec(&failing, &[Fate::Fail; 9]),
        field.weak_spec(&parked, &[Fate::Fail]).policy(at_most(0)),
        field.spec(&running),
    ];
    let spec = list(specs).exhaustion(Exhaustion::Park).order(Order::Together).policy(at_most(5));
    let tree = field.start(spec).await;
    next_life(&running, 0).await;
    field.wait(parked.path(), |status| matches!(status, Status::Parked { .. })).await;
    field.wait(failing.path(), |status| matches!(status, Status::BackingOff { .. })).await;
    assert_eq!(hanging.entry().status(), Status::Starting);
    for name in ["hanging", "failing", "parked", "running"] {
        assert_eq!(tree.handle().remove(&id(name)).await, Ok(StopOutcome::Stopped), "{name}");
        assert_eq!(registry.view(&ActorPath::root().child(&id(name))), None, "{name}");
    }
    assert_eq!(tree.handle().children().await, Ok(Vec::new()));
    tokio::time::sleep(LIMIT).await;
    assert!(field.roll.living().is_empty(), "{:?}", field.roll.living());

    tree.handle().add(field.spec(&failing)).await.unwrap();
    next_life(&failing, 0).await;
    assert!(who(&failing).await > 1, "lives go on being counted");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_being_removed_cannot_be_added_until_it_is_gone() {
    let field = Field::new();
    let a = field.root("a");
    let tree = field.start(list(vec![field.spec(&a).shutdown(Duration::from_secs(9))])).await;
    tree.booted().await.unwrap();
    tell(&a, Duty::Hang);
    tokio::task::yield_now().await;
    let supervisor = tree.handle().clone();
    let removal = tokio::spawn(async move { supervisor.remove(&id("a")).await });
    field.wait(a.path(), |status| *status == Status::Stopping).await;
    assert_eq!(tree.handle().add(field.spec(&a)).await.unwrap_err().code(), "child_leaving");
    assert_eq!(tree.handle().restart(&id("a")).await.unwrap_err().code(), "child_leaving");
    assert_eq!(removal.await.unwrap(), Ok(StopOutcome::Killed));
    tree.handle().add(field.spec(&a)).await.unwrap();
    next_life(&a, 1).await;
    assert!(field.roll.twins().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_came_and_who_went_stays_so_when_the_supervisor_is_restarted() {
    let field = Field::new();
    let registry = &field.environment.registry;
    let path = ActorPath::root().child(&id("channels"));
    let channels = SupervisorHandle::new(registry, &path);
    let (space, kitchen) = (field.handle(&path, "space"), field.handle(&path, "kitchen"));
    let inner = list(vec![field.spec(&space)]).policy(at_most(0));
    let outer = list(vec![supervisor_child(&field.environment, &channels, inner, LIMIT)]);
    let tree = field.start(outer).await;
    tree.booted().await.unwrap();
    channels.add(field.spec(&kitchen)).await.unwrap();
    next_life(&kitchen, 0).await;
    channels.remove(&id("space")).await.unwrap();

    tell(&kitchen, Duty::Panic);
    next_life(&kitchen, 1).await;
    let names: Vec<_> = channels.children().await.unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(names, [id("kitchen")]);
    assert!(space.current().is_none() && registry.view(space.path()).is_none());

    // A kill is no ordered end, and changes nothing about that.
    channels.cell().unwrap().kill();
    next_life(&kitchen, 2).await;
    assert_eq!(field.roll.living(), [kitchen.path().clone()]);
    assert!(field.roll.twins().is_empty());

    // Removed and added again, the supervisor begins anew.
    tree.handle().remove(&id("channels")).await.unwrap();
    let inner = list(vec![field.spec(&space)]);
    let anew = supervisor_child(&field.environment, &channels, inner, LIMIT);
    tree.handle().add(anew).await.unwrap();
    next_life(&space, 1).await;
    assert_eq!(channels.children().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_added_child_lives_and_dies_with_its_siblings() {
    let field = Field::new();
    let (a, b) = (field.root("a"), field.root("b"));
    let tree = field.start(list(vec![field.spec(&a)]).strategy(Strategy::OneForAll)).await;
    tree.booted().await.unwrap();
    tree.handle().add(field.spec(&b)).await.unwrap();
    next_life(&b, 0).await;
    field.diary();
    tell(&a, Duty::Panic);
    next_life(&b, 1).await;
    assert_eq!((who(&a).await, who(&b).await), (2, 2));
    assert_eq!(field.diary(), ["stop b", "start a", "start b"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_sibling_that_failed_is_given_up_at_once() {
    let field = Field::new();
    let (a, b) = (field.root("a"), field.root("b"));
    let patient = field.weak_spec(&b, &[Fate::Hang]).start_limit(Duration::from_secs(86_400));
    let specs: Vec<ChildSpec> = vec![field.spec(&a), patient];
    let tree = field.start(list(specs).strategy(Strategy::RestForOne)).await;
    next_life(&a, 0).await;
    field.wait(b.path(), |status| *status == Status::Starting).await;
    tell(&a, Duty::Panic);
    next_life(&b, 1).await;
    assert_eq!((who(&a).await, who(&b).await), (2, 2));
    assert_eq!(tree.shutdown(LIMIT).await.forced().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_goes_down_with_a_killed_supervisor_is_not_said_to_run() {
    let field = Field::new();
    let path = ActorPath::root().child(&id("channels"));
    let channels = SupervisorHandle::new(&field.environment.registry, &path);
    let space = field.handle(&path, "space");
    let inner = list(vec![field.spec(&space)]);
    let inner = supervisor_child(&field.environment, &channels, inner, LIMIT).policy(at_most(0));
    let tree = field.start(list(vec![inner]).exhaustion(Exhaustion::Park)).await;
    tree.booted().await.unwrap();
    channels.cell().unwrap().kill();
    field.wait(&path, |status| matches!(status, Status::Parked { .. })).await;
    assert_eq!(space.entry().status(), Status::Stopped);
    assert!(space.current().is_none());
    let refused = channels.children().await.unwrap_err();
    assert_eq!(refused.code(), "actor_not_running");
}
