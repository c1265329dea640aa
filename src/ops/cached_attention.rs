//! Attention while decoding: one new token for each row of a batch, over cached keys.

use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::cache::check_places;
use super::math::{dot, in_wide_vectors, softmax};
use super::rows::Locked;
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
                    let queries = qkv.row(row)[..heads.query_width()].chunks_exact(heads.dim);
                    in_wide_vectors(|| {
                        let mut scores = Vec::with_capacity(end - start);
                        for (head, (query, out)) in
                            queries.zip(mixed.chunks_exact_mut(heads.dim)).enumerate()
                        {
                            let first = (slots[row] as usize * heads.key_value
                                + head / heads.group())
                                * len;
                            let seen = first + start..first + end;
                            scores.clear();
                            scores.extend(seen.clone().map(|key| dot(query, keys.row(key))));
                            softmax(&mut scores, heads.scale());
                            for (weight, value) in scores.iter().zip(seen) {
                                for (out, value) in out.iter_mut().zip(values.row(value)) {
                                    *out += weight * value;
                                }
                            }
                        }
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
