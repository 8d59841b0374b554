//! The promises of the actors, one by one: each test makes one thing go wrong in a tree that is
//! otherwise well, and looks at what becomes of the video.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use ytempire::actors::messages::ChannelMsg;
use ytempire::domain::command::Command;
use ytempire::domain::failure::{Failure, FailureClass};
use ytempire::domain::ids::{ChannelId, ChannelName, CommandId, WorkflowId};
use ytempire::domain::invariants::Violation;
use ytempire::domain::stage::{StageName, StageState};
use ytempire::domain::ticket::Ticket;
use ytempire::domain::workflow::{ContentType, Ending, Priority, Workflow};
use ytempire::simulate::tree::deeds::{Deed, Plan};
use ytempire::simulate::tree::live_once;
use ytempire::simulate::tree::node::{SimChannel, SimNode};
use ytempire::simulate::tree::universe::Universe;
use ytempire::supervision::envelope::Trace;
use ytempire::supervision::observe::Status;
use ytempire::supervision::path::{ChildId, Incarnation};

use super::hush_simulated_panics;

/// Nothing that is promised takes longer than this, in virtual time.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// Work that goes well, in ten seconds a stage.
fn all_well(_: &ChannelName, _: &Ticket) -> Deed {
    Deed::Work(10_000)
}

/// Work that goes well but for the first attempt of one stage.
fn first_attempt(stage: StageName, deed: Deed) -> impl Fn(&ChannelName, &Ticket) -> Deed {
    move |_, ticket| {
        let is_it = ticket.stage == stage && ticket.attempt.0 == 1;
        if is_it { deed.clone() } else { Deed::Work(10_000) }
    }
}

/// One life of a node with `channels` channels.
struct Stage<'a> {
    universe: &'a Arc<Universe>,
    node: &'a SimNode,
}

impl Stage<'_> {
    fn channel(&self, index: usize) -> &SimChannel {
        &self.node.channels[index]
    }

    async fn tell(&self, channel: usize, command: Command, id: Option<CommandId>) {
        let handle = &self.channel(channel).handle;
        let question = |reply| ChannelMsg::Command { command, id, note: None, reply: Some(reply) };
        let answer = handle.call(Duration::from_secs(10), Trace::default(), question).await;
        answer.expect("an answer").expect("no refusal");
    }

    /// Has a video made, and says which workflow makes it.
    async fn start(&self, channel: usize, name: &str) -> WorkflowId {
        let id = CommandId::new(name).unwrap();
        let (content_type, priority) = (ContentType::Trending, Priority::default());
        let start = Command::Start { command: id.clone(), content_type, priority, topic: None };
        self.tell(channel, start, Some(id.clone())).await;
        WorkflowId::of_command(&id)
    }

    fn workflow(&self, channel: usize, id: WorkflowId) -> Workflow {
        let mut state = self.universe.state(self.channel(channel).id);
        state.workflows.remove(&id).expect("the workflow")
    }

    fn is_completed(&self, channel: usize, id: WorkflowId) -> bool {
        matches!(self.workflow(channel, id).ending(), Some(Ending::Completed(_)))
    }

    /// Waits until `reached`, and says how long that took.
    async fn until(&self, what: &str, reached: impl Fn() -> bool) -> Duration {
        let began = Instant::now();
        loop {
            self.universe.check().expect("every promise holds");
            if reached() {
                return began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "never reached: {what}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_completed(&self, channel: usize, id: WorkflowId) -> Duration {
        let took = self.until("completed", || self.is_completed(channel, id)).await;
        assert_eq!(self.universe.videos(id).len(), 1, "published once");
        took
    }

    async fn until_at_work(&self, channel: usize, id: WorkflowId, stage: StageName) {
        let is_there = || {
            let workflow = self.workflow(channel, id);
            let at = workflow.position().map(|position| position.stage);
            at == Some(stage) && self.universe.at_work() > 0
        };
        self.until("at work", is_there).await;
    }

    fn incarnation(&self, channel: usize) -> Incarnation {
        self.channel(channel).handle.entry().incarnation()
    }

    fn failure_codes(&self) -> Vec<String> {
        self.universe.failures().into_iter().map(|(_, failure)| failure.code).collect()
    }
}

/// Runs `body` in one life of a node whose work is as `plan` says, and stops it in order.
fn play(channels: usize, plan: impl Plan + 'static, body: impl AsyncFnOnce(Stage<'_>)) {
    hush_simulated_panics();
    let universe = Universe::new(7, channels, Arc::new(plan), true);
    let life = async {
        let node = SimNode::start(&universe, 0).await?;
        node.tree.booted().await.expect("a tree");
        body(Stage { universe: &universe, node: &node }).await;
        universe.check()?;
        node.stop().await;
        universe.check()
    };
    let outcome: Result<(), Violation> = live_once(&universe, 0, life);
    if let Err(violation) = outcome {
        panic!("{}\n{violation:?}", universe.recent().join("\n"));
    }
    assert_eq!(universe.at_work(), 0, "a node that stopped leaves no work behind");
}

