//! The models of the stage workers and of the platform.

use std::collections::BTreeMap;

use crate::domain::artifact::StageOutput;
use crate::domain::command::{Command, Finding, StageSuccess};
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::ids::{Attempt, WorkflowId};
use crate::domain::invariants::Violation;
use crate::domain::pending::Effect;
use crate::domain::stage::StageName;
use crate::domain::trend::TopicProfile;
use crate::domain::workflow::{Ending, Publication, Workflow};

use super::world::{Task, World, broken};

/// A worker that says nothing for so long is killed.
const HEARTBEAT_TIMEOUT_MS: u64 = 30_000;
/// Channels choose from so many topics, so that they collide.
const TOPICS: u64 = 40;

/// How an attempt will go.
#[derive(Debug, Clone)]
enum Plan {
    Succeed,
    Fail(FailureClass),
    /// Hands back what another stage finds out.
    Confuse,
    /// Falls silent.
    Vanish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Begun,
    Worked,
    Silent,
    Reported,
}

/// One attempt that is being carried out. It stays here until its outcome is acknowledged, so
/// that it is not carried out again in between.
#[derive(Debug, Clone)]
pub(super) struct Job {
    id: u64,
    stage: StageName,
    attempt: Attempt,
    plan: Plan,
    phase: Phase,
    /// Half of the work's time.
    half_ms: u64,
    /// The video it found on the platform when it began, or published since.
    video: Option<String>,
}

impl Job {
    /// Whether this is what `effect` wants to be under way for the workflow.
    pub(super) fn is(&self, id: WorkflowId, wanted: &Effect) -> bool {
        match wanted {
            Effect::Run { workflow, stage, attempt, .. } => {
                (*workflow, *stage, *attempt) == (id, self.stage, self.attempt)
            }
            Effect::WakeAt { .. } | Effect::Person { .. } => false,
        }
    }
}

/// Videos by workflow. It looks a workflow's video up by its marker, but would publish twice if
/// two attempts asked at the same time.
#[derive(Debug, Default)]
pub(super) struct Platform {
    videos: BTreeMap<WorkflowId, Vec<String>>,
    confirmed: BTreeMap<WorkflowId, String>,
    next: u64,
}

impl Platform {
    fn find(&self, workflow: WorkflowId) -> Option<String> {
        self.videos.get(&workflow).and_then(|videos| videos.first()).cloned()
    }

    fn publish(&mut self, workflow: WorkflowId) -> Result<String, Violation> {
        self.next += 1;
        let video = format!("video-{}", self.next);
        let videos = self.videos.entry(workflow).or_default();
        videos.push(video.clone());
        if videos.len() > 1 {
            return broken("D3", format!("workflow {workflow} was published twice"));
        }
        Ok(video)
    }

    /// The channel says durably that `video` is the workflow's.
    pub(super) fn confirm(&mut self, workflow: WorkflowId, video: &str) -> Result<(), Violation> {
        if self.find(workflow).as_deref() != Some(video) {
            return broken("D3", format!("workflow {workflow} names a video that is not there"));
        }
        match self.confirmed.insert(workflow, video.to_owned()) {
            None => Ok(()),
            Some(_) => broken("D3", format!("workflow {workflow} was published twice")),
        }
    }

    /// A finished workflow and the platform agree.
    pub(super) fn check(&self, workflow: &Workflow) -> Result<(), Violation> {
        let count = self.videos.get(&workflow.id).map_or(0, Vec::len);
        let agrees = match workflow.ending() {
            Some(Ending::Completed(_)) => count == 1 && self.confirmed.contains_key(&workflow.id),
            Some(Ending::Cancelled { .. } | Ending::Dropped { .. }) | None => count <= 1,
        };
        if agrees {
            return Ok(());
        }
        broken("D3", format!("workflow {} has {count} videos", workflow.id))
    }

    pub(super) fn count(&self) -> u64 {
        self.videos.values().map(|videos| u64::try_from(videos.len()).unwrap_or(0)).sum()
    }
}

impl World {
    /// Begins an attempt, unless it is under way.
    pub(super) fn carry_out(
        &mut self,
        index: usize,
        workflow: WorkflowId,
        stage: StageName,
        attempt: Attempt,
    ) -> Result<(), Violation> {
        if self.channel(index)?.jobs.contains_key(&workflow) {
            return Ok(());
        }
        if !self.durable_starts.contains(&(workflow, stage, attempt)) {
            return broken("D2", format!("{workflow} {stage} is carried out before its frame"));
        }
        if !self.carried_out.insert((workflow, stage, attempt)) {
            return broken("D4", format!("{workflow} {stage} is carried out twice as one attempt"));
        }
        if stage == StageName::Upload && self.platform.confirmed.contains_key(&workflow) {
            return broken("D3", format!("{workflow} is uploaded again after its publication"));
        }
        let plan = self.draw_plan();
        let half_ms = self.rng.between(100, 12_000);
        let id = self.rng.draw();
        let video = if stage == StageName::Upload { self.platform.find(workflow) } else { None };
        if video.is_some() {
            self.coverage.hit("platform", "adopted");
        }
        self.log(|| format!("worker: {workflow} {stage} attempt {} will {plan:?}", attempt.0));
        let job = Job { id, stage, attempt, plan, phase: Phase::Begun, half_ms, video };
        self.channel_mut(index)?.jobs.insert(workflow, job);
        self.after(half_ms, Task::Worker { channel: index, workflow, job: id });
        Ok(())
    }

