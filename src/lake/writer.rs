//! The one writer of a lake, and the commits that it makes.
//!
//! A commit streams: events are hashed and encoded as they come, and lie in the
//! staging folder until [`Draft::commit`]. Then, in this order: every file is synced
//! and linked to its name; their folders are synced; the commit record is synced and
//! linked to its number; the log folder is synced. Only then does `commit` return.
//!
//! **Invariants.**
//! - Events get their sequence numbers in the order in which they are appended; what
//!   an event points at comes before it, in this commit or an earlier one.
//! - No event is in the lake twice.
//! - A draft that is dropped leaves nothing but files that nobody names.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::Lake;
use super::commit::{BlobFile, Commit, FORMAT, SnapshotFile, TreeHead};
use super::error::{LakeError, damaged};
use super::known::KnownIds;
use super::layout;
use super::lock::{Wait, take};
use super::log::Entry;
use super::publish::{link_all, publish, writer_name};
use super::recovery;
use super::section::Section;
use super::spool::Spool;
use super::table::{Hashing, TableWriter, WrittenFile};
use super::tree::Tree;
use crate::base::canonical::Reference;
use crate::base::disk::{Disk, OsDisk, Staged, WriteError, WriteOnce};
use crate::base::id::{BlobHash, Id, SnapshotHash};
use crate::base::lock::FileLock;
use crate::base::world::World;
use crate::event::envelope::leaf_hash;
use crate::event::registry::AnyEvent;
use crate::event::{Event, Kind, find_kind};

/// The most canonical bytes that an event may have. Larger content belongs in a blob.
const MAX_EVENT_BYTES: usize = 64 << 20;

/// What a writer stands on.
#[derive(Clone)]
pub struct Ground {
    /// Time and host.
    pub world: World,
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// How long to wait for another writer.
    pub wait: Wait,
}

impl Ground {
    /// The operating system's, without waiting.
    pub fn system() -> Self {
        Self {
            world: World::system(),
            disk: Arc::new(OsDisk),
            wait: Wait::No,
        }
    }
}

/// The one process that may add to a lake.
pub struct Writer {
    lake: Lake,
    files: Arc<WriteOnce>,
    world: World,
    tree: Tree,
    known: KnownIds,
    blobs: HashSet<BlobHash>,
    snapshots: HashSet<SnapshotHash>,
    _lock: Option<FileLock>,
}

impl Writer {
    /// Makes an empty lake in `root`, a folder that is not there or holds nothing under
    /// the names that a lake uses.
    pub fn create(root: &Path, ground: &Ground) -> Result<Self, LakeError> {
        if super::log::highest_number(root)?.is_some() {
            return Err(LakeError::Exists(root.to_owned()));
        }
        recovery::refuse_others(root)?;
        let files = write_once(root, ground);
        files.make_dirs(&root.join(layout::LOG))?;
        files.make_dirs(&root.join(layout::STAGING))?;
        let lock = take(root, ground.wait)?;
        if super::log::highest_number(root)?.is_some() {
            return Err(LakeError::Exists(root.to_owned()));
        }
        if lock.is_some() {
            files.sweep()?;
        }
        let first = Commit {
            format: FORMAT,
            number: 0,
            parent: None,
            committed_at_us: ground.world.now_us(),
            writer: writer_name(),
            note: "an empty lake".to_owned(),
            events: Vec::new(),
            snapshots: Vec::new(),
            blobs: Vec::new(),
            tree: TreeHead::of(&Tree::default()),
        };
        publish(root, &files, &first)?;
        Self::open_locked(root, ground, lock)
    }

    /// Opens the lake in `root` for writing: takes the lock, checks the log, and puts
    /// away what a crash left behind.
    pub fn open(root: &Path, ground: &Ground) -> Result<Self, LakeError> {
        if !root.join(layout::LOG).is_dir() {
            return Err(LakeError::Missing(root.to_owned()));
        }
        let lock = take(root, ground.wait)?;
        Self::open_locked(root, ground, lock)
    }

    fn open_locked(
        root: &Path,
        ground: &Ground,
        lock: Option<FileLock>,
    ) -> Result<Self, LakeError> {
        let lake = Lake::open(root)?;
        let files = Arc::new(write_once(root, ground));
        if lock.is_some() {
            files.sweep()?;
            recovery::set_orphans_aside(&lake, &files)?;
        }
        // Who writes without a lock may have named some of them in the meantime.
        let lake = Lake::open(root)?;
        recovery::bring_back(root, &files, lake.entries())?;
        // Whoever made the newest commit may have died before it was on disk; from now
        // on it is told of as a commit that was made.
        files.settle(&root.join(layout::LOG))?;
        let newest = &lake.newest().commit.tree;
        let tree = newest
            .tree()
            .ok_or_else(|| damaged(root, "the newest tree contradicts itself"))?;
        let commits = || lake.entries().iter().map(|entry| &entry.commit);
        let blobs = commits()
            .flat_map(|commit| commit.blobs.iter().map(|blob| blob.blake3))
            .collect();
        let snapshots = commits()
            .flat_map(|commit| commit.snapshots.iter().map(|snapshot| snapshot.blake3))
            .collect();
        Ok(Self {
            files,
            world: ground.world.clone(),
            tree,
            known: KnownIds::default(),
            blobs,
            snapshots,
            _lock: lock,
            lake,
        })
    }

