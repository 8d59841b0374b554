//! Ending a child for certain, and never another process by mistake.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Ends one process. It holds the process itself (a pidfd), not its number, so that a number which
/// was given to another process in the meantime does no harm.
#[derive(Debug, Clone)]
pub struct Killer(Arc<OwnedFd>);

impl Killer {
    /// Takes hold of the child with the number `pid`, which must not have been waited for yet.
    ///
    /// # Errors
    /// When there is no such process or the system has no pidfd.
    pub fn of_child(pid: u32) -> std::io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(Self(Arc::new(pidfd_open(pid, PidfdFlags::empty())?)))
    }

    /// Sends SIGKILL; does nothing to a process that has ended. The end comes shortly after.
    pub fn kill(&self) {
        if let Err(error) = pidfd_send_signal(&*self.0, Signal::KILL)
            && error != rustix::io::Errno::SRCH
        {
            tracing::error!(%error, "a worker process could not be killed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_ended_and_a_second_kill_is_harmless() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let killer = Killer::of_child(child.id()).unwrap();
        killer.kill();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        killer.kill();
    }

    #[test]
    fn an_impossible_number_is_an_error() {
        assert!(Killer::of_child(0).is_err());
        assert!(Killer::of_child(u32::MAX).is_err());
    }
}
