//! What an answer is graded against.

use crate::sandbox::{Ending, Job, Outcome, Sandbox, SandboxError};

use super::refusal::Reason;
use super::rows::Row;
use super::sql::{parse, with_sort_keys};

/// What a good answer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// CLEAN_NUMERIC, as the numbers are text.
    CleanNumeric,
    /// A common table expression.
    Cte,
    /// A recursive common table expression.
    RecursiveCte,
    /// A window function.
    Window,
}

impl Requirement {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::CleanNumeric,
        Self::Cte,
        Self::RecursiveCte,
        Self::Window,
    ];

    /// Its name in the lake.
    pub fn name(self) -> &'static str {
        match self {
            Self::CleanNumeric => "clean_numeric",
            Self::Cte => "cte",
            Self::RecursiveCte => "recursive_cte",
            Self::Window => "window",
        }
    }

    /// The requirement with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// One instance of the database that answers run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The seed that it was made from.
    pub seed: i64,
    /// The script that makes it.
    pub script: String,
}

/// A question's right answer, and the instances that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The query that answers it.
    pub reference_sql: String,
    /// Whether the order of rows matters.
    pub ordered: bool,
    /// What an answer must use.
    pub requirements: Vec<Requirement>,
    /// The instances.
    pub trials: Vec<Trial>,
}

/// Why a task can't be used, whatever the answer.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The reference does not give rows.
    #[error("the reference does not run: {0}")]
    Reference(String),
}

/// Why a reference gives no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails.
    Fails(String),
    /// It uses more than it may.
    TooMuch(String),
}

impl Fault {
    /// What is wrong, in words.
    pub fn message(&self) -> String {
        match self {
            Self::Fails(message) => message.clone(),
            Self::TooMuch(limit) => format!("it uses too much: {limit}"),
        }
    }

    /// Why a challenge with such a reference may not be asked.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Fails(_) => Reason::Fails,
            Self::TooMuch(_) => Reason::TooMuch,
        }
    }
}

/// The reference's result on one instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Its rows.
    pub rows: Vec<Row>,
    /// What its rows are sorted by, if order matters.
    pub keys: Option<Vec<Row>>,
    /// The steps that it took.
    pub steps: i64,
}

/// The reference as statements of a job: itself, and with its sort keys as columns.
#[derive(Clone, Debug)]
pub struct Reference {
    sql: String,
    keyed: Option<(String, usize)>,
    ordered: bool,
}

impl Reference {
    /// The reference of a task.
    pub fn new(sql: &str, ordered: bool) -> Self {
        let query = parse(sql).filter(|_| ordered);
        Self {
            sql: sql.to_owned(),
            keyed: query.as_ref().and_then(with_sort_keys),
            ordered,
        }
    }

    /// The statements to run before all others of a job.
    pub fn statements(&self) -> Vec<String> {
        let keyed = self.keyed.iter().map(|(sql, _)| sql.clone());
        std::iter::once(self.sql.clone()).chain(keyed).collect()
    }

    /// Reads its result on one instance from the outcomes of a job's first statements.
    /// Gives the names of its columns, its result, and the outcomes behind its own.
    pub fn read<'a>(
        &self,
        outcomes: &'a [Outcome],
    ) -> Result<(&'a [String], Truth, &'a [Outcome]), Fault> {
        let (first, rest) = outcomes.split_first().ok_or_else(no_outcome)?;
        let (columns, rows) = match &first.ending {
            Ending::Rows { columns, rows } => (columns, rows),
            Ending::Error(message) | Ending::Refused(message) => {
                return Err(Fault::Fails(message.clone()));
            }
            Ending::Limit(limit) => return Err(Fault::TooMuch(limit.clone())),
        };
        let (keyed, rest) = match &self.keyed {
            Some((_, len)) => {
                let (keyed, rest) = rest.split_first().ok_or_else(no_outcome)?;
                (keys_of(&keyed.ending, rows, *len), rest)
            }
            None => (None, rest),
        };
        let truth = Truth {
            keys: self
                .ordered
                .then(|| keyed.unwrap_or_else(|| places(rows.len()))),
            rows: rows.clone(),
            steps: first.steps,
        };
        Ok((columns, truth, rest))
    }
}

fn no_outcome() -> Fault {
    Fault::Fails("it was not run".to_owned())
}

/// The sort keys, if they stand behind the very rows of the reference.
fn keys_of(keyed: &Ending, rows: &[Row], len: usize) -> Option<Vec<Row>> {
    let Ending::Rows { rows: keyed, .. } = keyed else {
        return None;
    };
    let width = keyed.first().map_or(len, Vec::len).checked_sub(len)?;
    let is_same = keyed.len() == rows.len()
        && keyed
            .iter()
            .zip(rows)
            .all(|(keyed, row)| keyed[..width] == row[..]);
    is_same.then(|| keyed.iter().map(|row| row[width..].to_vec()).collect())
}

/// Keys that tie nothing.
fn places(len: usize) -> Vec<Row> {
    (0..len)
        .map(|place| vec![crate::sandbox::Value::Integer(place as i64)])
        .collect()
}

/// Runs the reference and other statements on every instance of a task, each for at most
/// `max_steps`.
pub fn run(
    sandbox: &Sandbox,
    reference: &Reference,
    scripts: Vec<String>,
    others: &[String],
    max_steps: i64,
) -> Result<Vec<Vec<Outcome>>, SandboxError> {
    let mut statements = reference.statements();
    statements.extend_from_slice(others);
    sandbox.run(&Job {
        scripts,
        statements,
        max_steps,
    })
}
