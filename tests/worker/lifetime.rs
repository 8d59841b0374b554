//! How a child lives and ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use ytempire::domain::failure::{Failure, FailureClass};
use ytempire::worker::protocol::{CrashKind, Job, JobEnvelope, MAX_JOB_BYTES, Report, SpeakJob};
use ytempire::worker::run::run_job;
use ytempire::worker::seats::Seats;
use ytempire::worker::spawn::{ChildReport, WORKER_COMMAND, WorkerChild, spawn_job};

use super::{PATIENCE, crash_test, ended, hold, program, ticket};

async fn spawn(how: CrashKind, silence_limit: Duration) -> WorkerChild {
    spawn_job(program(), &crash_test(how), None, silence_limit).await.unwrap()
}

/// Runs a crash test to its end.
async fn failure_of(how: CrashKind, silence_limit: Duration) -> Failure {
    let mut child = spawn(how, silence_limit).await;
    match tokio::time::timeout(PATIENCE, child.next()).await.expect("an end") {
        ChildReport::Ended(outcome) => outcome.unwrap_err(),
        ChildReport::Progress(progress) => panic!("unexpected {progress:?}"),
    }
}

/// A hanging child and the process id of its own hanging child.
async fn family() -> (WorkerChild, u32) {
    let mut child = spawn(CrashKind::HangWithChild, PATIENCE).await;
    match tokio::time::timeout(PATIENCE, child.next()).await.expect("a report") {
        ChildReport::Progress(progress) => (child, progress.note.parse().unwrap()),
        ChildReport::Ended(outcome) => panic!("unexpected {outcome:?}"),
    }
}

/// A child that a test speaks to by hand.
fn by_hand() -> Child {
    Command::new(program())
        .arg(WORKER_COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_crash_is_transient_and_names_the_signal_and_the_last_words() {
    let failure = failure_of(CrashKind::Abort, PATIENCE).await;
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::Transient, "worker_crashed"));
    assert!(failure.message.contains("SIGABRT"), "{failure}");
    assert!(failure.message.contains("aborting, as the crash test asks"), "{failure}");
}

#[tokio::test]
async fn an_end_without_outcome_is_a_crash() {
    let failure = failure_of(CrashKind::NoOutcome, PATIENCE).await;
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::Transient, "worker_crashed"));
}

#[tokio::test]
async fn senseless_words_end_the_child() {
    for how in [CrashKind::Garbage, CrashKind::EndlessLine] {
        let failure = failure_of(how, PATIENCE).await;
        assert_eq!(failure.code, "worker_protocol_broken", "{how:?}");
    }
}

#[tokio::test]
async fn a_silent_child_is_ended() {
    let failure = failure_of(CrashKind::Silence, Duration::from_millis(1_500)).await;
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (FailureClass::Transient, "heartbeat_timeout")
    );
}

#[test]
fn a_busy_child_says_again_and_again_that_it_is_alive() {
    let mut child = by_hand();
    let job = JobEnvelope { parent_pid: std::process::id(), ..crash_test(CrashKind::Hang) };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&job.to_line().unwrap()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.take(3) {
        assert_eq!(Report::from_line(line.unwrap().as_bytes()).unwrap(), Report::Heartbeat);
    }
    drop(stdin);
    child.wait().unwrap();
}

#[tokio::test]
async fn cancelling_ends_the_child_and_its_children_within_a_second() {
    // The quickest of three: a machine that is busy with other things delays one, not all.
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        let (child, grandchild) = family().await;
        let (child_held, grandchild_held) = (hold(child.pid()), hold(grandchild));
        let begin = Instant::now();
        child.cancel().await;
        ended(&child_held).await;
        ended(&grandchild_held).await;
        quickest = quickest.min(begin.elapsed());
    }
    assert!(quickest < Duration::from_secs(1), "{quickest:?}");
}

#[tokio::test]
async fn a_dropped_handle_ends_the_child() {
    let child = spawn(CrashKind::Hang, PATIENCE).await;
    let held = hold(child.pid());
    drop(child);
    ended(&held).await;
}

