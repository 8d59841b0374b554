//! The `ytempire` program.

use std::process::ExitCode;

use clap::Parser;
use ytempire::cli::render::{RenderArgs, run};
use ytempire::media::render::RenderOptions;

#[derive(Parser)]
enum Command {
    Render {
        #[command(flatten)]
        args: RenderArgs,
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let Command::Render { args, json } = Command::parse();
    run(&args, &RenderOptions::default(), json)
}
