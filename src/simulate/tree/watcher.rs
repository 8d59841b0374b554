//! Follows the committed events of all channels and checks what must hold, after each of them.
//!
//! Architecture invariant: it sees only what a sync has acknowledged, and never changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::domain::apply::apply;
use crate::domain::audit::Audit;
use crate::domain::channel::ChannelState;
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelId, Seq};
use crate::domain::invariants::{Violation, violations};
use crate::domain::retry::Policies;
use crate::domain::ticket::Ticket;
use crate::journal::fold::{CommittedFrame, Fold};
use crate::simulate::coverage::{Coverage, event_name};
use crate::simulate::trace::Trace;

/// The watch over committed events.
pub(super) struct Watcher {
    policies: Policies,
    commits: Option<Receiver<Arc<CommittedFrame>>>,
    pub(super) states: BTreeMap<ChannelId, ChannelState>,
    audits: BTreeMap<ChannelId, Audit>,
    /// Attempts whose start is durable.
    pub(super) started: BTreeSet<Ticket>,
    pub(super) last: Seq,
    pub(super) events: u64,
    /// Failures of attempts, oldest first.
    pub(super) failures: Vec<(Ticket, Failure)>,
    pub(super) coverage: Coverage,
    pub(super) trace: Trace,
}

fn broken<T>(invariant: &'static str, found: String) -> Result<T, Violation> {
    Err(Violation { invariant, found })
}

impl Watcher {
    pub(super) fn new(policies: Policies) -> Self {
        Self {
            policies,
            commits: None,
            states: BTreeMap::new(),
            audits: BTreeMap::new(),
            started: BTreeSet::new(),
            last: Seq(0),
            events: 0,
            failures: Vec::new(),
            coverage: Coverage::default(),
            trace: Trace::default(),
        }
    }

    /// From now on follows what is committed into `fold`, which a node has just recovered.
    pub(super) fn follow(&mut self, fold: &Fold) -> Result<(), Violation> {
        self.commits = Some(fold.subscribe());
        if fold.applied() != self.last {
            let (found, known) = (fold.applied(), self.last);
            return broken("D1", format!("recovered up to {found}, but {known} was durable"));
        }
        for (channel, state) in &self.states {
            if fold.state(*channel) != *state {
                return broken("D1", format!("channel {channel} was recovered as another"));
            }
        }
        Ok(())
    }

    /// Takes in everything that was committed since the last call.
    pub(super) fn catch_up(&mut self, mut log: impl FnMut(String)) -> Result<(), Violation> {
        while let Some(commits) = &mut self.commits {
            match commits.try_recv() {
                Ok(frame) => self.take(&frame, &mut log)?,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::Lagged(lost)) => {
                    return broken("F1", format!("the watch lost {lost} frames"));
                }
            }
        }
        Ok(())
    }

    /// Takes one durable frame in.
    pub(super) fn take(
        &mut self,
        frame: &CommittedFrame,
        log: &mut impl FnMut(String),
    ) -> Result<(), Violation> {
        if frame.first_seq.0 != self.last.0 + 1 {
            return broken("F1", format!("{} follows {}", frame.first_seq, self.last));
        }
        let commit = &frame.commit;
        let state = self.states.entry(commit.channel).or_default();
        let audit = self.audits.entry(commit.channel).or_default();
        for event in &commit.events {
            self.last.0 += 1;
            self.events += 1;
            log(describe(self.last, event));
            self.trace.record("event", commit.at.0.unsigned_abs(), &(self.last, event));
            self.coverage.hit("event", event_name(event));
            audit.observe(commit.at, event, &self.policies)?;
            apply(state, commit.at, event);
            match event {
                Event::StageStarted { workflow, stage, attempt, take } => {
                    let (workflow, stage, take) = (*workflow, *stage, *take);
                    self.started.insert(Ticket { workflow, stage, take, attempt: *attempt });
                }
                Event::StageFailed { workflow, stage, attempt, take, failure, .. } => {
                    self.coverage.hit("failure", failure.class.name());
                    let (workflow, stage, take) = (*workflow, *stage, *take);
                    let ticket = Ticket { workflow, stage, take, attempt: *attempt };
                    self.failures.push((ticket, failure.clone()));
                }
                _ => {}
            }
        }
        match violations(state, &self.policies).into_iter().next() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }
}

fn describe(seq: Seq, event: &Event) -> String {
    let text = match event {
        Event::StageStarted { workflow, stage, attempt, .. } => {
            format!("{workflow} {stage} {attempt:?}")
        }
        Event::StageSucceeded { workflow, stage, attempt, .. } => {
            format!("{workflow} {stage} {attempt:?}")
        }
        Event::StageFailed { workflow, stage, attempt, failure, .. } => {
            format!("{workflow} {stage} {attempt:?} {failure}")
        }
        Event::GenerationRaised { name, generation } => format!("{name} {generation:?}"),
        Event::ChannelParked { reason } => reason.clone(),
        other => other.workflow().map(|id| id.to_string()).unwrap_or_default(),
    };
    format!("#{seq} {} {text}", event_name(event))
}