    /// Opens the lake in `root`, or makes one if there is none.
    pub fn open_or_create(root: &Path, ground: &Ground) -> Result<Self, LakeError> {
        match Self::open(root, ground) {
            Err(LakeError::Missing(_)) => match Self::create(root, ground) {
                // Another process was faster.
                Err(LakeError::Exists(_)) => Self::open(root, ground),
                other => other,
            },
            other => other,
        }
    }

    /// The lake as of the last commit.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The world that events are observed in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The spool of paid calls.
    pub fn spool(&self) -> Spool {
        Spool::new(self.lake.root(), Arc::clone(&self.files))
    }

    /// Whether an event with this id is in the lake.
    pub fn contains<K: Kind>(&mut self, id: Id<K>) -> Result<bool, LakeError> {
        self.known.contains(&self.lake, K::KIND, &id.bytes())
    }

    /// Begins a commit; `note` says what it is about.
    pub fn begin(&mut self, note: impl Into<String>) -> Draft<'_> {
        Draft {
            tree: self.tree.clone(),
            note: note.into(),
            sections: Vec::new(),
            by_place: HashMap::new(),
            blobs: Vec::new(),
            snapshots: Vec::new(),
            scratch: Vec::new(),
            failed: false,
            committed: false,
            writer: self,
        }
    }
}

/// A commit that is being put together. Dropping it throws it away.
pub struct Draft<'w> {
    writer: &'w mut Writer,
    tree: Tree,
    note: String,
    sections: Vec<Section>,
    by_place: HashMap<(&'static str, u32), usize>,
    blobs: Vec<(BlobFile, Staged)>,
    snapshots: Vec<(SnapshotFile, Staged)>,
    scratch: Vec<u8>,
    failed: bool,
    committed: bool,
}

