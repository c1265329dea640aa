//! The verdict on one answer.
//!
//! Not equivalent: at most [`PARTIAL_MAX`], by how far it came. Equivalent on every
//! instance: 80, and up to 20 for practices. So "below 80" means "not equivalent".

use super::compare::{Comparison, Expected, compare, row_f1};
use super::mistake::{Different, Mistake, first_difference, of_ending};
use super::practices::{Shown, points, practices};
use super::rows::{Row, result_hash};
use super::sql::{Style, parse, without_clean_numeric};
use super::task::{Reference, Requirement, Task, TaskError, Truth, run};
use crate::event::grade::{InstanceEvidence, Practice};
use crate::sandbox::{Ending, MAX_STEPS, Outcome, Sandbox};

/// The version of the rules by which verdicts are given.
pub const GRADER_VERSION: &str = "1";

/// From here up an answer is equivalent.
pub const EQUIVALENT_SCORE: i64 = 80;
/// What an answer can reach that is not equivalent.
pub const PARTIAL_MAX: f64 = 70.0;

/// Shares of partial credit: that it compiles, that it runs everywhere, that it has the
/// right number of columns, and how many rows it shares.
const COMPILES: f64 = 0.15;
const RUNS: f64 = 0.15;
const COLUMNS: f64 = 0.20;
const ROWS: f64 = 0.50;

/// The verdict on an answer and the evidence for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The score, 0 to 100.
    pub score: i64,
    /// Whether it gave the reference's rows on every instance.
    pub equivalent: bool,
    /// Whether it ran on every instance.
    pub executed: bool,
    /// The verdict in a word: `equivalent`, `different`, `error` or `limit`.
    pub word: &'static str,
    /// The class of its mistake.
    pub error_class: Option<&'static str>,
    /// What SQLite or the sandbox said, if it did not run.
    pub error_message: Option<String>,
    /// Partial credit, 0 to 1.
    pub partial_credit: f64,
    /// Credit for practices, if it is equivalent.
    pub practices: Vec<Practice>,
    /// The evidence by instance.
    pub instances: Vec<InstanceEvidence>,
    /// What is wrong with it, or what could be better, in sentences.
    pub explanation: String,
}

/// Grades an answer's SQL; `None` if there was none in what the student said.
pub fn grade(sandbox: &Sandbox, task: &Task, answer: Option<&str>) -> Result<Verdict, TaskError> {
    let Some(sql) = answer.filter(|sql| !sql.trim().is_empty()) else {
        return Ok(without_sql());
    };
    let reference = Reference::new(&task.reference_sql, task.ordered);
    let scripts: Vec<String> = task
        .trials
        .iter()
        .map(|trial| trial.script.clone())
        .collect();
    let outcomes = run(sandbox, &reference, scripts, &[sql.to_owned()], MAX_STEPS)?;
    let mut truths = Vec::with_capacity(outcomes.len());
    let mut answers = Vec::with_capacity(outcomes.len());
    let mut width = 0;
    for outcomes in &outcomes {
        let (columns, truth, rest) = reference
            .read(outcomes)
            .map_err(|fault| TaskError::Reference(fault.message()))?;
        let answer = rest.first();
        let missing = || TaskError::Reference("the answer was not run".to_owned());
        answers.push(answer.ok_or_else(missing)?);
        width = columns.len();
        truths.push(truth);
    }
    let grading = Grading {
        sandbox,
        task,
        sql,
        reference: &reference,
        truths,
        answers,
        width,
    };
    grading.verdict()
}

fn without_sql() -> Verdict {
    Verdict {
        score: 0,
        equivalent: false,
        executed: false,
        word: "error",
        error_class: Some("no_sql"),
        error_message: None,
        partial_credit: 0.0,
        practices: Vec::new(),
        instances: Vec::new(),
        explanation: "There is no SQL in the answer.".to_owned(),
    }
}

struct Grading<'a> {
    sandbox: &'a Sandbox,
    task: &'a Task,
    sql: &'a str,
    reference: &'a Reference,
    truths: Vec<Truth>,
    answers: Vec<&'a Outcome>,
    width: usize,
}

