//! Attention while decoding: one new token for each row of a batch, over cached keys.

use std::ops::Range;

use candle_core::{Device, Result, Tensor, bail};
use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::cache::check_places;
use super::math::{dots, in_wide_vectors, softmax};
use super::rows::{Locked, Rows};
use super::sequences::{Heads, Slots};

/// The mixed values (rows, [`Heads::query_width`] + spare) for the queries in the first
/// columns of `qkv`. Each row sees the positions of its slot up to its own, or the last
/// `window` of them. `keys` and `values` are (slots, key heads, positions, dim).
pub fn cached_attention(
    qkv: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    at: &Slots,
    heads: Heads,
    window: Option<usize>,
    spare: usize,
) -> Result<Tensor> {
    heads.check()?;
    if keys.dims() != values.dims() {
        bail!("keys {:?} and values {:?}", keys.shape(), values.shape())
    }
    match qkv.device() {
        Device::Cpu => {
            let (slots, positions) = (Locked::new(&at.slots), Locked::new(&at.positions));
            let (slots, positions) = (slots.indices()?, positions.indices()?);
            let cache = keys.dims();
            let (qkv, keys, values) = (Locked::new(qkv), Locked::new(keys), Locked::new(values));
            let (qkv, keys, values) = (qkv.rows()?, keys.rows()?, values.rows()?);
            if qkv.width < heads.query_width() {
                bail!("{} columns of queries for {heads:?}", qkv.width)
            }
            let len = check_places(cache, slots, positions, qkv.len, heads)?;
            let width = heads.query_width() + spare;
            let mut mixed = vec![0f32; qkv.len * width];
            mixed
                .par_chunks_mut(width)
                .enumerate()
                .for_each(|(row, mixed)| {
                    let end = positions[row] as usize + 1;
                    let start = end.saturating_sub(window.unwrap_or(end).max(1));
                    let first_key_head = slots[row] as usize * heads.key_value;
                    in_wide_vectors(OneRow {
                        queries: &qkv.row(row)[..heads.query_width()],
                        keys,
                        values,
                        seen: first_key_head * len + start..first_key_head * len + end,
                        positions: len,
                        heads,
                        mixed,
                    });
                });
            Tensor::from_vec(mixed, (qkv.len, width), &Device::Cpu)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => {
            super::cuda::cached_attention(qkv, (keys, values), at, heads, window, spare)
        }
        _ => Err(super::no_device("cached_attention")),
    }
}

/// One row's queries, and what its slot holds.
struct OneRow<'a> {
    queries: &'a [f32],
    keys: Rows<'a>,
    values: Rows<'a>,
    /// Rows of the first head's keys and values; each further head's are `positions` on.
    seen: Range<usize>,
    positions: usize,
    heads: Heads,
    mixed: &'a mut [f32],
}

impl NullaryFnOnce for OneRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let dim = self.heads.dim;
        let mut scores = vec![0.0; self.seen.len()];
        let queries = self.queries.chunks_exact(dim);
        for (head, (query, out)) in queries.zip(self.mixed.chunks_exact_mut(dim)).enumerate() {
            let first = self.seen.start + head / self.heads.group() * self.positions;
            let keys = (first..).map(|key| self.keys.row(key));
            dots(query, keys, &mut scores);
            softmax(&mut scores, self.heads.scale());
            mix(self.values, first, &scores, out);
        }
    }
}

/// Numbers of a value whose sums stay in registers while the positions pass by: two cache
/// lines, all of a small model's, so that memory is read as it lies.
const COLUMNS: usize = 32;

/// The values from row `first` on, weighed and summed up.
#[inline(always)]
fn mix(values: Rows<'_>, first: usize, weights: &[f32], out: &mut [f32]) {
    let (blocks, rest) = out.as_chunks_mut::<COLUMNS>();
    let begins_rest = blocks.len() * COLUMNS;
    for (block, out) in blocks.iter_mut().enumerate() {
        let mut sums = [0.0; COLUMNS];
        for (row, weight) in weights.iter().enumerate() {
            let (columns, _) = values.row(first + row)[block * COLUMNS..].as_chunks::<COLUMNS>();
            for (sum, value) in sums.iter_mut().zip(&columns[0]) {
                *sum += weight * value;
            }
        }
        *out = sums;
    }
    for (row, weight) in weights.iter().enumerate() {
        for (out, value) in rest.iter_mut().zip(&values.row(first + row)[begins_rest..]) {
            *out += weight * value;
        }
    }
}
