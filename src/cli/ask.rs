//! `antiks ask`: a question to the student, over the user's own file.
//!
//! **Invariants.**
//! - The student's SQL is run by a worker of the sandbox, over the real rows of the file,
//!   and nowhere else.
//! - What a student or a file says reaches a terminal without control characters.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value as Json, json};

use super::adapter::{self, Chosen};
use super::compute::Compute;
use super::desk::{own_file, pupil};
use super::error::CliError;
use super::place::Place;
use super::sandbox::sandbox_over;
use super::table::{Grid, short_id, terminal_chars};
use crate::nano::embedded;
use crate::round::pupil::{Question, Said};
use crate::sandbox::allowance::MAX_COUNTED_ROWS;
use crate::sandbox::{Ending, Job, MAX_FILE_STEPS, Outcome, SandboxError, Value};

/// Put a question to the student, over your own SQLite file.
///
/// The student's SQL is shown, and run on the file: by a process that can read this one file
/// and nothing else, and can't write at all. By default the student answers with what it has
/// learned in the newest run of the lake.
///
/// With --json: {question, sql, columns[], rows[][], truncated, rows_left_out, checkpoint,
/// error}. `sql` is null if the student gave none; `columns` and `rows` are null if it was
/// not run or failed, and `error` says why. A BLOB is {"hex": "…"}.
#[derive(Args)]
pub struct Ask {
    /// The question
    question: String,
    /// The SQLite file; it is only read
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// What the student answers with: latest (the checkpoint in place of the newest run), base
    /// (what it knew before), a checkpoint by its first digits, or a folder with an adapter in
    /// PEFT's format
    #[arg(long, default_value = adapter::LATEST, value_name = "ADAPTER")]
    adapter: String,
    /// Who answers: nano, a folder in Hugging Face layout, or an id in its cache [default: the
    /// student that the adapter was made for, else nano]
    #[arg(long, value_name = "STUDENT")]
    student: Option<String>,
    /// Take the checkpoint in place of the run of this name, and not of the newest
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// The rows that are shown at most
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    max_rows: usize,
    /// Print the SQL and don't run it
    #[arg(long)]
    sql_only: bool,
    /// Print it as JSON; see above
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
}

/// What was asked and what came of it.
struct Answer {
    said: Said,
    checkpoint: Option<String>,
    /// Nothing where the SQL was not to be run.
    result: Option<Result<Table, String>>,
}

/// The rows that are shown.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    left_out: u64,
}

/// The most rows that can be asked for: they lie in memory, here and in the worker.
const MAX_SHOWN_ROWS: usize = 100_000;

