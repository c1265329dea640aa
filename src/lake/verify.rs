//! Everything in a lake recomputed: any bit that changed is found and named.
//!
//! In this order: the log has no gap and its records hash to what their successors
//! say; every file has its length and hash; every event's id and leaf are made anew
//! from its columns; the leaves make the tree that the record states; every reference
//! points at an event, blob or snapshot that came before; the spool's documents are
//! whole.
//!
//! **Invariants.** It writes nothing, takes no lock, and goes on after a finding. Bytes
//! whose hash is wrong are not parsed. Memory does not grow with the lake's events.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::commit::Commit;
use super::error::{LakeError, reading};
use super::log::{self, Entry};
use super::references::{Fault, References};
use super::report::{Progress, Report, relative};
use super::rows::FileRows;
use super::tree::Tree;
use super::{Lake, layout, spool, table};
use crate::base::canonical::Reference;
use crate::base::id::{ContentHash, to_hex};
use crate::event::registry::CheckedRow;

/// Verifies the lake in `root`, which must hold a commit with the hash `expect`.
pub fn verify(
    root: &Path,
    expect: Option<ContentHash>,
    progress: &mut dyn Progress,
) -> Result<Report, LakeError> {
    if !root.join(layout::LOG).is_dir() {
        return Err(LakeError::Missing(root.to_owned()));
    }
    let mut verification = Verification {
        root,
        progress,
        report: Report {
            ok: true,
            ..Report::default()
        },
        references: References::new().map_err(reading(root))?,
        hashed: HashSet::new(),
        named: HashSet::new(),
        is_whole: true,
    };
    let entries = verification.check_log()?;
    if let Some(expect) = expect.filter(|hash| entries.iter().all(|entry| entry.hash != *hash)) {
        let what = format!("no commit has the expected hash {expect}");
        verification.report.find(Path::new(layout::LOG), what);
    }
    let total = entries.iter().map(|entry| len_bytes(&entry.commit)).sum();
    verification.progress.total_bytes(total);
    for (place, entry) in entries.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| &entries[place]);
        verification.check_commit(before, entry)?;
    }
    let mut report = verification.check_references(&entries)?;
    for wrong in spool::check(root)? {
        report.find_error(root, &wrong);
    }
    Ok(report)
}

struct Verification<'a> {
    root: &'a Path,
    progress: &'a mut dyn Progress,
    report: Report,
    references: References,
    /// Files that were hashed already, and were whole.
    hashed: HashSet<PathBuf>,
    /// Blobs and snapshots that were named so far.
    named: HashSet<(FileSort, [u8; 32])>,
    /// Whether every event could be read, so that a missing one is really missing.
    is_whole: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum FileSort {
    Blob,
    Snapshot,
}

