//! What a statement and the worker that runs it may use.
//!
//! **Invariant.** An allowance is settled before a worker starts, and no job can widen it;
//! only the steps are counted per job.

use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::value::Without;

/// The VDBE steps that an answer may take on one instance.
pub const MAX_STEPS: i64 = 10_000_000;
/// The VDBE steps that the answer to a user's own question may take on the user's file.
pub const MAX_FILE_STEPS: i64 = 2_000_000_000;
/// The rows that a result may have.
pub const MAX_ROWS: usize = 10_000;
/// The bytes that a result's values may have together.
pub const MAX_RESULT_BYTES: usize = 1 << 20;
/// Rows that are counted behind those that are kept.
pub const MAX_COUNTED_ROWS: u64 = 1_000_000;

/// What the workers of a pool may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// How long a worker may take for one job.
    pub deadline: Duration,
    /// How often a job is tried that ends by the deadline or without an answer.
    pub tries: u32,
    /// The processor time of a worker in its whole life.
    pub cpu_seconds: u64,
    /// The heap of SQLite in a process.
    pub heap_bytes: i64,
    /// The longest value, also of a row that SQLite makes on the way.
    pub value_bytes: i32,
    /// The columns that a table or a result may have.
    pub columns: i32,
    /// The rows that a result may have.
    pub rows: usize,
    /// The bytes that a result's values may have together.
    pub result_bytes: usize,
    /// Whether a longer result is cut, and what is left out counted; else it is refused.
    pub is_cut: bool,
}

impl Allowance {
    /// For grading: small instances, many statements, and a result is seen whole or not at
    /// all, since two that were cut can't be compared.
    pub const GRADING: Self = Self {
        // The steps end a job after a second or two; on a machine with other work it may
        // take ten times as long, and that is no reason to end a run.
        deadline: Duration::from_secs(20),
        tries: 2,
        cpu_seconds: 60,
        heap_bytes: 64 << 20,
        value_bytes: 32 << 10,
        columns: 100,
        rows: MAX_ROWS,
        result_bytes: MAX_RESULT_BYTES,
        is_cut: false,
    };

    /// For a user's own question over a file of any size, of whose result at most `rows` are
    /// looked at. Wide tables and long texts are the user's own, and somebody waits for the
    /// answer: so it is not tried twice.
    pub fn of_question(rows: usize) -> Self {
        Self {
            deadline: Duration::from_secs(60),
            tries: 1,
            cpu_seconds: 90,
            heap_bytes: 256 << 20,
            value_bytes: 8 << 20,
            columns: 2_000,
            rows,
            result_bytes: 16 << 20,
            is_cut: true,
        }
    }
}

/// The first message to a worker: what it is set up with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The layers to leave out: none, but in tests.
    pub without: Without,
    /// What it may use.
    pub allowance: Allowance,
    /// The bytes of the path of the file that jobs with an empty script run on.
    pub(super) file: Option<Vec<u8>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            without: Without::new(),
            allowance: Allowance::GRADING,
            file: None,
        }
    }
}

impl Setup {
    /// For jobs with an empty script, which run on the database file at `path`.
    ///
    /// # Errors
    /// The path leads nowhere: a worker has another working folder, so it is told the
    /// absolute one.
    pub fn over_file(path: &Path, allowance: Allowance) -> io::Result<Self> {
        let path = std::fs::canonicalize(path)?;
        Ok(Self {
            without: Without::new(),
            allowance,
            file: Some(path.into_os_string().into_vec()),
        })
    }

    /// The file that jobs with an empty script run on.
    pub fn file(&self) -> Option<PathBuf> {
        let bytes = self.file.as_ref()?;
        Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
    }
}
