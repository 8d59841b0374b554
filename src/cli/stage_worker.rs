//! The worker child's own side: takes one job from stdin, carries it out, reports on stdout, ends.
//!
//! It exists so that native media code can crash, hang or leak without harm to the tree. It reads
//! its job, tells that it lives, and never outlives its parent, in whatever way that ends: the
//! kernel kills it with the parent's thread (`PR_SET_PDEATHSIG`), and it kills itself when its stdin
//! closes.
//!
//! Architecture invariant: stdout carries the protocol and nothing else; words for people go to
//! stderr. Nothing is decided here, neither about retries nor about what is to be made.

mod crash_test;
mod embed;
mod narrate;
mod render_job;
mod reporter;
mod watch;

use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::adapters::durable_file::{io_failure, write_durably};
use crate::adapters::execution_log::ExecutionLogFile;
use crate::adapters::system::SystemClock;
use crate::domain::failure::Failure;
use crate::journal::segment::files::survive_file_size_limit;
use crate::media::sound::speech::{SPEECH_RATE, speak};
use crate::media::sound::wav::{self, Sound};
use crate::ports::clock::Clock;
use crate::ports::execution_log::{ExecutionLog, Phase};
use crate::worker::lines::read_line;
use crate::worker::protocol::{Job, JobEnvelope, MAX_JOB_BYTES, ProtocolError, Report, SpeakJob};
use reporter::Reporter;

/// Carries out the job that stdin holds. Exit code 0 when it is done, 1 when it has failed; the
/// parent goes by the outcome line, not by the code.
#[must_use]
pub fn run() -> ExitCode {
    watch::die_with_parent();
    say_little();
    // Without it a file-size limit would kill the process instead of failing the write.
    let runtime = narrate::runtime();
    if let Ok(runtime) = &runtime {
        let _inside = runtime.enter();
        if let Err(error) = survive_file_size_limit() {
            tracing::warn!(%error, "a file-size limit would end this worker by a signal");
        }
    }
    let reporter = Reporter::default();
    let outcome = take_job().and_then(|envelope| {
        watch::check_parent(envelope.parent_pid);
        watch::watch_stdin();
        step_back(envelope.niceness);
        reporter.keep_saying_alive();
        logged(&envelope, || carry_out(&envelope.job, &reporter))
    });
    let code = if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    reporter.finish(match outcome {
        Ok(result) => Report::Done { result },
        Err(failure) => Report::Failed { failure },
    });
    code
}

/// What people may want to know goes to stderr, of which the parent keeps the last lines.
fn say_little() {
    let quiet =
        tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(tracing::Level::WARN);
    // A subscriber that is already there is as good.
    let _ = quiet.with_ansi(false).try_init();
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Error);
}

fn take_job() -> Result<JobEnvelope, Failure> {
    let refused = |error: ProtocolError| Failure::permanent(error.code(), error);
    match read_line(&mut io::stdin().lock(), MAX_JOB_BYTES).map_err(refused)? {
        Some(line) => JobEnvelope::from_line(&line).map_err(refused),
        None => Err(Failure::permanent("no_job", "stdin closed before it held a job")),
    }
}

fn step_back(niceness: u8) {
    if niceness > 0
        && let Err(error) = rustix::process::nice(i32::from(niceness))
    {
        tracing::warn!(%error, "the worker could not lower its priority");
    }
}

/// Carries `work` out: noted in the execution log before, and, when it has succeeded, recorded and
/// noted after.
fn logged(
    envelope: &JobEnvelope,
    work: impl FnOnce() -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    log_phase(envelope, Phase::Start)?;
    let result = work()?;
    if let Some(path) = &envelope.record {
        let written = write_durably(path, result.to_string().as_bytes());
        written.map_err(|error| io_failure("write", path, &error))?;
    }
    log_phase(envelope, Phase::End)?;
    Ok(result)
}

fn log_phase(envelope: &JobEnvelope, phase: Phase) -> Result<(), Failure> {
    let (Some(path), Some(ticket)) = (&envelope.execution_log, &envelope.ticket) else {
        return Ok(());
    };
    let log = ExecutionLogFile::new(path.clone());
    log.note(SystemClock.now(), ticket, phase).map_err(|error| {
        let message = format!("{} cannot be written: {error}", path.display());
        Failure::transient("execution_log_unwritable", message)
    })
}

fn carry_out(job: &Job, reporter: &Reporter) -> Result<Value, Failure> {
    match job {
        Job::Narrate(job) => narrate::narrate(job, reporter),
        Job::Speak(job) => speak_job(job),
        Job::Render(job) => render_job::render_job(job, reporter),
        Job::Embed(job) => embed::embed(job),
        Job::CrashTest(job) => crash_test::fail(job.how, reporter),
    }
}

fn speak_job(job: &SpeakJob) -> Result<Value, Failure> {
    let samples = speak(&job.text, &job.voice)?;
    let sound = Sound { rate: SPEECH_RATE, channels: 1, samples };
    wav::write_whole(&job.out, &sound)?;
    Ok(json!({}))
}