impl Verification<'_> {
    /// Checks the chain of records; gives those that could be read, in order.
    fn check_log(&mut self) -> Result<Vec<Entry>, LakeError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut next = 0;
        for name in log::names(self.root)? {
            let Some(number) = layout::commit_number(&name) else {
                let path = Path::new(layout::LOG).join(&name);
                self.report.find(&path, "it is not a commit record");
                continue;
            };
            // A name may have been given while the folder was read.
            while number > next
                && let Ok(Some(entry)) = log::read_entry(self.root, next)
            {
                self.check_record(entries.last(), next, &entry);
                entries.push(entry);
                next += 1;
            }
            if number > next {
                self.miss_commits(next, number - 1);
            }
            next = number.saturating_add(1);
            match log::read_entry(self.root, number) {
                Ok(Some(entry)) => {
                    self.check_record(entries.last(), number, &entry);
                    entries.push(entry);
                }
                Ok(None) => self.miss_commits(number, number),
                Err(error) => {
                    self.is_whole = false;
                    self.report.find_error(self.root, &error).commit = Some(number);
                }
            }
        }
        if next == 0 {
            self.miss_commits(0, 0);
        }
        self.report.commits = entries.len() as u64;
        if let Some(newest) = entries.last() {
            self.report.newest_commit = Some(newest.hash);
            self.report.root = Some(newest.commit.tree.root);
        }
        Ok(entries)
    }

    fn miss_commits(&mut self, first: u64, last: u64) {
        self.is_whole = false;
        let what = match last - first {
            0 => "it is missing".to_owned(),
            more => format!("it is missing, and the next {more} as well"),
        };
        self.report.find(&layout::commit(first), what).commit = Some(first);
    }

    fn check_record(&mut self, before: Option<&Entry>, number: u64, entry: &Entry) {
        let mut checked = log::check_alone(self.root, number, entry);
        if checked.is_ok() && is_next(before, number) {
            checked = log::check_follows(self.root, before, entry);
        }
        if let Err(error) = checked {
            self.report.find_error(self.root, &error).commit = Some(number);
        }
    }

    fn check_commit(&mut self, before: Option<&Entry>, entry: &Entry) -> Result<(), LakeError> {
        let commit = &entry.commit;
        for blob in &commit.blobs {
            let path = layout::blob(blob.blake3);
            self.check_file(&path, blob.blake3.bytes(), blob.bytes, commit.number)?;
            self.named.insert((FileSort::Blob, blob.blake3.bytes()));
        }
        for snapshot in &commit.snapshots {
            let path = layout::snapshot(snapshot.blake3);
            self.check_file(
                &path,
                snapshot.blake3.bytes(),
                snapshot.bytes,
                commit.number,
            )?;
            self.named
                .insert((FileSort::Snapshot, snapshot.blake3.bytes()));
        }
        let mut files = Vec::new();
        let mut is_complete = is_next(before, commit.number);
        for file in &commit.events {
            let path = file.path();
            let is_whole =
                self.check_file(&path, file.blake3.bytes(), file.bytes, commit.number)?;
            // With its first batch read a small file is closed already.
            let open = || FileRows::open(self.root, file).and_then(|mut it| it.peek().map(|_| it));
            match is_whole.then(open) {
                Some(Ok(rows)) => files.push(rows),
                Some(Err(error)) if error.is_exhaustion() => return Err(error),
                Some(Err(error)) => {
                    self.report.find_error(self.root, &error).commit = Some(commit.number);
                    is_complete = false;
                }
                None => is_complete = false,
            }
        }
        let tree = match before {
            Some(before) => before.commit.tree.tree(),
            None => Some(Tree::default()),
        };
        let tree = tree.filter(|_| is_complete);
        self.is_whole &= is_complete;
        self.check_events(commit, files, tree)
    }

    /// Hashes a file unless that was done; `false` if it is not what the log says.
    fn check_file(
        &mut self,
        path: &Path,
        hash: [u8; 32],
        len_bytes: u64,
        commit: u64,
    ) -> Result<bool, LakeError> {
        if self.hashed.contains(path) {
            self.progress.advance(len_bytes);
            return Ok(true);
        }
        let progress = &mut *self.progress;
        let advance = |bytes| progress.advance(bytes);
        match table::check_file(&self.root.join(path), hash, len_bytes, advance) {
            Ok(()) => {
                self.report.files += 1;
                self.hashed.insert(path.to_owned());
                Ok(true)
            }
            Err(error) if error.is_exhaustion() => Err(error),
            Err(error) => {
                self.report.find_error(self.root, &error).commit = Some(commit);
                Ok(false)
            }
        }
    }

    /// Makes the events of a commit anew, in the order of their sequence numbers. With
    /// the tree before them, checks that they make the one that the record states.
    fn check_events(
        &mut self,
        commit: &Commit,
        mut files: Vec<FileRows>,
        mut tree: Option<Tree>,
    ) -> Result<(), LakeError> {
        let mut next = commit.tree.size.saturating_sub(commit.rows());
        let mut per_file = Tally::default();
        while let Some((place, seq)) = self.next_file(commit, &mut files, &mut tree) {
            let file = &mut files[place];
            let (path, kind) = (file.path().to_owned(), file.kind());
            let Some(row) = file.take() else { continue };
            self.report.events += 1;
            if row.id != row.stated_id && per_file.may_report(&path) {
                let path = relative(self.root, &path);
                let what = format!("its content has the id {}", to_hex(&row.id));
                self.report.find(&path, what).about(commit, &row.stated_id);
            }
            if seq != next.cast_signed() {
                if tree.is_some() {
                    let path = relative(self.root, &path);
                    let what = format!("its sequence number is {seq}; {next} is the next");
                    self.report.find(&path, what).about(commit, &row.stated_id);
                }
                tree = None;
            }
            next = next.saturating_add(1);
            if let Some(tree) = &mut tree {
                tree.push(row.leaf);
            }
            self.collect(commit, &path, kind, &row, &mut per_file)?;
        }
        for (path, more) in per_file.hidden() {
            let path = relative(self.root, path);
            let what = format!("{more} more of its events are not as they must be");
            self.report.find(&path, what).commit = Some(commit.number);
        }
        if let Some(tree) = tree
            && tree.root() != commit.tree.root.bytes()
        {
            let what =
                "its events and what was observed of them don't make the tree that it states";
            let path = layout::commit(commit.number);
            self.report.find(&path, what).commit = Some(commit.number);
        }
        Ok(())
    }

    /// The file whose next event comes first, and its sequence number. A file that
    /// can't be read further is left out, and the tree can't be checked then.
    fn next_file(
        &mut self,
        commit: &Commit,
        files: &mut Vec<FileRows>,
        tree: &mut Option<Tree>,
    ) -> Option<(usize, i64)> {
        let mut first: Option<(usize, i64)> = None;
        let mut place = 0;
        while place < files.len() {
            match files[place].peek() {
                Ok(Some(seq)) => {
                    if first.is_none_or(|(_, first)| seq < first) {
                        first = Some((place, seq));
                    }
                    place += 1;
                }
                Ok(None) => place += 1,
                Err(error) => {
                    self.report.find_error(self.root, &error).commit = Some(commit.number);
                    self.is_whole = false;
                    *tree = None;
                    files.remove(place);
                    first = None;
                    place = 0;
                }
            }
        }
        first
    }

    fn collect(
        &mut self,
        commit: &Commit,
        path: &Path,
        kind: &'static str,
        row: &CheckedRow,
        per_file: &mut Tally,
    ) -> Result<(), LakeError> {
        let seq = row.seq.cast_unsigned();
        let failed = reading(path);
        let mut collected = self.references.add_id(kind, &row.id, seq);
        for reference in &row.references {
            let (sort, hash) = match *reference {
                Reference::Event { kind, id } => {
                    collected =
                        collected.and_then(|()| self.references.add_reference(kind, &id, seq));
                    continue;
                }
                Reference::Blob(hash) => (FileSort::Blob, hash),
                Reference::Snapshot(hash) => (FileSort::Snapshot, hash),
            };
            if !self.named.contains(&(sort, hash)) && self.is_whole && per_file.may_report(path) {
                let what = format!(
                    "it refers to the file {}, which no commit up to here adds",
                    to_hex(&hash)
                );
                let path = relative(self.root, path);
                self.report.find(&path, what).about(commit, &row.stated_id);
            }
        }
        collected.map_err(failed)
    }

    /// Compares references with ids; the last step, for it uses up what was collected.
    fn check_references(self, entries: &[Entry]) -> Result<Report, LakeError> {
        let Self {
            root,
            mut report,
            references,
            is_whole,
            ..
        } = self;
        let mut faults = Vec::new();
        let mut hidden = 0u64;
        references
            .compare(|fault| {
                // With events unread, those that refer to them are not to blame.
                let counts = is_whole || matches!(fault, Fault::Repeated { .. });
                if counts && faults.len() < MAX_FAULTS {
                    faults.push(fault);
                } else if counts {
                    hidden += 1;
                }
            })
            .map_err(reading(root))?;
        for fault in faults {
            let (seq, what) = match fault {
                Fault::Dangling { seq } => (
                    seq,
                    "it refers to an event that is not in the lake before it",
                ),
                Fault::Repeated { seq } => (seq, "an event with this id came before"),
            };
            name_event(root, entries, seq, what, &mut report);
        }
        if hidden > 0 {
            let what = format!("{hidden} more events refer to what is missing, or are repeated");
            report.find(Path::new(layout::EVENTS), what);
        }
        if !is_whole {
            let note = "references were not checked, since not all events could be read";
            report.notes.push(note.to_owned());
        }
        note_orphans(root, entries, &mut report)?;
        Ok(report)
    }
}

