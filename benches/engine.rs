//! What the engine itself costs: deciding and applying a whole workflow, and making frames durable.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]
#![expect(missing_docs, reason = "criterion makes the main function")]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use uuid::Uuid;
use ytempire::domain::apply::apply;
use ytempire::domain::artifact::StageOutput;
use ytempire::domain::channel::ChannelState;
use ytempire::domain::command::{Command, Finding, StageSuccess};
use ytempire::domain::decide::{Context, decide};
use ytempire::domain::ids::{Attempt, CommandId, Seq, WorkflowId};
use ytempire::domain::retry::Policies;
use ytempire::domain::stage::StageName;
use ytempire::domain::timestamp::Timestamp;
use ytempire::domain::trend::TopicProfile;
use ytempire::domain::workflow::{ContentType, Priority, Publication};
use ytempire::journal::frame::{CODEC_BINCODE, Frame, FrameKind};
use ytempire::journal::log::Log;
use ytempire::journal::segment::SegmentOptions;
use ytempire::journal::segment::files::DiskFiles;
use ytempire::journal::segment::log::SegmentLog;

fn finding(stage: StageName) -> Finding {
    let title = "a topic".to_owned();
    match stage {
        StageName::Trend => {
            let profile = TopicProfile { key: Uuid::nil().to_string(), ..TopicProfile::default() };
            Finding::Topic { profile, title, score: 0.5 }
        }
        StageName::Script => Finding::Script { title, sentences: vec![1, 2, 3] },
        StageName::Narration | StageName::Render => Finding::Nothing,
        StageName::Upload => {
            Finding::Published(Publication { video_id: title.clone(), path: title })
        }
    }
}

/// Six decisions: a start and five outcomes, each decided and applied.
fn whole_workflow(state: &mut ChannelState, policies: &Policies) {
    let context = Context::plain(Timestamp(0), 1, policies);
    let command = CommandId::new("bench").expect("valid");
    let workflow = WorkflowId::of_command(&command);
    let start = Command::Start {
        command,
        content_type: ContentType::Trending,
        priority: Priority::default(),
        topic: None,
    };
    let outcomes = StageName::ALL.map(|stage| Command::Outcome {
        workflow,
        stage,
        attempt: Attempt(1),
        result: Ok(StageSuccess { output: StageOutput::default(), finding: finding(stage) }),
    });
    for command in std::iter::once(&start).chain(&outcomes) {
        for event in decide(state, command, context).expect("decided") {
            apply(state, context.now, &event);
        }
    }
}

fn deciding(c: &mut Criterion) {
    let policies = Policies::default();
    let mut group = c.benchmark_group("domain");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decide and apply one workflow", |bencher| {
        bencher.iter_batched_ref(
            ChannelState::default,
            |state| whole_workflow(state, &policies),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn appending(c: &mut Criterion) {
    let mut group = c.benchmark_group("journal");
    for frames in [1_usize, 64] {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Arc::new(DiskFiles);
        let opened =
            SegmentLog::open(files, folder.path(), SegmentOptions::default(), Seq(0), &mut |_| {});
        let (mut log, _) = opened.expect("opened");
        group.throughput(Throughput::Elements(frames as u64));
        group.bench_function(format!("append and sync {frames} frames of 2 KB"), |bencher| {
            bencher.iter(|| {
                let first = log.last_seq().0 + 1;
                let batch: Vec<Frame> = (0..frames as u64)
                    .map(|index| Frame {
                        first_seq: Seq(first + index),
                        kind: FrameKind::Events,
                        schema: 1,
                        codec: CODEC_BINCODE,
                        flags: 0,
                        count: 1,
                        payload: vec![7; 2_048],
                    })
                    .collect();
                log.append(&batch).expect("appended");
                log.sync().expect("synced");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, deciding, appending);
criterion_main!(benches);
