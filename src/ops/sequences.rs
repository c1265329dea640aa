//! Where the sequences of a packed batch begin and what each of them goes on from, where rows
//! go in a cache, and how an attention is divided.

use std::ops::Range;

use candle_core::{Device, Result, Tensor, bail};

/// The sequences of a batch, one after the other without padding.
#[derive(Clone, Debug)]
pub struct Sequences {
    starts: Vec<u32>,
    /// For each sequence the one that it goes on from.
    stems: Vec<Option<usize>>,
    /// The starts on the device, u32, one more than there are sequences.
    pub device_starts: Tensor,
    /// The place of each row in its sequence, u32.
    pub positions: Tensor,
}

impl Sequences {
    /// Sequences of these lengths in tokens; none may be empty.
    ///
    /// # Errors
    /// Those of [`Self::with_stems`].
    pub fn new(lens_tokens: &[usize], device: &Device) -> Result<Self> {
        let alone: Vec<_> = lens_tokens.iter().map(|len| (*len, None)).collect();
        Self::with_stems(&alone, device)
    }

    /// Sequences of these lengths in tokens, each with the number of the one that it goes on
    /// from, if there is such a stem: it sees the stem's rows before its own.
    ///
    /// # Errors
    /// An empty sequence, more rows than can be counted, and a stem that does not stand
    /// before what goes on from it or has one itself.
    pub fn with_stems(parts: &[(usize, Option<usize>)], device: &Device) -> Result<Self> {
        let mut starts = vec![0u32];
        let mut positions = Vec::new();
        let mut end = 0u32;
        for (number, (len, stem)) in parts.iter().enumerate() {
            let sum = u32::try_from(*len).ok();
            let Some(sum) = sum.and_then(|len| end.checked_add(len)) else {
                bail!("{len} tokens behind {end} are more than a batch can count")
            };
            if sum == end {
                bail!("a sequence without tokens")
            }
            let before = match stem {
                None => 0,
                Some(stem) if *stem < number && parts[*stem].1.is_none() => parts[*stem].0 as u32,
                Some(stem) => bail!("sequence {number} can't go on from sequence {stem}"),
            };
            positions.extend(before..before + (sum - end));
            starts.push(sum);
            end = sum;
        }
        Ok(Self {
            device_starts: Tensor::new(starts.as_slice(), device)?,
            positions: Tensor::new(positions.as_slice(), device)?,
            starts,
            stems: parts.iter().map(|(_, stem)| *stem).collect(),
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

    /// Whether no sequence goes on from another.
    pub fn are_apart(&self) -> bool {
        self.stems.iter().all(Option::is_none)
    }

    /// The rows of each sequence behind those of its stem, which are none for most.
    pub fn parts(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        let rows = |number: usize| self.starts[number] as usize..self.starts[number + 1] as usize;
        let stems = self.stems.iter().enumerate();
        stems.map(move |(number, stem)| (stem.map_or(0..0, rows), rows(number)))
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
