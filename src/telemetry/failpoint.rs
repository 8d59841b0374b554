//! Points at which the process can be made to die, for drills.
//!
//! Why it exists: a kill from outside rarely hits the moments that matter, between a write and its
//! sync, or an effect and the frame that says so. `YTEMPIRE_FAILPOINT=after_sync=3` in the environment
//! kills the process by SIGKILL when it passes that point the third time.
//!
//! Architecture invariant: without that variable a point costs one look at a memory cell and does
//! nothing; a point decides nothing and fails nothing, it only ends the process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// The environment variable that arms a point.
pub const VARIABLE: &str = "YTEMPIRE_FAILPOINT";

/// A frame was decided and is not written.
pub const BEFORE_APPEND: &str = "before_append";
/// A group was written and is not synced.
pub const BEFORE_SYNC: &str = "before_sync";
/// A group is durable, and nobody knows.
pub const AFTER_SYNC: &str = "after_sync";
/// A frame is acknowledged, and what follows from it is not begun.
pub const BEFORE_EFFECT: &str = "before_effect";
/// A publication is built and not in its place.
pub const MID_EFFECT: &str = "mid_effect";
/// A stage has done its work, and its result is not recorded.
pub const AFTER_EFFECT: &str = "after_effect";
/// Its result is recorded and not reported.
pub const BEFORE_OUTCOME: &str = "before_outcome";
/// A checkpoint is written and has not its name.
pub const DURING_CHECKPOINT: &str = "during_checkpoint";
/// The store has some of a batch of changes.
pub const DURING_STORE: &str = "during_store";
/// The journal is read and not open for writing.
pub const DURING_RECOVERY: &str = "during_recovery";

/// All points.
pub const ALL: [&str; 10] = [
    BEFORE_APPEND,
    BEFORE_SYNC,
    AFTER_SYNC,
    BEFORE_EFFECT,
    MID_EFFECT,
    AFTER_EFFECT,
    BEFORE_OUTCOME,
    DURING_CHECKPOINT,
    DURING_STORE,
    DURING_RECOVERY,
];

struct Armed {
    name: &'static str,
    left: AtomicU64,
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// Arms the point of `text`, `NAME=COUNT`.
///
/// # Errors
/// What is wrong with the text.
pub fn arm(text: &str) -> Result<(), String> {
    let (name, count) = parse(text)?;
    // A process is armed once.
    let _ = ARMED.set(Armed { name, left: AtomicU64::new(count) });
    Ok(())
}

fn parse(text: &str) -> Result<(&'static str, u64), String> {
    let wrong =
        || format!("{VARIABLE} is {text:?}: write NAME=COUNT, a name of {}", ALL.join(", "));
    let (name, count) = text.split_once('=').ok_or_else(wrong)?;
    let name = ALL.into_iter().find(|known| *known == name).ok_or_else(wrong)?;
    let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    Ok((name, count))
}

/// Passes the point `name`.
pub fn pass(name: &'static str) {
    let Some(armed) = ARMED.get() else { return };
    if armed.name == name && armed.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // It cannot fail: a process may kill itself.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_named_with_its_count_and_anything_else_is_told() {
        assert_eq!(parse("after_sync=3"), Ok((AFTER_SYNC, 3)));
        for wrong in ["", "after_sync", "after_sync=0", "after_sync=x", "somewhere=1"] {
            let told = parse(wrong).unwrap_err();
            assert!(told.contains(VARIABLE) && told.contains("before_append"), "{told}");
        }
        // Nothing is armed here.
        pass(AFTER_SYNC);
    }
}
