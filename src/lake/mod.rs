//! The lake: events that were committed, and everything that is needed to trust them.
//!
//! - [`layout`], [`walk`]: where things lie.
//! - [`commit`], [`log`], [`tree`]: the records, their chain, and the tree over all events.
//! - [`table`]: Parquet files.
//! - [`writer`], [`section`], [`encoder`], [`publish`], [`recovery`], [`known`], [`lock`]: the one writer.
//! - [`spool`]: paid calls, recorded before and after they are made.
//! - [`graph`]: who refers to whom, for walks over the whole lake.
//! - [`import`]: events given as NDJSON.
//! - [`verify`], [`report`], [`rows`], [`references`]: everything recomputed.
//!
//! `lake/README.md` specifies every byte.
//!
//! **Invariants.**
//! - Nothing is ever rewritten; every file is written once.
//! - A commit is in the lake when its record has its number, whole or not at all.
//! - Readers take no lock and see one version, whatever a writer does meanwhile.
//! - The lake knows nothing of SQL, grading, models or teachers.

pub mod commit;
pub mod encoder;
pub mod error;
pub mod graph;
pub mod import;
pub mod known;
pub mod layout;
pub mod lock;
pub mod log;
pub mod publish;
pub mod recovery;
pub mod references;
pub mod report;
pub mod rows;
pub mod section;
pub mod spool;
pub mod table;
pub mod tree;
pub mod verify;
pub mod walk;
pub mod writer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub use commit::{Commit, EventFile};
pub use error::LakeError;
pub use lock::Wait;
pub use log::Entry;
pub use writer::{Draft, Ground, Writer};

use crate::base::id::{BlobHash, Id};
use crate::event::{Event, Kind};
use error::damaged;

/// A lake at one version, for reading.
#[derive(Clone, Debug)]
pub struct Lake {
    root: PathBuf,
    entries: Vec<Entry>,
}

impl Lake {
    /// The lake in `root` as it is now.
    pub fn open(root: &Path) -> Result<Self, LakeError> {
        Self::read(root, None)
    }

    /// The lake in `root` as it was after commit `version`.
    pub fn open_at(root: &Path, version: u64) -> Result<Self, LakeError> {
        Self::read(root, Some(version))
    }

    fn read(root: &Path, version: Option<u64>) -> Result<Self, LakeError> {
        if !root.join(layout::LOG).is_dir() {
            return Err(LakeError::Missing(root.to_owned()));
        }
        let entries = log::read(root, version)?;
        let newest = match entries.last() {
            Some(entry) => entry.commit.number,
            None => return Err(LakeError::Missing(root.to_owned())),
        };
        match version {
            Some(wanted) if wanted != newest => Err(LakeError::NoVersion { wanted, newest }),
            _ => Ok(Self::from_entries(root, entries)),
        }
    }

    /// The lake in `root` that consists of these commits.
    fn from_entries(root: &Path, entries: Vec<Entry>) -> Self {
        Self {
            root: root.to_owned(),
            entries,
        }
    }

    /// The folder that it lies in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its commits, the first one first; there is at least one.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Its newest commit.
    pub fn newest(&self) -> &Entry {
        match self.entries.last() {
            Some(entry) => entry,
            None => unreachable!("a lake without commits is not opened"),
        }
    }

    /// Its version: the number of its newest commit.
    pub fn version(&self) -> u64 {
        self.newest().commit.number
    }

    /// The same lake as it was after commit `version`.
    pub fn at(&self, version: u64) -> Result<Self, LakeError> {
        let newest = self.version();
        if version > newest {
            return Err(LakeError::NoVersion {
                wanted: version,
                newest,
            });
        }
        let entries = self.entries.iter();
        let entries = entries.take_while(|entry| entry.commit.number <= version);
        Ok(Self::from_entries(&self.root, entries.cloned().collect()))
    }

    /// The files that hold events of `kind`, in the order of their commits.
    pub fn event_files<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a EventFile> {
        self.entries
            .iter()
            .flat_map(|entry| entry.commit.events.iter())
            .filter(move |file| file.kind == kind)
    }

    /// Hands every event of a kind to `visit`, in the order in which they were
    /// recorded, each file's bytes checked first.
    pub fn read_events<K: Kind>(
        &self,
        mut visit: impl FnMut(i64, Id<K>, Event<K>),
    ) -> Result<(), LakeError> {
        for file in self.event_files(K::KIND) {
            let path = self.root.join(file.path());
            table::check_file(&path, file.blake3.bytes(), file.bytes, |_| {})?;
            table::read_events(&path, file.iteration, &mut visit)?;
        }
        Ok(())
    }

    /// The bytes of a blob, checked.
    pub fn read_blob(&self, hash: BlobHash) -> Result<Vec<u8>, LakeError> {
        let path = self.root.join(layout::blob(hash));
        let bytes = walk::read_file(&path).map_err(error::reading(&path))?;
        match BlobHash::of(&bytes) == hash {
            true => Ok(bytes),
            false => Err(damaged(&path, "its bytes have changed")),
        }
    }

    /// Files in the data folders that no commit names, relative to the root: what a
    /// crash or a lost race left behind.
    pub fn orphans(&self) -> Result<Vec<PathBuf>, LakeError> {
        let mut named = HashSet::new();
        for Entry { commit, .. } in &self.entries {
            named.extend(commit.events.iter().map(EventFile::path));
            named.extend(commit.blobs.iter().map(|blob| layout::blob(blob.blake3)));
            let snapshots = commit.snapshots.iter();
            named.extend(snapshots.map(|snapshot| layout::snapshot(snapshot.blake3)));
        }
        let mut orphans = Vec::new();
        for folder in [layout::EVENTS, layout::SNAPSHOTS, layout::BLOBS] {
            for path in walk::files_below(&self.root.join(folder))? {
                if let Ok(relative) = path.strip_prefix(&self.root)
                    && !named.contains(relative)
                {
                    orphans.push(relative.to_owned());
                }
            }
        }
        Ok(orphans)
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
}