impl Draft<'_> {
    /// Adds an event; gives its id.
    pub fn append<K: Kind>(&mut self, event: &Event<K>) -> Result<Id<K>, LakeError> {
        self.append_any(event).map(Id::new)
    }

    /// Adds an event of a kind that is known only when it runs; gives its id.
    pub fn append_any(&mut self, event: &dyn AnyEvent) -> Result<[u8; 32], LakeError> {
        let id = event.id(&mut self.scratch);
        let len_bytes = self.scratch.len();
        let kind = event.kind();
        if len_bytes > MAX_EVENT_BYTES {
            return Err(LakeError::TooLarge { kind, len_bytes });
        }
        self.check_references(event, id)?;
        let Writer { lake, known, .. } = &mut *self.writer;
        if !known.insert(lake, kind, &id)? {
            return Err(LakeError::AlreadyRecorded { kind, id });
        }
        let seq = self.tree.size();
        let leaf = leaf_hash(&id, seq, event.observed(), &mut self.scratch);
        let files = Arc::clone(&self.writer.files);
        let section = self.section(kind, event.iteration())?;
        if let Err(error) = section.append(&files, seq.cast_signed(), &id, event, len_bytes) {
            // Rows are lost on the way: this draft can't become a commit any more.
            self.failed = true;
            return Err(error);
        }
        self.tree.push(leaf);
        Ok(id)
    }

    /// Adds a blob; gives its hash, which an event of this commit may then hold.
    pub fn blob(&mut self, mut content: impl Read) -> Result<BlobHash, LakeError> {
        let staged = self.writer.files.stage()?;
        let path = staged.path().to_owned();
        let mut sink = Hashing::new(staged);
        std::io::copy(&mut content, &mut sink)
            .and_then(|_| sink.flush())
            .map_err(|source| WriteError::Io {
                doing: "writing",
                path,
                source,
            })?;
        let (mut staged, hash, bytes) = sink.finish();
        self.writer.files.seal(&mut staged)?;
        let blake3 = BlobHash::new(hash);
        if !self.names_blob(blake3) {
            self.blobs.push((BlobFile { blake3, bytes }, staged));
        }
        Ok(blake3)
    }

    /// Adds a materialised training set; gives the hash of its file.
    pub fn snapshot(
        &mut self,
        schema: SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<SnapshotHash, LakeError> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let mut table = TableWriter::new(&self.writer.files, schema, rows)?;
        for batch in batches {
            table.write(batch)?;
        }
        let WrittenFile {
            mut staged,
            hash,
            len_bytes,
        } = table.finish()?;
        self.writer.files.seal(&mut staged)?;
        let blake3 = SnapshotHash::new(hash);
        if !self.names_snapshot(blake3) {
            let file = SnapshotFile {
                blake3,
                bytes: len_bytes,
                rows: rows as u64,
            };
            self.snapshots.push((file, staged));
        }
        Ok(blake3)
    }

    /// How many events were added so far.
    pub fn len_events(&self) -> u64 {
        self.tree.size() - self.writer.tree.size()
    }

    /// Makes everything durable and visible at once. When it returns, the commit
    /// survives a loss of power; when it fails, all of it or nothing is in the lake, and
    /// nothing if the writer may be used again.
    pub fn commit(mut self) -> Result<Entry, LakeError> {
        if self.failed {
            return Err(LakeError::FailedDraft);
        }
        let root = self.writer.lake.root().to_owned();
        let files = Arc::clone(&self.writer.files);
        let sections = std::mem::take(&mut self.sections).into_iter();
        let events: Vec<_> = sections
            .map(|section| section.finish(&files))
            .collect::<Result<_, _>>()?;
        let events = link_all(&root, &files, events, |file| {
            (file.path(), file.blake3.bytes(), file.bytes)
        })?;
        let blobs = link_all(&root, &files, std::mem::take(&mut self.blobs), |blob| {
            (layout::blob(blob.blake3), blob.blake3.bytes(), blob.bytes)
        })?;
        let snapshots = link_all(
            &root,
            &files,
            std::mem::take(&mut self.snapshots),
            |snapshot| {
                let path = layout::snapshot(snapshot.blake3);
                (path, snapshot.blake3.bytes(), snapshot.bytes)
            },
        )?;
        files.sync_names()?;

        let previous = self.writer.lake.newest();
        let commit = Commit {
            format: FORMAT,
            number: previous.commit.number + 1,
            parent: Some(previous.hash),
            committed_at_us: self.writer.world.now_us(),
            writer: writer_name(),
            note: std::mem::take(&mut self.note),
            events,
            snapshots,
            blobs,
            tree: TreeHead::of(&self.tree),
        };
        let entry = publish(&root, &files, &commit)?;
        if let Err(error) = recovery::bring_back(&root, &files, std::slice::from_ref(&entry)) {
            // The commit is made, but this writer can't go on from it.
            files.poison();
            return Err(error);
        }
        self.committed = true;
        self.writer.tree = self.tree.clone();
        self.writer
            .blobs
            .extend(commit.blobs.iter().map(|blob| blob.blake3));
        self.writer
            .snapshots
            .extend(commit.snapshots.iter().map(|snapshot| snapshot.blake3));
        self.writer.lake.push(entry.clone());
        Ok(entry)
    }

    fn section(&mut self, kind: &'static str, iteration: u32) -> Result<&mut Section, LakeError> {
        let place = match self.by_place.get(&(kind, iteration)) {
            Some(&place) => place,
            None => {
                let kind = find_kind(kind).ok_or_else(|| {
                    damaged(self.writer.lake.root(), format!("no kind {kind} is known"))
                })?;
                self.sections.push(Section::new(kind, iteration));
                let place = self.sections.len() - 1;
                self.by_place.insert((kind.name(), iteration), place);
                place
            }
        };
        Ok(&mut self.sections[place])
    }

    fn check_references(&mut self, event: &dyn AnyEvent, id: [u8; 32]) -> Result<(), LakeError> {
        let mut unknown = Ok(());
        event.references(&mut |reference| {
            if unknown.is_ok() {
                unknown = self
                    .check_reference(reference)
                    .and_then(|found| match found {
                        None => Ok(()),
                        Some((target, target_id)) => Err(LakeError::UnknownReference {
                            kind: event.kind(),
                            id,
                            target,
                            target_id,
                        }),
                    });
            }
        });
        unknown
    }

    /// What a reference points at, if that is not in the lake.
    fn check_reference(
        &mut self,
        reference: Reference,
    ) -> Result<Option<(&'static str, [u8; 32])>, LakeError> {
        let (found, target, id) = match reference {
            Reference::Event { kind, id } => {
                let Writer { lake, known, .. } = &mut *self.writer;
                let found = match kind {
                    Some(kind) => known.contains(lake, kind, &id)?,
                    None => known.contains_any(lake, &id)?,
                };
                (found, kind.unwrap_or("event"), id)
            }
            Reference::Blob(id) => (self.names_blob(BlobHash::new(id)), "blob", id),
            Reference::Snapshot(id) => (
                self.names_snapshot(SnapshotHash::new(id)),
                "snapshot file",
                id,
            ),
        };
        Ok((!found).then_some((target, id)))
    }

    fn names_blob(&self, hash: BlobHash) -> bool {
        self.writer.blobs.contains(&hash) || self.blobs.iter().any(|(blob, _)| blob.blake3 == hash)
    }

    fn names_snapshot(&self, hash: SnapshotHash) -> bool {
        self.writer.snapshots.contains(&hash)
            || self
                .snapshots
                .iter()
                .any(|(snapshot, _)| snapshot.blake3 == hash)
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // What failed to become a row is known already, and must not be taken for recorded.
        if !self.committed && (self.failed || self.len_events() > 0) {
            self.writer.known.clear();
        }
    }
}

fn write_once(root: &Path, ground: &Ground) -> WriteOnce {
    WriteOnce::new(Arc::clone(&ground.disk), root, &root.join(layout::STAGING))
}
