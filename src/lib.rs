//! YTEMPIRE: an autonomous YouTube content system on an actor-system engine.

pub mod actors;
pub mod adapters;
pub mod cli;
pub mod config;
pub mod craft;
pub mod domain;
pub mod feed;
pub mod gpu;
pub mod journal;
pub mod media;
pub mod ports;
pub mod simulate;
pub mod supervision;
pub mod telemetry;
pub mod worker;
