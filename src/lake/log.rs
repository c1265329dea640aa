//! The log: commit records without a gap, each naming the hash of the one before.
//!
//! **Invariant.** A reader takes no lock. It reads records in order until one is not
//! there, so it sees whole commits only; a record once read never changes.

use std::io;
use std::path::Path;

use super::commit::{Commit, FORMAT};
use super::error::{LakeError, damaged, reading};
use super::layout;
use super::walk::{names_in, read_file};
use crate::base::framed::{self, FrameError};
use crate::base::id::ContentHash;

/// The frame's name around a commit record.
pub const FRAME: &str = "commit";

/// A commit record with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record.
    pub commit: Commit,
    /// The hash of its bytes, which the next record names as its parent.
    pub hash: ContentHash,
}

/// Reads and checks the log of the lake in `root`, up to and including `newest`.
pub fn read(root: &Path, newest: Option<u64>) -> Result<Vec<Entry>, LakeError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let number = entries.len() as u64;
        if newest.is_some_and(|newest| number > newest) {
            return Ok(entries);
        }
        match read_entry(root, number)? {
            Some(entry) => {
                check_alone(root, number, &entry)?;
                check_follows(root, entries.last(), &entry)?;
                entries.push(entry);
            }
            None => match highest_number(root)? {
                Some(highest) if highest >= number => {
                    // If it was linked since we looked, it is there now.
                    let path = root.join(layout::commit(number));
                    if !path.is_file() {
                        return Err(damaged(
                            &path,
                            format!("it is no file, but commit {highest} has a name"),
                        ));
                    }
                }
                _ => return Ok(entries),
            },
        }
    }
}

/// Reads one record; `None` if it is not there.
pub fn read_entry(root: &Path, number: u64) -> Result<Option<Entry>, LakeError> {
    let path = root.join(layout::commit(number));
    let bytes = match read_file(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(reading(&path)(error)),
    };
    let (commit, hash) = framed::open::<Commit>(FRAME, &bytes).map_err(|error| match error {
        FrameError::Unknown(what) => damaged(
            &path,
            format!("{what}; was the lake written by a newer version of antiks?"),
        ),
        error => damaged(&path, error.to_string()),
    })?;
    Ok(Some(Entry { commit, hash }))
}

/// Fails unless `entry` can be commit `number`, as far as it alone tells.
pub fn check_alone(root: &Path, number: u64, entry: &Entry) -> Result<(), LakeError> {
    let commit = &entry.commit;
    let what = if commit.format != FORMAT {
        format!(
            "the lake is of format {}; this version of antiks reads format {FORMAT}",
            commit.format
        )
    } else if commit.number != number {
        format!("it says that it is commit {}", commit.number)
    } else if number == 0 && !is_empty(commit) {
        "the first commit must add nothing".to_owned()
    } else if commit.tree.tree().is_none() {
        "its tree contradicts itself".to_owned()
    } else if commit.tree.size < commit.rows() {
        "its tree is smaller than the commit".to_owned()
    } else {
        return Ok(());
    };
    Err(damaged(&root.join(layout::commit(number)), what))
}

fn is_empty(commit: &Commit) -> bool {
    commit.events.is_empty() && commit.blobs.is_empty() && commit.snapshots.is_empty()
}

/// Fails unless `entry` can follow `previous`, as far as the two tell.
pub fn check_follows(
    root: &Path,
    previous: Option<&Entry>,
    entry: &Entry,
) -> Result<(), LakeError> {
    let commit = &entry.commit;
    let size = previous.map_or(0, |previous| previous.commit.tree.size);
    let what = if commit.parent != previous.map(|previous| previous.hash) {
        "it does not follow the commit before it".to_owned()
    } else if size.checked_add(commit.rows()) != Some(commit.tree.size) {
        format!(
            "its tree has {} leaves, but there are {size} events before it and {} in it",
            commit.tree.size,
            commit.rows()
        )
    } else {
        return Ok(());
    };
    Err(damaged(&root.join(layout::commit(commit.number)), what))
}

/// The highest commit number that has a file in the log; `None` if there is none.
pub fn highest_number(root: &Path) -> Result<Option<u64>, LakeError> {
    let names = names(root)?;
    Ok(names
        .iter()
        .filter_map(|name| layout::commit_number(name))
        .max())
}

/// The names in the log's folder, sorted; none if there is no folder.
pub fn names(root: &Path) -> Result<Vec<String>, LakeError> {
    let folder = root.join(layout::LOG);
    names_in(&folder).map_err(reading(&folder))
}
