//! The outside, behind the ports.

pub mod offline;
