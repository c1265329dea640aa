//! Opens a user's file for looking, and says what is wrong with it if it can't be.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, ErrorCode};

use super::error::ImportError;
use crate::sandbox::file::{changes_beside, connect};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEAD_BYTES: usize = 8_192;
/// Random bytes have eight bits each; text and tables have fewer than seven.
const RANDOM_BITS_A_BYTE: f64 = 7.2;
const OPS_A_TICK: i32 = 1_000;
const TICKS_A_TASK: u64 = 60_000;

/// A file that is open for looking.
pub struct Opened {
    /// Its path as given.
    pub path: PathBuf,
    /// A connection that reads only.
    pub connection: Connection,
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
    ticks: Arc<AtomicU64>,
    seen: (u64, Option<std::time::SystemTime>),
}

impl Opened {
    /// Opens the file, after a look at its first bytes and at what lies beside it.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ImportError::NotFound(path.to_owned()),
            _ => ImportError::Unreadable {
                path: path.to_owned(),
                source,
            },
        };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(ImportError::NotAFile(path.to_owned()));
        }
        let absolute = fs::canonicalize(path).map_err(unreadable)?;
        if let Some(beside) = changes_beside(&absolute) {
            let path = path.to_owned();
            return Err(ImportError::InUse { path, beside });
        }
        let mut file = File::open(&absolute).map_err(unreadable)?;
        let mut head = Vec::new();
        let limit = HEAD_BYTES as u64;
        (&mut file)
            .take(limit)
            .read_to_end(&mut head)
            .map_err(unreadable)?;
        if head.is_empty() {
            return Err(ImportError::NoTables(path.to_owned()));
        }
        if !head.starts_with(MAGIC) {
            return Err(if looks_random(&head) {
                ImportError::Encrypted(path.to_owned())
            } else {
                ImportError::NotSqlite(path.to_owned())
            });
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head);
        hasher.update_reader(file).map_err(unreadable)?;
        let mut opened = Self {
            path: path.to_owned(),
            connection: connect(&absolute).map_err(|it| sqlite_error(path, it))?,
            hash: *hasher.finalize().as_bytes(),
            ticks: Arc::new(AtomicU64::new(TICKS_A_TASK)),
            seen: (metadata.len(), metadata.modified().ok()),
        };
        let ticks = Arc::clone(&opened.ticks);
        let stop = move || {
            let left = ticks.load(Ordering::Relaxed);
            ticks.store(left.saturating_sub(1), Ordering::Relaxed);
            left == 0
        };
        let set = opened.connection.progress_handler(OPS_A_TICK, Some(stop));
        set.map_err(|it| opened.error(it))?;
        opened.check()?;
        Ok(opened)
    }

    /// Gives the next task its whole number of steps; one that needs more is interrupted,
    /// always at the same step.
    pub fn begin_task(&self) {
        self.ticks.store(TICKS_A_TASK, Ordering::Relaxed);
    }

    /// What an error of SQLite means for the user.
    pub fn error(&self, source: rusqlite::Error) -> ImportError {
        sqlite_error(&self.path, source)
    }

    /// An error if the file was written to since it was opened.
    pub fn check_unchanged(&self) -> Result<(), ImportError> {
        let now = fs::metadata(&self.path).ok();
        let now = now.map(|metadata| (metadata.len(), metadata.modified().ok()));
        if now.as_ref() == Some(&self.seen) {
            return Ok(());
        }
        Err(ImportError::Changed(self.path.clone()))
    }

    /// Lets SQLite look for damage. A check that takes too long is left: damage shows
    /// while reading as well.
    fn check(&self) -> Result<(), ImportError> {
        self.begin_task();
        let first = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| {
                Ok(row
                    .get_ref(0)?
                    .as_str()
                    .unwrap_or("unknown damage")
                    .to_owned())
            });
        match first {
            Ok(found) if found == "ok" => Ok(()),
            // These are faults of the contents; the file can be read.
            Ok(found) if found.contains("value in") || found.contains("NULL in") => Ok(()),
            Ok(what) => Err(ImportError::Corrupt {
                path: self.path.clone(),
                what,
            }),
            Err(error) if is_interrupted(&error) => Ok(()),
            Err(error) => match self.error(error) {
                // A schema that needs what this SQLite lacks may still have plain tables.
                ImportError::Sqlite { .. } => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// Whether a task ran out of steps.
pub fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

/// Whether the file itself is to blame, so that no other table is worth a try.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn sqlite_error(path: &Path, source: rusqlite::Error) -> ImportError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => ImportError::NotSqlite(path),
        Some(ErrorCode::DatabaseCorrupt) => ImportError::Corrupt {
            path,
            what: source.to_string(),
        },
        _ => ImportError::Sqlite { path, source },
    }
}

/// Whether bytes are as evenly spread as those of a cipher.
fn looks_random(bytes: &[u8]) -> bool {
    if bytes.len() < 512 {
        return false;
    }
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let len = bytes.len() as f64;
    let shares = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / len);
    let bits: f64 = shares.map(|share| -share * share.log2()).sum();
    // Few bytes can't show all values.
    bits > RANDOM_BITS_A_BYTE.min(len.log2() - 1.6)
}
