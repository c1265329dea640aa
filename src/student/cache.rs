//! Keys and values of the tokens that were read, for decoding.

use candle_core::{Result, Tensor};

use super::model::Model;
use crate::ops::{Heads, Rope, Slots, cache_append, cache_write, cached_attention};

/// Room for a number of texts, each in a slot of its own.
#[derive(Debug)]
pub struct Cache {
    /// For each layer: (slots, key heads, positions, dim).
    keys: Vec<Tensor>,
    values: Vec<Tensor>,
}

impl Cache {
    /// Room for `slots` texts of at most `len_tokens` tokens, all of it taken now.
    pub fn new(model: &Model, slots: usize, len_tokens: usize) -> Result<Self> {
        let heads = model.heads();
        let shape = (slots, heads.key_value, len_tokens, heads.dim);
        let zeros = |_: &_| Tensor::zeros(shape, model.embedding.dtype(), model.device());
        Ok(Self {
            keys: model.layers.iter().map(zeros).collect::<Result<_>>()?,
            values: model.layers.iter().map(zeros).collect::<Result<_>>()?,
        })
    }

    /// Keeps the keys (already turned) and values of a layer's `qkv` for later.
    pub fn write(&self, layer: usize, qkv: &Tensor, to: &Slots, heads: Heads) -> Result<()> {
        let (key, value) = (
            heads.query_width(),
            heads.query_width() + heads.key_value_width(),
        );
        cache_write(&self.keys[layer], qkv, key, to, heads)?;
        cache_write(&self.values[layer], qkv, value, to, heads)
    }

    /// One new token for each row: turns its queries and keys, keeps its keys and values,
    /// and lets it see all that its slot holds.
    #[allow(clippy::too_many_arguments)]
    pub fn attend(
        &self,
        layer: usize,
        qkv: &Tensor,
        at: &Slots,
        rope: &Rope,
        heads: Heads,
        window: Option<usize>,
        spare: usize,
    ) -> Result<Tensor> {
        let (keys, values) = (&self.keys[layer], &self.values[layer]);
        cache_append(qkv, keys, values, at, rope, heads)?;
        cached_attention(qkv, keys, values, at, heads, window, spare)
    }
}
