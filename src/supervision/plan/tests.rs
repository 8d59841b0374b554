use std::time::Duration;

use super::super::intensity::{Backoff, Intensity, RestartPolicy};
use super::*;

fn id(name: &str) -> ChildId {
    ChildId::new(name)
}

fn child(name: &str) -> NewChild {
    NewChild {
        id: id(name),
        restart: Restart::Permanent,
        significant: false,
        order: Order::InTurn,
        added: false,
        policy: RestartPolicy::default(),
        last_incarnation: Incarnation(0),
    }
}

fn no_restarts() -> RestartPolicy {
    let intensity = Intensity { max_restarts: 0, period: Duration::from_secs(1) };
    RestartPolicy { intensity, ..RestartPolicy::default() }
}

fn start(name: &str, incarnation: u64) -> Step {
    Step::Start(id(name), Incarnation(incarnation))
}

fn stop(name: &str, incarnation: u64) -> Step {
    Step::Stop(id(name), Incarnation(incarnation))
}

fn crash() -> Exit {
    Exit::Failed("boom".to_owned())
}

/// A plan whose children `names` run in their first incarnation.
fn running(strategy: Strategy, exhaustion: Exhaustion, names: &[&str]) -> Plan {
    let mut plan = Plan::new(strategy, exhaustion);
    for name in names {
        plan.add(child(name)).unwrap();
    }
    for name in names {
        assert_eq!(plan.next_steps(), [start(name, 1)]);
        plan.started(&id(name), Incarnation(1), 0);
    }
    assert!(plan.is_settled());
    assert_eq!(plan.next_steps(), []);
    plan
}

/// The child fails and its wait is over at once.
fn fail_and_wait(plan: &mut Plan, name: &str, incarnation: u64) {
    let steps = plan.ended(&id(name), Incarnation(incarnation), crash(), 0, 0);
    assert_eq!(
        steps,
        [Step::Wait(id(name), Incarnation(incarnation), Duration::ZERO, "boom".to_owned())]
    );
    plan.backoff_over(&id(name), Incarnation(incarnation));
}

#[test]
fn children_start_in_turn_each_when_the_one_before_is_up() {
    running(Strategy::OneForOne, Exhaustion::Escalate, &["journal", "feed", "channels"]);
}

#[test]
fn children_of_no_order_start_at_once() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Park);
    for name in ["space", "kitchen"] {
        plan.add(NewChild { order: Order::Together, ..child(name) }).unwrap();
    }
    assert_eq!(plan.next_steps(), [start("space", 1), start("kitchen", 1)]);
}

#[test]
fn one_for_one_restarts_only_the_one_that_failed() {
    let mut plan = running(Strategy::OneForOne, Exhaustion::Escalate, &["a", "b", "c"]);
    fail_and_wait(&mut plan, "a", 1);
    assert_eq!(plan.next_steps(), [start("a", 2)]);
}

#[test]
fn rest_for_one_stops_those_after_it_in_reverse_and_starts_them_in_order() {
    let mut plan = running(Strategy::RestForOne, Exhaustion::Escalate, &["a", "b", "c", "d"]);
    fail_and_wait(&mut plan, "b", 1);
    assert_eq!(plan.next_steps(), [stop("d", 1)]);
    assert_eq!(plan.stopped(&id("d"), Incarnation(1)), []);
    assert_eq!(plan.next_steps(), [stop("c", 1)]);
    plan.stopped(&id("c"), Incarnation(1));
    for name in ["b", "c", "d"] {
        assert_eq!(plan.next_steps(), [start(name, 2)]);
        plan.started(&id(name), Incarnation(2), 0);
    }
    assert_eq!(plan.next_steps(), []);
}

#[test]
fn one_for_all_restarts_everyone() {
    let mut plan = running(Strategy::OneForAll, Exhaustion::Escalate, &["a", "b", "c"]);
    fail_and_wait(&mut plan, "b", 1);
    for name in ["c", "a"] {
        assert_eq!(plan.next_steps(), [stop(name, 1)]);
        plan.stopped(&id(name), Incarnation(1));
    }
    for name in ["a", "b", "c"] {
        assert_eq!(plan.next_steps(), [start(name, 2)]);
        plan.started(&id(name), Incarnation(2), 0);
    }
}

