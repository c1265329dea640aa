//! What a verification found, and how far it has come.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::commit::Commit;
use super::error::LakeError;
use crate::base::id::{ContentHash, to_hex};

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, relative to the lake.
    pub path: String,
    /// The event's id, if it is about one.
    pub event: Option<String>,
    /// The commit, if it is about one.
    pub commit: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    /// Says which event it is about.
    pub fn about(&mut self, commit: &Commit, id: &[u8; 32]) {
        self.commit = Some(commit.number);
        self.event = Some(to_hex(id));
    }
}

/// What a verification looked at, and what it found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Whether nothing was found.
    pub ok: bool,
    /// Commits that were checked.
    pub commits: u64,
    /// Files that were hashed.
    pub files: u64,
    /// Events that were made anew.
    pub events: u64,
    /// The hash of the newest commit, which stands for the whole lake.
    pub newest_commit: Option<ContentHash>,
    /// The root of the tree over all events.
    pub root: Option<ContentHash>,
    /// What is not as it must be.
    pub findings: Vec<Finding>,
    /// What is unusual but harmless.
    pub notes: Vec<String>,
}

impl Report {
    /// Adds a finding.
    pub fn find(&mut self, path: &Path, what: impl Into<String>) -> &mut Finding {
        self.ok = false;
        self.findings.push(Finding {
            path: path.to_string_lossy().into_owned(),
            event: None,
            commit: None,
            what: what.into(),
        });
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Adds what an error says of a file of the lake in `root`.
    pub fn find_error(&mut self, root: &Path, error: &LakeError) -> &mut Finding {
        match error {
            LakeError::Damaged { path, what } => self.find(&relative(root, path), what),
            LakeError::Columns { path, source } => {
                self.find(&relative(root, path), source.to_string())
            }
            LakeError::Read { path, source } => {
                self.find(&relative(root, path), format!("it can't be read: {source}"))
            }
            LakeError::Parquet { path, what } => self.find(&relative(root, path), what),
            other => self.find(Path::new(""), other.to_string()),
        }
    }
}

/// Is told how far a verification has come.
pub trait Progress {
    /// So many bytes are to be hashed in all.
    fn total_bytes(&mut self, bytes: u64);
    /// So many more were.
    fn advance(&mut self, bytes: u64);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn total_bytes(&mut self, _bytes: u64) {}
    fn advance(&mut self, _bytes: u64) {}
}

/// A path in a lake as findings name it.
pub fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}
