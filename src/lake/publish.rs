//! Giving staged files their names: data first, the commit record last.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::commit::Commit;
use super::error::{LakeError, damaged};
use super::log::{Entry, FRAME};
use super::{layout, table};
use crate::base::disk::{Linked, Staged, WriteError, WriteOnce};
use crate::base::framed;

/// The name by which this program signs its commits.
pub fn writer_name() -> String {
    format!("antiks {}", env!("CARGO_PKG_VERSION"))
}

/// Links files that were staged, and gives what the log says of them.
pub fn link_all<F>(
    root: &Path,
    files: &WriteOnce,
    staged: Vec<(F, Staged)>,
    place: impl Fn(&F) -> (PathBuf, [u8; 32], u64),
) -> Result<Vec<F>, LakeError> {
    let mut linked = Vec::with_capacity(staged.len());
    for (file, staged) in staged {
        let (path, hash, len_bytes) = place(&file);
        link_checked(files, staged, &root.join(path), hash, len_bytes)?;
        linked.push(file);
    }
    Ok(linked)
}

/// Links a file to a name made of its content's hash. If the name is taken, what has
/// it must be the same.
pub fn link_checked(
    files: &WriteOnce,
    staged: Staged,
    to: &Path,
    hash: [u8; 32],
    len_bytes: u64,
) -> Result<(), LakeError> {
    match files.link(staged, to)? {
        Linked::New => Ok(()),
        Linked::Taken => table::check_file(to, hash, len_bytes, |_| {}),
    }
}

/// Links a commit record to its number and brings it to disk.
pub fn publish(root: &Path, files: &WriteOnce, commit: &Commit) -> Result<Entry, LakeError> {
    let path = root.join(layout::commit(commit.number));
    let (bytes, hash) =
        framed::seal(FRAME, commit).map_err(|error| damaged(&path, error.to_string()))?;
    let mut staged = files.stage()?;
    staged.write_all(&bytes).map_err(|source| WriteError::Io {
        doing: "writing",
        path: path.clone(),
        source,
    })?;
    match files.link(staged, &path) {
        Ok(Linked::New) => {}
        Ok(Linked::Taken) => {
            return Err(LakeError::Raced {
                number: commit.number,
            });
        }
        Err(error) => {
            // Nobody can tell whether the name was given.
            files.poison();
            return Err(error.into());
        }
    }
    files.sync_names()?;
    Ok(Entry {
        commit: commit.clone(),
        hash,
    })
}
