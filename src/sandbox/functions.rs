//! The SQL functions that a statement may call, and what antiks adds or changes.
//!
//! **Invariant.** Every allowed function gives the same result for the same arguments at
//! any time on any machine. SQLite's date functions know the word `now`; they are
//! replaced by ones that refuse it, and local time, and leave all else to SQLite.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::clean_numeric::{clean_numeric, finite};

/// Functions that may be called, sorted. Others are unknown to a statement.
const ALLOWED: [&str; 87] = [
    "->",
    "->>",
    "abs",
    "avg",
    "char",
    "clean_numeric",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "date",
    "datetime",
    "dense_rank",
    "first_value",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_error_position",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "median",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "percentile",
    "percentile_cont",
    "percentile_disc",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "total",
    "trim",
    "typeof",
    "unhex",
    "unicode",
    "unistr",
    "unixepoch",
    "unlikely",
    "upper",
];

/// Whether a statement may call the function `name`.
pub fn is_allowed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ALLOWED.binary_search(&name.as_str()).is_ok()
}

/// The date functions, and which argument is the moment.
const DATE_FUNCTIONS: [(&str, usize); 7] = [
    ("date", 0),
    ("time", 0),
    ("datetime", 0),
    ("julianday", 0),
    ("unixepoch", 0),
    ("strftime", 1),
    ("timediff", 0),
];

/// Words that make a date depend on the clock, or on where the machine stands.
const NOT_REPEATABLE: [&str; 3] = ["now", "localtime", "utc"];

/// Registers CLEAN_NUMERIC and the date functions, which ask `plain`.
pub fn register(connection: &Connection, plain: &Plain) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("clean_numeric", 1, flags, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Integer(value) => finite(value as f64),
            ValueRef::Real(value) => finite(value),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(clean_numeric),
            ValueRef::Null | ValueRef::Blob(_) => None,
        })
    })?;
    for (name, moment) in DATE_FUNCTIONS {
        let plain = plain.clone();
        connection.create_scalar_function(name, -1, flags, move |context| {
            plain.call(name, moment, context)
        })?;
    }
    Ok(())
}

/// SQLite's own functions, on a connection that has no tables.
#[derive(Clone)]
pub struct Plain(Arc<Mutex<Connection>>);

impl Plain {
    /// Opens the connection.
    pub fn open() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn call(&self, name: &str, moment: usize, context: &Context<'_>) -> rusqlite::Result<SqlValue> {
        let mut arguments = Vec::with_capacity(context.len());
        for place in 0..context.len() {
            let value: SqlValue = context.get(place)?;
            if let SqlValue::Text(text) = &value
                && NOT_REPEATABLE
                    .iter()
                    .any(|word| text.trim().eq_ignore_ascii_case(word))
            {
                return Err(refuse(name));
            }
            arguments.push(value);
        }
        if arguments.len() <= moment {
            return Err(refuse(name));
        }
        let places = vec!["?"; arguments.len()].join(", ");
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(&format!("SELECT {name}({places})"))?;
        statement.query_row(params_from_iter(arguments), |row| row.get(0))
    }
}

fn refuse(name: &str) -> rusqlite::Error {
    let what =
        format!("{name}() of the present moment has another result at another time; name the date");
    rusqlite::Error::UserFunctionError(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_it_can_be_searched() {
        assert!(ALLOWED.is_sorted());
        assert!(is_allowed("SUM") && !is_allowed("random"));
    }

    #[test]
    fn dates_are_as_sqlite_makes_them_but_for_now() {
        let ours = Connection::open_in_memory().unwrap();
        register(&ours, &Plain::open().unwrap()).unwrap();
        let plain = Connection::open_in_memory().unwrap();
        for expression in [
            "date('2024-02-28', '+1 day')",
            "strftime('%Y-%W', '2024-12-31')",
            "strftime('%s', 1700000000, 'unixepoch', '-1 month')",
            "datetime(2460000.5)",
            "julianday('2024-01-01') - julianday('2023-01-01')",
            "date(NULL)",
            "date('rubbish')",
            "timediff('2024-03-01', '2023-02-28')",
        ] {
            let value = |connection: &Connection| -> SqlValue {
                let sql = format!("SELECT {expression}");
                connection.query_row(&sql, [], |row| row.get(0)).unwrap()
            };
            assert_eq!(value(&ours), value(&plain), "{expression}");
        }
        for expression in [
            "date()",
            "date('now')",
            "strftime('%Y')",
            "datetime('NO' || 'w')",
        ] {
            let sql = format!("SELECT {expression}");
            let result = ours.query_row(&sql, [], |row| row.get::<_, SqlValue>(0));
            let error = result.unwrap_err().to_string();
            assert!(error.contains("present moment"), "{expression}: {error}");
        }
    }
}
