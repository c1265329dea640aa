//! Where the sequences of a packed batch begin, where rows go in a cache, and how an
//! attention is divided.

use candle_core::{Device, Result, Tensor, bail};

/// The sequences of a batch, one after the other without padding.
#[derive(Clone, Debug)]
pub struct Sequences {
    starts: Vec<u32>,
    /// The starts on the device, u32, one more than there are sequences.
    pub device_starts: Tensor,
    /// The place of each row in its sequence, u32.
    pub positions: Tensor,
}

impl Sequences {
    /// Sequences of these lengths in tokens; none may be empty.
    pub fn new(lens_tokens: &[usize], device: &Device) -> Result<Self> {
        let mut starts = vec![0u32];
        let mut positions = Vec::new();
        let mut end = 0u32;
        for len in lens_tokens {
            let sum = u32::try_from(*len).ok();
            let Some(sum) = sum.and_then(|len| end.checked_add(len)) else {
                bail!("{len} tokens behind {end} are more than a batch can count")
            };
            if sum == end {
                bail!("a sequence without tokens")
            }
            positions.extend(0..sum - end);
            starts.push(sum);
            end = sum;
        }
        Ok(Self {
            device_starts: Tensor::new(starts.as_slice(), device)?,
            positions: Tensor::new(positions.as_slice(), device)?,
            starts,
        })
    }

    /// The number of sequences.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of rows of all sequences.
    pub fn rows(&self) -> usize {
        self.starts.last().map_or(0, |end| *end as usize)
    }

    /// The first row of each sequence, and the end of the last.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }
}

/// Where each row of a batch goes in the cache.
#[derive(Clone, Debug)]
pub struct Slots {
    /// The cache's slot of each row, u32.
    pub slots: Tensor,
    /// The position in that slot, u32.
    pub positions: Tensor,
}

/// How attention is divided into heads. Query heads share the key and value heads in
/// groups of `query / key_value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key heads, and as many value heads.
    pub key_value: usize,
    /// Numbers per head.
    pub dim: usize,
}

impl Heads {
    /// Columns of all queries.
    pub fn query_width(self) -> usize {
        self.query * self.dim
    }

    /// Columns of all keys, or of all values.
    pub fn key_value_width(self) -> usize {
        self.key_value * self.dim
    }

    /// Columns of queries, keys and values side by side.
    pub fn width(self) -> usize {
        self.query_width() + 2 * self.key_value_width()
    }

    /// Query heads per key head.
    pub fn group(self) -> usize {
        self.query / self.key_value
    }

    /// Fails unless all query heads can share the key heads evenly.
    pub(super) fn check(self) -> Result<()> {
        let is_shared = self.key_value > 0 && self.query.is_multiple_of(self.key_value);
        if self.query == 0 || self.dim == 0 || !is_shared {
            bail!(
                "{} query heads of {} numbers can't share {} key heads",
                self.query,
                self.dim,
                self.key_value
            )
        }
        Ok(())
    }

    /// Slots and positions of a cache with these dimensions: (slots, key heads, positions,
    /// dim).
    pub(super) fn cache_shape(self, dims: &[usize]) -> Result<(usize, usize)> {
        match *dims {
            [slots, key_value, len, dim] if (key_value, dim) == (self.key_value, self.dim) => {
                Ok((slots, len))
            }
            _ => bail!("a cache of {dims:?} for {self:?}"),
        }
    }

    /// The factor of scores: 1 / √dim.
    pub fn scale(self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }
}
