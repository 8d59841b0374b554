//! The runtime that a node runs on.
//!
//! Architecture invariant: its threads sleep when there is nothing to do, except for a moment while the
//! journal writes what somebody waits for.

use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Runtime};

use super::output::{CliError, Exit};
use crate::journal::under_way::UnderWay;

/// What a thread of the runtime looks after before it sleeps: the journal, once a node has one.
#[derive(Debug, Clone, Default)]
pub struct Vigil(Arc<OnceLock<Arc<UnderWay>>>);

impl Vigil {
    /// From now on threads stay awake for `under_way`. Of several nodes on one runtime the first
    /// counts.
    pub fn keep(&self, under_way: Arc<UnderWay>) {
        // Without it everything works, only later by the time that a thread takes to wake.
        let _ = self.0.set(under_way);
    }

    fn look(&self) {
        if let Some(under_way) = self.0.get() {
            under_way.busy_poll();
        }
    }
}

/// A runtime with a thread for each core. Where there is one core the writer needs it, and nothing
/// stays awake.
///
/// # Errors
/// [`CliError`] when the system has no threads to give.
pub fn node_runtime() -> Result<(Runtime, Vigil), CliError> {
    let vigil = Vigil::default();
    let mut builder = Builder::new_multi_thread();
    builder.enable_all();
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        let vigil = vigil.clone();
        // A thread about to sleep still counts as looking for work: what arrives meanwhile wakes no
        // other, and it finds it before it sleeps.
        builder.on_thread_park(move || vigil.look());
    }
    let runtime = builder.build();
    let runtime = runtime.map_err(|error| CliError::new(Exit::Failed, "no_runtime", error))?;
    Ok((runtime, vigil))
}
