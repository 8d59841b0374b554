//! The `ytempire` program.

use std::process::ExitCode;

use ytempire::cli::stage_worker;
use ytempire::worker::spawn::WORKER_COMMAND;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(WORKER_COMMAND) {
        return stage_worker::run();
    }
    ExitCode::from(2)
}
