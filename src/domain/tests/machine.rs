//! A channel as its actor drives it, small enough to be run a million times: it decides ahead of
//! the journal, loses what was not acknowledged, and comes back from the fold.

use std::time::Duration;

use crate::domain::admission::Room;
use crate::domain::apply::apply;
use crate::domain::artifact::StageOutput;
use crate::domain::audit::Audit;
use crate::domain::channel::{ChannelRules, ChannelState};
use crate::domain::command::{Command, Finding, Rejection, StageSuccess};
use crate::domain::decide::{Context, decide};
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::ids::{Attempt, ChannelName, CommandId, Generation, WorkflowId};
use crate::domain::invariants::violations;
use crate::domain::pending::{Effect, pending};
use crate::domain::retry::{Policies, RetryPolicy, StagePolicy};
use crate::domain::stage::{Position, StageName, StageState};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::TopicProfile;
use crate::domain::workflow::{ContentType, Priority, Publication};

/// What was decided by one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub at: Timestamp,
    pub events: Vec<Event>,
}

#[derive(Debug, Clone)]
pub struct Machine {
    pub policies: Policies,
    pub now: Timestamp,
    pub draw: u64,
    pub state: ChannelState,
    pub frames: Vec<Frame>,
    /// So many of the frames are durable and answered for.
    pub acknowledged: usize,
    pub audit: Audit,
    pub rules: ChannelRules,
    pub room: Room,
}

/// The same retries and base for all stages.
pub fn policies(max_retries: u32, base: Duration) -> Policies {
    let stage = StagePolicy {
        retry: RetryPolicy { max_retries, base },
        soft_limit: Duration::from_secs(1),
        hard_limit: Duration::from_secs(2),
        schedule_to_start: Duration::from_secs(3),
    };
    Policies::new([stage; 5])
}

/// The command that starts the workflow in `slot`.
pub fn start(slot: u8) -> Command {
    Command::Start {
        command: CommandId::new(format!("slot-{slot}")).unwrap(),
        content_type: ContentType::Trending,
        priority: Priority::default(),
        topic: None,
    }
}

/// The workflow in `slot`.
pub fn workflow(slot: u8) -> WorkflowId {
    WorkflowId::of_command(&CommandId::new(format!("slot-{slot}")).unwrap())
}

/// A success as the right stage hands it back.
pub fn success(stage: StageName, topic: &str) -> StageSuccess {
    let finding = match stage {
        StageName::Trend => {
            let profile = TopicProfile { key: topic.to_owned(), ..TopicProfile::default() };
            Finding::Topic { profile, title: topic.to_owned(), score: 0.5 }
        }
        StageName::Script => Finding::Script { title: topic.to_owned(), sentences: vec![1, 2] },
        StageName::Narration | StageName::Render => Finding::Nothing,
        StageName::Upload => Finding::Published(Publication {
            video_id: format!("video-{topic}"),
            path: format!("library/{topic}"),
        }),
    };
    StageSuccess { output: StageOutput::default(), finding }
}

pub fn outcome(
    id: WorkflowId,
    stage: StageName,
    attempt: Attempt,
    result: Result<StageSuccess, Failure>,
) -> Command {
    Command::Outcome { workflow: id, stage, attempt, result }
}

impl Machine {
    pub fn new(policies: Policies) -> Self {
        let mut machine = Self {
            policies,
            now: Timestamp(1_000_000),
            draw: u64::MAX / 2,
            state: ChannelState::default(),
            frames: Vec::new(),
            acknowledged: 0,
            audit: Audit::default(),
            rules: ChannelRules::default(),
            room: Room::OPEN,
        };
        machine.raise_generation();
        machine.acknowledge();
        machine
    }

    fn raise_generation(&mut self) {
        let name = ChannelName::new("kitchen").unwrap();
        let generation = Generation(self.state.generation.0 + 1);
        self.commit(vec![Event::GenerationRaised { name, generation }]);
    }

    /// Decides and books; panics with the invariant's id when one is broken.
    pub fn run(&mut self, command: &Command) -> Result<Vec<Event>, Rejection> {
        let context = Context {
            rules: &self.rules,
            room: &self.room,
            ..Context::plain(self.now, self.draw, &self.policies)
        };
        let events = decide(&self.state, command, context)?;
        assert!(self.is_awaited(command), "D4: a stale outcome was accepted: {command:?}");
        assert!(!events.is_empty(), "an accepted command must change something: {command:?}");
        self.commit(events.clone());
        Ok(events)
    }

