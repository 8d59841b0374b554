//! The command line: one file per command family.

pub mod app;
mod backtest;
pub mod channel_cmd;
pub mod config_cmd;
pub mod data_folder;
pub mod demo;
pub mod desk;
mod desk_script;
pub mod doctor;
pub mod journal_cmd;
pub mod node_link;
mod offline;
pub mod options;
pub mod output;
pub mod render;
pub mod run;
pub mod script_cmd;
pub mod secret;
mod serve;
pub mod settings;
pub mod simulate_cmd;
pub mod source_list;
pub mod stage_worker;
pub mod tables;
pub mod trends_cmd;
pub mod workflow_cmd;
