//! The worker child as its parent sees it: it reports, it crashes, it is killed, it never outlives
//! its parent; and what it speaks is always the same.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "worker/embedder.rs"]
mod embedder;
#[path = "worker/lifetime.rs"]
mod lifetime;
#[path = "worker/speaking.rs"]
mod speaking;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::unix::AsyncFd;
use uuid::Uuid;
use ytempire::domain::ids::{Attempt, Take, WorkflowId};
use ytempire::domain::stage::StageName;
use ytempire::domain::ticket::Ticket;
use ytempire::worker::protocol::{CrashKind, CrashTestJob, Job, JobEnvelope};

/// Our own binary.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ytempire"))
}

/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn crash_test(how: CrashKind) -> JobEnvelope {
    JobEnvelope::new(Job::CrashTest(CrashTestJob { how }))
}

fn ticket(attempt: u32) -> Ticket {
    Ticket {
        workflow: WorkflowId(Uuid::from_u128(7)),
        stage: StageName::Narration,
        take: Take(0),
        attempt: Attempt(attempt),
    }
}

/// Holds a process, to wait for its end although it is not ours.
#[expect(
    deprecated,
    reason = "its unsafe successor asks for a descriptor that stays open, which an OwnedFd does"
)]
fn hold(pid: u32) -> AsyncFd<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    AsyncFd::new(pidfd_open(pid, PidfdFlags::NONBLOCK).unwrap()).unwrap()
}

/// Waits for the end of a held process; fails the test if it goes on living.
async fn ended(process: &AsyncFd<OwnedFd>) {
    let end = tokio::time::timeout(PATIENCE, process.readable()).await;
    drop(end.expect("the process goes on living").unwrap());
}
