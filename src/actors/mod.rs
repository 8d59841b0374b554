//! The actors: thin shells around the pure domain.
//!
//! Reading order: `messages`, `channel` (with `channel_commit` and `channel_stages`), `stage` (the
//! shell, with `stage_work` and `stage_run`), then the five stages in the order of the work; `upkeep`, with
//! `admission`, keeps house beside them.

pub mod admission;
pub mod channel;
mod channel_commit;
mod channel_stages;
pub mod disk_watch;
pub mod empire;
pub mod journal_keeper;
pub mod messages;
pub mod narrator;
pub mod parking;
pub mod renderer;
pub mod scriptwriter;
pub mod sources;
pub mod stage;
mod stage_run;
pub mod stage_work;
pub mod trend_scout;
pub mod upkeep;
pub mod uploader;
