//! The session of `antiks sql`: history, line editing, completion, dot-commands.

use std::fs;
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Highlighter, Hinter};
use tokio::runtime::Runtime;

use super::config::Format;
use super::error::CliError;
use super::output::Output;
use super::statement::{is_complete, run_one, statements};
use super::table::new_table;
use crate::base::world::World;
use crate::lake::Lake;
use crate::query::Session;

const HELP: &str = "\
A statement ends with `;` and may go over several lines. Tab completes names.
  .tables          list tables and views
  .schema [TABLE]  list the columns of a table, or of all
  .format FORMAT   table, csv, json or ndjson
  .help            this
  .quit            end the session (Ctrl-D)";

const DOT_COMMANDS: [&str; 5] = [".tables", ".schema", ".format", ".help", ".quit"];

const KEYWORDS: [&str; 34] = [
    "and", "as", "asc", "avg", "between", "by", "case", "count", "desc", "distinct", "else", "end",
    "exists", "from", "group", "having", "in", "is", "join", "left", "like", "limit", "max", "min",
    "not", "null", "on", "or", "order", "over", "select", "sum", "when", "where",
];

/// Runs a session until the user ends it.
pub fn run(
    runtime: &Runtime,
    session: &Session,
    mut output: Output,
    lake: &Lake,
) -> Result<(), CliError> {
    let names = Names::collect(runtime, session)?;
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .auto_add_history(true)
        .build();
    let mut editor: Editor<Names, DefaultHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(names));
    let history = history_file();
    if let Some(history) = &history {
        // A history that can't be read is a history that starts anew.
        let _ = editor.load_history(history);
    }
    println!(
        "antiks {}, lake {} at commit {}; .help helps",
        env!("CARGO_PKG_VERSION"),
        lake.root().display(),
        lake.version()
    );
    loop {
        match editor.readline("antiks> ") {
            Ok(line) if line.trim_start().starts_with('.') => {
                match dot_command(line.trim(), runtime, session, &mut output) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => error.print(),
                }
            }
            Ok(text) => {
                for sql in statements(&text) {
                    let ran = runtime.block_on(run_one(session, sql, &[], &output));
                    if let Err(error) = ran {
                        error.print();
                        break;
                    }
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if let Some(history) = &history {
        let _ = editor.save_history(history);
    }
    Ok(())
}

fn failed(error: ReadlineError) -> CliError {
    CliError::failure(format!("the terminal: {error}"))
}

/// The file that history is kept in; none if there is no place for it.
fn history_file() -> Option<PathBuf> {
    let folder = World::system().state_dir()?;
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("sql_history"))
}

/// Carries out a line that begins with a dot; `false` ends the session.
fn dot_command(
    line: &str,
    runtime: &Runtime,
    session: &Session,
    output: &mut Output,
) -> Result<bool, CliError> {
    let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = argument.trim().trim_end_matches(';');
    match command.trim_end_matches(';') {
        ".tables" => {
            for table in session.tables() {
                println!("{table}");
            }
        }
        ".schema" if argument.is_empty() => {
            for table in session.tables() {
                print_schema(runtime, session, &table)?;
            }
        }
        ".schema" => print_schema(runtime, session, argument)?,
        ".format" => {
            output.format = match argument {
                "table" => Format::Table,
                "csv" => Format::Csv,
                "json" => Format::Json,
                "ndjson" => Format::Ndjson,
                _ => {
                    let message = "the formats of a session are table, csv, json and ndjson";
                    return Err(CliError::Usage(message.to_owned()));
                }
            }
        }
        ".help" => println!("{HELP}"),
        ".quit" | ".exit" => return Ok(false),
        other => {
            let message = format!("there is no {other}; .help lists what there is");
            return Err(CliError::Usage(message));
        }
    }
    Ok(true)
}

fn print_schema(runtime: &Runtime, session: &Session, name: &str) -> Result<(), CliError> {
    let columns = runtime.block_on(session.columns(name))?;
    let mut table = new_table();
    table.set_header([name, "type"]);
    for field in columns.fields() {
        let may_be_null = if field.is_nullable() { " or null" } else { "" };
        let type_name = crate::query::table::type_name(field.data_type());
        table.add_row([field.name(), &format!("{type_name}{may_be_null}")]);
    }
    println!("{table}");
    Ok(())
}

/// Completes names and sees where a statement ends.
#[derive(Helper, Highlighter, Hinter)]
struct Names(Vec<String>);

impl Names {
    fn collect(runtime: &Runtime, session: &Session) -> Result<Self, CliError> {
        let mut names: Vec<String> = KEYWORDS
            .iter()
            .chain(&DOT_COMMANDS)
            .map(|&word| word.to_owned())
            .collect();
        for table in session.tables() {
            let columns = runtime.block_on(session.columns(&table))?;
            names.extend(columns.fields().iter().map(|field| field.name().clone()));
            names.push(table);
        }
        names.sort();
        names.dedup();
        Ok(Self(names))
    }
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..cursor];
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let mut start = before
            .char_indices()
            .rev()
            .take_while(|(_, character)| is_part(*character))
            .last()
            .map_or(cursor, |(place, _)| place);
        if before[..start].trim().is_empty() || before[..start].trim() == "." {
            start = before
                .find('.')
                .filter(|dot| *dot + 1 == start)
                .unwrap_or(start);
        }
        let word = &before[start..];
        if word.is_empty() {
            return Ok((start, Vec::new()));
        }
        let found = self.0.iter().filter(|name| {
            name.get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
        });
        let pairs = found.map(|name| Pair {
            display: name.clone(),
            replacement: name.clone(),
        });
        Ok((start, pairs.collect()))
    }
}

impl Validator for Names {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let is_done =
            text.trim().is_empty() || text.trim_start().starts_with('.') || is_complete(text);
        Ok(match is_done {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}
