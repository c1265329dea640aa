//! One instance in memory, opened for statements that nobody trusts.
//!
//! The script that makes it is ours and runs first; then everything is closed that a
//! query does not need, and no statement can open it again.
//!
//! **Invariant.** What a statement gives depends on the instance and the statement alone:
//! its budget is counted in VDBE steps, not in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, StatementStatus};

use super::functions::{self, Plain};
use super::value::{Ending, Layer, Outcome, Value, Without};

/// The heap of SQLite in a process, in bytes.
pub const HEAP_BYTES: i64 = 64 << 20;
/// The VDBE steps that an answer may take on one instance.
pub const MAX_STEPS: i64 = 10_000_000;
/// The rows that a result may have.
pub const MAX_ROWS: usize = 10_000;
/// The bytes that a result's values may have together.
pub const MAX_RESULT_BYTES: usize = 1 << 20;
/// How many steps pass between two looks at the budget.
const STEPS_A_LOOK: i32 = 1_000;

/// What SQLite may use at most; the worst single opcode takes about 0.2 s then.
const LIMITS: [(Limit, i32); 14] = [
    (Limit::SQLITE_LIMIT_LENGTH, 32 << 10),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 32 << 10),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 1),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    (Limit::SQLITE_LIMIT_PARSER_DEPTH, 500),
    (Limit::SQLITE_LIMIT_TRIGGER_STEPS, 10),
];

const SETTINGS: [(DbConfig, bool); 9] = [
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
];

/// An instance that is open for queries.
pub struct Instance {
    connection: Connection,
    /// Steps that the statement may still take.
    left: Arc<AtomicI64>,
    is_single: bool,
    caps: bool,
}

impl Instance {
    /// Makes the instance that `script` describes.
    pub fn open(script: &str, plain: &Plain, without: &Without) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        // Orphans are planted on purpose.
        connection.execute_batch(
            "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; \
             PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA max_page_count = 16384;",
        )?;
        if !without.contains(&Layer::Heap) {
            connection.execute_batch(&format!("PRAGMA hard_heap_limit = {HEAP_BYTES}"))?;
        }
        functions::register(&connection, plain)?;
        connection.execute_batch("BEGIN")?;
        connection.execute_batch(script)?;
        connection.execute_batch("COMMIT")?;
        if !without.contains(&Layer::ReadOnly) {
            connection.execute_batch("PRAGMA query_only = ON")?;
        }
        if !without.contains(&Layer::SqliteLimits) {
            for (limit, value) in LIMITS {
                connection.set_limit(limit, value)?;
            }
            for (setting, value) in SETTINGS {
                connection.set_db_config(setting, value)?;
            }
        }
        let left = Arc::new(AtomicI64::new(0));
        if !without.contains(&Layer::Steps) {
            let counter = Arc::clone(&left);
            let look = move || {
                let before = counter.fetch_sub(STEPS_A_LOOK.into(), Ordering::Relaxed);
                before < i64::from(STEPS_A_LOOK)
            };
            connection.progress_handler(STEPS_A_LOOK, Some(look))?;
        }
        if !without.contains(&Layer::Authorizer) {
            connection.authorizer(Some(authorize))?;
        }
        Ok(Self {
            connection,
            left,
            is_single: !without.contains(&Layer::ReadOnly),
            caps: !without.contains(&Layer::ResultCaps),
        })
    }

    /// Runs one statement for at most `max_steps`.
    pub fn run(&self, sql: &str, max_steps: i64) -> Outcome {
        self.left.store(max_steps, Ordering::Relaxed);
        let mut steps = 0;
        let ending = self
            .query(sql, &mut steps)
            .unwrap_or_else(|error| self.ending(error));
        Outcome { ending, steps }
    }

    fn query(&self, sql: &str, steps: &mut i64) -> rusqlite::Result<Ending> {
        if sql.contains('\0') {
            return Ok(Ending::Error("a NUL character is no SQL".to_owned()));
        }
        let mut statement = match self.connection.prepare(sql) {
            Err(rusqlite::Error::MultipleStatement) => {
                return Ok(Ending::Refused("more than one statement".to_owned()));
            }
            statement => statement?,
        };
        let is_query =
            statement.column_count() > 0 && statement.readonly() && statement.is_explain() == 0;
        if self.is_single && !is_query {
            return Ok(Ending::Refused("not a query that only reads".to_owned()));
        }
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut collected = Collected::default();
        let result = collect(&mut statement, columns.len(), self.caps, &mut collected);
        *steps = statement.get_status(StatementStatus::VmStep).into();
        result?;
        Ok(match collected.limit {
            Some(limit) => Ending::Limit(limit.to_owned()),
            None => Ending::Rows {
                columns,
                rows: collected.rows,
            },
        })
    }

    fn ending(&self, error: rusqlite::Error) -> Ending {
        let code = error.sqlite_error_code();
        match code {
            Some(ErrorCode::OperationInterrupted) => Ending::Limit("steps".to_owned()),
            Some(ErrorCode::OutOfMemory) => Ending::Limit("memory".to_owned()),
            _ => Ending::Error(message(&error)),
        }
    }
}

/// SQLite's own words, without the SQL that rusqlite puts behind them.
fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// Rows as they come, until a cap is reached.
#[derive(Default)]
struct Collected {
    rows: Vec<Vec<Value>>,
    bytes: usize,
    limit: Option<&'static str>,
}

fn collect(
    statement: &mut rusqlite::Statement<'_>,
    columns: usize,
    caps: bool,
    collected: &mut Collected,
) -> rusqlite::Result<()> {
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        if caps && collected.rows.len() == MAX_ROWS {
            collected.limit = Some("rows");
            return Ok(());
        }
        let mut values = Vec::with_capacity(columns);
        for place in 0..columns {
            let value = owned(row.get_ref(place)?);
            collected.bytes += match &value {
                Value::Text(bytes) | Value::Blob(bytes) => bytes.len() + 1,
                _ => 8,
            };
            values.push(value);
        }
        if caps && collected.bytes > MAX_RESULT_BYTES {
            collected.limit = Some("bytes");
            return Ok(());
        }
        collected.rows.push(values);
    }
    Ok(())
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(bytes) => Value::Text(bytes.to_vec()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

/// Allows what a query needs and nothing that is not named here.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let is_allowed = match context.action {
        AuthAction::Select | AuthAction::Recursive => true,
        AuthAction::Read { table_name, .. } => may_read(table_name),
        AuthAction::Function { function_name } => functions::is_allowed(function_name),
        _ => false,
    };
    match is_allowed {
        true => Authorization::Allow,
        false => Authorization::Deny,
    }
}

fn may_read(table: &str) -> bool {
    let table = table.to_ascii_lowercase();
    let is_inner = ["sqlite_", "pragma_", "dbstat", "bytecode", "tables_used"];
    !is_inner.iter().any(|inner| table.starts_with(inner))
}
