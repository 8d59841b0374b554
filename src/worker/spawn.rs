//! Starting a worker child and following it to its end.
//!
//! Each child has one thread of its own here, its nurse: it starts the child, hands it the job,
//! reads what it says and waits for its end. A thread and not a task, because the kernel kills the
//! child when the *thread* that started it ends (`PR_SET_PDEATHSIG`), and a runtime's threads come
//! and go.
//!
//! Architecture invariant: a child that was started is waited for, whatever happens to its handle.

use std::io::{BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::end::crash;
use super::kill::Killer;
use super::lines::{LastLines, read_line, read_to_end_and_forget};
use super::protocol::{JobEnvelope, MAX_REPORT_BYTES, Progress, ProtocolError, Report};
use super::seats::Seat;
use crate::domain::failure::Failure;

/// The subcommand that makes our binary a worker child.
pub const WORKER_COMMAND: &str = "stage-worker";

/// How often a child says that it is alive.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);

/// How long a child may take to end after it has reported its outcome.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Reports that wait for a slow reader; then the child waits.
const QUEUED_REPORTS: usize = 64;

/// What the nurse tells the handle.
#[derive(Debug)]
enum FromNurse {
    Said(Report),
    Broken(ProtocolError),
    Ended { status: std::io::Result<ExitStatus>, last_lines: String },
}

/// What a child's follower learns.
#[derive(Debug, Clone, PartialEq)]
pub enum ChildReport {
    /// How far it is.
    Progress(Progress),
    /// It has ended, and this is its outcome: its result, or how it failed.
    Ended(Result<Value, Failure>),
}

/// A running child. Dropping it kills the child; its nurse then waits for its end.
#[derive(Debug)]
pub struct WorkerChild {
    pid: u32,
    killer: Killer,
    reports: mpsc::Receiver<FromNurse>,
    outcome: Option<Result<Value, Failure>>,
    silence_limit: Duration,
    last_heard: Instant,
}

/// Starts `program stage-worker`, gives it the job and returns once it runs. `seat` is held until
/// the child has ended. A child that says nothing for `silence_limit` is killed when
/// [`WorkerChild::next`] is waiting (it says something every [`HEARTBEAT_EVERY`]).
///
/// # Errors
/// Permanent `job_unwritable` when the job cannot be written as a line, transient
/// `worker_not_started` when the process cannot be started.
pub async fn spawn_job(
    program: &Path,
    envelope: &JobEnvelope,
    seat: Option<Seat>,
    silence_limit: Duration,
) -> Result<WorkerChild, Failure> {
    let envelope = JobEnvelope { parent_pid: std::process::id(), ..envelope.clone() };
    let line = envelope.to_line().map_err(|error| Failure::permanent("job_unwritable", error))?;
    let (started, start) = oneshot::channel();
    let (said, reports) = mpsc::channel(QUEUED_REPORTS);
    let program = program.to_owned();
    let environment = envelope.job.environment();
    let nurse = Nurse { program, environment, line, seat, said };
    std::thread::Builder::new()
        .name("worker-nurse".to_owned())
        .spawn(move || nurse.attend(started))
        .map_err(not_started)?;
    let (pid, killer) = start
        .await
        .map_err(|_| not_started("its nurse thread ended early"))?
        .map_err(not_started)?;
    let last_heard = Instant::now();
    Ok(WorkerChild { pid, killer, reports, outcome: None, silence_limit, last_heard })
}

fn not_started(reason: impl std::fmt::Display) -> Failure {
    Failure::transient(
        "worker_not_started",
        format!("the worker process could not be started: {reason}"),
    )
}

impl WorkerChild {
    /// The child's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the next report. After [`ChildReport::Ended`] the process is gone and there is
    /// nothing more to wait for. Safe to cancel: nothing is lost.
    pub async fn next(&mut self) -> ChildReport {
        loop {
            let limit = if self.outcome.is_some() { LEAVE_WITHIN } else { self.silence_limit };
            match tokio::time::timeout_at(self.last_heard + limit, self.reports.recv()).await {
                Err(_) => self.end_silence(limit),
                Ok(Some(message)) => {
                    // After the outcome only the end counts.
                    if self.outcome.is_none() {
                        self.last_heard = Instant::now();
                    }
                    if let Some(report) = self.take_in(message) {
                        return report;
                    }
                }
                Ok(None) => return ChildReport::Ended(self.take_outcome()),
            }
        }
    }

    /// Kills the child and waits until it has ended.
    pub async fn cancel(mut self) {
        self.killer.kill();
        while self.reports.recv().await.is_some() {}
    }

    fn take_in(&mut self, message: FromNurse) -> Option<ChildReport> {
        match message {
            FromNurse::Said(Report::Heartbeat) => None,
            FromNurse::Said(Report::Progress(progress)) => Some(ChildReport::Progress(progress)),
            FromNurse::Said(Report::Done { result }) => self.settle(Ok(result)),
            FromNurse::Said(Report::Failed { failure }) => self.settle(Err(failure)),
            FromNurse::Broken(error) => {
                let message = format!("the worker process said something senseless: {error}");
                self.killer.kill();
                self.settle(Err(Failure::transient("worker_protocol_broken", message)))
            }
            FromNurse::Ended { status, last_lines } => {
                let crashed = match status {
                    Ok(status) => crash(status, &last_lines),
                    Err(error) => Failure::transient("worker_crashed", error),
                };
                Some(ChildReport::Ended(self.outcome.take().unwrap_or(Err(crashed))))
            }
        }
    }

    /// The first outcome counts; the end of the process is still to come.
    fn settle(&mut self, outcome: Result<Value, Failure>) -> Option<ChildReport> {
        self.outcome.get_or_insert(outcome);
        None
    }

    fn end_silence(&mut self, limit: Duration) {
        self.killer.kill();
        self.last_heard = Instant::now();
        let message = format!("the worker process said nothing for {:.1} s", limit.as_secs_f64());
        let _ = self.settle(Err(Failure::transient("heartbeat_timeout", message)));
    }

    fn take_outcome(&mut self) -> Result<Value, Failure> {
        let lost = Failure::transient("worker_crashed", "the worker process was lost");
        self.outcome.take().unwrap_or(Err(lost))
    }
}

impl Drop for WorkerChild {
    fn drop(&mut self) {
        self.killer.kill();
    }
}

struct Nurse {
    program: PathBuf,
    environment: Option<(&'static str, String)>,
    line: Vec<u8>,
    seat: Option<Seat>,
    said: mpsc::Sender<FromNurse>,
}

impl Nurse {
    fn attend(self, started: oneshot::Sender<std::io::Result<(u32, Killer)>>) {
        let mut child = match start(&self.program, self.environment.clone()) {
            Ok(child) => child,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let killer = match Killer::of_child(child.id()) {
            Ok(killer) => killer,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                let _ = started.send(Err(error));
                return;
            }
        };
        if started.send(Ok((child.id(), killer.clone()))).is_err() {
            killer.kill();
        }
        self.follow(child, &killer);
    }

    fn follow(self, mut child: Child, killer: &Killer) {
        let stderr = child.stderr.take();
        let last_lines = std::thread::spawn(move || stderr.map(LastLines::of).unwrap_or_default());
        // The child's stdin stays open until it has ended: a child whose stdin closes ends itself.
        let mut stdin = child.stdin.take();
        if let Some(pipe) = &mut stdin {
            // A child that does not take its job ends without an outcome, which is seen below.
            let _ = pipe.write_all(&self.line).and_then(|()| pipe.flush());
        }
        if let Some(stdout) = child.stdout.take() {
            self.listen(stdout, killer);
        }
        let status = child.wait();
        drop(stdin);
        let last_lines = last_lines.join().unwrap_or_default().joined();
        // First the seat, then the news: who hears of the end finds the seat free.
        drop(self.seat);
        let _ = self.said.blocking_send(FromNurse::Ended { status, last_lines });
    }

    fn listen(&self, stdout: ChildStdout, killer: &Killer) {
        let mut stdout = BufReader::new(stdout);
        loop {
            let line = match read_line(&mut stdout, MAX_REPORT_BYTES) {
                Ok(None) | Err(ProtocolError::CutOff | ProtocolError::Io(_)) => return,
                Ok(Some(line)) => Report::from_line(&line),
                Err(error) => Err(error),
            };
            match line {
                // A handle that is gone has killed the child; it only has to be waited for.
                Ok(report) => drop(self.said.blocking_send(FromNurse::Said(report))),
                Err(error) => {
                    killer.kill();
                    let _ = self.said.blocking_send(FromNurse::Broken(error));
                    let _ = read_to_end_and_forget(&mut stdout);
                    return;
                }
            }
        }
    }
}

/// In a process group of its own: Ctrl-C on the terminal is for the parent, which decides.
fn start(program: &Path, environment: Option<(&'static str, String)>) -> std::io::Result<Child> {
    Command::new(program)
        .arg(WORKER_COMMAND)
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}
