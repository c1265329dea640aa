//! The rows that a question brought, for people and for programs.
//!
//! **Invariant.** What a file says reaches a terminal without control characters.

use serde_json::{Value as Json, json};

use super::table::Grid;
use crate::sandbox::allowance::MAX_COUNTED_ROWS;
use crate::sandbox::{Ending, MAX_FILE_STEPS, Outcome, Value};

/// Why an answer has no rows.
pub struct Failure {
    /// What happened.
    pub message: String,
    /// Whether SQLite can't read it or must not run it: another answer may do better.
    pub is_mistake: bool,
}

/// The rows that are shown.
pub struct Rows {
    /// What the columns are called.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
    /// How many more there are.
    pub left_out: u64,
}

impl Rows {
    /// What came of a statement.
    ///
    /// # Errors
    /// Why there are no rows.
    pub fn of(outcome: Outcome) -> Result<Self, Failure> {
        let (message, is_mistake) = match outcome.ending {
            Ending::Rows { columns, rows } => {
                return Ok(Rows {
                    columns,
                    rows,
                    left_out: outcome.left_out,
                });
            }
            Ending::Error(message) => (format!("SQLite says: {message}"), true),
            Ending::Refused(what) => (format!("the statement is refused: {what}"), true),
            Ending::Limit(what) => {
                let message = match what.as_str() {
                    "steps" => format!("it was stopped after {MAX_FILE_STEPS} steps"),
                    "memory" => "it needs more memory than a question may take".to_owned(),
                    other => format!("it was stopped at its limit of {other}"),
                };
                (message, false)
            }
        };
        Err(Failure {
            message,
            is_mistake,
        })
    }

    /// Whether they are the same as others, in whatever order and under whatever names.
    pub fn are(&self, other: &Self) -> bool {
        let sorted = |all: &Self| {
            let rows = all.rows.iter();
            let mut rows: Vec<String> = rows.map(|row| format!("{row:?}")).collect();
            rows.sort();
            rows
        };
        self.left_out == other.left_out && sorted(self) == sorted(other)
    }

    /// They as programs read them.
    pub fn to_json(&self) -> Vec<Vec<Json>> {
        let rows = self.rows.iter();
        rows.map(|row| row.iter().map(json_of).collect()).collect()
    }

    /// They as people read them, in at most so many characters a line.
    pub fn render(&self, max_chars: Option<usize>) -> String {
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
    pub fn count(&self) -> String {
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
pub fn printable(text: &str) -> String {
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

    fn table(rows: usize, left_out: u64) -> Rows {
        Rows {
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
    fn rows_are_the_same_in_any_order() {
        let of = |numbers: &[i64]| Rows {
            columns: vec![format!("n{}", numbers.len())],
            rows: numbers.iter().map(|it| vec![Value::Integer(*it)]).collect(),
            left_out: 0,
        };
        assert!(of(&[1, 2, 2]).are(&of(&[2, 1, 2])));
        assert!(!of(&[1, 2, 2]).are(&of(&[1, 1, 2])));
        assert!(!of(&[1]).are(&of(&[1, 1])));
        assert!(!table(1, 0).are(&table(1, 2)));
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
