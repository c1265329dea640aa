//! The command line: arguments, and one file per command.
//!
//! **Invariants.**
//! - Only this layer prints: results to stdout, progress and everything else to stderr.
//! - Exit codes: 0 done, 1 failure, 2 usage or configuration, 3 the check failed.
//!
//! To add a command: one file, its line in [`Command`] and in `dispatch`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod adapter;
mod ask;
mod challenge;
mod compute;
mod config;
mod curve;
mod desk;
mod doctor;
mod error;
mod eval;
mod generate;
mod grade;
mod import_events;
mod init;
mod output;
mod place;
mod pretrain;
mod query;
mod repl;
mod replay;
mod retract;
mod retrain;
mod rows;
mod run_loop;
mod sandbox;
mod sql;
mod statement;
mod status;
mod table;
mod teacher;
mod train;
mod verify;
mod watch;
mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;
use place::Place;

use crate::base::world;

/// Teaches a small language model SQL by finding what it gets wrong, and can say where
/// every weight came from.
#[derive(Parser)]
#[command(
    name = "antiks",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

// What each does is said above its arguments: a comment here would hide it from --help.
#[derive(Subcommand)]
enum Command {
    #[command(name = "loop")]
    Loop(run_loop::RunLoop),
    Replay(replay::ReplayIteration),
    Retrain(retrain::Retrain),
    Eval(eval::Evaluate),
    Ask(ask::Ask),
    Init(init::Init),
    Status(status::Status),
    Sql(sql::Sql),
    Query(query::RunQuery),
    Verify(verify::Verify),
    Why(why::Why),
    Retract(retract::RetractEvent),
    Challenge(challenge::ShowChallenges),
    Grade(grade::GradeAnswer),
    Train(train::Train),
    Generate(generate::Generate),
    Doctor(doctor::Doctor),
    #[command(hide = true)]
    Pretrain(pretrain::Pretrain),
    /// Run statements that nobody trusts; started by antiks itself
    #[command(name = sandbox::WORKER, hide = true)]
    SandboxWorker,
    /// Work on the lake itself
    #[command(subcommand, hide = true)]
    Lake(LakeCommand),
}

#[derive(Subcommand)]
enum LakeCommand {
    ImportEvents(import_events::ImportEvents),
}

/// The stack that commands run on. Planning a query goes as deep as the query is nested,
/// and a long chain of operators is deep.
const STACK_BYTES: usize = 1 << 30;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::SandboxWorker = arguments.command {
        // On this thread: a worker's address space has no room for a deep stack.
        return sandbox::run_worker();
    }
    if let Command::Loop(_)
    | Command::Replay(_)
    | Command::Retrain(_)
    | Command::Eval(_)
    | Command::Ask(_)
    | Command::Train(_)
    | Command::Generate(_) = arguments.command
    {
        world::hold_memory();
    }
    std::thread::scope(|scope| {
        let deep = std::thread::Builder::new()
            .name("command".to_owned())
            .stack_size(STACK_BYTES);
        match deep.spawn_scoped(scope, || run_command(arguments)) {
            Ok(thread) => thread.join().unwrap_or(ExitCode::FAILURE),
            Err(error) => {
                CliError::from(error).print();
                ExitCode::FAILURE
            }
        }
    })
}

fn run_command(arguments: Arguments) -> ExitCode {
    match dispatch(arguments) {
        Ok(code) => code,
        Err(CliError::BrokenPipe) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<ExitCode, CliError> {
    let place = arguments.place;
    match arguments.command {
        Command::Loop(command) => command.run(&place),
        Command::Replay(command) => command.run(&place),
        Command::Retrain(command) => command.run(&place),
        Command::Eval(command) => command.run(&place),
        Command::Ask(command) => command.run(&place),
        Command::Init(command) => command.run(),
        Command::Status(command) => command.run(&place),
        Command::Sql(command) => command.run(&place),
        Command::Query(command) => command.run(&place),
        Command::Verify(command) => command.run(&place),
        Command::Why(command) => command.run(&place),
        Command::Retract(command) => command.run(&place),
        Command::Challenge(command) => command.run(),
        Command::Grade(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Generate(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Pretrain(command) => command.run(),
        Command::SandboxWorker => Ok(sandbox::run_worker()),
        Command::Lake(LakeCommand::ImportEvents(command)) => command.run(&place),
    }
}
