//! How much memory the training of an adapter takes, by counting what is kept.

use super::recipe::Recipe;
use crate::student::config::Config;
use crate::student::target::Target;

/// An estimate, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The base's weights.
    pub weights: u64,
    /// Parameters, gradients and moments of what is trained, all f32.
    pub optimizer: u64,
    /// What a micro-batch keeps for its backward pass.
    pub activations: u64,
}

impl Estimate {
    /// For micro-batches of `tokens` tokens, with numbers of `number_bytes` bytes.
    pub fn new(config: &Config, recipe: &Recipe, tokens: usize, number_bytes: usize) -> Self {
        let pair =
            |target: &Target| recipe.lora_rank * (target.inputs(config) + target.outputs(config));
        let pairs: usize = recipe.lora_targets.iter().map(pair).sum();
        let trained = config.num_hidden_layers * pairs;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let attention = 2 * (config.query_width() + config.key_value_width());
        let layer = 4 * hidden + attention + 3 * inner;
        // On the way back one layer's gradients stand beside its activations.
        let kept = match recipe.recompute {
            true => config.num_hidden_layers * hidden + 2 * layer,
            false => (config.num_hidden_layers + 1) * layer,
        };
        let bytes = |numbers: usize, each: usize| (numbers as u64).saturating_mul(each as u64);
        Self {
            weights: bytes(config.parameters(), number_bytes),
            optimizer: bytes(trained, 16 + number_bytes),
            activations: bytes(tokens.saturating_mul(kept), number_bytes),
        }
    }

    /// All together.
    pub fn total(self) -> u64 {
        self.weights + self.optimizer + self.activations
    }
}
