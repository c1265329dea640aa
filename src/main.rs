//! The program: parse, run, exit code. All of it is in [`antiks::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    antiks::cli::run()
}