#[test]
fn a_panic_in_a_handler_restarts_the_channel_and_the_video_is_finished() {
    play(1, all_well, async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Narration).await;
        stage.channel(0).break_handler();
        stage.until_completed(0, video).await;
        assert_eq!(stage.incarnation(0), Incarnation(2));
        assert_eq!(stage.workflow(0, video).done.len(), 5);
    });
}

#[test]
fn a_channel_whose_start_fails_is_started_again_and_the_video_is_finished() {
    play(1, all_well, async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Script).await;
        stage.channel(0).break_clock();
        stage.channel(0).handle.current().expect("it runs").actor().kill();
        stage.until_completed(0, video).await;
        assert_eq!(stage.incarnation(0), Incarnation(3));
    });
}

#[test]
fn a_job_that_a_stage_did_not_accept_is_given_again_and_does_not_count() {
    play(1, all_well, async |stage| {
        // The shell panics over its first report, before the channel hears that it has accepted.
        stage.channel(0).break_stage_handler();
        let video = stage.start(0, "video").await;
        stage.until_completed(0, video).await;
        assert_eq!(stage.failure_codes(), Vec::<String>::new());
        assert!(stage.workflow(0, video).done.iter().all(|done| done.attempt.0 == 1));
        assert_eq!(stage.incarnation(0), Incarnation(1));
    });
}

#[test]
fn a_stage_actor_that_dies_at_work_fails_its_attempt_and_comes_back() {
    play(1, all_well, async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Script).await;
        let stages = stage.channel(0).stage_cells();
        stages.last().expect("the scriptwriter").kill();
        stage.until("its work has ended", || stage.universe.at_work() == 0).await;
        stage.until_completed(0, video).await;
        assert_eq!(stage.failure_codes(), ["stage_crashed"]);
        assert_eq!(stage.incarnation(0), Incarnation(1));
    });
}

#[test]
fn a_channel_that_fails_for_ever_is_parked_while_the_other_finishes_its_video() {
    play(2, all_well, async |stage| {
        let broken = stage.start(0, "broken").await;
        let other = stage.start(1, "other").await;
        let is_parked =
            || matches!(stage.channel(0).handle.entry().status(), Status::Parked { .. });
        while !is_parked() {
            stage.channel(0).break_handler();
            // Whoever runs now looks at its deadlines, and panics.
            let _ = stage.channel(0).handle.cast(Trace::default(), ChannelMsg::Wake);
            sleep(Duration::from_millis(50)).await;
        }
        let noted = || stage.universe.state(stage.channel(0).id).parked.is_some();
        stage.until("channel.parked is committed", noted).await;
        stage.until_completed(1, other).await;
        assert_eq!(stage.incarnation(1), Incarnation(1), "the other did not notice");
        assert!(!stage.is_completed(0, broken));

        let id = ChildId::new(stage.channel(0).name.as_str());
        // The last fuse may still be in.
        stage.node.empire.channels.unpark(&id).await.expect("it was parked");
        stage.until_completed(0, broken).await;
        assert_eq!(stage.universe.state(stage.channel(0).id).parked, None);
    });
}

#[test]
fn cancelling_a_running_stage_stops_it_at_once() {
    play(1, first_attempt(StageName::Script, Deed::Hang), async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Script).await;
        let cause = "cancelled".to_owned();
        stage.tell(0, Command::Cancel { workflow: video, cause }, None).await;
        let took = stage.until("no work", || stage.universe.at_work() == 0).await;
        assert!(took < Duration::from_secs(1), "it took {took:?}");
        assert!(matches!(stage.workflow(0, video).ending(), Some(Ending::Cancelled { .. })));
    });
}

