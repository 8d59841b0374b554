//! Seeded histories with faults, checked after every event: of the pure core, and of the whole tree
//! on a paused clock.
//!
//! `YTEMPIRE_SIM_SEEDS` sets how many seeds of the core are run, `YTEMPIRE_TREE_SEEDS` how many of
//! the tree; `YTEMPIRE_SIM_SEED` replays one of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "sim/core.rs"]
mod core;
#[path = "sim/fortnight.rs"]
mod fortnight;
#[path = "sim/promises.rs"]
mod promises;
#[path = "sim/whole_tree.rs"]
mod whole_tree;

#[allow(clippy::disallowed_methods, reason = "a test is told its seed from outside")]
fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a whole number, not {text:?}")))
}

/// Panics that are meant say so, and are not printed.
fn hush_simulated_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = panic.payload_as_str().unwrap_or_default();
            if !text.starts_with("simulated panic") {
                tell(panic);
            }
        }));
    });
}
