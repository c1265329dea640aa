//! Why a user's file could not be looked at, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a file could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such file.
    #[error("there is no file {0}; check the path")]
    NotFound(PathBuf),
    /// The path is a folder, or nothing that has bytes.
    #[error("{0} is not a file; give the path of an SQLite database file")]
    NotAFile(PathBuf),
    /// The operating system refuses it.
    #[error("{path} can't be read: {source}; check who may read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{0} is not an SQLite database; export the data to one first")]
    NotSqlite(PathBuf),
    /// The bytes look random from the first one on.
    #[error("{0} seems to be encrypted; give a decrypted copy of it")]
    Encrypted(PathBuf),
    /// There are changes beside the file that are not yet in it.
    #[error(
        "{path} is in use: {beside} holds changes that are not in it yet; \
         close the program that uses it or checkpoint it first"
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// The file beside it.
        beside: PathBuf,
    },
    /// The file was written to while it was read.
    #[error("{0} changed while it was read; close the program that uses it and try again")]
    Changed(PathBuf),
    /// SQLite finds the file damaged.
    #[error("{path} is damaged: {what}; recover it (sqlite3 FILE .recover) or use a backup")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// There are no tables.
    #[error("{0} has no ordinary tables; views and virtual tables are not looked at")]
    NoTables(PathBuf),
    /// There are tables, but nothing can be asked about them.
    #[error("{0} has nothing to ask about: its tables have no rows or no readable columns")]
    NothingToAsk(PathBuf),
    /// SQLite gave up for another reason.
    #[error("SQLite can't read {path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A kept sample can't be read back.
    #[error("the kept sample is not one of this program's: {0}; import the file again")]
    BadSample(String),
}
