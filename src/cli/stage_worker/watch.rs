//! Never outliving the parent, however it ends.

use std::io::{self, Read};

use rustix::process::{Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

/// Asks the kernel to kill this process when the parent's thread that started it ends.
pub fn die_with_parent() {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        // Closing stdin still ends this process.
        tracing::warn!(%error, "the kernel does not end this worker with its parent");
    }
}

/// Ends this process when its parent is not `parent`: it was lost before the kernel was asked.
pub fn check_parent(parent: u32) {
    let found = getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
    if found != Some(parent) {
        end_now();
    }
}

/// Ends this process as soon as its stdin closes, even while C code is busy in another thread.
pub fn watch_stdin() {
    let watcher = std::thread::Builder::new().name("stdin-watcher".to_owned()).spawn(|| {
        let mut ignored = [0; 256];
        let mut stdin = io::stdin().lock();
        loop {
            match stdin.read(&mut ignored) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => end_now(),
                Ok(_) => {}
            }
        }
    });
    if watcher.is_err() {
        end_now();
    }
}

/// Ends this process at once. By a signal and not by an exit, because exit handlers of C libraries
/// would wait for their own busy threads, and nobody reads an exit code any more.
pub fn end_now() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}
