//! Which round it is, and what each channel has to do in it.
//!
//! Round r is the lowest in which a channel that still has a topic has no finished workflow.

use super::ByChannel;
use crate::actors::trend_scout::told;
use crate::cli::output::{CliError, Exit};
use crate::cli::run::ChannelSetup;
use crate::craft::choose::{Material, rank};
use crate::domain::ids::{ChannelName, CommandId, WorkflowId};
use crate::domain::stage::StageState;
use crate::domain::workflow::Workflow;
use crate::journal::fold::Fold;

/// What a channel has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Start the workflow of this command.
    Start(CommandId),
    /// Its workflow is under way, or finished already.
    GoOn(WorkflowId),
    /// Its workflow is parked and is tried again.
    Retry(WorkflowId),
    /// No topic is left.
    Exhausted,
}

impl Step {
    /// The workflow of the step, if it has one.
    #[must_use]
    pub fn workflow(&self) -> Option<WorkflowId> {
        match self {
            Self::Start(command) => Some(WorkflowId::of_command(command)),
            Self::GoOn(workflow) | Self::Retry(workflow) => Some(*workflow),
            Self::Exhausted => None,
        }
    }
}

/// The round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its number, from 1.
    pub round: u64,
    /// What each channel has to do.
    pub steps: ByChannel<Step>,
}

impl Plan {
    /// The workflows of the round.
    #[must_use]
    pub fn workflows(&self) -> ByChannel<WorkflowId> {
        let with_workflow =
            self.steps.iter().filter_map(|(name, step)| Some((name.clone(), step.workflow()?)));
        with_workflow.collect()
    }
}

/// Where a channel is: its first round without a finished workflow, and that workflow if it exists.
struct Standing {
    round: u64,
    workflow: Option<(WorkflowId, bool)>,
    has_topic: bool,
}

/// Finds the round and what is to do in it.
///
/// # Errors
/// [`CliError`] when a channel's sources cannot be read at all.
pub async fn plan(fold: &Fold, channels: &[ChannelSetup]) -> Result<Plan, CliError> {
    let mut standings: ByChannel<Standing> = ByChannel::new();
    for setup in channels {
        standings.insert(setup.profile.name.clone(), standing(fold, setup).await?);
    }
    let can_go_on = |standing: &&Standing| standing.workflow.is_some() || standing.has_topic;
    let rounds = standings.values().filter(can_go_on).map(|standing| standing.round);
    let all = standings.values().map(|standing| standing.round);
    let round = rounds.min().or(all.min()).unwrap_or(1);
    let steps = standings
        .into_iter()
        .map(|(name, standing)| {
            let step = step(&name, round, &standing);
            (name, step)
        })
        .collect();
    Ok(Plan { round, steps })
}

fn step(name: &ChannelName, round: u64, standing: &Standing) -> Step {
    let command = CommandId::of_demo_round(round, name);
    if standing.round > round {
        return Step::GoOn(WorkflowId::of_command(&command));
    }
    match standing.workflow {
        Some((workflow, true)) => Step::Retry(workflow),
        Some((workflow, false)) => Step::GoOn(workflow),
        None if standing.has_topic => Step::Start(command),
        None => Step::Exhausted,
    }
}

async fn standing(fold: &Fold, setup: &ChannelSetup) -> Result<Standing, CliError> {
    let profile = &setup.profile;
    let state = fold.state(profile.id);
    let mut round = 1;
    let workflow = loop {
        let id = WorkflowId::of_command(&CommandId::of_demo_round(round, &profile.name));
        match state.workflows.get(&id) {
            Some(workflow) if workflow.ending().is_some() => round += 1,
            Some(workflow) => break Some((id, is_parked(workflow))),
            None if state.archived_in(id).is_some() => round += 1,
            None => break None,
        }
    };
    if workflow.is_some() {
        return Ok(Standing { round, workflow, has_topic: true });
    }
    let harvest = setup.source.harvest().await.map_err(|failure| {
        CliError::new(Exit::Failed, failure.code.clone(), &failure.message)
            .at(format!("channel {}", profile.name))
            .remedy("check the [[channel.trends]] of the config with `ytempire config check`")
    })?;
    let used = told(state.topics.values());
    let topics = rank(&Material::of(&harvest.stories, harvest.as_of, &profile.niche, &used));
    Ok(Standing { round, workflow, has_topic: !topics.is_empty() })
}

fn is_parked(workflow: &Workflow) -> bool {
    workflow.position().is_some_and(|at| matches!(at.state, StageState::Parked { .. }))
}