/// Faults in references that are named one by one.
const MAX_FAULTS: usize = 100;
/// Findings about events of one file that are named one by one.
const MAX_PER_FILE: u64 = 10;

/// Counts findings by file, so that a rewritten file does not drown all others.
#[derive(Default)]
struct Tally(HashMap<PathBuf, u64>);

impl Tally {
    fn may_report(&mut self, path: &Path) -> bool {
        let count = self.0.entry(path.to_owned()).or_default();
        *count += 1;
        *count <= MAX_PER_FILE
    }

    fn hidden(&self) -> impl Iterator<Item = (&Path, u64)> {
        let over = |count: &u64| count.checked_sub(MAX_PER_FILE).filter(|more| *more > 0);
        self.0
            .iter()
            .filter_map(move |(path, count)| over(count).map(|more| (path.as_path(), more)))
    }
}

fn is_next(before: Option<&Entry>, number: u64) -> bool {
    number == before.map_or(0, |before| before.commit.number + 1)
}

fn len_bytes(commit: &Commit) -> u64 {
    let events = commit.events.iter().map(|file| file.bytes);
    let blobs = commit.blobs.iter().map(|file| file.bytes);
    let snapshots = commit.snapshots.iter().map(|file| file.bytes);
    events
        .chain(blobs)
        .chain(snapshots)
        .fold(0, u64::saturating_add)
}

/// Adds a finding about the event at `seq`, which is looked up again.
fn name_event(root: &Path, entries: &[Entry], seq: u64, what: &str, report: &mut Report) {
    let place = entries.partition_point(|entry| entry.commit.tree.size <= seq);
    let Some(Entry { commit, .. }) = entries.get(place) else {
        report.find(Path::new(layout::EVENTS), format!("event {seq}: {what}"));
        return;
    };
    for file in &commit.events {
        let Ok(mut rows) = FileRows::open(root, file) else {
            continue;
        };
        while let Ok(Some(here)) = rows.peek() {
            if let Some(row) = rows.take()
                && here.cast_unsigned() == seq
            {
                report
                    .find(&file.path(), what)
                    .about(commit, &row.stated_id);
                return;
            }
        }
    }
    report.find(
        &layout::commit(commit.number),
        format!("event {seq}: {what}"),
    );
}

fn note_orphans(root: &Path, entries: &[Entry], report: &mut Report) -> Result<(), LakeError> {
    // Commits may have been made since the log was read; theirs are not orphans.
    let lake = Lake::open(root).unwrap_or_else(|_| Lake::from_entries(root, entries.to_vec()));
    let orphans = lake.orphans()?;
    if let Some(first) = orphans.first() {
        report.notes.push(format!(
            "{} files that no commit names, such as {}: a crash leaves such files behind, \
             and the next writer puts those of events away",
            orphans.len(),
            first.display()
        ));
    }
    Ok(())
}
