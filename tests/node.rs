//! The promises of the whole program, proved with the real binary on a real disk: killed at any
//! moment it loses nothing and does nothing twice; every command keeps its contract; bad input and a
//! full disk are told clearly and lose nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "node/api.rs"]
mod api;
#[path = "node/backup.rs"]
mod backup;
#[path = "node/bad_feeds.rs"]
mod bad_feeds;
#[path = "node/bench.rs"]
mod bench;
#[path = "node/bitrot.rs"]
mod bitrot;
#[path = "node/cli.rs"]
mod cli;
#[path = "node/crash.rs"]
mod crash;
#[path = "node/damage.rs"]
mod damage;
#[path = "node/full_disk.rs"]
mod full_disk;
#[path = "node/golden_path.rs"]
mod golden_path;
#[path = "node/ledger.rs"]
mod ledger;
#[path = "node/lengths.rs"]
mod lengths;
#[path = "node/signals.rs"]
mod signals;
#[path = "node/site.rs"]
mod site;
#[path = "node/sweep.rs"]
mod sweep;
#[path = "node/trace.rs"]
mod trace;
