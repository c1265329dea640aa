//! How a training is done: every number that its result depends on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::schedule::Schedule;
use crate::student::adapter_config::AdapterConfig;
use crate::student::target::Target;

/// More passes, or examples at a time, make no sense, and their product must be a number.
const MAX_COUNT: usize = 1 << 20;

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// An adapter beside the frozen base.
    Lora,
    /// All weights of the base.
    Full,
}

/// A recipe, as it is also written beside what it made. [`Recipe::default`] is the one for
/// a large base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What is trained.
    pub method: Method,
    /// Rank of the adapter's matrices.
    pub lora_rank: usize,
    /// The adapter's product is scaled by this over the rank.
    pub lora_alpha: f64,
    /// The chance with which an input of the adapter is dropped. Layers that share an
    /// input share what is dropped of it.
    pub lora_dropout: f64,
    /// The layers that are adapted.
    pub lora_targets: BTreeSet<Target>,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// How it falls.
    pub schedule: Schedule,
    /// Steps over which it rises, as a part of all steps.
    pub warmup_ratio: f64,
    /// AdamW's first decay.
    pub adam_beta1: f64,
    /// AdamW's second decay.
    pub adam_beta2: f64,
    /// AdamW's epsilon.
    pub adam_epsilon: f64,
    /// AdamW's weight decay, of every parameter.
    pub weight_decay: f64,
    /// The norm that gradients are clipped to.
    pub max_grad_norm: f64,
    /// Passes over the examples.
    pub epochs: usize,
    /// Examples that are packed into one pass through the model.
    pub micro_batch: usize,
    /// Passes through the model for one step of the optimiser.
    pub accumulation: usize,
    /// Longer examples are left out, and counted.
    pub max_tokens: usize,
    /// Whether a layer's activations are made a second time instead of being kept: a
    /// third more work for a fraction of the memory. Not written: it changes no bit of the
    /// result.
    #[serde(skip)]
    pub recompute: bool,
    /// Where chance comes from: first values, order, dropping.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            method: Method::Lora,
            lora_rank: 32,
            lora_alpha: 64.0,
            lora_dropout: 0.0,
            lora_targets: Target::ALL.into(),
            learning_rate: 2e-4,
            schedule: Schedule::Cosine,
            warmup_ratio: 0.03,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            epochs: 3,
            micro_batch: 8,
            accumulation: 1,
            max_tokens: 2048,
            recompute: false,
            seed: 0,
        }
    }
}

impl Recipe {
    /// Examples of one step of the optimiser.
    pub fn step_examples(&self) -> usize {
        self.micro_batch * self.accumulation
    }

    /// The shape of the adapter that is trained; `None` for a full training.
    pub fn adapter(&self, base: &str) -> Option<AdapterConfig> {
        (self.method == Method::Lora).then(|| AdapterConfig {
            base: base.to_owned(),
            rank: self.lora_rank,
            alpha: self.lora_alpha,
            dropout: self.lora_dropout,
            targets: self.lora_targets.clone(),
        })
    }

    /// Refuses numbers with which nothing could be trained.
    ///
    /// # Errors
    /// [`TrainError::Recipe`] that names the flag.
    pub fn check(&self) -> Result<(), TrainError> {
        let positive = |number: f64| number.is_finite() && number > 0.0;
        let part = |number: f64| (0.0..1.0).contains(&number);
        let is_count = |number: usize| (1..=MAX_COUNT).contains(&number);
        let is_lora = self.method == Method::Lora;
        let checks = [
            ("epochs", is_count(self.epochs), "must be 1 to 1048576"),
            (
                "micro_batch",
                is_count(self.micro_batch),
                "must be 1 to 1048576",
            ),
            (
                "accumulation",
                is_count(self.accumulation),
                "must be 1 to 1048576",
            ),
            ("max_tokens", self.max_tokens > 1, "must be 2 or more"),
            (
                "learning_rate",
                positive(self.learning_rate),
                "must be above 0",
            ),
            (
                "warmup_ratio",
                part(self.warmup_ratio),
                "must be from 0 to below 1",
            ),
            (
                "adam_beta1",
                part(self.adam_beta1),
                "must be from 0 to below 1",
            ),
            (
                "adam_beta2",
                part(self.adam_beta2),
                "must be from 0 to below 1",
            ),
            (
                "adam_epsilon",
                positive(self.adam_epsilon),
                "must be above 0",
            ),
            (
                "weight_decay",
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
                "must be 0 or more, and finite",
            ),
            (
                "max_grad_norm",
                positive(self.max_grad_norm),
                "must be above 0",
            ),
            (
                "lora_rank",
                !is_lora || (1..=4096).contains(&self.lora_rank),
                "must be 1 to 4096",
            ),
            (
                "lora_alpha",
                !is_lora || positive(self.lora_alpha),
                "must be above 0",
            ),
            // As it is used: what rounds to 1 would drop everything.
            (
                "lora_dropout",
                part(f64::from(self.lora_dropout as f32)),
                "must be from 0 to below 1",
            ),
            (
                "lora_targets",
                !is_lora || !self.lora_targets.is_empty(),
                "must name a layer",
            ),
        ];
        match checks.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((field, _, what)) => Err(TrainError::Recipe {
                flag: flag(field),
                what,
            }),
        }
    }
}

/// How a field of a recipe is given on the command line.
pub fn flag(field: &str) -> String {
    match field {
        "micro_batch" => "--batch".to_owned(),
        // Only a program sets these.
        "adam_beta1" | "adam_beta2" | "adam_epsilon" => field.to_owned(),
        field => format!("--{}", field.replace('_', "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_training_are_refused_by_their_flags() {
        let refused = |change: &dyn Fn(&mut Recipe)| {
            let mut recipe = Recipe::default();
            change(&mut recipe);
            recipe.check().unwrap_err().to_string()
        };
        assert!(Recipe::default().check().is_ok());
        for (said, wanted) in [
            (refused(&|it| it.epochs = 1 << 40), "--epochs must be 1 to"),
            (refused(&|it| it.micro_batch = 0), "--batch must be 1 to"),
            (
                refused(&|it| it.micro_batch = usize::MAX),
                "--batch must be 1 to",
            ),
            (
                refused(&|it| it.accumulation = MAX_COUNT + 1),
                "--accumulation must be 1 to",
            ),
            (
                refused(&|it| it.weight_decay = f64::INFINITY),
                "--weight-decay must be 0 or more",
            ),
            (
                refused(&|it| it.lora_dropout = 1.0 - 1e-12),
                "--lora-dropout must be from 0",
            ),
            (
                refused(&|it| it.learning_rate = f64::NAN),
                "--learning-rate must be above 0",
            ),
        ] {
            assert!(said.contains(wanted), "{said}");
        }
    }
}
