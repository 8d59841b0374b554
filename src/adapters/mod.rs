//! The outside, behind the ports.

pub mod child_embedder;
pub mod durable_file;
pub mod execution_log;
pub mod offline;
pub mod online;
pub mod remembering_embedder;
pub mod system;
