//! One step of the optimiser.

use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use super::training_started::TrainingStarted;
use crate::base::id::{ContentHash, Id};

record! {
    /// One step of the optimiser. How long it took is observed.
    pub struct TrainingStep {
        /// The run that it belongs to.
        pub run_id: Id<RunStarted>,
        /// The training that it belongs to.
        pub training_id: Id<TrainingStarted>,
        /// Its number, from 1 on.
        pub step: i64,
        /// The pass over the training set, from 1 on.
        pub epoch: i64,
        /// The mean loss over the completion's tokens.
        pub loss: f64,
        /// The gradient's norm before clipping.
        pub grad_norm: f64,
        /// The learning rate of the step.
        pub learning_rate: f64,
        /// Tokens that the model read.
        pub tokens: i64,
        /// Tokens that the loss is over.
        pub loss_tokens: i64,
        /// The hash of the ids of the batch's examples, in order.
        pub batch_hash: ContentHash,
    }
}

kind!(TrainingStep, "training_step", "training_steps");
