//! The `ytempire` program: reads the command line and hands over.

use std::process::ExitCode;

fn main() -> ExitCode {
    ytempire::cli::app::main()
}