impl Ask {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        if self.question.trim().is_empty() {
            return Err(CliError::Usage("the question is empty".to_owned()));
        }
        if !(1..=MAX_SHOWN_ROWS).contains(&self.max_rows) {
            let what = format!("--max-rows must be 1 to {MAX_SHOWN_ROWS}");
            return Err(CliError::Usage(what));
        }
        let settled = place.settle()?;
        let before = state_of(&self.db);
        let own = own_file(&self.db)?;
        let chosen = adapter::choose(&self.adapter, self.run.as_deref(), &settled)?;
        let answer = {
            let said = self.put(&chosen, &own.schema)?;
            let checkpoint = chosen.checkpoint().map(|id| id.to_string());
            let result = match (&said.sql, self.sql_only) {
                (_, true) => None,
                (None, _) => Some(Err(no_sql(&said))),
                (Some(sql), _) => Some(self.execute(sql)?),
            };
            Answer {
                said,
                checkpoint,
                result,
            }
        };
        if state_of(&self.db) != before {
            return Err(CliError::with_hint(
                format!("{} changed while it was read", self.db.display()),
                "close the program that uses it and ask again",
            ));
        }
        self.show(&answer)
    }

    /// Lets the student answer.
    fn put(
        &self,
        chosen: &Chosen,
        schema: &crate::database::schema::Schema,
    ) -> Result<Said, CliError> {
        let student = self.student.as_deref().or(chosen.student());
        let pupil = pupil(student.unwrap_or(embedded::NAME), self.compute.open()?)?;
        let adapter = chosen.read(&pupil)?;
        let model = pupil.model(adapter.as_ref())?;
        let question = Question {
            schema,
            text: self.question.trim(),
            guess: None,
        };
        let said = pupil.answer(&model, &[question], || {})?;
        said.into_iter()
            .next()
            .ok_or_else(|| CliError::failure("the student said nothing at all"))
    }

    /// Runs the SQL; an error of SQLite is a result.
    fn execute(&self, sql: &str) -> Result<Result<Table, String>, CliError> {
        let sandbox = sandbox_over(&self.db, self.max_rows)?;
        let job = Job {
            scripts: vec![String::new()],
            statements: vec![sql.to_owned()],
            max_steps: MAX_FILE_STEPS,
        };
        let outcomes = match sandbox.run(&job) {
            Ok(outcomes) => outcomes,
            Err(SandboxError::Late(after)) => {
                let seconds = after.as_secs();
                return Ok(Err(format!("it was not done after {seconds} seconds")));
            }
            Err(SandboxError::Instance(what)) => {
                let file = self.db.display();
                return Err(CliError::failure(format!("{file} can't be read: {what}")));
            }
            Err(error) => return Err(CliError::failure(error.to_string())),
        };
        let outcome = outcomes.into_iter().flatten().next();
        let outcome = outcome.ok_or_else(|| CliError::failure("the sandbox gave no outcome"))?;
        Ok(table_of(outcome))
    }

    fn show(&self, answer: &Answer) -> Result<ExitCode, CliError> {
        let error = match &answer.result {
            Some(Err(message)) => Some(printable(message)),
            None if answer.said.sql.is_none() => Some(no_sql(&answer.said)),
            _ => None,
        };
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", self.to_json(answer, error.as_deref()))?;
            return Ok(match error {
                None => ExitCode::SUCCESS,
                Some(_) => ExitCode::FAILURE,
            });
        }
        if let Some(sql) = &answer.said.sql {
            writeln!(out, "{}", printable(sql))?;
        }
        if let Some(Ok(table)) = &answer.result {
            writeln!(out, "\n{}", table.render(terminal_chars()).trim_end())?;
            writeln!(out, "{}", table.count())?;
        }
        drop(out);
        if let Some(id) = &answer.checkpoint {
            eprintln!("answered with checkpoint {}", short_id(id));
        }
        match error {
            None => Ok(ExitCode::SUCCESS),
            Some(message) => Err(CliError::with_hint(message, self.hint())),
        }
    }

    fn hint(&self) -> String {
        format!(
            "put the question in other words, or teach the student on this file: \
             antiks loop --db {}",
            self.db.display()
        )
    }

    fn to_json(&self, answer: &Answer, error: Option<&str>) -> Json {
        let table = answer.result.as_ref().and_then(|it| it.as_ref().ok());
        let rows = table.map(|table| {
            let rows = table.rows.iter();
            rows.map(|row| row.iter().map(json_of).collect())
                .collect::<Vec<Json>>()
        });
        let left_out = table.map_or(0, |it| it.left_out);
        json!({
            "question": self.question.trim(),
            "sql": answer.said.sql,
            "columns": table.map(|it| &it.columns),
            "rows": rows,
            "truncated": left_out > 0,
            "rows_left_out": left_out,
            "checkpoint": answer.checkpoint,
            "error": error,
        })
    }
}