    fn draw_plan(&mut self) -> Plan {
        if !self.faulty {
            return Plan::Succeed;
        }
        let retry_after_ms = self.rng.below(120_000);
        match self.rng.below(1000) {
            0..=79 => Plan::Fail(FailureClass::Transient),
            80..=109 => Plan::Fail(FailureClass::RateLimited { retry_after_ms }),
            110..=124 => Plan::Fail(FailureClass::Permanent),
            125..=164 => Plan::Fail(FailureClass::Ambiguous),
            165..=169 => Plan::Fail(FailureClass::Cancelled),
            170..=199 => Plan::Fail(FailureClass::Interrupted),
            200..=204 => Plan::Confuse,
            205..=259 => Plan::Vanish,
            _ => Plan::Succeed,
        }
    }

    /// The next phase of a job, if it was not killed.
    pub(super) fn work(
        &mut self,
        index: usize,
        workflow: WorkflowId,
        id: u64,
    ) -> Result<(), Violation> {
        let found = self.channel(index)?.jobs.get(&workflow).filter(|job| job.id == id);
        let Some(mut job) = found.cloned() else { return Ok(()) };
        let again = Task::Worker { channel: index, workflow, job: id };
        match job.phase {
            Phase::Begun => {
                if job.stage == StageName::Upload && job.video.is_none() && self.publishes(&job) {
                    job.video = Some(self.platform.publish(workflow)?);
                    self.coverage.hit("platform", "published");
                }
                job.phase = Phase::Worked;
                self.after(job.half_ms, again);
            }
            Phase::Worked if matches!(job.plan, Plan::Vanish) => {
                self.fault("lost_outcome");
                job.phase = Phase::Silent;
                self.after(HEARTBEAT_TIMEOUT_MS, again);
            }
            Phase::Worked => {
                job.phase = Phase::Reported;
                self.report_outcome(index, workflow, &job);
            }
            Phase::Silent => {
                job.phase = Phase::Reported;
                self.report_silence(index, workflow, &job);
            }
            Phase::Reported => {}
        }
        self.channel_mut(index)?.jobs.insert(workflow, job);
        Ok(())
    }

    /// Whether an upload reaches the platform before it ends as planned.
    fn publishes(&mut self, job: &Job) -> bool {
        match job.plan {
            Plan::Succeed | Plan::Confuse | Plan::Fail(FailureClass::Ambiguous) => true,
            Plan::Fail(_) | Plan::Vanish => self.rng.chance(500),
        }
    }

    fn report_outcome(&mut self, index: usize, workflow: WorkflowId, job: &Job) {
        let result = match job.plan {
            Plan::Succeed | Plan::Vanish => Ok(self.success(workflow, job, job.stage)),
            Plan::Fail(class) => Err(Failure::new(class, "drawn", "a failure of the simulation")),
            Plan::Confuse => {
                self.fault("wrong_finding");
                let other = job.stage.next().map_or(StageName::Trend, |_| StageName::Upload);
                Ok(self.success(workflow, job, other))
            }
        };
        let command = Command::Outcome { workflow, stage: job.stage, attempt: job.attempt, result };
        if self.faulty && self.rng.chance(40) {
            self.fault("duplicate_outcome");
            let delay = self.rng.between(0, 20_000);
            self.after(delay, Task::Deliver { channel: index, command: command.clone() });
        }
        let delay = self.rng.below(50);
        self.after(delay, Task::Deliver { channel: index, command });
    }

    /// The shell gives a silent worker up; what the worker had to say may still come, too late.
    fn report_silence(&mut self, index: usize, workflow: WorkflowId, job: &Job) {
        let failure = if self.rng.chance(500) {
            Failure::transient("heartbeat_timeout", "the worker fell silent and was killed")
        } else {
            Failure::interrupted("the worker fell silent and was killed")
        };
        let result = Err(failure);
        let (stage, attempt) = (job.stage, job.attempt);
        let gave_up = Command::Outcome { workflow, stage, attempt, result };
        self.after(0, Task::Deliver { channel: index, command: gave_up });
        if self.faulty && self.rng.chance(600) {
            self.fault("zombie_outcome");
            let result = Ok(self.success(workflow, job, stage));
            let late = Command::Outcome { workflow, stage, attempt, result };
            let delay = self.rng.between(1, 60_000);
            self.after(delay, Task::Deliver { channel: index, command: late });
        }
    }

    fn success(&mut self, workflow: WorkflowId, job: &Job, stage: StageName) -> StageSuccess {
        let topic = if self.faulty {
            format!("topic-{}", self.rng.below(TOPICS))
        } else {
            format!("topic-of-{workflow}")
        };
        let finding = match stage {
            StageName::Trend => {
                let profile = TopicProfile { key: topic.clone(), ..TopicProfile::default() };
                Finding::Topic { profile, title: topic, score: 0.5 }
            }
            StageName::Script => {
                Finding::Script { title: topic, sentences: vec![self.rng.draw(), self.rng.draw()] }
            }
            StageName::Narration | StageName::Render => Finding::Nothing,
            StageName::Upload => {
                let video_id = job.video.clone().unwrap_or_else(|| "none".to_owned());
                let path = format!("library/{video_id}");
                Finding::Published(Publication { video_id, path })
            }
        };
        StageSuccess { output: StageOutput::default(), finding }
    }
}
