//! Where things lie in a lake's folder.
//!
//! **Invariant.** A path is a pure function of what is in the commit record; paths are
//! never stored.

use std::path::{Path, PathBuf};

use crate::base::id::{BlobHash, ContentHash, SnapshotHash};

/// The folder of commit records.
pub const LOG: &str = "log";
/// The folder of events, partitioned as Hive does.
pub const EVENTS: &str = "events";
/// The folder of materialised training sets.
pub const SNAPSHOTS: &str = "snapshots";
/// The folder of blobs.
pub const BLOBS: &str = "blobs";
/// The folder of the spool of paid calls.
pub const CALLS: &str = "calls";
/// The folder in which files lie until they have their name.
pub const STAGING: &str = "tmp";
/// The folder for files that a writer left behind without naming them in the log.
pub const ORPHANS: &str = "orphans";
/// The file that a writer locks.
pub const LOCK: &str = "lock";

/// The record of commit `number`.
pub fn commit(number: u64) -> PathBuf {
    Path::new(LOG).join(format!("{number:020}.json"))
}

/// The commit number that a file's name in the log stands for.
pub fn commit_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// A file of events.
pub fn events(kind: &str, iteration: u32, hash: ContentHash) -> PathBuf {
    Path::new(EVENTS)
        .join(format!("kind={kind}"))
        .join(format!("iteration={iteration}"))
        .join(format!("{hash}.parquet"))
}

/// A materialised training set.
pub fn snapshot(hash: SnapshotHash) -> PathBuf {
    Path::new(SNAPSHOTS).join(format!("{hash}.parquet"))
}

/// A blob.
pub fn blob(hash: BlobHash) -> PathBuf {
    let hex = hash.to_string();
    Path::new(BLOBS).join(&hex[..2]).join(hex)
}

/// The intent of attempt `attempt` at the call with this request hash.
pub fn call_intent(request: ContentHash, attempt: u32) -> PathBuf {
    call(request, attempt, "intent")
}

/// The response to attempt `attempt` at the call with this request hash.
pub fn call_response(request: ContentHash, attempt: u32) -> PathBuf {
    call(request, attempt, "response")
}

fn call(request: ContentHash, attempt: u32, part: &str) -> PathBuf {
    let hex = request.to_string();
    Path::new(CALLS)
        .join(&hex[..2])
        .join(format!("{hex}.{attempt}.{part}.json"))
}
