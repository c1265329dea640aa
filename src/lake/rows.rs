//! The events of a commit made anew from its files, in the order of their sequence
//! numbers.
//!
//! **Invariant.** One batch of each file is in memory at a time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::commit::EventFile;
use super::error::{LakeError, damaged};
use super::table;
use crate::event::registry::CheckedRow;
use crate::event::{AnyKind, find_kind};

/// The events of one file, whose bytes were checked.
pub struct FileRows {
    path: PathBuf,
    kind: &'static dyn AnyKind,
    iteration: u32,
    reader: Option<ParquetRecordBatchReader>,
    batch: VecDeque<CheckedRow>,
    last_seq: Option<i64>,
    missing: u64,
}

impl FileRows {
    /// Opens a file of the lake in `root`.
    pub fn open(root: &Path, file: &EventFile) -> Result<Self, LakeError> {
        let path = root.join(file.path());
        let kind = find_kind(&file.kind)
            .filter(|kind| kind.version() == file.version)
            .ok_or_else(|| {
                let what = format!(
                    "version {} of the kind {} is not known to this version of antiks",
                    file.version, file.kind
                );
                damaged(&path, what)
            })?;
        let reader = guarded(&path, || table::open(&path, None))?;
        Ok(Self {
            path,
            kind,
            iteration: file.iteration,
            reader: Some(reader),
            batch: VecDeque::new(),
            last_seq: None,
            missing: file.rows,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of its events.
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// The sequence number of the next event; `None` at the file's end.
    pub fn peek(&mut self) -> Result<Option<i64>, LakeError> {
        while self.batch.is_empty() {
            if !self.read_batch()? {
                return Ok(None);
            }
        }
        Ok(self.batch.front().map(|row| row.seq))
    }

    /// The next event; call [`FileRows::peek`] before.
    pub fn take(&mut self) -> Option<CheckedRow> {
        self.batch.pop_front()
    }

    /// Closes a file that has no more batches: a commit may hold more files than a
    /// process may have open.
    fn close_at_end(&mut self) -> Result<(), LakeError> {
        if self.missing > 0 {
            return Ok(());
        }
        let Some(mut reader) = self.reader.take() else {
            return Ok(());
        };
        match guarded(&self.path, || Ok(reader.next().is_some()))? {
            true => Err(damaged(&self.path, "it has more events than the log says")),
            false => Ok(()),
        }
    }

    fn read_batch(&mut self) -> Result<bool, LakeError> {
        let Some(reader) = &mut self.reader else {
            return Ok(false);
        };
        let batch = guarded(&self.path, || {
            let batch = reader.next().transpose();
            batch.map_err(|error| damaged(&self.path, error.to_string()))
        })?;
        let Some(batch) = batch else {
            self.reader = None;
            if self.missing > 0 {
                let what = format!("it has {} events fewer than the log says", self.missing);
                return Err(damaged(&self.path, what));
            }
            return Ok(false);
        };
        let rows = &mut self.batch;
        self.kind
            .check(self.iteration, &batch, &mut |row| rows.push_back(row))
            .map_err(|source| LakeError::Columns {
                path: self.path.clone(),
                source,
            })?;
        for row in &self.batch {
            if self.last_seq.is_some_and(|last| row.seq <= last) {
                let what = format!("sequence number {} stands where a higher one must", row.seq);
                return Err(damaged(&self.path, what));
            }
            self.last_seq = Some(row.seq);
        }
        match self.missing.checked_sub(batch.num_rows() as u64) {
            Some(missing) => self.missing = missing,
            None => return Err(damaged(&self.path, "it has more events than the log says")),
        }
        self.close_at_end()?;
        Ok(true)
    }
}

/// Turns a panic of the Parquet reader into an error. The bytes have the right hash,
/// but whoever rewrote the log as well may have made them anything.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, LakeError>) -> Result<T, LakeError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(damaged(path, "it can't be read as Parquet")))
}
