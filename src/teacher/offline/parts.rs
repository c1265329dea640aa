//! The parts that tables and columns play in a query.

use crate::database::schema::{Column, Content};

use super::query::{Kind, Query};

/// A number that can be added up or compared.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Its expression; CLEAN_NUMERIC is applied.
    pub sql: String,
    /// The column bare.
    pub raw: String,
    /// Its label.
    pub words: String,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether it is text.
    pub is_text: bool,
    /// Its table and column in the schema.
    pub column: (usize, usize),
}

/// A date or moment.
#[derive(Clone, Debug)]
pub struct Day {
    /// The column.
    pub sql: String,
    /// As a day: moments are cut.
    pub day: String,
    /// Its label.
    pub words: String,
    /// Its table and column in the schema.
    pub column: (usize, usize),
}

/// What rows are grouped by.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its expression.
    pub sql: String,
    /// Its name in words.
    pub words: String,
    /// How it sorts.
    pub kind: Kind,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// Whom rows belong to.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its table in the schema.
    pub table: usize,
    /// Its key.
    pub key: String,
    /// The key in words.
    pub key_words: String,
    /// Its name and the name in words.
    pub name: Option<(String, String)>,
}
/// A table and the rows that belong to it.
#[derive(Clone, Debug)]
pub struct Owned {
    /// The table's rows; its key and name are outputs already.
    pub outer: Query,
    /// The rows that belong to them.
    pub inner: Query,
    /// The column of the inner rows that refers to the outer ones.
    pub link: String,
    /// The outer key with its alias.
    pub key: String,
}

impl Owned {
    /// Whether there are inner rows for an outer one, as SQL.
    pub fn exists(&self, inner: &Query) -> String {
        let mut inner = inner.clone();
        inner.select.nested = Some(self.outer.select.sources.len());
        inner
            .select
            .filters
            .insert(0, format!("{} = {}", self.link, self.key));
        let mut select = inner.select;
        select.columns = vec![("1".to_owned(), None)];
        format!("EXISTS ({})", select.text())
    }
}

/// What a measure without a value is called.
pub fn lacking(measure: &Measure) -> &'static str {
    if measure.is_text {
        "missing or unreadable"
    } else {
        "missing"
    }
}

/// A column as a day: moments are cut.
pub fn as_day(column: &Column, sql: &str) -> String {
    if column.content == Content::DateTime {
        format!("date({sql})")
    } else {
        sql.to_owned()
    }
}

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A month, as `2024-03`.
    Month,
    /// A quarter, as `2024-Q1`.
    Quarter,
    /// A year, as `2024`.
    Year,
}

impl Unit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// Its name with its form.
    pub fn words(self) -> &'static str {
        match self {
            Self::Month => "month (YYYY-MM)",
            Self::Quarter => "quarter (like 2024-Q1)",
            Self::Year => "year (text YYYY)",
        }
    }

    /// The stretch that a date lies in.
    pub fn sql(self, date: &str) -> String {
        match self {
            Self::Month => format!("strftime('%Y-%m', {date})"),
            Self::Quarter => format!(
                "strftime('%Y', {date}) || '-Q' || ((CAST(strftime('%m', {date}) AS INTEGER) + 2) / 3)"
            ),
            Self::Year => format!("strftime('%Y', {date})"),
        }
    }
}
