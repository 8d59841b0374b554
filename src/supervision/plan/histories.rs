//! Random histories of a plan against a world that answers whenever it likes.
//!
//! Architecture invariant: the world does what it is asked to and nothing else, so whatever is
//! asked for twice, or for someone who is not there, is found.

use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Generator;

use super::super::intensity::RestartPolicy;
use super::*;

/// What may happen to a supervisor's children.
#[derive(Debug, Clone)]
enum Event {
    Succeed(usize),
    Fail(usize),
    EndNormally(usize),
    TimerFires(usize),
    StopFinishes(usize),
    Add(usize, Restart),
    Remove(usize),
    Stop(usize),
    Restart(usize),
    Unpark(usize),
}

const NAMES: usize = 5;

fn restart() -> impl Generator<Value = Restart> {
    prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)]
}

fn event() -> impl Generator<Value = Event> {
    let which = 0..NAMES;
    prop_oneof![
        4 => which.clone().prop_map(Event::Succeed),
        3 => which.clone().prop_map(Event::Fail),
        1 => which.clone().prop_map(Event::EndNormally),
        4 => which.clone().prop_map(Event::TimerFires),
        4 => which.clone().prop_map(Event::StopFinishes),
        2 => (which.clone(), restart()).prop_map(|(n, restart)| Event::Add(n, restart)),
        2 => which.clone().prop_map(Event::Remove),
        1 => which.clone().prop_map(Event::Stop),
        1 => which.clone().prop_map(Event::Restart),
        1 => which.prop_map(Event::Unpark),
    ]
}

/// What the world around the plan does for one child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    Absent,
    Idle,
    Starting,
    Up,
    Stopping,
    Waiting,
}

fn id(n: usize) -> ChildId {
    ChildId::new(format!("c{n}"))
}

fn new_child(n: usize, restart: Restart, order: Order, life: u64, added: bool) -> NewChild {
    NewChild {
        id: id(n),
        restart,
        significant: false,
        order,
        added,
        policy: RestartPolicy::default(),
        last_incarnation: Incarnation(life),
    }
}

fn crash() -> Exit {
    Exit::Failed("boom".to_owned())
}

