//! `antiks sandbox-worker`, hidden: what the sandbox starts, and how it is started.

use std::path::Path;
use std::process::ExitCode;

use super::error::CliError;
use crate::base::world;
use crate::sandbox::{Allowance, Program, Sandbox, Setup, work};

/// The hidden command that makes this program a worker.
pub const WORKER: &str = "sandbox-worker";

/// The sandbox whose workers are this very program.
pub fn sandbox() -> Result<Sandbox, CliError> {
    Ok(Sandbox::new(worker()?, world::cores()))
}

/// A sandbox whose one worker runs statements on a user's file, and looks at so many rows of
/// a result.
pub fn sandbox_over(path: &Path, rows: usize) -> Result<Sandbox, CliError> {
    let setup = Setup::over_file(path, Allowance::of_question(rows))?;
    Ok(Sandbox::set_up(worker()?, 1, setup))
}

fn worker() -> Result<Program, CliError> {
    Ok(Program {
        path: world::program()?,
        arguments: vec![WORKER.to_owned()],
    })
}

/// Does the work of a worker until its parent closes the pipe.
pub fn run_worker() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
