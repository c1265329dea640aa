//! SQL that nobody trusts, run where it can do no harm and always ends the same way.
//!
//! A statement runs in a worker process over an instance that lies in the worker's
//! memory; or over a user's file, which the worker opens before it confines itself and reads
//! after that. Copying the file into memory would spare the filter one call on one
//! descriptor, but would cap its size and refuse files in WAL mode. What protects whom, from the inside to the outside:
//!
//! - [`connection`]: the authorizer denies all but reading tables and a list of
//!   functions ([`functions`]); one read-only statement; SQLite's limits, defensive
//!   settings and heap limit; a budget of VDBE steps; caps on the result.
//! - [`confine`]: resource limits, Landlock and seccomp around the whole process, for
//!   the day on which SQLite itself is broken into.
//! - [`pool`]: an empty environment, a deadline, and fresh workers.
//! - [`file`]: a file is opened read-only and immutable; the system would refuse to write
//!   to the descriptor, and the filter lets nothing but reading through.
//!
//! How much is allowed stands in [`allowance`]: little for grading, more for a user's own
//! question over the user's own file.
//!
//! **Covered:** files, network, processes, environment, memory, time, endless and huge
//! results, results that differ from one run to the next (clock, random numbers).
//!
//! **Not covered:** a statement that breaks into SQLite may lie about the outcomes of its
//! own job, and of later jobs of the same worker; it can reach nothing else. Away from
//! Linux there is neither Landlock nor seccomp. Time spent in one single opcode is
//! bounded by the limits on lengths and by the deadline, not by the budget.
//!
//! **Invariants.**
//! - A verdict rests on VDBE steps, rows and bytes, which repeat; never on a clock. What
//!   the deadline ends is an error of the sandbox and no verdict.
//! - Nothing here knows what a challenge is.

pub mod allowance;
pub mod clean_numeric;
pub mod confine;
mod connection;
pub mod file;
mod frame;
mod functions;
mod pool;
pub mod value;
mod worker;

pub use allowance::{Allowance, MAX_FILE_STEPS, MAX_RESULT_BYTES, MAX_ROWS, MAX_STEPS, Setup};
pub use pool::{Program, Sandbox, SandboxError};
pub use value::{Ending, Job, Layer, Outcome, Value, Without};
pub use worker::work;

/// The source id of the SQLite that runs statements.
pub fn sqlite_source() -> String {
    let connection = rusqlite::Connection::open_in_memory();
    let source = connection.and_then(|connection| {
        connection.query_row("SELECT sqlite_source_id()", [], |row| row.get(0))
    });
    source.unwrap_or_else(|_| rusqlite::version().to_owned())
}
