//! What the child says on stdout, whole lines only, from whichever thread.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::watch::end_now;
use crate::domain::failure::Failure;
use crate::worker::protocol::{Progress, Report};
use crate::worker::spawn::HEARTBEAT_EVERY;

/// Says reports. Clones speak on the same stdout.
#[derive(Debug, Clone, Default)]
pub struct Reporter {
    /// Whether nothing more is to be said.
    silent: Arc<Mutex<bool>>,
}

impl Reporter {
    /// How far the job is: `done` in [0, 1].
    pub fn progress(&self, done: f64, note: impl Into<String>) {
        let done = if done.is_finite() { done.clamp(0.0, 1.0) } else { 0.0 };
        self.say(&Report::Progress(Progress { done, note: note.into() }), false);
    }

    /// Says the outcome; nothing is said after it.
    pub fn finish(&self, outcome: Report) {
        self.say(&outcome, true);
    }

    /// Says nothing from now on.
    pub fn fall_silent(&self) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Says from a thread of its own that the process lives, until the outcome is said.
    pub fn keep_saying_alive(&self) {
        let reporter = self.clone();
        let started = std::thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
            loop {
                reporter.say(&Report::Heartbeat, false);
                std::thread::park_timeout(HEARTBEAT_EVERY);
            }
        });
        if started.is_err() {
            end_now();
        }
    }

    fn say(&self, report: &Report, is_last: bool) {
        let line = report.to_line().or_else(|error| {
            Report::Failed { failure: Failure::permanent(error.code(), error) }.to_line()
        });
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if *silent {
            return;
        }
        *silent = is_last;
        let mut stdout = io::stdout().lock();
        let said =
            line.is_ok_and(|line| stdout.write_all(&line).and_then(|()| stdout.flush()).is_ok());
        if !said {
            // Nobody listens any more.
            end_now();
        }
    }
}
