//! Failing in a chosen way, for tests and drills of what the parent does about it.

use std::io::{self, Write};

use serde_json::Value;

use super::narrate::own_program;
use super::reporter::Reporter;
use super::watch::end_now;
use crate::domain::failure::Failure;
use crate::worker::protocol::{CrashKind, CrashTestJob, Job, JobEnvelope};
use crate::worker::run::SILENCE_LIMIT;
use crate::worker::spawn::spawn_job;

/// Fails as `how` says.
///
/// # Errors
/// When even the failing fails.
pub fn fail(how: CrashKind, reporter: &Reporter) -> Result<Value, Failure> {
    match how {
        CrashKind::Abort => {
            tracing::error!("aborting, as the crash test asks");
            std::process::abort()
        }
        CrashKind::NoOutcome => {
            reporter.fall_silent();
            Ok(Value::Null)
        }
        CrashKind::Hang => hang(),
        CrashKind::Silence => {
            reporter.fall_silent();
            hang()
        }
        CrashKind::Garbage => {
            say(b"Segmentation fault, or a library that prints\n");
            hang()
        }
        CrashKind::EndlessLine => loop {
            say(&[b'x'; 4_096]);
        },
        CrashKind::HangWithChild => hang_with_child(reporter),
    }
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

fn say(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
        end_now();
    }
}

fn hang_with_child(reporter: &Reporter) -> Result<Value, Failure> {
    let job = Job::CrashTest(CrashTestJob { how: CrashKind::Hang });
    let runtime = super::narrate::runtime()?;
    let child = runtime.block_on(spawn_job(
        &own_program()?,
        &JobEnvelope::new(job),
        None,
        SILENCE_LIMIT,
    ))?;
    reporter.progress(0.0, child.pid().to_string());
    hang()
}
