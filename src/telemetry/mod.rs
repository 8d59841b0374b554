//! What the program says about itself.

pub mod execution_log;
