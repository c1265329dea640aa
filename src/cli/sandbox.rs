//! `antiks sandbox-worker`, hidden: what the sandbox starts, and how it is started.

use std::process::ExitCode;

use super::error::CliError;
use crate::base::world;
use crate::sandbox::{Program, Sandbox, work};

/// The hidden command that makes this program a worker.
pub const WORKER: &str = "sandbox-worker";

/// The sandbox whose workers are this very program.
pub fn sandbox() -> Result<Sandbox, CliError> {
    let program = Program {
        path: world::program()?,
        arguments: vec![WORKER.to_owned()],
    };
    Ok(Sandbox::new(program, world::cores()))
}

/// Does the work of a worker until its parent closes the pipe.
pub fn run_worker() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
