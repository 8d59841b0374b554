//! Every sequence of commands up to a depth, on a small model. States that were seen before are
//! not walked again, so the walk is complete and still short.

use std::collections::BTreeSet;
use std::time::Duration;

use super::machine::{Machine, outcome, policies, start, success, workflow};
use crate::domain::command::Command;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::ids::Attempt;
use crate::domain::workflow::Priority;

/// One edge of the walk.
enum Edge {
    Run(Command),
    Restart,
}

/// Outcomes of the present attempt and of the one before it, successful and of every class.
fn outcomes(machine: &Machine, slot: u8) -> Vec<Edge> {
    let id = workflow(slot);
    let Some(position) = machine.position(id) else {
        let late = outcome(
            id,
            crate::domain::stage::StageName::Trend,
            Attempt(1),
            Err(Failure::transient("late", "late")),
        );
        return vec![Edge::Run(late)];
    };
    let classes = [
        FailureClass::Transient,
        FailureClass::RateLimited { retry_after_ms: 0 },
        FailureClass::Permanent,
        FailureClass::Ambiguous,
        FailureClass::Cancelled,
        FailureClass::Interrupted,
    ];
    let mut edges = Vec::new();
    for attempt in [position.attempt.0, position.attempt.0.saturating_sub(1)] {
        let mut end = |result| {
            edges.push(Edge::Run(outcome(id, position.stage, Attempt(attempt), result)));
        };
        end(Ok(success(position.stage, &format!("topic-{slot}"))));
        end(Ok(success(position.stage, "the topic everybody likes")));
        for class in classes {
            end(Err(Failure::new(class, "drawn", "drawn")));
        }
    }
    edges
}

fn edges(machine: &Machine, slots: u8) -> Vec<Edge> {
    let mut edges = vec![
        Edge::Run(Command::Wake),
        Edge::Run(Command::PauseChannel),
        Edge::Run(Command::ResumeChannel),
        Edge::Run(Command::ParkChannel { reason: "walked".to_owned() }),
        Edge::Restart,
    ];
    for slot in 0..slots {
        let id = workflow(slot);
        let priority = Priority::new(9).unwrap();
        edges.push(Edge::Run(start(slot)));
        edges.push(Edge::Run(Command::Pause { workflow: id }));
        edges.push(Edge::Run(Command::Resume { workflow: id }));
        edges.push(Edge::Run(Command::Cancel { workflow: id, cause: "walked".to_owned() }));
        edges.push(Edge::Run(Command::Retry { workflow: id }));
        edges.push(Edge::Run(Command::Drop { workflow: id }));
        edges.push(Edge::Run(Command::Approve { workflow: id }));
        edges.push(Edge::Run(Command::Reject { workflow: id }));
        edges.push(Edge::Run(Command::Reprioritise { workflow: id, priority }));
        edges.extend(outcomes(machine, slot));
    }
    edges
}

/// Walks everything; returns how many different states there are.
fn walk(slots: u8, depth: usize, approval: bool) -> usize {
    let mut first = Machine::new(policies(1, Duration::ZERO));
    first.rules.approval = approval;
    let mut seen = BTreeSet::from([blake3::hash(format!("{:?}", first.state).as_bytes()).into()]);
    let mut frontier = vec![first];
    for _ in 0..depth {
        let mut next = Vec::new();
        for machine in &frontier {
            for edge in edges(machine, slots) {
                let mut after = machine.clone();
                match edge {
                    Edge::Restart => {
                        after.acknowledge();
                        after.restart(0);
                    }
                    Edge::Run(command) => {
                        if after.run(&command).is_err() {
                            continue;
                        }
                    }
                }
                let key: [u8; 32] = blake3::hash(format!("{:?}", after.state).as_bytes()).into();
                if seen.insert(key) {
                    after.clone().assert_everything_can_finish();
                    next.push(after);
                }
            }
        }
        frontier = next;
    }
    seen.len()
}

#[test]
fn every_sequence_of_commands_on_one_workflow_keeps_all_invariants() {
    let states = walk(1, 7, false);
    assert!(states > 5_000, "the walk saw only {states} states");
    let states = walk(1, 7, true);
    assert!(states > 5_000, "the walk with approval saw only {states} states");
}

#[test]
fn every_sequence_of_commands_on_two_workflows_keeps_all_invariants() {
    let states = walk(2, 5, false);
    assert!(states > 5_000, "the walk saw only {states} states");
}
