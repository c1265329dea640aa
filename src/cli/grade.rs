//! `antiks grade`: the verdict on one answer, and why.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::challenge::ChallengeFile;
use super::error::CliError;
use super::sandbox::sandbox;
use crate::database::import::import;
use crate::event::grade::{InstanceEvidence, Practice};
use crate::grading::admission::{Candidate, Split, task_of};
use crate::grading::sql::{CLEAN_NUMERIC, Style, parse};
use crate::grading::{GRADER_VERSION, Requirement, Task, TaskError, Verdict, grade};
use crate::sandbox::{Sandbox, sqlite_source};

/// Grade an answer by running it.
///
/// The answer runs beside the reference on several instances of the database that are
/// hard to fool, in a sandbox. It is equivalent if it gives the same rows on all of them:
/// then the score is 80 and up to 20 for how it is written, else at most 70.
#[derive(Args)]
pub struct GradeAnswer {
    /// A challenge of `antiks challenge --json`
    #[arg(long, value_name = "FILE", required_unless_present = "db")]
    challenge: Option<PathBuf>,
    /// Which line of that file, if it has several
    #[arg(long, value_name = "NUMBER", requires = "challenge")]
    line: Option<usize>,
    /// An SQLite file, which is only read; its instances are made from samples of it
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "challenge",
        requires = "reference"
    )]
    db: Option<PathBuf>,
    /// The query that is right
    #[arg(long, value_name = "SQL", conflicts_with = "challenge")]
    reference: Option<String>,
    /// With --reference: the order of rows matters, up to ties
    #[arg(long, conflicts_with = "challenge")]
    ordered: bool,
    /// With --db: what the instances are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The answer; `-` reads it from stdin
    #[arg(long, value_name = "SQL")]
    sql: String,
    /// Print the verdict as JSON: {score, equivalent, verdict, error_class, instances[]}
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct VerdictFile<'a> {
    score: i64,
    equivalent: bool,
    verdict: &'a str,
    error_class: Option<&'a str>,
    error_message: Option<&'a str>,
    explanation: &'a str,
    executed: bool,
    partial_credit: f64,
    practices: &'a [Practice],
    instances: &'a [InstanceEvidence],
    notes: &'a [String],
    grader_version: &'a str,
    sqlite_source: String,
}

impl GradeAnswer {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let sandbox = sandbox()?;
        let (task, notes) = match (&self.challenge, &self.db) {
            (Some(path), _) => (self.read_challenge(path)?, Vec::new()),
            (None, Some(path)) => self.make_task(&sandbox, path)?,
            (None, None) => return Err(CliError::Usage("give --challenge or --db".to_owned())),
        };
        if task.trials.is_empty() {
            return Err(CliError::Usage(
                "the challenge has no instances to grade on".to_owned(),
            ));
        }
        let mut sql = self.sql.clone();
        if sql == "-" {
            sql.clear();
            io::stdin().read_to_string(&mut sql)?;
        }
        let verdict = grade(&sandbox, &task, Some(&sql)).map_err(failed)?;
        let mut out = io::stdout().lock();
        match self.json {
            true => {
                let file = VerdictFile {
                    score: verdict.score,
                    equivalent: verdict.equivalent,
                    verdict: verdict.word,
                    error_class: verdict.error_class,
                    error_message: verdict.error_message.as_deref(),
                    explanation: &verdict.explanation,
                    executed: verdict.executed,
                    partial_credit: verdict.partial_credit,
                    practices: &verdict.practices,
                    instances: &verdict.instances,
                    notes: &notes,
                    grader_version: GRADER_VERSION,
                    sqlite_source: sqlite_source(),
                };
                serde_json::to_writer_pretty(&mut out, &file).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            false => {
                for note in notes {
                    eprintln!("note: {note}");
                }
                show(&verdict, &mut out)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn read_challenge(&self, path: &Path) -> Result<Task, CliError> {
        let unusable =
            |what: String| CliError::Usage(format!("{} is no challenge: {what}", path.display()));
        let text = fs::read_to_string(path)
            .map_err(|error| CliError::Usage(format!("reading {}: {error}", path.display())))?;
        let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<ChallengeFile>();
        let mut files = Vec::new();
        for file in &mut stream {
            files.push(file.map_err(|error| unusable(error.to_string()))?);
        }
        let place = match (self.line, files.len()) {
            (_, 0) => return Err(unusable("it is empty".to_owned())),
            (None, 1) => 0,
            (None, len) => {
                return Err(unusable(format!(
                    "it has {len} of them; choose one with --line"
                )));
            }
            (Some(line), len) if (1..=len).contains(&line) => line - 1,
            (Some(line), len) => {
                return Err(unusable(format!(
                    "it has {len} of them and no number {line}"
                )));
            }
        };
        files.swap_remove(place).task()
    }

    fn make_task(&self, sandbox: &Sandbox, path: &Path) -> Result<(Task, Vec<String>), CliError> {
        let imported = import(path).map_err(|error| CliError::failure(error.to_string()))?;
        let reference_sql = self.reference.as_deref().unwrap_or_default();
        let style = parse(reference_sql)
            .as_ref()
            .map(Style::of)
            .unwrap_or_default();
        let requirements = match style.functions.contains(CLEAN_NUMERIC) {
            true => vec![Requirement::CleanNumeric],
            false => Vec::new(),
        };
        let candidate = Candidate {
            schema: &imported.schema,
            split: Split::Training,
            reference_sql,
            ordered: self.ordered,
            requirements: &requirements,
            template: reference_sql,
            seed: self.seed,
        };
        let (task, complaints) = task_of(sandbox, &candidate).map_err(failed)?;
        let mut notes = imported.notes;
        notes.extend(complaints.into_iter().map(|complaint| {
            format!(
                "the reference: {}: {}",
                complaint.reason.name(),
                complaint.detail
            )
        }));
        Ok((task, notes))
    }
}

fn failed(error: TaskError) -> CliError {
    match error {
        TaskError::Reference(_) => CliError::Usage(error.to_string()),
        TaskError::Sandbox(_) => CliError::failure(error.to_string()),
    }
}

fn show(verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{} of 100: {}", verdict.score, verdict.word)?;
    match verdict.error_class {
        Some(class) => writeln!(out, " ({class})")?,
        None => writeln!(out)?,
    }
    writeln!(out, "{}", verdict.explanation)?;
    if !verdict.practices.is_empty() {
        writeln!(out)?;
        for practice in &verdict.practices {
            let name = practice.name.replace('_', " ");
            writeln!(
                out,
                "  {:<18} {} of {}",
                name, practice.points, practice.points_max
            )?;
        }
    }
    if !verdict.instances.is_empty() {
        writeln!(out)?;
    }
    for (place, instance) in verdict.instances.iter().enumerate() {
        write!(
            out,
            "  instance {}: {:<9} {} rows, {} steps",
            place + 1,
            instance.status,
            instance.rows,
            instance.steps
        )?;
        match &instance.first_difference {
            Some(difference) => writeln!(out, "; {difference}")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}
