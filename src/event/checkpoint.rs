//! Weights that a training made.

use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use super::training_started::TrainingStarted;
use crate::base::id::{BlobHash, ContentHash, Id};

record! {
    /// Weights that a training made.
    pub struct Checkpoint {
        /// The run that it belongs to.
        pub run_id: Id<RunStarted>,
        /// The training that made it.
        pub training_id: Id<TrainingStarted>,
        /// The step after which it was taken.
        pub step: i64,
        /// Whether it is the training's last.
        pub last: bool,
        /// The hash over the files of the base that it belongs to.
        pub base_hash: ContentHash,
        /// The adapter's weights, as safetensors.
        pub adapter_blob: BlobHash,
        /// The adapter's configuration, as PEFT's JSON.
        pub config_blob: BlobHash,
        /// The optimiser's state, which a training goes on from.
        pub optimizer_blob: Option<BlobHash>,
    }
}

kind!(Checkpoint, "checkpoint", "checkpoints");
