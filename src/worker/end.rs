//! How a worker child ended, as a failure when it was none it reported itself.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::domain::failure::Failure;

/// Names of the signals that end a process, as `signal(7)` has them for Linux.
const SIGNALS: [(i32, &str); 14] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (13, "SIGPIPE"),
    (15, "SIGTERM"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
];

/// Signals of a limit that a person has set, with what they mean.
const LIMITS: [(i32, &str); 2] =
    [(24, "its limit of processor time was reached"), (25, "its limit of file size was reached")];

/// The failure of a child that ended without an outcome. `last_lines` is what it said on stderr.
///
/// The class is always transient: a crash may not come again, and the retry policy bounds it.
#[must_use]
pub fn crash(status: ExitStatus, last_lines: &str) -> Failure {
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => ended_by(signal),
        (None, Some(code)) => format!("ended with exit code {code} and without an outcome"),
        (None, None) => "ended in an unknown way".to_owned(),
    };
    let mut message = format!("the worker process {how}");
    if !last_lines.is_empty() {
        message.push_str("; it said last: ");
        message.push_str(last_lines);
    }
    Failure::transient("worker_crashed", message)
}

fn ended_by(signal: i32) -> String {
    let name = SIGNALS.iter().find(|(number, _)| *number == signal).map_or("", |(_, name)| name);
    let limit = LIMITS.iter().find(|(number, _)| *number == signal);
    let named = if name.is_empty() {
        format!("was ended by signal {signal}")
    } else {
        format!("was ended by {name}")
    };
    match limit {
        Some((_, meaning)) => format!("{named}: {meaning}; raise it or free space"),
        None => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureClass;

    #[test]
    fn a_signal_is_named_and_the_last_lines_are_attached() {
        let failure = crash(ExitStatus::from_raw(11), "decoder: bad block");
        assert_eq!(failure.class, FailureClass::Transient);
        assert_eq!(failure.code, "worker_crashed");
        assert!(failure.message.contains("SIGSEGV"), "{failure}");
        assert!(failure.message.contains("decoder: bad block"), "{failure}");
    }

    #[test]
    fn an_unknown_signal_keeps_its_number() {
        assert!(crash(ExitStatus::from_raw(40), "").message.contains("signal 40"));
    }

    #[test]
    fn an_exit_without_outcome_is_a_crash_too() {
        let failure = crash(ExitStatus::from_raw(3 << 8), "");
        assert!(failure.message.contains("exit code 3"), "{failure}");
    }

    #[test]
    fn a_reached_file_size_limit_says_what_to_do() {
        assert!(crash(ExitStatus::from_raw(25), "").message.contains("free space"));
    }
}
