//! A training began, with its whole recipe.

use super::checkpoint::Checkpoint;
use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use super::snapshot::Snapshot;
use super::words::Start;
use crate::base::id::{BlobHash, ContentHash, Id};

record! {
    /// How a training is done.
    pub struct Recipe {
        /// `lora` or `full`.
        pub method: String,
        /// Rank of the LoRA matrices; 0 for a full training.
        pub lora_rank: i64,
        /// Scale of the LoRA product, before division by the rank.
        pub lora_alpha: f64,
        /// Probability that an input of a LoRA product is dropped.
        pub lora_dropout: f64,
        /// The linear layers that are adapted, sorted.
        pub lora_targets: Vec<String>,
        /// The highest learning rate.
        pub learning_rate: f64,
        /// How the rate falls: `cosine`, `linear` or `constant`.
        pub schedule: String,
        /// Steps over which the rate rises from 0.
        pub warmup_steps: i64,
        /// AdamW's first decay.
        pub adam_beta1: f64,
        /// AdamW's second decay.
        pub adam_beta2: f64,
        /// AdamW's epsilon.
        pub adam_epsilon: f64,
        /// AdamW's weight decay.
        pub weight_decay: f64,
        /// The norm that gradients are clipped to.
        pub max_grad_norm: f64,
        /// Passes over the training set.
        pub epochs: i64,
        /// Examples, or packed sequences, per micro-batch.
        pub micro_batch: i64,
        /// Micro-batches per step.
        pub accumulation: i64,
        /// The longest example in tokens.
        pub max_tokens: i64,
        /// Whether several examples share a sequence.
        pub packed: bool,
        /// The seed of initial values, order and dropout.
        pub seed: i64,
        /// `cpu` or `cuda`.
        pub device: String,
        /// The number format of activations: `f32` or `bf16`.
        pub dtype: String,
        /// The last part of the steps over which the result is the mean.
        pub average: Option<f64>,
    }
}

record! {
    /// A training began.
    pub struct TrainingStarted {
        /// The run that it belongs to.
        pub run_id: Id<RunStarted>,
        /// The training set; left out if a file was given instead.
        pub snapshot_id: Option<Id<Snapshot>>,
        /// The hash of the user's training file.
        pub file_hash: Option<ContentHash>,
        /// Where it starts from.
        pub start: Start,
        /// The checkpoint that it starts from; left out for the base.
        pub parent_checkpoint_id: Option<Id<Checkpoint>>,
        /// The hash over the base's files.
        pub base_hash: ContentHash,
        /// How it is done.
        pub recipe: Recipe,
        /// Examples in the training set.
        pub examples: i64,
        /// Steps that will be taken.
        pub steps: i64,
        /// The examples as text, one JSON object a line.
        pub examples_blob: Option<BlobHash>,
    }
}

kind!(TrainingStarted, "training_started", "trainings");
