//! The commit record: what one commit added, and what the lake is after it.
//!
//! **Invariant.** A record says everything that is needed to find and check its files;
//! with its parent's hash it vouches for all before it.

use serde::{Deserialize, Serialize};

use super::layout;
use super::tree::Tree;
use crate::base::id::{BlobHash, ContentHash, SnapshotHash};
use std::path::PathBuf;

/// The format of lakes that this version writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// A file of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFile {
    /// The kind of its events.
    pub kind: String,
    /// The version of the kind's fields.
    pub version: u32,
    /// The iteration of its events.
    pub iteration: u32,
    /// The hash of its bytes.
    pub blake3: ContentHash,
    /// Its length.
    pub bytes: u64,
    /// Its events.
    pub rows: u64,
}

impl EventFile {
    /// Where it lies in the lake's folder.
    pub fn path(&self) -> PathBuf {
        layout::events(&self.kind, self.iteration, self.blake3)
    }
}

/// A materialised training set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotFile {
    /// The hash of its bytes.
    pub blake3: SnapshotHash,
    /// Its length.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
}

/// A blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobFile {
    /// The hash of its bytes.
    pub blake3: BlobHash,
    /// Its length.
    pub bytes: u64,
}

/// The Merkle tree over all events up to a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Its leaves.
    pub size: u64,
    /// Its root.
    pub root: ContentHash,
    /// The roots of its perfect subtrees, the largest first.
    pub peaks: Vec<ContentHash>,
}

impl TreeHead {
    /// What a record says of `tree`.
    pub fn of(tree: &Tree) -> Self {
        Self {
            size: tree.size(),
            root: ContentHash::new(tree.root()),
            peaks: tree.peaks().iter().copied().map(ContentHash::new).collect(),
        }
    }

    /// The tree that a record speaks of; `None` if it contradicts itself.
    pub fn tree(&self) -> Option<Tree> {
        let peaks = self.peaks.iter().map(|peak| peak.bytes()).collect();
        let tree = Tree::from_peaks(self.size, peaks)?;
        (tree.root() == self.root.bytes()).then_some(tree)
    }
}

/// What one commit added, and what the lake is after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The format of the lake.
    pub format: u32,
    /// The commit's number, from 0 on: the lake's version after it.
    pub number: u64,
    /// The hash of the commit before it; null for the first.
    pub parent: Option<ContentHash>,
    /// When it was made, in microseconds since 1970-01-01 00:00 UTC.
    pub committed_at_us: i64,
    /// The program that made it, and its version.
    pub writer: String,
    /// What it is about, for a reader.
    pub note: String,
    /// The files of events that it adds.
    pub events: Vec<EventFile>,
    /// The training sets that it adds.
    pub snapshots: Vec<SnapshotFile>,
    /// The blobs that it adds.
    pub blobs: Vec<BlobFile>,
    /// The tree over all events up to here.
    pub tree: TreeHead,
}

impl Commit {
    /// How many events it adds.
    pub fn rows(&self) -> u64 {
        self.events
            .iter()
            .fold(0, |rows, file| rows.saturating_add(file.rows))
    }
}
