use std::sync::Mutex;

use super::*;
use crate::domain::ids::ChannelName;
use crate::journal::memory::{MemoryDisk, MemoryLog};
use crate::journal::queue::{GroupLimits, queue};
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::fault::{Faults, FaultyFiles};
use crate::journal::segment::log::SegmentLog;

type Answer = oneshot::Receiver<Result<Committed, AppendError>>;

fn channel(name: &str) -> ChannelId {
    ChannelId::of_name(&ChannelName::new(name).unwrap())
}

fn request(generation: u64, kind: FrameKind, count: u16) -> (AppendRequest, Answer) {
    let (reply, answer) = Reply::channel();
    let request = AppendRequest {
        channel: channel("space"),
        generation: Generation(generation),
        kind,
        schema: 1,
        count,
        payload: vec![1, 2, 3],
        commit: None,
        reply,
    };
    (request, answer)
}

fn events(count: u16) -> (AppendRequest, Answer) {
    request(1, FrameKind::Events, count)
}

/// A fold that only says what it is told.
impl<F: FnMut(&Frame, Option<Commit>) + Send> Commits for F {
    fn take(&mut self, frame: &Frame, commit: Option<Commit>) {
        self(frame, commit);
    }

    fn announce(&mut self) {}
}

fn writer_on(disk: &MemoryDisk, commits: impl Commits + 'static) -> Writer {
    let log = MemoryLog::open(disk, Seq(0), &mut |_| {});
    let generations = BTreeMap::from([(channel("space"), Generation(1))]);
    Writer::new(Box::new(log), generations, Box::new(commits))
}

/// Writes down what happens in which order.
struct Story(Arc<Mutex<Vec<String>>>);

impl Commits for Story {
    fn take(&mut self, frame: &Frame, _: Option<Commit>) {
        self.0.lock().unwrap().push(format!("fold {}", frame.first_seq));
    }

    fn announce(&mut self) {
        self.0.lock().unwrap().push("announce".to_owned());
    }
}

fn answered(mut answer: Answer) -> Result<Committed, AppendError> {
    answer.try_recv().unwrap()
}

#[test]
fn a_group_is_numbered_densely_synced_once_folded_acknowledged_and_then_announced() {
    let disk = MemoryDisk::default();
    let story = Arc::new(Mutex::new(Vec::new()));
    let mut writer = writer_on(&disk, Story(Arc::clone(&story)));
    let group = [2, 1, 5].map(|count| {
        let told = Arc::clone(&story);
        let reply = Reply::call(move |outcome| {
            told.lock().unwrap().push(format!("ack {}", outcome.unwrap().first_seq));
        });
        AppendRequest { reply, ..events(count).0 }
    });
    // The replaced replies above were answered with `Closed` when they were dropped.
    writer.commit_group(group.into());
    writer.announce();
    let wanted = ["fold 1", "fold 3", "fold 4", "ack 1", "ack 3", "ack 4", "announce"];
    assert_eq!(*story.lock().unwrap(), wanted);
    assert_eq!((disk.syncs(), disk.synced_frames()), (1, 3));
    assert_eq!(disk.frames()[2].last_seq(), Seq(8));
}

#[test]
fn an_older_generation_is_refused_from_its_raising_on() {
    let disk = MemoryDisk::default();
    let mut writer = writer_on(&disk, |_: &Frame, _| {});
    let (old, old_answer) = events(1);
    let (raise, raise_answer) = request(2, FrameKind::Generation, 1);
    let (stale, stale_answer) = events(1);
    let (fresh, fresh_answer) = request(2, FrameKind::Events, 1);
    let (again, again_answer) = request(2, FrameKind::Generation, 1);
    let (early, early_answer) = request(7, FrameKind::Events, 1);
    writer.commit_group(vec![old, raise, stale, fresh, again, early]);
    assert_eq!(answered(old_answer).unwrap().first_seq, Seq(1));
    assert_eq!(answered(raise_answer).unwrap().first_seq, Seq(2));
    assert_eq!(answered(stale_answer).unwrap_err().code(), "stale_generation");
    assert_eq!(answered(fresh_answer).unwrap().first_seq, Seq(3));
    assert_eq!(answered(again_answer).unwrap_err().code(), "stale_generation");
    assert_eq!(answered(early_answer).unwrap_err().code(), "generation_not_raised");
    assert_eq!(disk.frames().len(), 3);
}

#[test]
fn senseless_frames_are_refused_without_harm_to_their_group() {
    let disk = MemoryDisk::default();
    let mut writer = writer_on(&disk, |_: &Frame, _| {});
    let (empty, empty_answer) = events(0);
    let (mut large, large_answer) = events(1);
    large.payload = vec![0; MAX_PAYLOAD + 1];
    let (good, good_answer) = events(1);
    writer.commit_group(vec![empty, large, good]);
    assert_eq!(answered(empty_answer).unwrap_err().code(), "frame_empty");
    assert_eq!(answered(large_answer).unwrap_err().code(), "frame_too_large");
    assert_eq!(answered(good_answer).unwrap().first_seq, Seq(1));
}