impl Grading<'_> {
    fn verdict(&self) -> Result<Verdict, TaskError> {
        let broken = self
            .answers
            .iter()
            .find_map(|it| Some((&it.ending, of_ending(&it.ending)?)));
        if let Some((ending, mistake)) = broken {
            return Ok(self.broken(ending, mistake));
        }
        let found: Vec<&[Row]> = self.answers.iter().map(|it| rows_of(it)).collect();
        let given = self.answers.first().map_or(0, |it| width_of(it));
        let expected: Vec<Expected<'_>> = self.truths.iter().map(expected).collect();
        let comparison = compare(&expected, self.width, &found, given);
        match comparison.is_equivalent() {
            true => self.equivalent(&comparison),
            false => Ok(self.different(&comparison, &found, given)),
        }
    }

    /// The answer failed somewhere.
    fn broken(&self, ending: &Ending, mistake: Mistake) -> Verdict {
        let ran = self
            .answers
            .iter()
            .filter(|it| matches!(it.ending, Ending::Rows { .. }));
        let compiles = !matches!(ending, Ending::Refused(_))
            && !matches!(mistake.class, "syntax" | "forbidden" | "too_large");
        let partial_credit = match compiles {
            true => {
                COMPILES / 2.0 + RUNS / 2.0 * ran.count() as f64 / self.answers.len().max(1) as f64
            }
            false => 0.0,
        };
        let message = match ending {
            Ending::Error(message) | Ending::Refused(message) | Ending::Limit(message) => {
                Some(message.clone())
            }
            Ending::Rows { .. } => None,
        };
        Verdict {
            score: partial_score(partial_credit),
            equivalent: false,
            executed: false,
            word: match ending {
                Ending::Limit(_) => "limit",
                _ => "error",
            },
            error_class: Some(mistake.class),
            error_message: message,
            partial_credit,
            practices: Vec::new(),
            instances: self.evidence(None),
            explanation: mistake.words,
        }
    }

    fn different(&self, comparison: &Comparison, found: &[&[Row]], given: usize) -> Verdict {
        let shared: f64 = self
            .truths
            .iter()
            .zip(found)
            .map(|(truth, found)| row_f1(&truth.rows, found, &comparison.columns))
            .sum();
        let shared = shared / self.truths.len().max(1) as f64;
        let (few, many) = (self.width.min(given), self.width.max(given).max(1));
        let fit = few as f64 / many as f64;
        let partial_credit = COMPILES + RUNS + COLUMNS * fit + ROWS * shared * fit;
        let style = |sql: &str| parse(sql).as_ref().map(Style::of);
        let styles = (style(&self.task.reference_sql), style(self.sql));
        let different = Different {
            comparison,
            truths: &self.truths,
            found,
            widths: (self.width, given),
            styles: (styles.0.as_ref(), styles.1.as_ref()),
        };
        let mistake = different.mistake();
        let instances = self.evidence(Some(comparison));
        let wrong = comparison.equal.iter().filter(|equal| !**equal).count();
        let words = mistake
            .as_ref()
            .map_or("", |mistake| mistake.words.as_str());
        let mut explanation = format!(
            "{words} It gives other rows than the reference on {wrong} of {} instances",
            self.truths.len()
        );
        let first = instances.iter().find_map(|it| it.first_difference.as_ref());
        match first {
            Some(first) => explanation.push_str(&format!("; the first difference: {first}.")),
            None => explanation.push('.'),
        }
        Verdict {
            score: partial_score(partial_credit),
            equivalent: false,
            executed: true,
            word: "different",
            error_class: mistake.map(|mistake| mistake.class),
            error_message: None,
            partial_credit,
            practices: Vec::new(),
            instances,
            explanation,
        }
    }

    fn equivalent(&self, comparison: &Comparison) -> Result<Verdict, TaskError> {
        let query = parse(self.sql);
        let mut shown = Shown::default();
        if self.task.requirements.contains(&Requirement::CleanNumeric)
            && let Some(cast) = query.as_ref().and_then(without_clean_numeric)
        {
            shown.clean_numeric_matters = self.differs(&cast)?;
        }
        let practices = match &query {
            Some(query) => {
                let is_recursive = query.with.as_ref().is_some_and(|with| with.recursive);
                practices(
                    &Style::of(query),
                    is_recursive,
                    &self.task.requirements,
                    shown,
                )
            }
            None => Vec::new(),
        };
        let missed: Vec<String> = practices
            .iter()
            .filter(|practice| practice.points < practice.points_max)
            .map(|practice| practice.name.replace('_', " "))
            .collect();
        let explanation = match missed.is_empty() {
            true => "The answer gives the right rows on every instance.".to_owned(),
            false => format!(
                "The answer gives the right rows on every instance; it could be better in: {}.",
                missed.join(", ")
            ),
        };
        Ok(Verdict {
            score: EQUIVALENT_SCORE + points(&practices),
            equivalent: true,
            executed: true,
            word: "equivalent",
            error_class: None,
            error_message: None,
            partial_credit: 1.0,
            practices,
            instances: self.evidence(Some(comparison)),
            explanation,
        })
    }

    /// Whether `sql` gives another result than the reference on some instance.
    fn differs(&self, sql: &str) -> Result<bool, TaskError> {
        let scripts = self.task.trials.iter().map(|trial| trial.script.clone());
        let outcomes = run(
            self.sandbox,
            self.reference,
            scripts.collect(),
            &[sql.to_owned()],
            MAX_STEPS,
        )?;
        let others: Vec<&Outcome> = outcomes.iter().filter_map(|it| it.last()).collect();
        if others.iter().any(|it| of_ending(&it.ending).is_some()) {
            return Ok(true);
        }
        let found: Vec<&[Row]> = others.iter().map(|it| rows_of(it)).collect();
        let expected: Vec<Expected<'_>> = self.truths.iter().map(expected).collect();
        let given = others.first().map_or(0, |it| width_of(it));
        Ok(!compare(&expected, self.width, &found, given).is_equivalent())
    }

    fn evidence(&self, comparison: Option<&Comparison>) -> Vec<InstanceEvidence> {
        let one = |place: usize| {
            let outcome = self.answers[place];
            let is_equal = comparison.is_some_and(|it| it.equal[place]);
            let rows = match &outcome.ending {
                Ending::Rows { rows, .. } => Some(rows),
                _ => None,
            };
            InstanceEvidence {
                seed: self.task.trials[place].seed,
                status: match (&outcome.ending, comparison) {
                    (Ending::Rows { .. }, Some(_)) if is_equal => "equal",
                    (Ending::Rows { .. }, Some(_)) => "different",
                    (Ending::Rows { .. }, None) => "ran",
                    (Ending::Error(_) | Ending::Refused(_), _) => "error",
                    (Ending::Limit(_), _) => "limit",
                }
                .to_owned(),
                rows: rows.map_or(0, |rows| rows.len() as i64),
                result_hash: rows.map(|rows| result_hash(rows, self.task.ordered)),
                steps: outcome.steps,
                first_difference: comparison.filter(|_| !is_equal).zip(rows).map(
                    |(comparison, rows)| {
                        first_difference(&self.truths[place], rows, &comparison.columns)
                    },
                ),
            }
        };
        (0..self.answers.len()).map(one).collect()
    }
}

fn partial_score(credit: f64) -> i64 {
    (PARTIAL_MAX * credit).floor().clamp(0.0, PARTIAL_MAX) as i64
}

/// What a result is compared with.
pub fn expected(truth: &Truth) -> Expected<'_> {
    Expected {
        rows: &truth.rows,
        keys: truth.keys.as_deref(),
    }
}

/// The rows of an outcome; none if it has failed.
pub fn rows_of(outcome: &Outcome) -> &[Row] {
    match &outcome.ending {
        Ending::Rows { rows, .. } => rows,
        _ => &[],
    }
}

/// The columns of an outcome.
pub fn width_of(outcome: &Outcome) -> usize {
    match &outcome.ending {
        Ending::Rows { columns, .. } => columns.len(),
        _ => 0,
    }
}
