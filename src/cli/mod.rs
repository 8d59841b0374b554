//! The command line: one file per command family.

pub mod config_cmd;
pub mod data_folder;
pub mod doctor;
pub mod options;
pub mod output;
pub mod render;
pub mod run;
pub mod settings;
pub mod stage_worker;
