//! The events of one kind and iteration in a draft, on their way into one file.
//!
//! A section of less than a batch is written when it ends. A larger one is encoded while
//! it grows.
//!
//! **Invariant.** A few batches of rows are in memory at a time; the rest is encoded.

use super::commit::EventFile;
use super::encoder::Encoder;
use super::error::LakeError;
use super::table::{self, BATCH_ROWS, WrittenFile};
use crate::base::disk::{Staged, WriteOnce};
use crate::event::AnyKind;
use crate::event::registry::{AnyEvent, AnyRows};

/// Bytes after which a batch ends, however few its rows.
const BATCH_BYTES: usize = 16 << 20;

/// The events of one kind and iteration in a draft.
pub struct Section {
    kind: &'static dyn AnyKind,
    iteration: u32,
    rows: Box<dyn AnyRows>,
    len_buffered: usize,
    len_buffered_bytes: usize,
    len_rows: u64,
    encoder: Option<Encoder>,
}

impl Section {
    /// No events yet.
    pub fn new(kind: &'static dyn AnyKind, iteration: u32) -> Self {
        Self {
            kind,
            iteration,
            rows: kind.rows(),
            len_buffered: 0,
            len_buffered_bytes: 0,
            len_rows: 0,
            encoder: None,
        }
    }

    /// Adds an event of the section's kind, whose canonical bytes are so many.
    pub fn append(
        &mut self,
        files: &WriteOnce,
        seq: i64,
        id: &[u8; 32],
        event: &dyn AnyEvent,
        len_bytes: usize,
    ) -> Result<(), LakeError> {
        self.rows.append(seq, id, event);
        self.len_buffered += 1;
        self.len_buffered_bytes += len_bytes;
        self.len_rows += 1;
        match self.len_buffered >= BATCH_ROWS || self.len_buffered_bytes >= BATCH_BYTES {
            true => self.encode(files),
            false => Ok(()),
        }
    }

    /// Ends the file; gives it and what the log will say of it.
    pub fn finish(mut self, files: &WriteOnce) -> Result<(EventFile, Staged), LakeError> {
        let WrittenFile {
            mut staged,
            hash,
            len_bytes,
        } = self.write_rest(files)?;
        files.seal(&mut staged)?;
        let event_file = EventFile {
            kind: self.kind.name().to_owned(),
            version: self.kind.version(),
            iteration: self.iteration,
            blake3: hash.into(),
            bytes: len_bytes,
            rows: self.len_rows,
        };
        Ok((event_file, staged))
    }

    fn encode(&mut self, files: &WriteOnce) -> Result<(), LakeError> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => {
                let file = table::event_writer(files, self.kind, self.len_buffered)?;
                none.insert(Encoder::start(file)?)
            }
        };
        self.len_buffered = 0;
        self.len_buffered_bytes = 0;
        encoder.send(self.rows.finish())
    }

    fn write_rest(&mut self, files: &WriteOnce) -> Result<WrittenFile, LakeError> {
        let len_rest = self.len_buffered;
        let rest = (len_rest > 0).then(|| self.rows.finish());
        if let Some(mut encoder) = self.encoder.take() {
            if let Some(rest) = rest {
                encoder.send(rest)?;
            }
            return encoder.finish();
        }
        let mut file = table::event_writer(files, self.kind, len_rest)?;
        if let Some(rest) = rest {
            file.write(&rest)?;
        }
        file.finish()
    }
}
