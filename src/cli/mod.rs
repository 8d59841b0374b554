//! The command line: one file per command family.

pub mod app;
pub mod config_cmd;
pub mod data_folder;
pub mod demo;
pub mod doctor;
pub mod journal_cmd;
pub mod options;
pub mod output;
pub mod render;
pub mod run;
pub mod settings;
pub mod source_list;
pub mod stage_worker;
pub mod workflow_cmd;