    /// Whether an outcome is the one the state waits for.
    fn is_awaited(&self, command: &Command) -> bool {
        let Command::Outcome { workflow, stage, attempt, .. } = command else { return true };
        self.position(*workflow).is_some_and(|position| {
            position.stage == *stage
                && position.attempt == *attempt
                && matches!(position.state, StageState::Running { .. })
        })
    }

    fn commit(&mut self, events: Vec<Event>) {
        for event in &events {
            self.audit.observe(self.now, event, &self.policies).unwrap();
            apply(&mut self.state, self.now, event);
        }
        let found = violations(&self.state, &self.policies);
        assert_eq!(found, Vec::new(), "after {events:?}");
        self.frames.push(Frame { at: self.now, events });
    }

    pub fn acknowledge(&mut self) {
        self.acknowledged = self.frames.len();
    }

    /// The fold of the first `count` frames.
    pub fn fold(&self, count: usize) -> ChannelState {
        let mut state = ChannelState::default();
        for frame in &self.frames[..count] {
            frame.events.iter().for_each(|event| apply(&mut state, frame.at, event));
        }
        state
    }

    /// The node dies: of the frames that were not acknowledged, `survivors` are found again.
    pub fn restart(&mut self, survivors: usize) {
        self.frames.truncate(self.acknowledged + survivors);
        self.state = self.fold(self.frames.len());
        self.audit = Audit::default();
        for frame in &self.frames {
            for event in &frame.events {
                self.audit.observe(frame.at, event, &self.policies).unwrap();
            }
        }
        self.raise_generation();
        self.acknowledge();
        match self.run(&Command::Recover) {
            Ok(_) | Err(Rejection::NothingDue) => {}
            Err(other) => panic!("recovery was refused: {other}"),
        }
    }

    pub fn position(&self, id: WorkflowId) -> Option<&Position> {
        self.state.workflows.get(&id)?.position()
    }

    /// Lets every stage succeed and time pass until nothing is due any more; D5 says it ends.
    pub fn drain(&mut self) {
        // A schedule goes on for ever, and approval would wait for a person.
        self.rules = ChannelRules::default();
        for _ in 0..400 {
            let effects = pending(&self.state);
            let next = effects.iter().find(|effect| !matches!(effect, Effect::Person { .. }));
            match next {
                None => return,
                Some(Effect::Run { workflow, stage, attempt, .. }) => {
                    let result = Ok(success(*stage, &format!("drained-{workflow}")));
                    self.run(&outcome(*workflow, *stage, *attempt, result)).unwrap();
                }
                Some(Effect::WakeAt { .. }) => {
                    self.now = effects.iter().fold(self.now, |latest, effect| match effect {
                        Effect::WakeAt { at, .. } => latest.max(*at),
                        Effect::Run { .. } | Effect::Person { .. } => latest,
                    });
                    match self.run(&Command::Wake) {
                        // An approval that is not needed any more is waited for to its end.
                        Ok(_) | Err(Rejection::NothingDue) => {}
                        Err(other) => panic!("waking up was refused: {other}"),
                    }
                }
                Some(Effect::Person { .. }) => return,
            }
        }
        panic!("D5: successes do not bring the channel to an end: {:?}", self.state);
    }

    /// Checks D5 in full: what nobody holds ends by itself, and a person can end the rest.
    pub fn assert_everything_can_finish(mut self) {
        self.drain();
        for workflow in self.state.workflows.values() {
            let held = workflow.paused || self.state.paused;
            let parked = workflow
                .position()
                .is_some_and(|position| matches!(position.state, StageState::Parked { .. }));
            assert!(held || parked || workflow.ending().is_some(), "D5: {workflow:?}");
        }
        let _ = self.run(&Command::ResumeChannel);
        let ids: Vec<WorkflowId> = self.state.workflows.keys().copied().collect();
        for id in ids {
            let _ = self.run(&Command::Resume { workflow: id });
            let _ = self.run(&Command::Approve { workflow: id });
            let _ = self.run(&Command::Retry { workflow: id });
        }
        self.drain();
        for workflow in self.state.workflows.values() {
            assert!(workflow.ending().is_some(), "D5: even a person cannot end {workflow:?}");
        }
    }
}