#[test]
fn a_crash_of_the_broker_revokes_its_leases_and_the_work_goes_on() {
    play(1, all_well, async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Narration).await;
        stage.node.empire.broker.handle().current().expect("it runs").actor().kill();
        let took = stage.until("no work", || stage.universe.at_work() == 0).await;
        assert!(took < Duration::from_secs(1), "revoked after {took:?}");
        stage.until_completed(0, video).await;
        assert_eq!(stage.failure_codes(), ["lease_revoked"]);
    });
}

#[test]
fn a_job_that_waits_for_a_lease_outlives_the_broker() {
    let plan = |_: &ChannelName, ticket: &Ticket| {
        if ticket.stage == StageName::Render { Deed::Work(600_000) } else { Deed::Work(10_000) }
    };
    play(2, plan, async |stage| {
        let (first, second) = (stage.start(0, "first").await, stage.start(1, "second").await);
        let renders = |channel, id| {
            let workflow = stage.workflow(channel, id);
            workflow.position().is_some_and(|at| at.stage == StageName::Render)
        };
        // There is one slot for rendering: one of the two waits.
        stage.until("both", || renders(0, first) && renders(1, second)).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(stage.universe.at_work(), 1);
        stage.node.empire.broker.handle().current().expect("it runs").actor().kill();
        stage.until_completed(0, first).await;
        stage.until_completed(1, second).await;
        assert_eq!(stage.failure_codes(), ["lease_revoked"], "only the holder's attempt failed");
    });
}

#[test]
fn a_hanging_stage_is_ended_by_its_hard_limit_and_tried_again() {
    play(1, first_attempt(StageName::Narration, Deed::Hang), async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Narration).await;
        let took = stage.until("no work", || stage.universe.at_work() == 0).await;
        let limit = stage.universe.policies.of(StageName::Narration).hard_limit;
        assert!(took <= limit && took + Duration::from_secs(1) > limit, "it took {took:?}");
        stage.until_completed(0, video).await;
        assert_eq!(stage.failure_codes(), ["time_limit"]);
    });
}

#[test]
fn a_slow_stage_is_asked_to_stop_at_its_soft_limit_and_tried_again() {
    play(1, first_attempt(StageName::Narration, Deed::Slow), async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Narration).await;
        let took = stage.until("no work", || stage.universe.at_work() == 0).await;
        let limit = stage.universe.policies.of(StageName::Narration).soft_limit;
        assert!(took <= limit && took + Duration::from_secs(1) > limit, "it took {took:?}");
        stage.until_completed(0, video).await;
        assert_eq!(stage.failure_codes(), ["time_limit"]);
    });
}

#[test]
fn an_idle_stage_is_passivated_and_comes_back() {
    play(1, all_well, async |stage| {
        let first = stage.start(0, "first").await;
        stage.until_completed(0, first).await;
        assert_eq!(stage.channel(0).stage_cells().len(), 5);
        sleep(Duration::from_secs(400)).await;
        assert_eq!(stage.channel(0).stage_cells().len(), 0);
        let second = stage.start(0, "second").await;
        stage.until_completed(0, second).await;
        assert_eq!(stage.failure_codes(), Vec::<String>::new());
    });
}

#[test]
fn a_publication_whose_answer_was_lost_is_adopted_and_not_repeated() {
    let lost = Failure::ambiguous("connection_lost", "no answer");
    play(1, first_attempt(StageName::Upload, Deed::DoneButFails(10, lost)), async |stage| {
        let video = stage.start(0, "video").await;
        stage.until_completed(0, video).await;
        assert_eq!(stage.failure_codes(), ["connection_lost"]);
    });
}

/// Whether the video waits for its next attempt.
fn is_backing_off(universe: &Universe, channel: ChannelId, video: WorkflowId) -> bool {
    let waits = universe.workflow(channel, video, |workflow| {
        let position = workflow.position();
        position.is_some_and(|at| matches!(at.state, StageState::BackingOff { .. }))
    });
    waits.unwrap_or(false)
}

