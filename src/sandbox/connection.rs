//! One instance, opened for statements that nobody trusts.
//!
//! Either it lies in memory, and the script that makes it is ours and runs first; or it is a
//! user's file, which can only be read. Then everything is closed that a query does not
//! need, and no statement can open it again.
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

use super::allowance::{Allowance, MAX_COUNTED_ROWS, Setup};
use super::functions::{self, Plain};
use super::value::{Ending, Layer, Outcome, Value};

/// The pages of a file that are kept in memory.
const CACHE_KIB: u32 = 32 << 10;
/// How many steps pass between two looks at the budget.
const STEPS_A_LOOK: i32 = 1_000;

/// What SQLite may use at most, beside the allowance; with that of grading, the worst single
/// opcode takes about 0.2 s.
const LIMITS: [(Limit, i32); 12] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 32 << 10),
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
    allowance: Allowance,
    has_caps: bool,
}

impl Instance {
    /// Makes the instance that `script` describes.
    pub fn open(script: &str, plain: &Plain, setup: &Setup) -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        // Orphans are planted on purpose.
        connection.execute_batch(
            "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; \
             PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA max_page_count = 16384;",
        )?;
        limit_heap(&connection, setup)?;
        functions::register(&connection, plain)?;
        connection.execute_batch("BEGIN")?;
        connection.execute_batch(script)?;
        connection.execute_batch("COMMIT")?;
        Self::close(connection, setup)
    }

    /// The instance that a user's file is, which `connection` can only read.
    pub fn of_file(connection: Connection, plain: &Plain, setup: &Setup) -> rusqlite::Result<Self> {
        // Nobody vouches for the file: a cell that points out of its page must be found.
        connection.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; PRAGMA cell_size_check = ON; \
             PRAGMA cache_size = -{CACHE_KIB};"
        ))?;
        limit_heap(&connection, setup)?;
        functions::register(&connection, plain)?;
        // SQLite reads the schema now: limits are for statements, not for the user's tables.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Self::close(connection, setup)
    }

    /// Closes everything that a query does not need.
    fn close(mut connection: Connection, setup: &Setup) -> rusqlite::Result<Self> {
        let Setup {
            without, allowance, ..
        } = setup;
        if !without.contains(&Layer::ReadOnly) {
            connection.execute_batch("PRAGMA query_only = ON")?;
        }
        if !without.contains(&Layer::SqliteLimits) {
            for (limit, value) in LIMITS {
                connection.set_limit(limit, value)?;
            }
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, allowance.value_bytes)?;
            connection.set_limit(Limit::SQLITE_LIMIT_COLUMN, allowance.columns)?;
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
            allowance: allowance.clone(),
            has_caps: !without.contains(&Layer::ResultCaps),
        })
    }

    /// Runs one statement for at most `max_steps`.
    pub fn run(&self, sql: &str, max_steps: i64) -> Outcome {
        self.left.store(max_steps, Ordering::Relaxed);
        let (mut steps, mut left_out) = (0, 0);
        let ending = self
            .query(sql, &mut steps, &mut left_out)
            .unwrap_or_else(|error| self.ending(error));
        Outcome {
            ending,
            steps,
            left_out,
        }
    }

    fn query(&self, sql: &str, steps: &mut i64, left_out: &mut u64) -> rusqlite::Result<Ending> {
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
        let allowance = self.has_caps.then_some(&self.allowance);
        let result = collect(&mut statement, columns.len(), allowance, &mut collected);
        *left_out = collected.left_out;
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

fn limit_heap(connection: &Connection, setup: &Setup) -> rusqlite::Result<()> {
    if setup.without.contains(&Layer::Heap) {
        return Ok(());
    }
    let bytes = setup.allowance.heap_bytes;
    connection.execute_batch(&format!("PRAGMA hard_heap_limit = {bytes}"))
}

/// Rows as they come, until a cap is reached.
#[derive(Default)]
struct Collected {
    rows: Vec<Vec<Value>>,
    bytes: usize,
    limit: Option<&'static str>,
    left_out: u64,
}

impl Collected {
    /// A cap was reached before the row that has just come. Whether another is to come.
    fn reach(&mut self, cap: &'static str, is_cut: bool) -> bool {
        match is_cut {
            true => self.left_out += 1,
            false => self.limit = Some(cap),
        }
        is_cut && self.left_out < MAX_COUNTED_ROWS
    }
}

fn collect(
    statement: &mut rusqlite::Statement<'_>,
    columns: usize,
    allowance: Option<&Allowance>,
    collected: &mut Collected,
) -> rusqlite::Result<()> {
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        if let Some(allowance) = allowance
            && (collected.left_out > 0 || collected.rows.len() == allowance.rows)
        {
            match collected.reach("rows", allowance.is_cut) {
                true => continue,
                false => return Ok(()),
            }
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
        if let Some(allowance) = allowance
            && collected.bytes > allowance.result_bytes
        {
            match collected.reach("bytes", allowance.is_cut) {
                true => continue,
                false => return Ok(()),
            }
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
