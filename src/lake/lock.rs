//! The lock that lets one process write at a time.
//!
//! It only saves a second writer from useless work: what decides between two is the
//! link of a commit record, which one of them alone can make.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use super::error::{LakeError, reading};
use super::layout;
use crate::base::disk::max_file_bytes;
use crate::base::lock::FileLock;
use crate::base::world::{Stopwatch, rest};

/// How long to wait for another writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: fail at once.
    No,
    /// At most so long.
    For(Duration),
    /// Until it is done.
    Forever,
    /// Take no lock: for file systems without locks. A race is then lost at the commit.
    Unlocked,
}

const POLL: Duration = Duration::from_millis(25);

/// Takes the lock of the lake in `root`; `None` if none is wanted.
pub fn take(root: &Path, wait: Wait) -> Result<Option<FileLock>, LakeError> {
    if wait == Wait::Unlocked {
        return Ok(None);
    }
    let path = root.join(layout::LOCK);
    let waited = Stopwatch::start();
    let mut lock = loop {
        if let Some(lock) = FileLock::try_take(&path).map_err(reading(&path))? {
            break lock;
        }
        let give_up = match wait {
            Wait::No | Wait::Unlocked => true,
            Wait::For(limit) => waited.elapsed() >= limit,
            Wait::Forever => false,
        };
        if give_up {
            return Err(LakeError::Locked {
                holder: holder(&path),
            });
        }
        rest(POLL);
    };
    // Whose lock it is helps people only; the lock holds without it.
    let text = format!("process {}", std::process::id());
    if max_file_bytes().is_none_or(|max| text.len() as u64 <= max) {
        let file = lock.file();
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()));
    }
    Ok(Some(lock))
}

fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(100).read_to_string(&mut text));
    match read {
        Ok(_) if !text.is_empty() => text,
        _ => "another process".to_owned(),
    }
}
