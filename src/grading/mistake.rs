//! What an answer got wrong, as a class to count by and as words for a reader.
//!
//! The class comes from what happened (SQLite's message, the rows) and, where several
//! mistakes would show the same, from how answer and reference are written.

use super::compare::{Comparison, project};
use super::rows::{Row, equal_multisets, equal_rows, show_row};
use super::sql::{CLEAN_NUMERIC, Style};
use super::task::Truth;
use crate::sandbox::{Ending, Value};

/// A class of mistakes, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The class, such as `unknown_column`.
    pub class: &'static str,
    /// What is wrong, in a sentence.
    pub words: String,
}

fn mistake(class: &'static str, words: impl Into<String>) -> Option<Mistake> {
    Some(Mistake {
        class,
        words: words.into(),
    })
}

/// The mistake of an answer that did not give rows; `None` if it did.
pub fn of_ending(ending: &Ending) -> Option<Mistake> {
    match ending {
        Ending::Rows { .. } => None,
        Ending::Refused(what) => mistake(
            "not_a_query",
            format!("The answer must be one query that only reads: {what}."),
        ),
        Ending::Limit(what) if what == "steps" => {
            mistake("too_slow", "The answer takes more steps than a query may.")
        }
        Ending::Limit(what) => mistake("too_large", format!("The answer needs too much: {what}.")),
        Ending::Error(message) => of_message(message),
    }
}

fn of_message(message: &str) -> Option<Mistake> {
    // SQLite's messages, as parse.y, resolve.c and main.c of 3.54 have them.
    const CLASSES: [(&str, &str, &str); 15] = [
        ("syntax error", "syntax", "The answer is not valid SQL"),
        ("incomplete input", "syntax", "The answer breaks off"),
        (
            "unrecognized token",
            "syntax",
            "The answer is not valid SQL",
        ),
        ("NUL character", "syntax", "The answer is not valid SQL"),
        (
            "no such table",
            "unknown_table",
            "The answer names a table that the schema does not have",
        ),
        (
            "no such column",
            "unknown_column",
            "The answer names a column that is not there",
        ),
        (
            "no such function",
            "unknown_function",
            "The answer calls a function that SQLite does not have",
        ),
        (
            "ambiguous column",
            "ambiguous_column",
            "The answer names a column that two tables have",
        ),
        (
            "not authorized",
            "forbidden",
            "The answer does more than reading the tables",
        ),
        (
            "prohibited",
            "forbidden",
            "The answer reads what is not its business",
        ),
        (
            "present moment",
            "not_repeatable",
            "The answer depends on the clock",
        ),
        (
            "misuse of",
            "misuse",
            "The answer uses a function where it can't stand",
        ),
        (
            "wrong number of arguments",
            "misuse",
            "The answer calls a function with too many or too few arguments",
        ),
        (
            "too ",
            "too_large",
            "The answer is larger than a query may be",
        ),
        (
            "stack overflow",
            "too_large",
            "The answer is nested too deeply",
        ),
    ];
    let found = CLASSES.iter().find(|(part, ..)| message.contains(part));
    match found {
        Some((_, class, words)) => mistake(class, format!("{words}: {message}.")),
        None => mistake(
            "error",
            format!("The answer fails when it runs: {message}."),
        ),
    }
}

/// An answer that ran everywhere and is not equivalent.
pub struct Different<'a> {
    /// How the results relate.
    pub comparison: &'a Comparison,
    /// The reference's results.
    pub truths: &'a [Truth],
    /// The answer's results.
    pub found: &'a [&'a [Row]],
    /// Columns of the reference and of the answer.
    pub widths: (usize, usize),
    /// How the reference and the answer are written, where the parser knows them.
    pub styles: (Option<&'a Style>, Option<&'a Style>),
}

