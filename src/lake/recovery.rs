//! What a writer finds in a folder that was not left in order.
//!
//! **Invariants.** No file that is not shaped like one of ours is touched. Event files
//! that no record names are moved and never deleted; one that a record names is where
//! the record says, whoever else is at work.

use std::path::Path;

use super::Lake;
use super::error::{LakeError, reading};
use super::layout;
use super::log::Entry;
use super::walk::{files_below, names_in};
use crate::base::disk::{WriteOnce, is_staged_name};
use crate::base::id::from_hex;

/// Names that only a lake may have used before one is made.
const RESERVED: [&str; 5] = [
    layout::EVENTS,
    layout::SNAPSHOTS,
    layout::BLOBS,
    layout::CALLS,
    layout::ORPHANS,
];

/// Fails if `root` holds something under a name that a lake uses, and is no lake that
/// somebody began to make.
pub fn refuse_others(root: &Path) -> Result<(), LakeError> {
    let occupied = |name: &str| LakeError::Occupied {
        root: root.to_owned(),
        name: name.to_owned(),
    };
    let begun = |name: &str| name == layout::LOCK || name == layout::LOG || name == layout::STAGING;
    for name in names_in(root).map_err(reading(root))? {
        if RESERVED.contains(&name.as_str()) {
            return Err(occupied(&name));
        }
        if !begun(&name) || name == layout::LOCK {
            continue;
        }
        let folder = root.join(&name);
        for inside in names_in(&folder).map_err(reading(&folder))? {
            let is_ours = match name.as_str() {
                layout::LOG => layout::commit_number(&inside).is_some(),
                _ => is_staged_name(&inside),
            };
            if !is_ours {
                return Err(occupied(&format!("{name}/{inside}")));
            }
        }
    }
    Ok(())
}

/// Moves event files that no commit names out of foreign readers' sight, each to the
/// same place below `orphans/`.
pub fn set_orphans_aside(lake: &Lake, files: &WriteOnce) -> Result<(), LakeError> {
    for path in lake.orphans()? {
        if let Ok(inside) = path.strip_prefix(layout::EVENTS)
            && is_event_file(inside)
        {
            let to = lake.root().join(layout::ORPHANS).join(inside);
            files.set_aside(&lake.root().join(&path), &to)?;
        }
    }
    Ok(())
}

/// Gives event files that commits name their names back, should another writer have
/// set them aside before it could know.
pub fn bring_back(root: &Path, files: &WriteOnce, entries: &[Entry]) -> Result<(), LakeError> {
    let orphans = root.join(layout::ORPHANS);
    if files_below(&orphans)?.is_empty() {
        return Ok(());
    }
    for file in entries.iter().flat_map(|entry| &entry.commit.events) {
        let path = file.path();
        let Ok(inside) = path.strip_prefix(layout::EVENTS) else {
            continue;
        };
        let aside = orphans.join(inside);
        if aside.exists() && !root.join(&path).exists() {
            files.link_existing(&aside, &root.join(&path))?;
        }
    }
    Ok(files.sync_names()?)
}

/// Whether a path below `events/` is of the form `kind=…/iteration=…/HASH.parquet`.
fn is_event_file(inside: &Path) -> bool {
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    match parts.as_deref() {
        Some([kind, iteration, file]) => {
            kind.starts_with("kind=")
                && iteration.starts_with("iteration=")
                && file
                    .strip_suffix(".parquet")
                    .is_some_and(|hash| from_hex(hash).is_ok())
        }
        _ => false,
    }
}
