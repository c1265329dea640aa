//! The embedded base's configuration and first weights.

use candle_core::{DType, Device, Tensor};
use serde_json::{Value as Json, json};

use crate::base::seed::Random;
use crate::student::error::StudentError;
use crate::student::model::Source;

/// How large a base is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width between gate, up and down.
    pub intermediate: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub key_value_heads: usize,
    /// The longest sequence in tokens.
    pub max_tokens: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            vocabulary: 2048,
            hidden: 256,
            intermediate: 768,
            layers: 8,
            heads: 8,
            key_value_heads: 4,
            max_tokens: 1024,
        }
    }
}

impl Shape {
    /// The `config.json`.
    pub fn config(&self) -> Json {
        json!({
            "architectures": ["MistralForCausalLM"],
            "attention_dropout": 0.0,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "head_dim": self.hidden / self.heads,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": STANDARD_DEVIATION,
            "intermediate_size": self.intermediate,
            "max_position_embeddings": self.max_tokens,
            "model_type": "mistral",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.key_value_heads,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10_000.0,
            "sliding_window": null,
            "tie_word_embeddings": true,
            "torch_dtype": "bfloat16",
            "vocab_size": self.vocabulary,
        })
    }

    /// The `generation_config.json`.
    pub fn generation() -> Json {
        json!({ "bos_token_id": 0, "eos_token_id": 1, "do_sample": false })
    }
}

const STANDARD_DEVIATION: f64 = 0.02;

/// First weights from a seed: normal, those that write to the residual stream smaller by
/// the root of their number, as GPT-2 begins.
pub struct FirstWeights<'a> {
    /// The seed.
    pub seed: u64,
    /// Blocks of the model.
    pub layers: usize,
    /// Where they are wanted.
    pub device: &'a Device,
    /// And as what.
    pub dtype: DType,
}

impl Source for FirstWeights<'_> {
    fn matrix(
        &mut self,
        names: &[(String, usize)],
        columns: usize,
        spare: usize,
    ) -> Result<Tensor, StudentError> {
        let mut parts = Vec::with_capacity(names.len());
        for (name, rows) in names {
            let is_last = name.contains("o_proj") || name.contains("down_proj");
            let scale = match is_last {
                true => STANDARD_DEVIATION / (2.0 * self.layers as f64).sqrt(),
                false => STANDARD_DEVIATION,
            };
            let values = normal(self.seed, name, rows * columns, scale);
            parts.push(Tensor::from_vec(values, (*rows, columns), &Device::Cpu)?);
        }
        let weights = Tensor::cat(&parts, 0)?;
        let weights = match spare {
            0 => weights,
            _ => weights.pad_with_zeros(1, 0, spare)?,
        };
        Ok(weights.to_dtype(self.dtype)?.to_device(self.device)?)
    }

    fn vector(&mut self, _: &str, len: usize) -> Result<Tensor, StudentError> {
        Ok(Tensor::ones(len, self.dtype, self.device)?)
    }
}

/// Normal numbers by the method of Box and Muller.
fn normal(seed: u64, name: &str, count: usize, scale: f64) -> Vec<f32> {
    let mut random = Random::new(seed, &["first weights", name]);
    let mut unit = || (random.bits() >> 11) as f64 / (1u64 << 53) as f64;
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let (radius, turn) = (
            (-2.0 * (1.0 - unit()).ln()).sqrt(),
            std::f64::consts::TAU * unit(),
        );
        values.push((scale * radius * turn.cos()) as f32);
        values.push((scale * radius * turn.sin()) as f32);
    }
    values.truncate(count);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_weights_are_normal_and_repeat() {
        let values = normal(1, "a", 100_001, 0.5);
        assert_eq!(values, normal(1, "a", 100_001, 0.5));
        assert_ne!(values[..9], normal(1, "b", 9, 0.5)[..]);
        let mean = values.iter().map(|it| f64::from(*it)).sum::<f64>() / 100_001.0;
        let square = values.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / 100_001.0;
        assert!(
            mean.abs() < 0.01 && (square - 0.25).abs() < 0.01,
            "{mean} {square}"
        );
    }
}