proptest! {
    /// Whatever happens in whatever order: no child has two lives at once, nothing is asked for
    /// twice, incarnations only rise, whoever is removed is gone, and when the world has answered
    /// everything, every child that is wanted runs, or rests, or is parked.
    #[test]
    fn no_history_leads_to_two_lives_or_to_limbo(
        strategy in prop_oneof![
            Just(Strategy::OneForOne), Just(Strategy::RestForOne), Just(Strategy::OneForAll),
        ],
        together in any::<bool>(),
        kinds in prop::collection::vec(restart(), 3),
        events in prop::collection::vec(event(), 0..160),
    ) {
        let order = if together { Order::Together } else { Order::InTurn };
        let mut plan = Plan::new(strategy, Exhaustion::Park);
        let mut world = [World::Absent; NAMES];
        let mut lives = [0_u64; NAMES];
        let mut leaving = [false; NAMES];
        for (n, kind) in kinds.into_iter().enumerate() {
            plan.add(new_child(n, kind, order, 0, false)).unwrap();
            world[n] = World::Idle;
        }
        let closing = (0..80).flat_map(|_| {
            (0..NAMES).flat_map(|n| {
                [Event::StopFinishes(n), Event::TimerFires(n), Event::Succeed(n)]
            })
        });
        for (tick, event) in events.into_iter().chain(closing).enumerate() {
            let now = tick as u64 * 10;
            let mut steps = Vec::new();
            match event {
                Event::Succeed(n) if world[n] == World::Starting => {
                    world[n] = World::Up;
                    prop_assert!(plan.started(&id(n), Incarnation(lives[n]), now));
                }
                Event::Fail(n) if matches!(world[n], World::Starting | World::Up) => {
                    world[n] = World::Idle;
                    steps = plan.ended(&id(n), Incarnation(lives[n]), crash(), now, 0);
                }
                Event::EndNormally(n) if world[n] == World::Up => {
                    world[n] = World::Idle;
                    steps = plan.ended(&id(n), Incarnation(lives[n]), Exit::Normal, now, 0);
                }
                Event::TimerFires(n) if world[n] == World::Waiting => {
                    world[n] = World::Idle;
                    plan.backoff_over(&id(n), Incarnation(lives[n]));
                }
                Event::StopFinishes(n) if world[n] == World::Stopping => {
                    world[n] = World::Idle;
                    steps = plan.stopped(&id(n), Incarnation(lives[n]));
                }
                Event::Add(n, restart) => {
                    let accepted = plan.add(new_child(n, restart, order, lives[n], true));
                    let expected = match (world[n], leaving[n]) {
                        (World::Absent, _) => Ok(()),
                        (_, true) => Err(PlanError::Leaving(id(n))),
                        (_, false) => Err(PlanError::Duplicate(id(n))),
                    };
                    prop_assert_eq!(&accepted, &expected);
                    if accepted.is_ok() {
                        world[n] = World::Idle;
                    }
                }
                Event::Remove(n) => {
                    let accepted = plan.remove(&id(n));
                    prop_assert_eq!(accepted.is_ok(), world[n] != World::Absent);
                    leaving[n] = accepted.is_ok();
                    steps = accepted.unwrap_or_default();
                }
                Event::Stop(n) => steps = plan.stop_child(&id(n)).unwrap_or_default(),
                Event::Restart(n) => {
                    let accepted = plan.restart_child(&id(n));
                    prop_assert_eq!(accepted.is_ok(), world[n] != World::Absent && !leaving[n]);
                }
                Event::Unpark(n) => {
                    let is_parked = plan.children.iter().any(|child| {
                        child.id == id(n) && child.phase == Phase::Parked
                    });
                    prop_assert_eq!(plan.unpark(&id(n)).is_ok(), is_parked);
                }
                _ => {}
            }
            steps.extend(plan.next_steps());
            for step in steps {
                let place = |named: &ChildId| (0..NAMES).find(|n| id(*n) == *named).unwrap();
                match step {
                    Step::Start(id, incarnation) => {
                        let n = place(&id);
                        // A wait that is not over may be cut short.
                        prop_assert!(matches!(world[n], World::Idle | World::Waiting));
                        prop_assert!(incarnation.0 > lives[n]);
                        lives[n] = incarnation.0;
                        world[n] = World::Starting;
                    }
                    Step::Stop(id, incarnation) => {
                        let n = place(&id);
                        prop_assert!(matches!(world[n], World::Starting | World::Up));
                        prop_assert_eq!(incarnation.0, lives[n]);
                        world[n] = World::Stopping;
                    }
                    Step::Wait(id, ..) => {
                        let n = place(&id);
                        prop_assert_eq!(world[n], World::Idle);
                        world[n] = World::Waiting;
                    }
                    Step::Forget(id) => {
                        let n = place(&id);
                        prop_assert!(matches!(world[n], World::Idle | World::Waiting));
                        world[n] = World::Absent;
                        leaving[n] = false;
                    }
                    Step::Park(..) => {}
                    Step::Rest(id) => {
                        let n = place(&id);
                        prop_assert!(matches!(world[n], World::Idle | World::Waiting));
                        world[n] = World::Idle;
                    }
                    Step::Fail(_) => prop_assert!(false, "nothing escalates here"),
                }
            }
        }

        let mut behind_a_parked_one = false;
        for child in &plan.children {
            let n = (0..NAMES).find(|n| id(*n) == child.id).unwrap();
            prop_assert!(!child.is_recycled() && child.wish != Wish::Leave, "{:?}", child);
            let is_down = match child.phase {
                Phase::Running => false,
                Phase::Finished => child.restart != Restart::Permanent,
                Phase::Parked => true,
                Phase::Down => child.wish == Wish::Rest || behind_a_parked_one,
                other => { prop_assert!(false, "{:?} for ever", other); false }
            };
            prop_assert_eq!(is_down, world[n] != World::Up, "{:?}", child);
            behind_a_parked_one |= child.phase == Phase::Parked
                && strategy != Strategy::OneForOne && order == Order::InTurn;
        }
    }
}
