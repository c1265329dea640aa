//! Attention while decoding: one new token for each row of a batch, over cached keys.

use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::math::{dot, softmax};
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
    match qkv.device() {
        Device::Cpu => {
            let (slots, positions) = (Locked::new(&at.slots), Locked::new(&at.positions));
            let (slots, positions) = (slots.indices()?, positions.indices()?);
            let (slot_count, key_value, len, dim) = keys.dims4()?;
            let (qkv, keys, values) = (Locked::new(qkv), Locked::new(keys), Locked::new(values));
            let (qkv, keys, values) = (qkv.rows()?, keys.rows()?, values.rows()?);
            let fits = (key_value, dim) == (heads.key_value, heads.dim)
                && keys.len == values.len
                && qkv.width >= heads.query_width()
                && (slots.len(), positions.len()) == (qkv.len, qkv.len)
                && slots.iter().all(|slot| (*slot as usize) < slot_count)
                && positions.iter().all(|position| (*position as usize) < len);
            if !fits {
                bail!(
                    "{} rows don't fit a cache of {slot_count} slots of {len}",
                    qkv.len
                )
            }
            let width = heads.query_width() + spare;
            let mut mixed = vec![0f32; qkv.len * width];
            mixed
                .par_chunks_mut(width)
                .enumerate()
                .for_each(|(row, mixed)| {
                    let end = positions[row] as usize + 1;
                    let start = end.saturating_sub(window.unwrap_or(end));
                    let queries = qkv.row(row)[..heads.query_width()].chunks_exact(dim);
                    let mut scores = Vec::with_capacity(end - start);
                    for (head, (query, out)) in queries.zip(mixed.chunks_exact_mut(dim)).enumerate()
                    {
                        let first = (slots[row] as usize * key_value + head / heads.group()) * len;
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
            Tensor::from_vec(mixed, (qkv.len, width), &Device::Cpu)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => {
            super::cuda::cached_attention(qkv, (keys, values), at, heads, window, spare)
        }
        _ => Err(super::no_device("cached_attention")),
    }
}
