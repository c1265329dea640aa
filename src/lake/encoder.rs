//! A file of events that is encoded beside the one who makes the events: on a thread
//! of its own, which hashes and compresses while the next events are being hashed.
//!
//! **Invariants.** Batches stand in the file in the order in which they were sent. An
//! encoder that is dropped has stopped, and its staged file is gone, when `drop` returns.

use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use arrow::array::RecordBatch;

use super::error::LakeError;
use super::table::{TableWriter, WrittenFile};
use crate::base::disk::WriteError;

/// Batches that may wait for the thread, so that neither side waits for the other often.
const LEN_QUEUE: usize = 1;

/// A file that a thread of its own is writing.
pub struct Encoder {
    batches: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<Result<WrittenFile, LakeError>>>,
}

impl Encoder {
    /// Starts a thread that writes what is sent to `file`.
    pub fn start(mut file: TableWriter) -> Result<Self, LakeError> {
        let (batches, received) = sync_channel::<RecordBatch>(LEN_QUEUE);
        let path = file.path().to_owned();
        let work = move || {
            for batch in received {
                file.write(&batch)?;
            }
            file.finish()
        };
        let thread = Builder::new().name("encoder".to_owned()).spawn(work);
        let thread = thread.map_err(|source| WriteError::Io {
            doing: "starting a thread for",
            path,
            source,
        })?;
        Ok(Self {
            batches: Some(batches),
            thread: Some(thread),
        })
    }

    /// Adds rows. An error may be that of rows which were sent before.
    pub fn send(&mut self, batch: RecordBatch) -> Result<(), LakeError> {
        let sent = self.batches.as_ref().map(|batches| batches.send(batch));
        match sent {
            Some(Ok(())) => Ok(()),
            // The thread receives until the queue is closed, unless it fails.
            _ => self.join().map(drop),
        }
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<WrittenFile, LakeError> {
        self.join()
    }

    /// What became of the file; an error if that was asked before.
    fn join(&mut self) -> Result<WrittenFile, LakeError> {
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(written)) => written,
            Some(Err(panic)) => resume_unwind(panic),
            None => Err(WriteError::Poisoned.into()),
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // Whatever became of it, nobody wants the file.
            let _ = thread.join();
        }
    }
}