/// By what a file is known to be the same: length and time of the last change.
fn state_of(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// Why there is nothing to run.
fn no_sql(said: &Said) -> String {
    if said.finish_reason == "too_long" {
        return format!(
            "the question with the file's tables is {} tokens long, more than this student reads",
            said.prompt_tokens
        );
    }
    match printable(said.text.trim()) {
        text if text.is_empty() => "the student gave no answer".to_owned(),
        text => format!("the student's answer has no SQL in it: {text}"),
    }
}

fn table_of(outcome: Outcome) -> Result<Table, String> {
    match outcome.ending {
        Ending::Rows { columns, rows } => Ok(Table {
            columns,
            rows,
            left_out: outcome.left_out,
        }),
        Ending::Error(message) => Err(format!("SQLite says: {message}")),
        Ending::Refused(what) => Err(format!("the statement is refused: {what}")),
        Ending::Limit(what) => Err(match what.as_str() {
            "steps" => format!("it was stopped after {MAX_FILE_STEPS} steps"),
            "memory" => "it needs more memory than a question may take".to_owned(),
            other => format!("it was stopped at its limit of {other}"),
        }),
    }
}

impl Table {
    fn render(&self, max_chars: Option<usize>) -> String {
        let is_number = (0..self.columns.len()).map(|place| {
            let mut values = self.rows.iter().filter_map(|row| row.get(place));
            let is_text = |it: &Value| matches!(it, Value::Text(_) | Value::Blob(_));
            !values.any(is_text)
        });
        let rows = self.rows.iter();
        let rows = rows.map(|row| row.iter().map(text_of).collect()).collect();
        Grid::of(&self.columns, is_number.collect(), rows).render(max_chars)
    }

    /// How many rows there are, and how many of them are not shown.
    fn count(&self) -> String {
        let shown = self.rows.len() as u64;
        let rows = |count: u64| if count == 1 { "row" } else { "rows" };
        match self.left_out {
            0 => format!("{shown} {}", rows(shown)),
            MAX_COUNTED_ROWS.. => format!(
                "{shown} {} shown, at least {} more left out; --max-rows shows more",
                rows(shown),
                self.left_out
            ),
            more => format!(
                "{shown} of {} rows shown, {more} left out; --max-rows shows more",
                shown + more
            ),
        }
    }
}

/// A value as people read it.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => format!("{value:?}"),
        Value::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Blob(bytes) => format!("x'{}'", hex(bytes)),
    }
}

/// A value as programs read it. JSON has no infinite numbers: those become SQLite's words.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(value) => json!(value),
        Value::Real(value) if value.is_finite() => json!(value),
        Value::Real(value) if *value > 0.0 => json!("Inf"),
        Value::Real(_) => json!("-Inf"),
        Value::Text(bytes) => json!(String::from_utf8_lossy(bytes)),
        Value::Blob(bytes) => json!({ "hex": hex(bytes) }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Text without what would move a terminal's cursor or change its colours.
fn printable(text: &str) -> String {
    let visible = |character: char| match character {
        '\n' | '\t' => character,
        character if character.is_control() => '·',
        character => character,
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, left_out: u64) -> Table {
        Table {
            columns: vec!["name".to_owned(), "n".to_owned()],
            rows: vec![vec![Value::Text(b"a\x1b[31mb".to_vec()), Value::Null]; rows],
            left_out,
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        assert_eq!(table(1, 0).count(), "1 row");
        assert_eq!(table(0, 0).count(), "0 rows");
        assert!(
            table(2, 3)
                .count()
                .starts_with("2 of 5 rows shown, 3 left out")
        );
        let most = table(2, MAX_COUNTED_ROWS).count();
        assert!(most.contains("at least 1000000 more"), "{most}");
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let shown = table(2, 0).render(Some(80));
        assert!(
            !shown.contains('\x1b') && shown.contains("a·[31mb"),
            "{shown}"
        );
        assert!(shown.contains("NULL"), "{shown}");
        assert_eq!(printable("a\tb\nc\x1b\x07"), "a\tb\nc··");
    }

    #[test]
    fn values_are_json() {
        let blob = Value::Blob(vec![0, 255]);
        assert_eq!(json_of(&blob), json!({"hex": "00FF"}));
        assert_eq!(text_of(&blob), "x'00FF'");
        assert_eq!(json_of(&Value::Real(f64::NEG_INFINITY)), json!("-Inf"));
        assert_eq!(text_of(&Value::Real(1e300)), "1e300");
        assert_eq!(text_of(&Value::Real(2.0)), "2.0");
    }
}
