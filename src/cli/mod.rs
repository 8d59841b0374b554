//! The command line: one file per command family.

pub mod render;