#[test]
fn a_failed_sync_stops_the_writer_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let files = FaultyFiles::default();
    let options = SegmentOptions::default();
    let layer = Arc::new(files.clone());
    let opened = SegmentLog::open(layer, folder.path(), options, Seq(0), &mut |_| {});
    let generations = BTreeMap::from([(channel("space"), Generation(1))]);
    let folded = Arc::new(Mutex::new(0));
    let count = Arc::clone(&folded);
    let fold = move |_: &Frame, _| *count.lock().unwrap() += 1;
    let mut writer = Writer::new(Box::new(opened.unwrap().0), generations, Box::new(fold));
    let failure = writer.failure();
    files.set(Faults { good_syncs: Some(1), ..Faults::default() });

    let outcomes = [events(1), events(1), events(1)].map(|(request, answer)| {
        writer.commit_group(vec![request]);
        // The disk is well again after the failure; nobody asks it.
        if failure.borrow().is_some() {
            files.set(Faults::default());
        }
        answered(answer)
    });
    assert!(outcomes[0].is_ok());
    for outcome in &outcomes[1..] {
        assert_eq!(outcome.as_ref().unwrap_err().code(), "journal_io");
    }
    assert_eq!(*folded.lock().unwrap(), 1, "what was not synced is not folded");
    assert!(failure.has_changed().unwrap());
    assert!(writer.close().is_err());
}

#[test]
fn a_panic_of_the_fold_is_told_to_all_who_wait() {
    let disk = MemoryDisk::default();
    let mut writer = writer_on(&disk, |_: &Frame, _| panic!("a fold that panics, on purpose"));
    let (first, answer) = events(1);
    writer.commit_group(vec![first]);
    assert_eq!(answered(answer).unwrap_err().code(), "fold_panicked");
    assert!(writer.failure().borrow().is_some());
}

#[tokio::test]
async fn the_queue_gathers_what_waits_and_closes_after_it() {
    let disk = MemoryDisk::default();
    let limits = GroupLimits { frames: 4, bytes: 1 << 20, ..GroupLimits::default() };
    let (handle, writer_loop) = queue(writer_on(&disk, |_: &Frame, _| {}), limits);
    let answers: Vec<Answer> = (0..10)
        .map(|_| {
            let (request, answer) = events(1);
            handle.append(request);
            answer
        })
        .collect();
    assert_eq!(handle.depth(), 10);
    let task = tokio::spawn(writer_loop.run());
    handle.close().await.unwrap();
    task.await.unwrap();
    assert_eq!(handle.depth(), 0);
    assert_eq!(disk.syncs(), 3, "ten frames in groups of at most four");
    for (index, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap().unwrap().first_seq.0, index as u64 + 1);
    }
    let (late, answer) = events(1);
    handle.append(late);
    assert_eq!(answer.await.unwrap().unwrap_err().code(), "journal_closed");
    handle.close().await.unwrap();
}

#[tokio::test]
async fn a_thread_commits_to_disk_what_many_send_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = Arc::new(crate::journal::segment::files::DiskFiles);
    let options = SegmentOptions::default();
    let (log, _) =
        SegmentLog::open(files.clone(), folder.path(), options, Seq(0), &mut |_| {}).unwrap();
    let generations = BTreeMap::from([(channel("space"), Generation(1))]);
    let writer = Writer::new(Box::new(log), generations, Box::new(|_: &Frame, _| {}));
    let (handle, writer_loop) = queue(writer, GroupLimits::default());
    let thread = writer_loop.spawn_thread().unwrap();
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move {
                let mut last = 0;
                for _ in 0..50 {
                    let (request, answer) = events(2);
                    handle.append(request);
                    let committed = answer.await.unwrap().unwrap();
                    assert!(committed.first_seq.0 > last);
                    last = committed.first_seq.0;
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    handle.close().await.unwrap();
    thread.join().unwrap();
    let result = crate::journal::verify::verify(files, folder.path()).unwrap();
    assert_eq!((result.ok, result.frames, result.last_seq), (true, 200, 400));
}

#[test]
fn a_writer_that_is_gone_answers_everything() {
    let disk = MemoryDisk::default();
    let (handle, writer_loop) = queue(writer_on(&disk, |_: &Frame, _| {}), GroupLimits::default());
    let (request, answer) = events(1);
    handle.append(request);
    drop(writer_loop);
    assert_eq!(answered(answer).unwrap_err().code(), "journal_closed");
}

/// Prints what DESIGN section 4 calls the measured limits: `cargo test --lib -- --ignored figures
/// --nocapture`.
#[test]
#[ignore = "a measurement: make bench"]
fn figures_of_appending_two_kilobytes() {
    let folder = tempfile::tempdir().unwrap();
    let files = Arc::new(crate::journal::segment::files::DiskFiles);
    let options = SegmentOptions::default();
    let started = tokio::time::Instant::now();
    let opened = SegmentLog::open(files.clone(), folder.path(), options, Seq(0), &mut |_| {});
    println!("new journal: {:?}", started.elapsed());
    let generations = BTreeMap::from([(channel("space"), Generation(1))]);
    let mut writer =
        Writer::new(Box::new(opened.unwrap().0), generations, Box::new(|_: &Frame, _| {}));
    for (group, rounds) in [(1, 10_000), (64, 3_000)] {
        let mut spans = Vec::new();
        let all = tokio::time::Instant::now();
        for _ in 0..rounds {
            let requests = (0..group)
                .map(|_| AppendRequest {
                    payload: vec![7; 2048],
                    commit: None,
                    reply: Reply::call(|outcome| assert!(outcome.is_ok())),
                    ..events(1).0
                })
                .collect();
            let started = tokio::time::Instant::now();
            writer.commit_group(requests);
            spans.push(started.elapsed());
        }
        let rate = f64::from(group * rounds) / all.elapsed().as_secs_f64();
        spans.sort();
        let at = |part: usize| spans[spans.len() * part / 100];
        println!(
            "groups of {group}: {rate:.0}/s, group p50 {:?} p99 {:?} max {:?}",
            at(50),
            at(99),
            spans[spans.len() - 1],
        );
    }
    let started = tokio::time::Instant::now();
    let result = crate::journal::verify::verify(files, folder.path()).unwrap();
    println!("verify: {} frames in {:?}", result.frames, started.elapsed());
}
