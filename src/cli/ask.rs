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
use super::rows::{Failure, Rows, printable};
use super::sandbox::sandbox_over;
use super::table::{short_id, terminal_chars};
use crate::database::schema::Schema;
use crate::nano::embedded;
use crate::round::pupil::{Question, Said, TOO_LONG};
use crate::sandbox::{Job, MAX_FILE_STEPS, SandboxError};

/// Put a question to the student, over your own SQLite file.
///
/// The student's SQL is shown, and run on the file: by a process that can read this one file
/// and nothing else, and can't write at all. By default the student answers with what it has
/// learned in the newest run of the lake. If its likeliest answer does not run, others that it
/// might give are drawn: if enough of them agree on the rows, one of these is taken, and the
/// command says so.
///
/// With --json: {question, sql, columns[], rows[][], truncated, rows_left_out, checkpoint,
/// failed[], error}. `sql` is null if the student gave none; `columns` and `rows` are null if
/// it was not run or failed, and `error` says why. `failed` has {sql, error} for each answer
/// that was tried before. A BLOB is {"hex": "…"}.
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
    /// Answers that are tried if the likeliest does not run, with that one; 1: no others
    #[arg(long, default_value_t = 16, value_name = "ANSWERS")]
    tries: usize,
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
    /// Nothing where the SQL was not to be run.
    result: Option<Result<Rows, Failure>>,
    /// Of the answers drawn, those that gave its rows.
    agreed: usize,
    /// What was tried beside it and did not run, the likeliest first.
    failed: Vec<Failed>,
}

/// A statement without rows, if there was one, and why it has none.
type Failed = (Option<String>, Failure);