impl Different<'_> {
    /// The mistake in it.
    pub fn mistake(&self) -> Option<Mistake> {
        let (expected, given) = self.widths;
        let uses = |style: Option<&Style>| {
            style.is_some_and(|style| style.functions.contains(CLEAN_NUMERIC))
        };
        if uses(self.styles.0) && self.styles.1.is_some() && !uses(self.styles.1) {
            return mistake(
                "no_clean_numeric",
                "The amounts are text; only CLEAN_NUMERIC reads all of them.",
            );
        }
        if expected != given {
            let words = format!("The question wants {expected} columns; the answer gives {given}.");
            return mistake("columns", words);
        }
        if self.comparison.equal_unordered.iter().all(|equal| *equal) {
            return mistake(
                "order",
                "The rows are right, but not in the order that was asked for.",
            );
        }
        if self.found.iter().all(|rows| rows.is_empty()) {
            return mistake("empty", "The answer gives no rows at all.");
        }
        self.of_rows()
    }

    /// By what is missing and what is too much on the instances that differ.
    fn of_rows(&self) -> Option<Mistake> {
        let (mut missing, mut extra, mut same_set, mut same_words) = (0, 0, true, true);
        for (place, (truth, found)) in self.truths.iter().zip(self.found).enumerate() {
            if self.comparison.equal[place] {
                continue;
            }
            let expected: Vec<Vec<&Value>> =
                truth.rows.iter().map(|it| it.iter().collect()).collect();
            let given = project(found, &self.comparison.columns);
            let lacks = |rows: &[Vec<&Value>], row: &Vec<&Value>| {
                !rows.iter().any(|other| equal_rows(row, other))
            };
            let absent = expected.iter().filter(|row| lacks(&given, row)).count();
            let surplus = given.iter().filter(|row| lacks(&expected, row)).count();
            missing += absent;
            extra += surplus;
            same_set &= absent == 0 && surplus == 0;
            same_words &= equal_multisets(&words(&expected), &words(&given));
        }
        let outer = |style: Option<&Style>| style.is_some_and(|it| it.has_outer_join);
        if same_set {
            return mistake(
                "duplicates",
                "The right rows come, but not as often as they should.",
            );
        }
        if same_words {
            return mistake("numbers", "The right rows come with wrong numbers in them.");
        }
        if outer(self.styles.0) && self.styles.1.is_some() && !outer(self.styles.1) {
            return mistake(
                "join",
                "Rows without a partner in the joined table are lost.",
            );
        }
        match (missing, extra) {
            (0, _) => mistake(
                "extra_rows",
                "All right rows come, and others that don't belong.",
            ),
            (_, 0) => mistake(
                "missing_rows",
                "Rows that belong to the result are missing.",
            ),
            _ => mistake("rows", "Other rows come than those that were asked for."),
        }
    }
}

/// The rows without their numbers.
fn words<'a>(rows: &[Vec<&'a Value>]) -> Vec<Vec<&'a Value>> {
    const HOLE: &Value = &Value::Null;
    let word = |value: &&'a Value| match value {
        Value::Integer(_) | Value::Real(_) | Value::Null => HOLE,
        other => *other,
    };
    rows.iter()
        .map(|row| row.iter().map(word).collect())
        .collect()
}

/// The first row in which results differ, for a reader.
pub fn first_difference(truth: &Truth, found: &[Row], columns: &[usize]) -> String {
    let given = project(found, columns);
    let owned = |row: &[&Value]| -> Row { row.iter().map(|it| (*it).clone()).collect() };
    if truth.keys.is_some() {
        let places = truth.rows.len().max(given.len());
        let differs = |place: &usize| match (truth.rows.get(*place), given.get(*place)) {
            (Some(row), Some(other)) => !equal_rows(&row.iter().collect::<Vec<_>>(), other),
            _ => true,
        };
        if let Some(place) = (0..places).find(differs) {
            let expected = truth.rows.get(place).map(|row| show_row(row));
            let given = given.get(place).map(|row| show_row(&owned(row)));
            let nothing = || "no row".to_owned();
            return format!(
                "row {}: expected {}, found {}",
                place + 1,
                expected.unwrap_or_else(nothing),
                given.unwrap_or_else(nothing)
            );
        }
    }
    let mut left: Vec<&Vec<&Value>> = given.iter().collect();
    let mut missing = None;
    for row in &truth.rows {
        let row_refs: Vec<&Value> = row.iter().collect();
        match left.iter().position(|other| equal_rows(&row_refs, other)) {
            Some(place) => {
                left.swap_remove(place);
            }
            None => missing = missing.or(Some(row)),
        }
    }
    let surplus = given
        .iter()
        .find(|row| left.iter().any(|other| std::ptr::eq(*row, *other)));
    match (missing, surplus) {
        (Some(missing), Some(surplus)) => format!(
            "expected {}, found {}",
            show_row(missing),
            show_row(&owned(surplus))
        ),
        (Some(missing), None) => format!("missing {}", show_row(missing)),
        (None, Some(surplus)) => format!("too much {}", show_row(&owned(surplus))),
        (None, None) => "the columns differ".to_owned(),
    }
}
