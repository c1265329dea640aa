//! One statement of SQL: where it ends in a text, and running it.

use tokio::runtime::Runtime;

use super::error::{CliError, show_sql_error};
use super::output::{Output, OutputError};
use crate::query::Session;
use crate::query::session::Binding;

/// The stack of each thread that carries out a query.
const WORKER_STACK_BYTES: usize = 64 << 20;

/// What queries run on.
pub fn runtime() -> Result<Runtime, CliError> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(WORKER_STACK_BYTES)
        .build()?)
}

/// Runs one statement and writes its rows.
pub async fn run_one(
    session: &Session,
    sql: &str,
    bindings: &[Binding],
    output: &Output,
) -> Result<(), CliError> {
    let stream = session
        .run(sql, bindings)
        .await
        .map_err(|error| show_sql_error(sql, error))?;
    match output.write(stream).await {
        Ok(()) => Ok(()),
        Err(OutputError::Query(error)) => Err(show_sql_error(sql, session.explain(sql, &error))),
        Err(OutputError::Write(error)) => Err(error),
    }
}

/// The statements in a text, split at each `;` outside of quotes and comments. Their
/// lines keep their numbers: each begins with the line breaks before it.
pub fn statements(text: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut start = 0;
    for end in ends(text) {
        statements.push(&text[start..end]);
        start = end + 1;
    }
    statements.push(text.get(start..).unwrap_or_default());
    statements.retain(|statement| !is_blank(statement));
    statements
}

/// Whether the text's last statement has its `;`.
pub fn is_complete(text: &str) -> bool {
    match ends(text).last() {
        Some(end) => is_blank(&text[end + 1..]),
        None => false,
    }
}

/// Whether nothing but comments is in it.
fn is_blank(statement: &str) -> bool {
    let mut rest = statement.trim_start();
    while !rest.is_empty() {
        let end = match rest {
            rest if rest.starts_with("--") => "\n",
            rest if rest.starts_with("/*") => "*/",
            _ => return false,
        };
        rest = rest
            .split_once(end)
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    true
}

/// The places of every `;` that ends a statement.
fn ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut closing: Option<&str> = None;
    let mut place = 0;
    while let Some(character) = text[place..].chars().next() {
        let rest = &text[place..];
        match closing {
            Some(close) if rest.starts_with(close) => {
                closing = None;
                place += close.len();
                continue;
            }
            Some(_) => {}
            None if character == ';' => ends.push(place),
            None if character == '\'' => closing = Some("'"),
            None if character == '"' => closing = Some("\""),
            None if rest.starts_with("--") => closing = Some("\n"),
            None if rest.starts_with("/*") => closing = Some("*/"),
            None => {}
        }
        place += character.len_utf8();
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        let text = "select ';' -- no; end\n; select \";\" /* ; */ ; -- bye;\n";
        assert_eq!(
            statements(text),
            ["select ';' -- no; end\n", " select \";\" /* ; */ "]
        );
        assert!(is_complete(text));
        assert!(!is_complete("select 1"));
        assert!(!is_complete("select ';"));
        assert_eq!(statements(" ;; \n-- nothing\n; /* x\n */ --"), [""; 0]);
        assert_eq!(statements("/* a */ select 1").len(), 1);
    }
}