#[test]
fn a_failed_start_counts_as_a_failure() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Park);
    plan.add(NewChild { policy: no_restarts(), ..child("a") }).unwrap();
    plan.add(child("b")).unwrap();
    assert_eq!(plan.next_steps(), [start("a", 1)]);
    let steps = plan.ended(&id("a"), Incarnation(1), crash(), 0, 0);
    assert_eq!(steps, [Step::Park(id("a"), "boom (after 0 restarts)".to_owned())]);
    assert_eq!(plan.next_steps(), [start("b", 1)], "a parked child holds nobody up");
}

#[test]
fn a_child_past_its_intensity_fails_the_supervisor_where_it_escalates() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Escalate);
    plan.add(NewChild { policy: no_restarts(), ..child("a") }).unwrap();
    plan.next_steps();
    let steps = plan.ended(&id("a"), Incarnation(1), crash(), 0, 0);
    assert!(matches!(steps.as_slice(), [Step::Fail(reason)] if reason.contains("boom")));
    assert_eq!(plan.next_steps(), []);
    assert_eq!(plan.restart_child(&id("a")), Err(PlanError::Stopping));
}

#[test]
fn a_significant_child_escalates_even_where_others_are_parked() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Park);
    let journal = NewChild { significant: true, restart: Restart::Temporary, ..child("journal") };
    plan.add(journal).unwrap();
    plan.next_steps();
    plan.started(&id("journal"), Incarnation(1), 0);
    let steps = plan.ended(&id("journal"), Incarnation(1), crash(), 0, 0);
    assert!(matches!(steps.as_slice(), [Step::Fail(_)]));
}

#[test]
fn a_parked_child_runs_again_when_it_is_unparked() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Park);
    plan.add(NewChild { policy: no_restarts(), ..child("a") }).unwrap();
    plan.next_steps();
    assert_eq!(plan.unpark(&id("a")), Err(PlanError::NotParked(id("a"))));
    plan.ended(&id("a"), Incarnation(1), crash(), 0, 0);
    assert_eq!(plan.next_steps(), []);
    plan.unpark(&id("a")).unwrap();
    assert_eq!(plan.next_steps(), [start("a", 2)]);
}

#[test]
fn a_transient_child_that_ends_by_itself_rests_and_a_permanent_one_does_not() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Escalate);
    plan.add(NewChild { restart: Restart::Transient, ..child("t") }).unwrap();
    plan.add(child("p")).unwrap();
    for name in ["t", "p"] {
        plan.next_steps();
        plan.started(&id(name), Incarnation(1), 0);
    }
    let steps = plan.ended(&id("t"), Incarnation(1), Exit::Normal, 0, 0);
    assert_eq!(steps, [Step::Rest(id("t"))]);
    let steps = plan.ended(&id("p"), Incarnation(1), Exit::Normal, 0, 0);
    assert!(matches!(steps.as_slice(), [Step::Wait(..)]));
}

#[test]
fn a_child_that_is_removed_is_forgotten_when_it_is_down() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Park);
    let added = NewChild { added: true, order: Order::Together, ..child("space") };
    plan.add(added.clone()).unwrap();
    assert_eq!(plan.add(added.clone()), Err(PlanError::Duplicate(id("space"))));
    plan.next_steps();
    plan.started(&id("space"), Incarnation(1), 0);
    assert_eq!(plan.remove(&id("space")), Ok(Vec::new()));
    assert_eq!(plan.next_steps(), [stop("space", 1)]);
    assert_eq!(plan.stopped(&id("space"), Incarnation(1)), [Step::Forget(id("space"))]);
    assert_eq!(plan.remove(&id("space")), Err(PlanError::Unknown(id("space"))));
    plan.add(NewChild { last_incarnation: Incarnation(1), ..added }).unwrap();
    assert_eq!(plan.next_steps(), [start("space", 2)]);
}

#[test]
fn what_is_told_about_an_earlier_life_changes_nothing() {
    let mut plan = running(Strategy::OneForOne, Exhaustion::Escalate, &["a"]);
    fail_and_wait(&mut plan, "a", 1);
    plan.next_steps();
    plan.started(&id("a"), Incarnation(2), 0);
    assert_eq!(plan.ended(&id("a"), Incarnation(1), crash(), 0, 0), []);
    plan.backoff_over(&id("a"), Incarnation(1));
    assert_eq!(plan.stopped(&id("a"), Incarnation(1)), []);
    assert_eq!(plan.next_steps(), []);
}

