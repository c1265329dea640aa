//! What can go wrong with a lake, by what the caller should do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::disk::WriteError;
use crate::base::id::to_hex;
use crate::event::columns::ColumnError;

/// Why a lake could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// There is no lake in the folder.
    #[error("there is no lake in {0}")]
    Missing(PathBuf),
    /// There is a lake in the folder already.
    #[error("there is a lake in {0} already")]
    Exists(PathBuf),
    /// A folder holds something of somebody else's where a lake's files would lie.
    #[error("{root} holds {name}, which is not a lake's; a lake wants a folder of its own")]
    Occupied {
        /// The folder.
        root: PathBuf,
        /// What it holds.
        name: String,
    },
    /// An event is larger than an event may be.
    #[error(
        "a {kind} of {len_bytes} bytes is too large for an event; large content belongs in a blob"
    )]
    TooLarge {
        /// The event's kind.
        kind: &'static str,
        /// Its canonical bytes.
        len_bytes: usize,
    },
    /// A commit was asked for after an event of it was lost on its way to the disk.
    #[error("an event of this commit could not be written; nothing of the commit was kept")]
    FailedDraft,
    /// The asked version is not there.
    #[error("the lake has no version {wanted}; its newest is {newest}")]
    NoVersion {
        /// The version that was asked for.
        wanted: u64,
        /// The newest that there is.
        newest: u64,
    },
    /// A file is not what the log says, or the log not what it must be. A crash does
    /// not do this; the lake is only read until it is mended.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another process writes to the lake.
    #[error("the lake is being written to by {holder}")]
    Locked {
        /// What is known of that process.
        holder: String,
    },
    /// Another writer made the same commit first; ours is not in the lake.
    #[error("another writer made commit {number} first; nothing of this commit was kept")]
    Raced {
        /// The number of the commit.
        number: u64,
    },
    /// The event is in the lake already.
    #[error("the {kind} {} is in the lake already", to_hex(.id))]
    AlreadyRecorded {
        /// The event's kind.
        kind: &'static str,
        /// The event's id.
        id: [u8; 32],
    },
    /// An event points at something that is not in the lake.
    #[error("the {kind} {} refers to the {target} {}, which is not in the lake", to_hex(.id), to_hex(.target_id))]
    UnknownReference {
        /// The event's kind.
        kind: &'static str,
        /// The event's id.
        id: [u8; 32],
        /// The kind of what it points at.
        target: &'static str,
        /// The id or hash of what it points at.
        target_id: [u8; 32],
    },
    /// A file holds columns that are not its kind's.
    #[error("{path}: {source}")]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: ColumnError,
    },
    /// The file system refused to read.
    #[error("reading {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The file system refused to write.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The Parquet writer or reader failed.
    #[error("{path}: {what}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What it said.
        what: String,
    },
}

impl LakeError {
    /// The process may not open more files, or not these: that says nothing of the lake.
    pub fn is_exhaustion(&self) -> bool {
        const TOO_MANY_FILES: [i32; 2] = [23, 24];
        match self {
            Self::Read { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
                    || source
                        .raw_os_error()
                        .is_some_and(|code| TOO_MANY_FILES.contains(&code))
            }
            _ => false,
        }
    }

    /// The event is in the lake already, so that recording it again changes nothing.
    pub fn is_already_recorded(&self) -> bool {
        matches!(self, Self::AlreadyRecorded { .. })
    }
}

/// For `map_err` on reads of `path`.
pub fn reading(path: &Path) -> impl FnOnce(io::Error) -> LakeError {
    let path = path.to_owned();
    move |source| LakeError::Read { path, source }
}

/// Damage to `path`.
pub fn damaged(path: &Path, what: impl Into<String>) -> LakeError {
    LakeError::Damaged {
        path: path.to_owned(),
        what: what.into(),
    }
}

/// For `map_err` on Parquet's errors about `path`.
pub fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> LakeError {
    let path = path.to_owned();
    move |error| LakeError::Parquet {
        path,
        what: error.to_string(),
    }
}