#[test]
fn a_wait_outlives_deaths_of_the_node_and_ends_once_and_not_early() {
    hush_simulated_panics();
    let hour_ms = 3_600_000;
    let class = FailureClass::RateLimited { retry_after_ms: hour_ms };
    let limited = Failure::new(class, "rate_limited", "come back in an hour");
    let plan = first_attempt(StageName::Script, Deed::Fail(10, limited));
    let universe = Universe::new(7, 1, Arc::new(plan), true);
    let channel = ChannelId::of_name(&ChannelName::new("channel-0").unwrap());
    let video = WorkflowId::of_command(&CommandId::new("video").unwrap());
    // It dies while the video waits.
    let life = async {
        let node = SimNode::start(&universe, 0).await?;
        node.tree.booted().await.expect("a tree");
        let stage = Stage { universe: &universe, node: &node };
        assert_eq!(stage.start(0, "video").await, video);
        stage.until("it waits", || is_backing_off(&universe, channel, video)).await;
        universe.check()
    };
    live_once(&universe, 60_000, life).unwrap();
    universe.disk.crash(0);
    // It lives for a while, in which the wait is not over, and dies again.
    let life = async {
        let node = SimNode::start(&universe, 1).await?;
        node.tree.booted().await.expect("a tree");
        sleep(Duration::from_secs(1_800)).await;
        assert!(is_backing_off(&universe, channel, video) && universe.at_work() == 0, "not early");
        universe.check()
    };
    live_once(&universe, 2 * hour_ms, life).unwrap();
    universe.disk.crash(0);
    // It comes back when the wait has long been over.
    let life = async {
        let node = SimNode::start(&universe, 2).await?;
        let stage = Stage { universe: &universe, node: &node };
        let took = stage.until_completed(0, video).await;
        assert!(took < Duration::from_secs(600), "it goes on at once: {took:?}");
        let done = stage.workflow(0, video).done;
        let attempts: Vec<u32> = done.iter().map(|done| done.attempt.0).collect();
        assert_eq!(attempts, [1, 2, 1, 1, 1], "one attempt after the wait, and none beside it");
        assert_eq!(stage.failure_codes(), ["rate_limited"]);
        node.stop().await;
        universe.check()
    };
    live_once(&universe, 0, life).unwrap();
}

#[test]
fn twenty_videos_asked_for_at_once_choose_their_topics_in_turn() {
    play(1, all_well, async |stage| {
        let mut videos = Vec::new();
        for number in 0..20 {
            videos.push(stage.start(0, &format!("video-{number}")).await);
        }
        for video in videos {
            stage.until_completed(0, video).await;
        }
        assert_eq!(stage.failure_codes(), Vec::<String>::new(), "nobody chose in vain");
    });
}

#[test]
fn a_turn_that_is_cancelled_together_with_the_next_goes_to_the_one_after() {
    play(1, all_well, async |stage| {
        let mut videos = Vec::new();
        for name in ["first", "second", "third"] {
            videos.push(stage.start(0, name).await);
        }
        stage.until_at_work(0, videos[0], StageName::Trend).await;
        // Both are committed before anybody looks at what follows from the first.
        for workflow in [videos[0], videos[1]] {
            let command = Command::Cancel { workflow, cause: "cancelled".to_owned() };
            let message = ChannelMsg::Command { command, id: None, note: None, reply: None };
            stage.channel(0).handle.cast(Trace::default(), message).expect("it runs");
        }
        let took = stage.until_completed(0, videos[2]).await;
        assert!(took < Duration::from_secs(600), "it took {took:?}");
    });
}

#[test]
fn a_journal_that_fails_stops_the_node() {
    hush_simulated_panics();
    let universe = Universe::new(7, 1, Arc::new(all_well), false);
    let life = async {
        let node = SimNode::start(&universe, 0).await?;
        node.tree.booted().await.expect("a tree");
        let stage = Stage { universe: &universe, node: &node };
        let video = stage.start(0, "video").await;
        stage.until_at_work(0, video, StageName::Script).await;
        universe.disk.fail_sync_after(0);
        let ended = tokio::time::timeout(PATIENCE, node.tree.ended()).await.expect("it ends");
        assert!(ended.expect_err("it failed").0.contains("failed a sync"));
        universe.check()
    };
    live_once(&universe, 1_000, life).unwrap();
    // What was not acknowledged is lost; the next life goes on where the disk ends.
    universe.disk.crash(0);
    let life = async {
        let node = SimNode::start(&universe, 1).await?;
        let stage = Stage { universe: &universe, node: &node };
        let video = WorkflowId::of_command(&CommandId::new("video").unwrap());
        stage.until_completed(0, video).await;
        node.stop().await;
        universe.check()
    };
    live_once(&universe, 0, life).unwrap();
    assert!(universe.failures().iter().all(|(_, f)| f.code == "interrupted"));
}
