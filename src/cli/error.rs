//! Errors as a user sees them: what is wrong, what to do, and the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use super::table::shorten;
use crate::lake::LakeError;
use crate::lake::import::ImportError;
use crate::query::QueryError;
use crate::replay::ReplayError;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum CliError {
    /// The command can't be carried out as it was given, or the configuration is wrong.
    Usage(String),
    /// Something failed on the way.
    Failure {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Whoever read our output has gone; there is nothing to say.
    BrokenPipe,
}

impl CliError {
    /// A failure that needs no hint.
    pub fn failure(message: impl Into<String>) -> Self {
        Self::Failure {
            message: message.into(),
            hint: None,
        }
    }

    /// A failure, and what to do about it.
    pub fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failure {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Prints the error to stderr. If that takes nothing, the exit code has to do.
    pub fn print(&self) {
        let mut out = io::stderr().lock();
        let _ = match self {
            Self::Usage(message)
            | Self::Failure {
                message,
                hint: None,
            } => {
                writeln!(out, "error: {message}")
            }
            Self::Failure {
                message,
                hint: Some(hint),
            } => writeln!(out, "error: {message}\nhint: {hint}"),
            Self::BrokenPipe => Ok(()),
        };
    }

    /// The code that the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failure { .. } => ExitCode::FAILURE,
            Self::BrokenPipe => ExitCode::SUCCESS,
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::failure(error.to_string()),
        }
    }
}

impl From<LakeError> for CliError {
    fn from(error: LakeError) -> Self {
        let hint = match &error {
            LakeError::Missing(_) => {
                "antiks loop makes one; --lake names another folder; to look around first: \
                 antiks --example sql"
            }
            LakeError::Damaged { .. } => {
                "antiks verify looks at everything and names each damaged file; \
                 --at N reads the lake as it was before"
            }
            LakeError::Locked { .. } => "--wait waits until it is done",
            LakeError::Raced { .. } => "run the command again",
            LakeError::NoVersion { .. } => {
                return Self::Usage(error.to_string());
            }
            _ => return Self::failure(error.to_string()),
        };
        Self::with_hint(error.to_string(), hint)
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Lake(error) => error.into(),
            error => Self::failure(error.to_string()),
        }
    }
}

impl From<QueryError> for CliError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Lake(error) => error.into(),
            QueryError::Parameter(message) | QueryError::Catalogue(message) => Self::Usage(message),
            QueryError::Sql {
                message, tables, ..
            } => {
                let hint = sql_hint(&message, &tables);
                Self::with_hint(message, hint)
            }
            error => Self::failure(error.to_string()),
        }
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        let message = error.to_string();
        match error {
            ReplayError::Lake(error) => error.into(),
            ReplayError::Unknown { .. } => Self::Usage(format!(
                "{message}; antiks sql \"select id, kind from events\" lists what there is"
            )),
            ReplayError::Ambiguous {
                candidates, more, ..
            } => {
                let mut lines = vec![format!("{message}; give more digits of one of them:")];
                let candidates = candidates.iter();
                lines.extend(candidates.map(|it| {
                    let text = format!("{} {}: {}", it.kind, it.id, it.summary);
                    format!("  {}", shorten(&text, MAX_CANDIDATE_CHARS))
                }));
                lines.extend((more > 0).then(|| format!("  … and {more} more")));
                Self::Usage(lines.join("\n"))
            }
            ReplayError::NoReason => Self::Usage(format!("{message}: --reason TEXT")),
            ReplayError::AlreadyRetracted { target_id, .. } => Self::with_hint(
                message,
                format!("antiks why {target_id} shows what rests on it"),
            ),
            ReplayError::OfRetraction(_) => Self::with_hint(
                message,
                "what was retracted wrongly can be asked, answered and graded anew",
            ),
        }
    }
}

/// The widest line of an error that lists events.
const MAX_CANDIDATE_CHARS: usize = 160;

/// What is wrong with a query, and the line of it that is meant with a mark under the
/// place.
pub fn show_sql_error(sql: &str, error: QueryError) -> CliError {
    let QueryError::Sql {
        message,
        place: Some((line, column)),
        tables,
    } = error
    else {
        return error.into();
    };
    let text = sql.lines().nth(line as usize - 1).unwrap_or_default();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let indent: String = text
        .chars()
        .take(column as usize - 1)
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect();
    let hint = sql_hint(&message, &tables);
    CliError::with_hint(
        format!("{message}\n{margin} |\n{number} | {text}\n{margin} | {indent}^"),
        hint,
    )
}

/// What to do about wrong SQL.
fn sql_hint(message: &str, tables: &[String]) -> String {
    let tables = format!("the tables are {}", tables.join(", "));
    match message.contains("FixedSizeBinary(32)") {
        true => format!("an id is 32 bytes: write it as x'…' with all of its 64 digits; {tables}"),
        false => tables,
    }
}
