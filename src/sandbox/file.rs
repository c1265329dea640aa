//! Opens a database file so that nothing of it, and nothing beside it, can change.
//!
//! **Invariants.**
//! - Read-only and immutable: SQLite takes no lock, looks for no journal, and never asks for
//!   another file. What it holds is one descriptor.
//! - A file with changes beside it, in a journal or a write-ahead log, is not to be read:
//!   immutable means that they would be passed over in silence.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// The file of changes that lies beside a database and is not in it yet.
pub fn changes_beside(path: &Path) -> Option<PathBuf> {
    let beside = ["-wal", "-journal"].map(|ending| {
        let mut beside = OsString::from(path);
        beside.push(ending);
        PathBuf::from(beside)
    });
    beside
        .into_iter()
        .find(|it| fs::metadata(it).is_ok_and(|it| it.len() > 0))
}

/// Opens the file at an absolute path.
///
/// # Errors
/// What SQLite says; it reads the first bytes only.
pub fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A file that shrinks under a mapping would kill the process.
    connection.execute_batch("PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// A file that a worker has opened and not looked into.
pub struct OpenFile {
    /// SQLite's connection.
    pub connection: Connection,
    /// The descriptors of this process that lead to the file.
    pub descriptors: Vec<i32>,
}

impl OpenFile {
    /// Opens the file at an absolute path.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn open(path: &Path) -> Result<Self, String> {
        if let Some(beside) = changes_beside(path) {
            return Err(format!(
                "{} holds changes that are not in it yet",
                beside.display()
            ));
        }
        let connection = connect(path).map_err(|error| error.to_string())?;
        let descriptors = descriptors(path)?;
        Ok(Self {
            connection,
            descriptors,
        })
    }
}

/// The filter of system calls names descriptors by number, and SQLite does not tell its own:
/// it is looked for among all of this process.
#[cfg(target_os = "linux")]
fn descriptors(path: &Path) -> Result<Vec<i32>, String> {
    use std::os::unix::fs::MetadataExt;

    let unreadable = |error: std::io::Error| format!("looking for the open file: {error}");
    let wanted = fs::metadata(path).map_err(unreadable)?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.parse::<i32>().ok());
        // The listing's own descriptor is closed by now.
        let (Some(number), Ok(open)) = (number, fs::metadata(entry.path())) else {
            continue;
        };
        if number > 2 && (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()) {
            found.push(number);
        }
    }
    match found.is_empty() {
        true => Err("it was replaced while it was opened".to_owned()),
        false => Ok(found),
    }
}

#[cfg(not(target_os = "linux"))]
fn descriptors(_path: &Path) -> Result<Vec<i32>, String> {
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_opened_and_its_descriptor_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ä b?c#d%.db");
        let made = Connection::open(&path).unwrap();
        made.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (7)")
            .unwrap();
        drop(made);
        let open = OpenFile::open(&path).unwrap();
        assert!(!cfg!(target_os = "linux") || !open.descriptors.is_empty());
        let a: i64 = open
            .connection
            .query_row("SELECT a FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(a, 7);
        assert!(open.connection.execute("DELETE FROM t", []).is_err());
        let mut beside = OsString::from(&path);
        beside.push("-wal");
        fs::copy(&path, &beside).unwrap();
        assert!(OpenFile::open(&path).is_err_and(|it| it.contains("-wal")));
    }
}
