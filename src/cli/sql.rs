//! `antiks sql`: free SQL over the lake.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::error::CliError;
use super::output::OutputOptions;
use super::place::Place;
use super::repl;
use super::statement::{run_one, runtime, statements};
use crate::query::Session;

/// Ask the lake in SQL; without a query, begin a session.
///
/// There is a table for each kind of event and the views `attempts` (challenge, answer
/// and grade in one row), `events` (every event with its kind) and `edges` (what came from
/// what); `.tables` and `.schema` in a session list them. Ids are 32 bytes: compare them
/// with x'…'.
#[derive(Args)]
pub struct Sql {
    /// The query, or several with `;` between them; without one, a session begins
    query: Option<String>,
    /// Read the query from a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// Ask the lake as it was after this commit
    #[arg(long, value_name = "COMMIT")]
    at: Option<u64>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Sql {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let output = self.output.settle(&settled.config);
        let text = match (&self.query, &self.file) {
            (Some(query), _) => Some(query.clone()),
            (None, Some(path)) => Some(fs::read_to_string(path).map_err(|error| {
                CliError::Usage(format!("reading {}: {error}", path.display()))
            })?),
            (None, None) if !io::stdin().is_terminal() => {
                let mut text = String::new();
                io::stdin().read_to_string(&mut text)?;
                Some(text)
            }
            (None, None) => None,
        };
        let lake = settled.open(self.at)?;
        let runtime = runtime()?;
        let session = runtime.block_on(Session::new(&lake))?;
        let Some(text) = text else {
            repl::run(&runtime, &session, output, &lake)?;
            return Ok(ExitCode::SUCCESS);
        };
        let statements = statements(&text);
        if statements.is_empty() {
            return Err(CliError::Usage("there is no query in it".to_owned()));
        }
        for sql in statements {
            runtime.block_on(run_one(&session, sql, &[], &output))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