/// The most rows that can be asked for: they lie in memory, here and in the worker.
const MAX_SHOWN_ROWS: usize = 100_000;
/// The most answers that can be tried.
const MAX_TRIES: usize = 64;
/// Of those drawn, one in so many must agree on the rows.
const AGREEING_PART: usize = 3;
/// Where chance comes from for answers but the likeliest: a question has the same each time.
const SEED: u64 = 1;

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
        if !(1..=MAX_TRIES).contains(&self.tries) {
            let what = format!("--tries must be 1 to {MAX_TRIES}");
            return Err(CliError::Usage(what));
        }
        let settled = place.settle()?;
        let before = state_of(&self.db);
        let own = own_file(&self.db)?;
        let chosen = adapter::choose(&self.adapter, self.run.as_deref(), &settled)?;
        let answer = self.put(&chosen, &own.schema)?;
        if state_of(&self.db) != before {
            return Err(CliError::with_hint(
                format!("{} changed while it was read", self.db.display()),
                "close the program that uses it and ask again",
            ));
        }
        let checkpoint = chosen.checkpoint().map(|id| id.to_string());
        self.show(&answer, checkpoint.as_deref())
    }

    /// Lets the student answer: the likeliest answer or, if that is a mistake, the one
    /// of those drawn on whose rows the most agree. Execution-guided decoding (Wang et al.,
    /// arXiv 1807.03100) with a vote (Wang et al., arXiv 2203.11171): what merely runs is as
    /// often as not the answer to another question.
    fn put(&self, chosen: &Chosen, schema: &Schema) -> Result<Answer, CliError> {
        let student = self.student.as_deref().or(chosen.student());
        let pupil = pupil(student.unwrap_or(embedded::NAME), self.compute.open()?)?;
        let adapter = chosen.read(&pupil)?;
        let model = pupil.model(adapter.as_ref())?;
        let question = Question {
            schema,
            text: self.question.trim(),
            guess: None,
        };
        let said = pupil.answer(&model, &[question], || {})?.into_iter().next();
        let said = said.ok_or_else(|| CliError::failure("the student said nothing at all"))?;
        let mut likeliest = self.tried(said)?;
        if !likeliest.is_mistake() || self.tries == 1 {
            return Ok(likeliest);
        }
        let mut drawn = pupil.drawn(&model, question, self.tries - 1, SEED)?;
        drawn.retain(|it| it.sql.is_some() && it.sql != likeliest.said.sql);
        let (agreed, failed) = self.vote(drawn)?;
        match agreed {
            Some(mut agreed) => {
                agreed.failed = likeliest.into_failed().into_iter().chain(failed).collect();
                Ok(agreed)
            }
            None => {
                likeliest.failed = failed;
                Ok(likeliest)
            }
        }
    }

    /// The first of those answers on whose rows the most agree, if enough do; and what failed.
    fn vote(&self, mut drawn: Vec<Said>) -> Result<(Option<Answer>, Vec<Failed>), CliError> {
        let mut running: Vec<Answer> = Vec::new();
        let mut failed = Vec::new();
        while !drawn.is_empty() {
            let said = drawn.remove(0);
            let before = drawn.len();
            drawn.retain(|it| it.sql != said.sql);
            let mut other = self.tried(said)?;
            other.agreed = 1 + before - drawn.len();
            let Some(Ok(rows)) = &other.result else {
                let is_late = !other.is_mistake();
                failed.extend(other.into_failed());
                // Each of the others might take as long as this one.
                if is_late {
                    break;
                }
                continue;
            };
            match running.iter_mut().find(|it| it.gave(rows)) {
                Some(like) => like.agreed += other.agreed,
                None => running.push(other),
            }
        }
        // Of equals `max_by_key` takes the last.
        let most = running.into_iter().rev().max_by_key(|it| it.agreed);
        let wanted = (self.tries - 1).div_ceil(AGREEING_PART).max(2);
        Ok((most.filter(|it| it.agreed >= wanted), failed))
    }

    /// What comes of an answer.
    fn tried(&self, said: Said) -> Result<Answer, CliError> {
        let result = match (&said.sql, self.sql_only) {
            (_, true) => None,
            (None, _) => Some(Err(Failure {
                message: no_sql(&said),
                is_mistake: said.finish_reason != TOO_LONG,
            })),
            (Some(sql), _) => Some(self.execute(sql)?),
        };
        Ok(Answer {
            said,
            result,
            agreed: 1,
            failed: Vec::new(),
        })
    }

    /// Runs the SQL; an error of SQLite is a result.
    fn execute(&self, sql: &str) -> Result<Result<Rows, Failure>, CliError> {
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
                return Ok(Err(Failure {
                    message: format!("it was not done after {seconds} seconds"),
                    is_mistake: false,
                }));
            }
            Err(SandboxError::Instance(what)) => {
                let file = self.db.display();
                return Err(CliError::failure(format!("{file} can't be read: {what}")));
            }
            Err(error) => return Err(CliError::failure(error.to_string())),
        };
        let outcome = outcomes.into_iter().flatten().next();
        let outcome = outcome.ok_or_else(|| CliError::failure("the sandbox gave no outcome"))?;
        Ok(Rows::of(outcome))
    }

    fn show(&self, answer: &Answer, checkpoint: Option<&str>) -> Result<ExitCode, CliError> {
        let error = match &answer.result {
            Some(Err(failure)) => Some(printable(&failure.message)),
            None if answer.said.sql.is_none() => Some(no_sql(&answer.said)),
            _ => None,
        };
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(
                out,
                "{}",
                self.to_json(answer, checkpoint, error.as_deref())
            )?;
            return Ok(match error {
                None => ExitCode::SUCCESS,
                Some(_) => ExitCode::FAILURE,
            });
        }
        if let Some(sql) = &answer.said.sql {
            writeln!(out, "{}", printable(sql))?;
        }
        if let Some(Ok(rows)) = &answer.result {
            writeln!(out, "\n{}", rows.render(terminal_chars()).trim_end())?;
            writeln!(out, "{}", rows.count())?;
        }
        drop(out);
        if let Some(id) = checkpoint {
            eprintln!("answered with checkpoint {}", short_id(id));
        }
        match (error, answer.failed.first()) {
            (Some(message), _) => Err(CliError::with_hint(message, self.hint())),
            (None, Some((_, why))) => {
                eprintln!(
                    "note: look at it with care: the student's likeliest answer did not run ({}); \
                     {} of {} others agree on these rows",
                    printable(&why.message),
                    answer.agreed,
                    self.tries - 1
                );
                Ok(ExitCode::SUCCESS)
            }
            (None, _) => Ok(ExitCode::SUCCESS),
        }
    }

    fn hint(&self) -> String {
        format!(
            "put the question in other words, or teach the student on this file: \
             antiks loop --db {}",
            self.db.display()
        )
    }

    fn to_json(&self, answer: &Answer, checkpoint: Option<&str>, error: Option<&str>) -> Json {
        let rows = answer.result.as_ref().and_then(|it| it.as_ref().ok());
        let left_out = rows.map_or(0, |it| it.left_out);
        let failed = answer.failed.iter();
        let failed: Vec<Json> = failed
            .map(|(sql, why)| json!({"sql": sql, "error": why.message}))
            .collect();
        json!({
            "question": self.question.trim(),
            "sql": answer.said.sql,
            "columns": rows.map(|it| &it.columns),
            "rows": rows.map(Rows::to_json),
            "truncated": left_out > 0,
            "rows_left_out": left_out,
            "checkpoint": checkpoint,
            "failed": failed,
            "error": error,
        })
    }
}

impl Answer {
    /// Whether it can't be run, so that another may do better.
    fn is_mistake(&self) -> bool {
        matches!(&self.result, Some(Err(why)) if why.is_mistake)
    }

    /// Whether its rows are these.
    fn gave(&self, rows: &Rows) -> bool {
        matches!(&self.result, Some(Ok(own)) if own.are(rows))
    }

    /// It as one that did not run.
    fn into_failed(self) -> Option<Failed> {
        let why = self.result?.err()?;
        Some((self.said.sql, why))
    }
}

/// By what a file is known to be the same: length and time of the last change.
fn state_of(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// Why there is nothing to run.
fn no_sql(said: &Said) -> String {
    if said.finish_reason == TOO_LONG {
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
