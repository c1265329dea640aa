//! What a statement gave: values, rows, and how it ended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A value as SQLite gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A real number, which may be infinite.
    Real(f64),
    /// Text; SQLite does not promise that it is UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// How a statement ended on one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ending {
    /// It gave these rows.
    Rows {
        /// The names of its columns.
        columns: Vec<String>,
        /// Its rows in the order in which they came.
        rows: Vec<Vec<Value>>,
    },
    /// SQLite refused it, or it failed while it ran.
    Error(String),
    /// It is not a single query that only reads.
    Refused(String),
    /// It used up what it may use: `steps`, `memory`, `rows` or `bytes`.
    Limit(String),
}

/// What happened to a statement on one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The VDBE steps that it took.
    pub steps: i64,
    /// The rows that were left out behind those that it gave, where results are cut.
    pub left_out: u64,
}

/// A protection that the sandbox consists of, so that tests can show what each is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Layer {
    /// What a statement may touch, decided while it is compiled.
    Authorizer,
    /// One statement, and only if SQLite calls it read-only.
    ReadOnly,
    /// SQLite's limits and its defensive settings.
    SqliteLimits,
    /// The limit on SQLite's heap.
    Heap,
    /// The budget of VDBE steps.
    Steps,
    /// Caps on the rows and bytes of a result.
    ResultCaps,
    /// Resource limits of the process.
    ProcessLimits,
    /// No access to files and ports.
    Landlock,
    /// Only the system calls that a query needs.
    Seccomp,
    /// The wall-clock deadline that the parent keeps.
    Deadline,
}

impl Layer {
    /// Every layer.
    pub const ALL: [Self; 10] = [
        Self::Authorizer,
        Self::ReadOnly,
        Self::SqliteLimits,
        Self::Heap,
        Self::Steps,
        Self::ResultCaps,
        Self::ProcessLimits,
        Self::Landlock,
        Self::Seccomp,
        Self::Deadline,
    ];
}

/// The layers that are switched off; none but in tests.
pub type Without = BTreeSet<Layer>;

/// Statements that are to be run on instances, each on each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The scripts that make the instances. An empty one means the file of a worker that
    /// has one.
    pub scripts: Vec<String>,
    /// The statements.
    pub statements: Vec<String>,
    /// The VDBE steps that a statement may take on one instance.
    pub max_steps: i64,
}

/// What a worker says to a job: for each instance, for each statement; or why an
/// instance can't be made.
pub type Reply = Result<Vec<Vec<Outcome>>, String>;