#[tokio::test]
async fn a_child_does_not_outlive_its_killed_parent() {
    let (mut child, grandchild) = family().await;
    let grandchild = hold(grandchild);
    let pid = Pid::from_raw(i32::try_from(child.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    ended(&grandchild).await;
    let ChildReport::Ended(Err(failure)) = child.next().await else { panic!("an end") };
    assert!(failure.message.contains("SIGKILL"), "{failure}");
}

#[test]
fn a_child_ends_when_its_stdin_closes() {
    let mut child = by_hand();
    let job = JobEnvelope { parent_pid: std::process::id(), ..crash_test(CrashKind::Hang) };
    child.stdin.take().unwrap().write_all(&job.to_line().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

#[test]
fn a_child_of_another_parent_ends_at_once() {
    let mut child = by_hand();
    let job = JobEnvelope { parent_pid: 1, ..crash_test(CrashKind::Hang) };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&job.to_line().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

#[test]
fn a_hostile_job_is_refused_with_a_reason() {
    let too_long = vec![b' '; MAX_JOB_BYTES + 2];
    let cases: [(&[u8], &str); 4] = [
        (b"", "no_job"),
        (b"{\"version\":1", "worker_line_cut_off"),
        (b"{\"version\":9}\n", "worker_version_differs"),
        (&too_long, "worker_line_too_long"),
    ];
    for (input, code) in cases {
        let mut child = by_hand();
        let mut stdin = child.stdin.take().unwrap();
        // The child may stop reading before all is written.
        let _ = stdin.write_all(input);
        drop(stdin);
        let mut said = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{code}");
        let report = Report::from_line(said.strip_suffix(b"\n").unwrap()).unwrap();
        let Report::Failed { failure } = report else { panic!("{report:?}") };
        assert_eq!((failure.code.as_str(), failure.class), (code, FailureClass::Permanent));
    }
}

#[tokio::test]
async fn ctrl_c_on_the_terminal_does_not_reach_the_child() {
    let child = spawn(CrashKind::Hang, PATIENCE).await;
    let pid = Pid::from_raw(i32::try_from(child.pid()).unwrap());
    assert_eq!(getpgid(pid).unwrap(), pid.unwrap(), "it leads a process group of its own");
    child.cancel().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let missing = std::path::Path::new("/nowhere/ytempire");
    let outcome = spawn_job(missing, &crash_test(CrashKind::Hang), None, PATIENCE).await;
    assert_eq!(outcome.unwrap_err().code, "worker_not_started");
}

#[tokio::test]
async fn a_new_attempt_starts_only_when_the_old_child_has_ended() {
    let seats = Seats::default();
    let seat = seats.take(&ticket(1), PATIENCE).await.unwrap();
    let first =
        spawn_job(program(), &crash_test(CrashKind::Hang), Some(seat), PATIENCE).await.unwrap();
    let old = hold(first.pid());
    let refused = seats.take(&ticket(2), Duration::from_millis(50)).await;
    assert_eq!(refused.unwrap_err().code, "previous_attempt_still_ends");
    drop(first);
    let _seat = seats.take(&ticket(2), PATIENCE).await.unwrap();
    let gone = tokio::time::timeout(Duration::ZERO, old.readable()).await;
    assert!(gone.is_ok(), "the seat was free before the old child had ended");
}

#[tokio::test]
async fn a_cancelled_run_waits_for_the_end_and_says_cancelled() {
    let (cancel, seats) = (CancellationToken::new(), Seats::default());
    let envelope = JobEnvelope { ticket: Some(ticket(1)), ..crash_test(CrashKind::HangWithChild) };
    let stop = cancel.clone();
    // Its first progress says that it is at work.
    let outcome = run_job(program(), &envelope, &seats, &cancel, |_| stop.cancel()).await;
    assert_eq!(outcome.unwrap_err().class, FailureClass::Cancelled);
    seats.take(&ticket(2), Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn executions_are_logged_at_start_and_only_finished_ones_at_end() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("executions");
    let record = folder.path().join("result.json");
    let (cancel, seats) = (CancellationToken::new(), Seats::default());
    for attempt in [1, 2] {
        let envelope = JobEnvelope {
            ticket: Some(ticket(attempt)),
            record: Some(record.clone()),
            execution_log: Some(log.clone()),
            ..crash_test(CrashKind::Abort)
        };
        run_job(program(), &envelope, &seats, &cancel, |_| {}).await.unwrap_err();
    }
    assert!(!record.exists());
    let out = folder.path().join("said.wav");
    let speak = SpeakJob { text: "Hello.".to_owned(), voice: "slt".to_owned(), out };
    let envelope = JobEnvelope {
        ticket: Some(ticket(3)),
        record: Some(record.clone()),
        execution_log: Some(log.clone()),
        ..JobEnvelope::new(Job::Speak(speak))
    };
    run_job(program(), &envelope, &seats, &cancel, |_| {}).await.unwrap();
    assert!(record.exists());
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<(u64, String)> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| (line["attempt"].as_u64().unwrap(), line["phase"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [(1, "start"), (2, "start"), (3, "start"), (3, "end")];
    assert_eq!(lines, expected.map(|(attempt, phase)| (attempt, phase.to_owned())));
}
