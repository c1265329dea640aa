//! A checkpoint left the lake in another format.

use super::checkpoint::Checkpoint;
use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use crate::base::id::{ContentHash, Id};

record! {
    /// A file that was written.
    pub struct ExportedFile {
        /// Its name, relative to the export's folder.
        pub name: String,
        /// The hash of its bytes.
        pub content_hash: ContentHash,
        /// Its length.
        pub len_bytes: i64,
    }
}

record! {
    /// A checkpoint or a data set left the lake.
    pub struct Export {
        /// The run that it comes from; left out outside of a run.
        pub run_id: Option<Id<RunStarted>>,
        /// The checkpoint that was exported; left out for a data set or the base.
        pub checkpoint_id: Option<Id<Checkpoint>>,
        /// The format: `peft`, `merged`, `gguf`, `ollama`, `dataset`.
        pub format: String,
        /// The number format of weights, such as `q8_0`.
        pub quantization: Option<String>,
        /// The share of answers that are the same as before the export, 0 to 1.
        pub agreement: Option<f64>,
        /// The files that were written, sorted by name.
        pub files: Vec<ExportedFile>,
    }
}

kind!(Export, "export", "exports");