#[test]
fn everything_stops_in_reverse_and_those_of_no_order_first() {
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Escalate);
    plan.add(child("journal")).unwrap();
    plan.add(child("feed")).unwrap();
    plan.add(NewChild { order: Order::Together, ..child("x") }).unwrap();
    plan.add(NewChild { order: Order::Together, ..child("y") }).unwrap();
    let expected = vec![vec![id("x"), id("y")], vec![id("feed")], vec![id("journal")]];
    assert_eq!(plan.stop_order(), expected);
}

#[test]
fn a_wait_grows_with_every_failure_in_a_row() {
    let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(3) };
    let mut plan = Plan::new(Strategy::OneForOne, Exhaustion::Park);
    let policy = RestartPolicy { backoff, ..RestartPolicy::default() };
    plan.add(NewChild { policy, ..child("a") }).unwrap();
    for (incarnation, seconds) in [(1, 1), (2, 2), (3, 3)] {
        assert_eq!(plan.next_steps(), [start("a", incarnation)]);
        let steps = plan.ended(&id("a"), Incarnation(incarnation), crash(), 0, u64::MAX);
        let wait = Duration::from_secs(seconds);
        assert_eq!(steps, [Step::Wait(id("a"), Incarnation(incarnation), wait, "boom".to_owned())]);
        plan.backoff_over(&id("a"), Incarnation(incarnation));
    }
}

#[test]
fn a_start_that_is_not_wanted_any_more_is_given_up() {
    let mut plan = Plan::new(Strategy::RestForOne, Exhaustion::Park);
    plan.add(child("a")).unwrap();
    plan.add(child("b")).unwrap();
    plan.next_steps();
    plan.started(&id("a"), Incarnation(1), 0);
    assert_eq!(plan.next_steps(), [start("b", 1)]);
    fail_and_wait(&mut plan, "a", 1);
    assert_eq!(plan.next_steps(), [stop("b", 1)], "what b waits for may never come");
    assert!(!plan.started(&id("b"), Incarnation(1), 0), "nobody wants it any more");
    plan.stopped(&id("b"), Incarnation(1));
    assert_eq!(plan.next_steps(), [start("a", 2)]);
}

#[test]
fn a_temporary_child_goes_down_with_its_siblings_and_does_not_come_back() {
    let mut plan = Plan::new(Strategy::OneForAll, Exhaustion::Park);
    plan.add(child("a")).unwrap();
    plan.add(NewChild { restart: Restart::Temporary, ..child("once") }).unwrap();
    plan.next_steps();
    plan.started(&id("a"), Incarnation(1), 0);
    plan.next_steps();
    plan.started(&id("once"), Incarnation(1), 0);
    fail_and_wait(&mut plan, "a", 1);
    assert_eq!(plan.next_steps(), [stop("once", 1)]);
    assert_eq!(plan.stopped(&id("once"), Incarnation(1)), [Step::Rest(id("once"))]);
    assert_eq!(plan.next_steps(), [start("a", 2)]);
    plan.started(&id("a"), Incarnation(2), 0);
    assert_eq!(plan.next_steps(), []);
}

#[test]
fn a_child_that_is_being_removed_takes_no_other_wish() {
    let mut plan = running(Strategy::OneForOne, Exhaustion::Park, &["a"]);
    plan.remove(&id("a")).unwrap();
    assert_eq!(plan.next_steps(), [stop("a", 1)]);
    assert_eq!(plan.add(child("a")), Err(PlanError::Leaving(id("a"))));
    assert_eq!(plan.restart_child(&id("a")), Err(PlanError::Leaving(id("a"))));
    assert_eq!(plan.unpark(&id("a")), Err(PlanError::Leaving(id("a"))));
    assert_eq!(plan.stop_child(&id("a")), Ok(Vec::new()));
    assert_eq!(plan.stopped(&id("a"), Incarnation(1)), [Step::Forget(id("a"))]);
}

#[test]
fn whoever_backs_off_or_is_parked_is_removed_at_once() {
    let mut plan = running(Strategy::OneForOne, Exhaustion::Park, &["a"]);
    plan.ended(&id("a"), Incarnation(1), crash(), 0, 0);
    assert_eq!(plan.remove(&id("a")), Ok(vec![Step::Forget(id("a"))]));
    plan.backoff_over(&id("a"), Incarnation(1));
    assert_eq!(plan.next_steps(), []);
    plan.add(NewChild { policy: no_restarts(), ..child("a") }).unwrap();
    plan.next_steps();
    plan.ended(&id("a"), Incarnation(1), crash(), 0, 0);
    assert_eq!(plan.remove(&id("a")), Ok(vec![Step::Forget(id("a"))]));
}
